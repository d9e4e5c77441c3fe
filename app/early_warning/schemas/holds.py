"""Wire types of holds."""

import uuid
from datetime import datetime

from app.core.types import Answer, Note, Wire
from app.early_warning.rules import (
    About,
    Kind,
)  # fmt: skip


class HoldIn(Wire):
    """Why nothing is to be sold."""

    reason: Note


class Release(Wire):
    """Why sales may go on."""

    reason: Note


class Hold(Answer):
    """Nothing is sold to the customer from `placed_at` until `released_at`.

    What a rule has placed nobody has: `placed_by` is null, and `rule` and `about` say why.
    """

    id: uuid.UUID
    customer_id: uuid.UUID
    reason: str
    placed_at: datetime
    placed_by: uuid.UUID | None
    rule: Kind | None
    about: About | None
    released_at: datetime | None
    released_by: uuid.UUID | None
    release_reason: str | None
