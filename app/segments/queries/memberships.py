"""Kept memberships: how many, who, who came and left, and whether they are right."""

import uuid
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    DateTime,
    Select,
    Uuid,
    any_,
    func,
    literal,
    or_,
    select,
    tuple_,
    union_all,
)

from app.core.db import Tx
from app.customers.models import Customer
from app.customers.queries import visible_to
from app.segments.models import KeptSegment, Membership
from app.segments.queries.evaluate import Question, matching
from app.segments.queries.operands import within
from app.segments.windows import Days

ENTERED, LEFT = "entered", "left"
SHOWN = 1000


class Kept(NamedTuple):
    """How far a kept segment is followed; see `KeptSegment`."""

    segment_id: uuid.UUID
    since: date
    as_of: date
    refreshed_at: datetime


# Where a list of changes goes on: the time, id and kind of the last one.
Place = tuple[datetime, uuid.UUID, str]


class Change(NamedTuple):
    """A customer came into a segment, or left it: on which of the company's days, and when that was noted."""

    customer_id: uuid.UUID
    what: str
    on: date
    at: datetime
    id: uuid.UUID


async def kept(tx: Tx, segments: Sequence[uuid.UUID]) -> dict[uuid.UUID, Kept]:
    """Those of some segments of which it is known who is in them."""
    row = KeptSegment.__table__.c
    known = select(*(row[name] for name in Kept._fields)).where(
        row.segment_id == any_(literal(list(segments), ARRAY(Uuid))), row.wanted, row.since.is_not(None)
    )
    return {one.segment_id: Kept._make(one) for one in await tx.rows(known)}


def _there(tx: Tx, segment: uuid.UUID, name: Any, *columns: ColumnElement[Any]) -> Select[Any]:
    """SELECT of those who are in a segment now and whom the caller may know of."""
    row = Membership.__table__
    mine = (row.c.segment_id == literal(segment, Uuid), row.c.left_on.is_(None))
    found = select(name(row), *columns).where(*mine)
    if tx.caller.limited:
        found = found.join(Customer, Customer.id == row.c.customer_id).where(visible_to(tx.caller))
    return found


async def count(tx: Tx, segment: uuid.UUID) -> int:
    """How many are in a kept segment: one look into an index."""
    return int(await tx.scalar(_there(tx, segment, lambda _: func.count())))


async def page(tx: Tx, segment: uuid.UUID, *, after: uuid.UUID | None, limit: int) -> list[uuid.UUID]:
    """Up to `limit` of those who are in a kept segment, in the order of ids, after `after`."""
    found = _there(tx, segment, lambda row: row.c.customer_id).order_by(Membership.customer_id).limit(limit)
    if after is not None:
        found = found.where(Membership.customer_id > literal(after, Uuid))
    return [row[0] for row in await tx.rows(found)]


async def all_kept(tx: Tx) -> list[uuid.UUID]:
    """The segments of which it is known who is in them."""
    known = select(KeptSegment.segment_id).where(KeptSegment.wanted, KeptSegment.since.is_not(None))
    return [row[0] for row in await tx.rows(known.order_by(KeptSegment.segment_id))]


async def differing(tx: Tx, question: Question, segment: uuid.UUID) -> list[tuple[uuid.UUID, bool]]:
    """Up to `SHOWN` customers who are kept in a segment of whom its question is not true (True), and the other way."""
    asked, row = matching(question).subquery("asked"), Membership.__table__.c
    kept = (
        select(row.customer_id).where(row.segment_id == literal(segment, Uuid), row.left_on.is_(None)).subquery("kept")
    )
    both = asked.join(kept, asked.c.id == kept.c.customer_id, full=True)
    whose = func.coalesce(asked.c.id, kept.c.customer_id)
    one_side = or_(asked.c.id.is_(None), kept.c.customer_id.is_(None))
    found = select(whose, asked.c.id.is_(None)).select_from(both).where(one_side).order_by(whose).limit(SHOWN)
    return [(one[0], one[1]) for one in await tx.rows(found)]


async def held(tx: Tx, customer: uuid.UUID, segments: Sequence[uuid.UUID]) -> set[uuid.UUID]:
    """Those of some kept segments that a customer is in."""
    row = Membership
    mine = select(row.segment_id).where(row.customer_id == customer, row.left_on.is_(None))
    found = await tx.rows(mine.where(row.segment_id == any_(literal(list(segments), ARRAY(Uuid)))))
    return {one[0] for one in found}


async def changes(tx: Tx, segment: uuid.UUID, days: Days, *, after: Place | None, limit: int) -> list[Change]:
    """Up to `limit` comings and goings on some days, the oldest first, after the place `after`."""
    parts = [_part(tx, segment, what, days, after, limit).subquery() for what in (ENTERED, LEFT)]
    both = union_all(*(select(part) for part in parts)).subquery()
    found = select(*(both.c[name] for name in Change._fields)).order_by(both.c.at, both.c.id, both.c.what)
    return [Change._make(row) for row in await tx.page(found.limit(limit))]


def _part(tx: Tx, segment: uuid.UUID, what: str, days: Days, after: Place | None, limit: int) -> Select[Any]:
    row = Membership.__table__.c
    on, at = (row.entered_on, row.entered_at) if what == ENTERED else (row.left_on, row.left_at)
    found = select(row.customer_id, literal(what).label("what"), on.label("on"), at.label("at"), row.id)
    found = found.where(row.segment_id == literal(segment, Uuid), on.is_not(None), within(on, days))
    if tx.caller.limited:
        found = found.join(Customer, Customer.id == row.customer_id).where(visible_to(tx.caller))
    if after is not None:
        moment, last, former = after
        place = tuple_(at, row.id, literal(what))
        found = found.where(
            place > tuple_(literal(moment, DateTime(timezone=True)), literal(last, Uuid), literal(former))
        )
    return found.order_by(at, row.id).limit(limit)
