"""What the feed says of a kept segment: who may have come or gone since it was last looked at."""

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ARRAY, Uuid, any_, literal, or_, select, text

from app.core.db import Tx
from app.core.ids import COMPANY
from app.feed.models import FeedState
from app.segments.models import KeptSegment

# Who can be in a segment at all follows from these, whatever it asks.
ALWAYS = ("customer.created", "customer.updated", "customer.merged", "customer.unmerged", "customer.erased")

# An event is of one customer, and may name another: whose the receipt was, who was merged.
_NEWS = text(
    """
SELECT array_agg(DISTINCT named.customer) FILTER (WHERE named.customer <> :company) AS customers,
       coalesce(bool_or(e.customer_id = :company), false) AS everybody
FROM events e
CROSS JOIN LATERAL (
  VALUES (e.customer_id), (CAST(e.data->>'previous_customer_id' AS uuid)), (CAST(e.data->>'loser' AS uuid))
) named (customer)
WHERE e.sequence > :after AND e.sequence <= :upto AND e.type = ANY (:types)
  AND (e.type NOT LIKE 'segment.%' OR e.subject = ANY (:segments))
"""
)


@dataclass(frozen=True, slots=True)
class News:
    """Whom events are about; `everybody` if one of them is about no customer in particular."""

    customers: list[uuid.UUID]
    everybody: bool

    def __bool__(self) -> bool:
        return self.everybody or bool(self.customers)


async def news(tx: Tx, after: int, upto: int, types: Iterable[str], segments: Iterable[uuid.UUID]) -> News:
    """What the events in (after, upto] of the feed say; those of segments count for `segments` alone."""
    values = {
        "after": after, "upto": upto, "company": COMPANY, "types": sorted({*types, *ALWAYS}),
        "segments": sorted(str(one) for one in segments),
    }  # fmt: skip
    row = (await tx.rows(_NEWS, values))[0]
    return News(sorted(row.customers or ()), row.everybody)


async def spread(tx: Tx, customers: list[uuid.UUID], spreads: Iterable[Callable[[Any], Any]]) -> list[uuid.UUID]:
    """The customers, and those whose values change with theirs."""
    found = set(customers)
    for others in spreads:
        rows = await tx.rows(others(literal(customers, ARRAY(Uuid))))
        found |= {row[0] for row in rows}
    return sorted(found)


async def feed_ends(tx: Tx) -> tuple[int, int] | None:
    """The sequences of the oldest event that is kept and of the newest; None if the feed is not open yet."""
    rows = await tx.rows(select(FeedState.oldest_sequence, FeedState.last_sequence).where(FeedState.id == 1))
    return (rows[0][0], rows[0][1]) if rows else None


async def waiting(tx: Tx, today: date) -> list[uuid.UUID]:
    """Kept segments that there is something to do about, those first that were looked at longest ago."""
    row, last = KeptSegment, select(FeedState.last_sequence).where(FeedState.id == 1).scalar_subquery()
    due = or_(~row.wanted, row.since.is_(None), row.as_of < today, row.sequence != last)
    rows = await tx.rows(select(row.segment_id).where(due).order_by(row.sequence, row.segment_id))
    return [one[0] for one in rows]


async def underway(tx: Tx, after: int, customers: list[uuid.UUID]) -> set[uuid.UUID]:
    """Those of some customers about whom something has happened that was not looked at yet."""
    sql = text(
        "SELECT customer_id FROM events WHERE sequence > :after AND customer_id = ANY (:customers)"
        " UNION SELECT customer_id FROM outbox WHERE customer_id = ANY (:customers)"
    )
    return {row[0] for row in await tx.rows(sql, {"after": after, "customers": customers})}


def among(customers: list[uuid.UUID] | None) -> Any:
    """Narrows an evaluation to some customers; None: to nobody in particular."""
    return None if customers is None else lambda column: column == any_(literal(customers, ARRAY(Uuid)))
