"""Conditions on who came into kept segments, left them and was in them."""

import uuid
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Date, Select, Uuid, and_, func, literal, or_, select

from app.core.fields import Evaluation
from app.customers.models import Customer
from app.segments import windows
from app.segments.models import Membership
from app.segments.queries.operands import within
from app.segments.tree import Moved, WasIn


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
    day = row.c.entered_on if leaf.op == "entered" else row.c.left_on
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
