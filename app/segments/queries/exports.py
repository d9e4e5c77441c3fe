"""Files of members, and their bytes."""

import uuid
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import ARRAY, Uuid, func, literal, select

from app.core.caller import Caller
from app.core.db import Tx
from app.core.models import Job
from app.segments.models import SegmentExport, SegmentExportPortion
from app.segments.tree import Expr, from_json
from app.segments.walk import segments_of

_PORTION = SegmentExportPortion
# The status of a job that was given up.
FAILED = "failed"


class Export(NamedTuple):
    """A file of members, and how far its job is."""

    id: uuid.UUID
    segment_id: uuid.UUID
    segment_version: int
    format: str
    columns: list[str]
    as_of: date
    tree: Expr
    client_id: uuid.UUID
    key_id: uuid.UUID
    client_name: str
    reach: str
    staff: str | None
    store: str | None
    request_id: str
    total: int | None
    rows: int
    size: int
    created_at: datetime
    expires_at: datetime | None
    ended: str | None
    status: str = "queued"
    error: str | None = None
    finished_at: datetime | None = None

    @property
    def named(self) -> frozenset[uuid.UUID]:
        """The segments that its tree names."""
        return segments_of(self.tree)

    @property
    def caller(self) -> Caller:
        """In whose name it is written: it reaches whom that client reached."""
        return Caller(
            self.client_id, self.key_id, self.client_name, "export", frozenset(), frozenset(), "bulk", self.store, None,
            self.staff, self.reach, self.request_id,
        )  # fmt: skip


_OWN = tuple(name for name in Export._fields if name in SegmentExport.__table__.c)
_COLUMNS = (*(getattr(SegmentExport, name) for name in _OWN), Job.status, Job.error, Job.finished_at)


def _export(row: Any) -> Export:
    return Export._make(row)._replace(tree=from_json(row.tree))


async def one(tx: Tx, export: uuid.UUID, *, segment: uuid.UUID | None = None) -> Export | None:
    """A file by its id, of the caller's own client; with `segment`, only if it is of that one."""
    wanted = select(*_COLUMNS).join(Job, Job.id == SegmentExport.id).where(SegmentExport.id == export)
    if segment is not None:
        wanted = wanted.where(SegmentExport.segment_id == segment, SegmentExport.client_id == tx.caller.client_id)
    rows = await tx.rows(wanted)
    return _export(rows[0]) if rows else None


async def held(tx: Tx, export: uuid.UUID) -> bool:
    """Lock a file that may still be written; whether there is one. An erasure that meets it waits, or is waited for."""
    wanted = select(SegmentExport.id).where(SegmentExport.id == export, SegmentExport.ended.is_(None))
    return await tx.scalar(wanted.with_for_update()) is not None


async def page(tx: Tx, segment: uuid.UUID, *, before: uuid.UUID | None, limit: int) -> list[Export]:
    """Up to `limit` files of the caller's client, the newest first."""
    mine = (SegmentExport.segment_id == segment, SegmentExport.client_id == tx.caller.client_id)
    wanted = select(*_COLUMNS).join(Job, Job.id == SegmentExport.id).where(*mine)
    if before is not None:
        wanted = wanted.where(SegmentExport.id < before)
    return [_export(row) for row in await tx.page(wanted.order_by(SegmentExport.id.desc()).limit(limit))]


async def live(tx: Tx) -> int:
    """How many files the caller's client has that are not over, and may still be written."""
    mine = (SegmentExport.client_id == tx.caller.client_id, SegmentExport.ended.is_(None))
    found = select(func.count()).select_from(SegmentExport).join(Job, Job.id == SegmentExport.id)
    return int(await tx.scalar(found.where(*mine, Job.status != FAILED)))


async def portion(tx: Tx, export: uuid.UUID, number: int) -> list[uuid.UUID] | None:
    """The customers of a portion; None if there is no such one."""
    rows = await tx.rows(select(_PORTION.customers).where(_PORTION.export_id == export, _PORTION.number == number))
    return list(rows[0][0]) if rows else None


class Piece(NamedTuple):
    """A portion that is written: where it begins in the file, its compressed bytes, and who is in it."""

    number: int
    start: int
    data: bytes
    customers: list[uuid.UUID]


async def piece(tx: Tx, export: uuid.UUID, *, after: int, last: int) -> Piece | None:
    """The first portion whose bytes end behind byte `after`, if it begins at byte `last` or before."""
    wanted = select(*(getattr(_PORTION, name) for name in Piece._fields)).where(
        _PORTION.export_id == export, _PORTION.size > 0, _PORTION.start + _PORTION.size > after, _PORTION.start <= last
    )
    rows = await tx.rows(wanted.order_by(_PORTION.number).limit(1))
    return Piece._make(rows[0]) if rows else None


async def naming(tx: Tx, customers: Sequence[uuid.UUID]) -> list[uuid.UUID]:
    """The files in which one of these customers is."""
    ids = literal(list(customers), ARRAY(Uuid))
    each = func.unnest(ids).table_valued("id", name="each").render_derived()
    # Only the portions where one can be are looked into.
    may_be = select(literal(1)).select_from(each).where(each.c.id.between(_PORTION.low, _PORTION.high)).exists()
    found = select(_PORTION.export_id).where(may_be, _PORTION.customers.overlap(ids)).distinct()
    wanted = select(SegmentExport.id).where(SegmentExport.id.in_(found)).order_by(SegmentExport.id)
    return [row.id for row in await tx.rows(wanted.with_for_update())]


async def over(tx: Tx, now: datetime, limit: int) -> list[uuid.UUID]:
    """Up to `limit` files whose bytes are not to be kept any longer."""
    late = select(SegmentExport.id).where(SegmentExport.ended.is_(None), SegmentExport.expires_at <= now)
    rows = await tx.rows(late.order_by(SegmentExport.id).limit(limit).with_for_update(skip_locked=True))
    return [row.id for row in rows]


async def given_up(tx: Tx, limit: int) -> list[uuid.UUID]:
    """Up to `limit` files that could not be written, and of which portions may be there."""
    failed = select(SegmentExport.id).join(Job, Job.id == SegmentExport.id)
    failed = failed.where(SegmentExport.ended.is_(None), Job.status == FAILED)
    held = failed.order_by(SegmentExport.id).limit(limit).with_for_update(of=SegmentExport.__table__, skip_locked=True)
    return [row.id for row in await tx.rows(held)]


async def forgotten(tx: Tx, limit: int) -> list[uuid.UUID]:
    """Up to `limit` files whose job is not known any more."""
    gone = ~select(Job.id).where(Job.id == SegmentExport.id).exists()
    return [row.id for row in await tx.rows(select(SegmentExport.id).where(gone).limit(limit))]
