"""Kept memberships: as conditions of a question, and as lists."""

import uuid
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Date,
    DateTime,
    Select,
    Uuid,
    and_,
    any_,
    func,
    literal,
    or_,
    select,
    tuple_,
    union_all,
)

from app.core.db import Tx
from app.core.fields import Evaluation
from app.customers.models import Customer
from app.customers.queries import visible_to
from app.segments import windows
from app.segments.models import KeptSegment, Membership
from app.segments.queries.operands import within
from app.segments.tree import Moved, WasIn
from app.segments.windows import Days

ENTERED, LEFT = "entered", "left"


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


def true_of(customer: ColumnElement[uuid.UUID], leaf: Moved | WasIn, asked: Evaluation) -> ColumnElement[bool]:
    """Whether the condition is true of a customer."""
    if isinstance(leaf, Moved):
        return customer.in_(_moved(leaf, asked))
    row, merged = Membership.__table__.alias(), Customer.__table__.alias()
    there = (row.c.segment_id == literal(leaf.segment, Uuid), on_day(row, leaf.on))
    own = select(row.c.customer_id).where(*there, *asked.bounds(row.c.customer_id))
    # Whoever was there under a record that was merged since was there.
    joined = row.join(merged, merged.c.id == row.c.customer_id)
    theirs = select(merged.c.merged_into).select_from(joined)
    theirs = theirs.where(*there, merged.c.merged_into.is_not(None), *asked.bounds(merged.c.merged_into))
    return or_(customer.in_(own), customer.in_(theirs))


def last_moved(customer: ColumnElement[uuid.UUID], leaf: Moved, asked: Evaluation) -> ColumnElement[date]:
    """The last day in the window on which the customer came or left; null if there is none."""
    days = _moved(leaf, asked, customer).subquery()
    return select(func.max(days.c.day)).scalar_subquery()


def _moved(leaf: Moved, asked: Evaluation, customer: ColumnElement[uuid.UUID] | None = None) -> Select[Any]:
    row = Membership.__table__.alias()
    day = row.c.entered_on if leaf.op == ENTERED else row.c.left_on
    wanted = (
        row.c.segment_id == literal(leaf.segment, Uuid),
        day.is_not(None),
        within(day, windows.days(leaf.window, asked.as_of)),
    )
    if customer is None:
        return select(row.c.customer_id).where(*wanted, *asked.bounds(row.c.customer_id))
    return select(day.label("day")).where(*wanted, row.c.customer_id == customer)


def on_day(row: Any, day: date) -> ColumnElement[bool]:
    """Whether a membership was there when a day ended."""
    came = or_(row.c.entered_on.is_(None), row.c.entered_on <= literal(day, Date))
    return and_(came, or_(row.c.left_on.is_(None), row.c.left_on > literal(day, Date)))


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
    return [Change._make(row) for row in await tx.rows(found.limit(limit))]


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
