"""Who the customers of a question are by a field: how many have each value, or a value in each band."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import (
    ARRAY,
    CTE,
    ColumnElement,
    Date,
    Double,
    Integer,
    Numeric,
    Text,
    cast,
    func,
    literal,
    null,
    select,
)

from app.core.caller import Caller
from app.core.db import Tx
from app.core.fields import Field, FieldType
from app.customers.queries import visible_to
from app.segments.models import SegmentSnapshot
from app.segments.queries.evaluate import Question
from app.segments.queries.predicates import Role

# Numbers and amounts are put into bands.
BANDED = frozenset({FieldType.NUMBER, FieldType.MONEY})
# Where fifths begin, all but the first.
_FIFTHS = (0.2, 0.4, 0.6, 0.8)


@dataclass(frozen=True, slots=True)
class Wanted:
    """By what to group: bands begin at `cuts` (None: fifths), days belong to a `unit`, the rest goes by its value.

    `most` values are told apart, the rest of them are counted together. `measure` is summed up.
    """

    field: Field
    measure: Field | None
    cuts: tuple[Decimal, ...] | None
    unit: str
    most: int


@dataclass(frozen=True, slots=True)
class Group:
    """Customers with one value: of dates the first day of the unit, of birthdays the month, of bands the number from 0.

    `total` is the sum of the measure, of those of whom it is known.
    """

    value: Any
    count: int
    total: Decimal | None


class Composition(NamedTuple):
    """How many customers there are, by value; `others` have values of their own, `missing` have none.

    `cuts` are where the bands of numbers begin, from the second on.
    """

    whole: Group
    groups: list[Group]
    others: Group
    missing: Group
    cuts: tuple[Decimal, ...]


async def composed(tx: Tx, question: Question, wanted: Wanted) -> Composition:
    """The composition of a question's customers, in one statement; in two where bands are to be found."""
    cuts = wanted.cuts or ()
    if wanted.field.type in BANDED and wanted.cuts is None:
        cuts = await _fifths(tx, _found(question, wanted, tx.caller))
    found = _found(question, wanted, tx.caller)
    key = _key(found.c.value, wanted, cuts).label("key")
    count, total = func.count().label("number"), func.sum(found.c.measure).label("total")
    grouped = select(key, count, total).group_by(key).subquery()
    wholes = (func.sum(grouped.c.number).over(), func.sum(grouped.c.total).over())
    # Who has no value stands first, and takes nobody's place.
    order = (grouped.c.key.is_(None).desc(), grouped.c.number.desc(), grouped.c.key)
    rows = await tx.rows(select(*grouped.c, *wholes).order_by(*order).limit(wanted.most + 1))
    groups = [Group(row[0], int(row[1]), row[2]) for row in rows]
    missing = groups.pop(0) if groups and groups[0].value is None else Group(None, 0, None)
    groups = groups[: wanted.most]
    whole = Group(None, int(rows[0][3]), rows[0][4]) if rows else Group(None, 0, None)
    others = _rest(whole, [missing, *groups])
    if wanted.field.type in {*BANDED, FieldType.DATE, FieldType.BIRTHDAY}:
        groups.sort(key=lambda one: one.value)
    return Composition(whole, groups, others, missing, cuts)


def _rest(whole: Group, shown: Sequence[Group]) -> Group:
    count = whole.count - sum(one.count for one in shown)
    known = [one.total for one in shown if one.total is not None]
    return Group(None, count, None if whole.total is None or not count else whole.total - sum(known))


def _found(question: Question, wanted: Wanted, caller: Caller) -> CTE:
    """(value, measure) of each customer of whom the question is true, and of whom the caller may know."""
    customers = question.customers()
    truth = customers.truth(question.tree, role=Role.WHOLE)
    value = customers.operand(wanted.field.name).full
    measure: ColumnElement[Any] = cast(null(), Numeric)
    if wanted.measure is not None:
        measure = cast(customers.operand(wanted.measure.name).full, Numeric)
    columns = (value.label("value"), measure.label("measure"))
    seen = (customers.counted, truth, visible_to(caller, customers.rows.row))
    return select(*columns).select_from(customers.rows.joined).where(*seen).cte("composed")


def _key(value: ColumnElement[Any], wanted: Wanted, cuts: Sequence[Decimal]) -> ColumnElement[Any]:
    kind = wanted.field.type
    if kind in BANDED:
        return func.width_bucket(cast(value, Numeric), _numbers(cuts), type_=Integer)
    if kind is FieldType.DATE:
        return cast(func.date_trunc(literal(wanted.unit, Text), cast(value, Date)), Date)
    if kind is FieldType.BIRTHDAY:
        return func.div(cast(value, Numeric), literal(100, Integer))
    return cast(value, Text)


async def _fifths(tx: Tx, found: CTE) -> tuple[Decimal, ...]:
    """Where the second to the fifth fifth of the values begin; fewer where many have the same."""
    value = cast(found.c.value, Numeric)
    cuts = func.percentile_disc(literal([*_FIFTHS], ARRAY(Double))).within_group(value.asc())
    row = (await tx.rows(select(cuts, func.min(value))))[0]
    return tuple(sorted({Decimal(one) for one in row[0] or () if one is not None and one > row[1]}))


def _numbers(values: Sequence[Any]) -> ColumnElement[Any]:
    return cast(literal([*values], ARRAY(Numeric)), ARRAY(Numeric))


class Snapshot(NamedTuple):
    """A composition as it was when it was taken."""

    id: uuid.UUID
    segment_version: int
    field: str
    measure: str | None
    as_of: date
    composition: dict[str, Any]
    taken_at: datetime
    taken_by: uuid.UUID


async def snapshots(
    tx: Tx, segment: uuid.UUID, *, field: str | None, before: uuid.UUID | None, limit: int
) -> list[Snapshot]:
    """Up to `limit` snapshots of a segment, the newest first."""
    columns = [getattr(SegmentSnapshot, name) for name in Snapshot._fields]
    statement = select(*columns).where(SegmentSnapshot.segment_id == segment)
    if field is not None:
        statement = statement.where(SegmentSnapshot.field == field)
    if before is not None:
        statement = statement.where(SegmentSnapshot.id < before)
    rows = await tx.rows(statement.order_by(SegmentSnapshot.id.desc()).limit(limit))
    return [Snapshot._make(row) for row in rows]


async def snapshots_by_field(tx: Tx, segment: uuid.UUID, *, field: str | None) -> list[Any]:
    """How many snapshots of a segment there are of which field and measure."""
    kept = (SegmentSnapshot.field, SegmentSnapshot.measure)
    statement = select(*kept, func.count().label("number")).where(SegmentSnapshot.segment_id == segment)
    if field is not None:
        statement = statement.where(SegmentSnapshot.field == field)
    return await tx.rows(statement.group_by(*kept))
