"""What becomes of a customer's places in lists and kept segments when two records are merged, or parted again."""

import uuid
from collections.abc import Sequence

from app.core import rights
from app.core.db import Tx
from app.core.person import Fate, Holding, Trip, move_rows, move_rows_back
from app.segments import traces
from app.segments.commands.exports import withdraw
from app.segments.models import Membership, SegmentMember
from app.segments.queries import saved

# Nobody is in a list twice.
HOLDINGS = (
    Holding(SegmentMember, clash="theirs.segment_id = mine.segment_id"),
    # When who was where is history of the record itself, and who is where now follows from what moves (`commands`).
    Holding(Membership, Fate.STAYS),
)
TRACES = traces.TRACES


async def move(tx: Tx, trip: Trip) -> None:
    """The winner is in the lists of both."""
    await move_rows(tx, HOLDINGS, trip)


async def move_back(tx: Tx, trip: Trip) -> None:
    """Each is in the lists that it was in, of those that are still there; who was put into one since stays there."""
    kept = trip.of(SegmentMember.__tablename__)
    there = await saved.there(tx, [uuid.UUID(row["segment_id"]) for row in kept.dropped])
    kept.dropped = [row for row in kept.dropped if uuid.UUID(row["segment_id"]) in there]
    await move_rows_back(tx, HOLDINGS, trip)


async def export(tx: Tx, customers: Sequence[uuid.UUID]) -> dict[str, str]:
    """Section -> JSON list of everything that the room holds on one person."""
    return await rights.export(tx, TRACES, customers)


async def forget(tx: Tx, customers: Sequence[uuid.UUID], kept: rights.Kept) -> rights.Gone:
    """Erase customers, but what the retention rules `kept` hold back of some."""
    # A file that a segment was exported to cannot be parted from one of its rows: it is taken back as a whole.
    await withdraw(tx, customers)
    return await rights.forget(tx, TRACES, customers, kept)
