"""What becomes of receipts when two records are merged, or parted again: they go along with their lines."""

import uuid
from collections.abc import Sequence

from sqlalchemy import text

from app.core import rights
from app.core.db import Tx
from app.core.person import Fate, Holding, Trip, move_rows, move_rows_back
from app.receipts import traces
from app.receipts.commands import rebuild
from app.receipts.models import (
    CustomerCategory,
    CustomerDay,
    CustomerFigures,
    Receipt,
    ReceiptLine,
    ReceiptNumber,
)

HOLDINGS = tuple(
    Holding(table, fate, follows)
    for table, fate, follows in (
        (Receipt, Fate.MOVES, ()),
        (ReceiptLine, Fate.MOVES, ("receipt_id",)),
        # Keyed by the number: it is told where its receipt is now.
        (ReceiptNumber, Fate.OWN, ()),
        (CustomerDay, Fate.DERIVED, ()),
        (CustomerCategory, Fate.DERIVED, ()),
        (CustomerFigures, Fate.DERIVED, ()),
    )
)
TRACES = traces.TRACES

_NUMBERS = text(
    """
UPDATE receipt_numbers n SET customer_id = r.customer_id FROM receipts r
WHERE r.customer_id = :customer AND n.source = r.source AND n.number = r.number AND n.customer_id <> r.customer_id
"""
)


async def move(tx: Tx, trip: Trip) -> None:
    """The winner has the receipts of both, and figures over all of them."""
    await move_rows(tx, HOLDINGS, trip)
    await tx.execute(_NUMBERS, {"customer": trip.winner})
    await rebuild(tx, (trip.winner, trip.loser))


async def move_back(tx: Tx, trip: Trip) -> None:
    """Receipts that had moved go back, as they are now; figures are right on both sides."""
    await move_rows_back(tx, HOLDINGS, trip)
    await tx.execute(_NUMBERS, {"customer": trip.loser})
    await rebuild(tx, (trip.winner, trip.loser))


async def export(tx: Tx, customers: Sequence[uuid.UUID]) -> dict[str, str]:
    """Section -> JSON list of everything that the room holds on one person."""
    return await rights.export(tx, TRACES, customers)


async def forget(tx: Tx, customers: Sequence[uuid.UUID], kept: rights.Kept) -> rights.Gone:
    """Erase customers, but what the retention rules `kept` hold back of some."""
    return await rights.forget(tx, TRACES, customers, kept)
