"""What becomes of the audit trail of a customer when two records are merged: it is about the id that was touched."""

import uuid
from collections.abc import Sequence

from app.access import traces
from app.access.models import AuditRow
from app.core import rights
from app.core.db import Tx
from app.core.person import Fate, Holding, Trip

HOLDINGS = (Holding(AuditRow, Fate.STAYS),)
TRACES = traces.TRACES


async def move(tx: Tx, trip: Trip) -> None:
    """Nothing moves."""


async def move_back(tx: Tx, trip: Trip) -> None:
    """Nothing had moved."""


async def export(tx: Tx, customers: Sequence[uuid.UUID]) -> dict[str, str]:
    """Section -> JSON list of everything that the room holds on one person."""
    return await rights.export(tx, TRACES, customers)


async def forget(tx: Tx, customers: Sequence[uuid.UUID], kept: rights.Kept) -> rights.Gone:
    """Erase customers, but what the retention rules `kept` hold back of some."""
    return await rights.forget(tx, TRACES, customers, kept)
