"""Keeping who was in a segment, for later comparison."""

from datetime import date
from typing import Any

from sqlalchemy import insert

from app.access.audit import AuditEntry
from app.core.caller import Caller
from app.core.db import Tx
from app.core.errors import FORBIDDEN, Problem
from app.core.ids import COMPANY, new_id
from app.feed.outbox import Event, announce
from app.segments.models import SegmentSnapshot
from app.segments.queries.composition import Snapshot
from app.segments.queries.saved import Saved


async def keep(
    tx: Tx, segment: Saved, field: str, measure: str | None, as_of: date, composition: dict[str, Any]
) -> Snapshot:
    """Keep a composition of a segment as it is now. It holds counts and sums, and tells of nobody alone.

    Raises Problem forbidden for a caller who reaches only some customers: others would take it for the whole.
    """
    refuse_limited(tx.caller)
    made = Snapshot(new_id(), segment.version, field, measure, as_of, composition, tx.now, tx.caller.client_id)
    await tx.execute(insert(SegmentSnapshot).values(segment_id=segment.id, **made._asdict()))
    event = Event("segment.snapshot_taken", COMPANY, segment.id, data={"snapshot_id": str(made.id)})
    await announce(tx, [event], [AuditEntry("segment.snapshot", "segment", segment.id)])
    return made


def refuse_limited(caller: Caller) -> None:
    """Raises Problem forbidden for a caller who reaches only some customers."""
    if caller.limited:
        raise Problem(FORBIDDEN, "A snapshot is of all customers; this API key reaches only some.")
