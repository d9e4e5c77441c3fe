"""Every write of privacy: erasing, doing it again after a restore, and what is left to do afterwards."""

from app.privacy.commands.erasing import OPTIONAL, Asked, Office, erase
from app.privacy.commands.keeping import let_go, settle
from app.privacy.commands.replaying import Listed, complete, ensure_state, replay

__all__ = ["OPTIONAL", "Asked", "Listed", "Office", "complete", "ensure_state", "erase", "let_go", "replay", "settle"]
