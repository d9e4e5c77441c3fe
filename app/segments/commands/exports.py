"""Files of members: asked for, filled portion by portion, withdrawn and forgotten."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Integer, Select, Uuid, cast, delete, func, insert, literal, select, update
from sqlalchemy.dialects.postgresql import aggregate_order_by

from app.access.audit import AuditEntry
from app.core.db import Tx
from app.core.errors import Problem
from app.core.ids import COMPANY, new_id
from app.core.jobs import enqueue
from app.feed.outbox import Event, announce
from app.segments.models import TOO_MANY_EXPORTS, SegmentExport, SegmentExportPortion
from app.segments.queries import exports
from app.segments.queries.predicates import element
from app.segments.queries.saved import Saved
from app.segments.tree import to_json

EXPORT = "segments.export"
# Customers of a portion: what is written, and later sent, at once.
PORTION = 2_000
AT_ONCE = 100
EXPIRED, WITHDRAWN = "expired", "withdrawn"
_PORTION = SegmentExportPortion


async def order(tx: Tx, segment: Saved, form: str, columns: Sequence[str], as_of: Any, most: int) -> uuid.UUID:
    """Write down a file that is wanted, and queue its job; its id. Raises Problem: the client has too many.

    Two requests at the same moment may pass the bound by one: it keeps the disk from filling up, no more.
    """
    if await exports.live(tx) >= most:
        raise Problem(TOO_MANY_EXPORTS)
    caller, made = tx.caller, new_id()
    row = {
        "id": made, "segment_id": segment.id, "segment_version": segment.version, "format": form,
        "columns": list(columns), "as_of": as_of, "tree": to_json(segment.tree), "client_id": caller.client_id,
        "key_id": caller.key_id, "client_name": caller.name, "reach": caller.reach, "staff": caller.staff,
        "store": caller.store, "request_id": caller.request_id, "rows": 0, "size": 0, "created_at": tx.now,
    }  # fmt: skip
    await tx.execute(insert(SegmentExport).values(row))
    await enqueue(tx, EXPORT, {"export": str(made)}, caller.client_id, job_id=made)
    event = Event("segment.exported", COMPANY, segment.id, data={"export_id": str(made)})
    await announce(tx, [event], [AuditEntry("segment.export", "segment", segment.id, fields=tuple(columns))])
    return made


async def choose(tx: Tx, export: uuid.UUID, members: Select[Any]) -> int:
    """Write down who is in the file, all as of this one moment, in portions; how many they are."""
    found = members.subquery()
    place = func.row_number().over(order_by=found.c.id) - 1
    # Whole numbers divided are a whole number.
    numbered = select(found.c.id, cast(func.div(place, PORTION), Integer).label("number")).subquery()
    each = func.array_agg(aggregate_order_by(numbered.c.id, numbered.c.id))
    ends = (element(each, literal(1)), element(each, func.count()))
    grouped = select(literal(export, Uuid), numbered.c.number, *ends, each).group_by(numbered.c.number)
    await tx.execute(insert(_PORTION).from_select(["export_id", "number", "low", "high", "customers"], grouped))
    counted = select(func.coalesce(func.sum(func.cardinality(_PORTION.customers)), 0))
    total = int(await tx.scalar(counted.where(_PORTION.export_id == export)))
    if total == 0:
        # A file of nobody still has its header.
        await tx.execute(insert(_PORTION).values(export_id=export, number=0, customers=[]))
    await tx.execute(update(SegmentExport).where(SegmentExport.id == export).values(total=total))
    return total


async def keep(tx: Tx, export: uuid.UUID, number: int, data: bytes, size: int, rows: int) -> None:
    """Add the bytes of a portion (`data` is compressed, `size` is what they are) to the end of the file."""
    start = select(SegmentExport.size).where(SegmentExport.id == export).scalar_subquery()
    mine = (_PORTION.export_id == export, _PORTION.number == number)
    await tx.execute(update(_PORTION).where(*mine).values(data=data, size=size, start=start))
    grown = {"size": SegmentExport.size + size, "rows": SegmentExport.rows + rows}
    await tx.execute(update(SegmentExport).where(SegmentExport.id == export).values(grown))


async def finish(tx: Tx, export: uuid.UUID, expires_at: datetime) -> None:
    """The file is whole, and kept until then."""
    await tx.execute(update(SegmentExport).where(SegmentExport.id == export).values(expires_at=expires_at))


async def withdraw(tx: Tx, customers: Sequence[uuid.UUID]) -> int:
    """Take back every file that one of these customers is in; how many. Whoever has fetched one has it."""
    found = await exports.naming(tx, customers) if customers else []
    await _end(tx, found, WITHDRAWN)
    return len(found)


async def forget_old(tx: Tx) -> int:
    """Drop a portion of the files that are kept no longer or were given up, and of those whose job is forgotten.

    Returns how many, 0 when nothing is left to do.
    """
    late, gone = await exports.over(tx, tx.now, AT_ONCE), await exports.forgotten(tx, AT_ONCE)
    failed = await exports.given_up(tx, AT_ONCE)
    await _end(tx, late, EXPIRED)
    await _end(tx, failed, exports.FAILED)
    if gone:
        await tx.execute(delete(_PORTION).where(_PORTION.export_id.in_(gone)))
        await tx.execute(delete(SegmentExport).where(SegmentExport.id.in_(gone)))
    return len(late) + len(failed) + len(gone)


async def drop_of(tx: Tx, segment: uuid.UUID) -> None:
    """Delete the files of a segment that is being deleted."""
    mine = select(SegmentExport.id).where(SegmentExport.segment_id == segment)
    held = [row.id for row in await tx.rows(mine.order_by(SegmentExport.id).with_for_update())]
    if held:
        await tx.execute(delete(_PORTION).where(_PORTION.export_id.in_(held)))
        await tx.execute(delete(SegmentExport).where(SegmentExport.id.in_(held)))


async def _end(tx: Tx, some: Sequence[uuid.UUID], why: str) -> None:
    if some:
        await tx.execute(delete(_PORTION).where(_PORTION.export_id.in_(some)))
        await tx.execute(update(SegmentExport).where(SegmentExport.id.in_(some)).values(ended=why, size=0))
