"""What becomes of the audit trail of a customer when two records are merged: it is about the id that was touched."""

from app.access.models import AuditRow
from app.core.db import Tx
from app.core.person import Fate, Holding, Trip

HOLDINGS = (Holding(AuditRow, Fate.STAYS),)


async def move(tx: Tx, trip: Trip) -> None:
    """Nothing moves."""


async def move_back(tx: Tx, trip: Trip) -> None:
    """Nothing had moved."""
