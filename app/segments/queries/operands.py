"""Values and rows in SQL: what the compiler's predicates are built from.

A value from a request is always bound, never part of a statement's text.
"""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Date,
    FromClause,
    Numeric,
    Text,
    and_,
    case,
    cast,
    extract,
    false,
    func,
    literal,
    or_,
    true,
)
from sqlalchemy.types import Integer

from app.core.fields import Evaluation, Field, FieldType, Points, Side
from app.segments import windows
from app.segments.tree import Match
from app.segments.values import DateValue, MoneyValue, Node, NumberValue, TextValue, TruthValue
from app.segments.windows import Days

COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True, slots=True)
class Operand:
    """One side of a comparison.

    `full` is its value, null when missing. `raw` is null also for whom its relation has no row, whose value really is
    `empty`: a condition that `empty` fails may be put on `raw`, and the planner may leave those out from the start.
    """

    raw: ColumnElement[Any]
    full: ColumnElement[Any]
    empty: int | None = None
    year: ColumnElement[Any] | None = None


class Rowset:
    """A relation and the sides that its fields come from, joined as they are needed."""

    def __init__(self, row: FromClause, asked: Evaluation) -> None:
        self.row = row
        self.joined: FromClause = row
        self.asked = asked
        self._sides: dict[str, FromClause] = {}

    def operand(self, field: Field) -> Operand:
        """The value of a field."""
        side = field.side
        relation = self.row if side is None else self._side(side)
        raw = field.value(relation, self.asked)
        year = field.year(relation, self.asked) if field.year is not None else None
        if side is None or field.empty is None:
            return Operand(raw, raw, year=year)
        return Operand(raw, case((side.present(relation).is_(None), field.empty), else_=raw), field.empty)

    def points(self, field: Field) -> Points:
        """Where a location lies."""
        assert field.points is not None  # noqa: S101  a location has them
        return field.points(self.row if field.side is None else self._side(field.side), self.asked)

    def of_side(self, side: Side) -> "Rowset":
        """The rows of a side by themselves; fields of that side are theirs."""
        relation = side.relation(self.asked)
        rows = Rowset(relation, self.asked)
        rows._sides[side.name] = relation
        return rows

    def join(self, relation: FromClause, on: ColumnElement[bool]) -> None:
        """Join a relation with at most one row per row."""
        self.joined = self.joined.outerjoin(relation, on)

    def _side(self, side: Side) -> FromClause:
        if side.name not in self._sides:
            relation = side.relation(self.asked)
            self._sides[side.name] = relation
            self.join(relation, side.on(self.row, relation))
        return self._sides[side.name]


def plain(value: Node) -> Decimal | int | str | date | bool:
    """A value of the tree as Python has it."""
    if isinstance(value, NumberValue):
        return value.decimal
    if isinstance(value, MoneyValue):
        return value.money
    if isinstance(value, TextValue):
        return value.text
    if isinstance(value, DateValue):
        return value.date
    assert isinstance(value, TruthValue)  # noqa: S101  there is no other kind
    return value.boolean


def bound(value: Node) -> ColumnElement[Any]:
    """A value of the tree as a bound parameter of the right type."""
    found = plain(value)
    if isinstance(found, bool):
        return true() if found else false()
    if isinstance(found, Decimal):
        # Whole numbers stay whole: comparing a bigint with a numeric costs a conversion per row.
        return literal(int(found), BigInteger) if found == found.to_integral_value() else literal(found, Numeric)
    if isinstance(found, int):
        return literal(found, BigInteger)
    return literal(found, Text if isinstance(found, str) else Date)


def within(day: ColumnElement[Any], days: Days) -> ColumnElement[bool]:
    """Whether a date lies in a window; null when the date is."""
    first = () if days.first is None else (day >= literal(days.first, Date),)
    last = () if days.last is None else (day <= literal(days.last, Date),)
    return and_(*first, *last)


def anniversary(of: Operand, kind: FieldType, days: Days) -> ColumnElement[bool]:
    """Whether an anniversary of a date or birthday lies in a window; null when the date is."""
    key, year = of.full, of.year
    if kind is FieldType.DATE:
        year = cast(extract("year", of.full), Integer)
        key = cast(extract("month", of.full) * 100 + extract("day", of.full), Integer)
    assert year is not None  # noqa: S101  a birthday has one, which may be null
    parts = [
        key.between(part.first, part.last) & (year.is_(None) | (year < part.year))
        for part in windows.anniversaries(days)
    ]
    return or_(false(), *parts)


def match(text: ColumnElement[Any], leaf: Match) -> ColumnElement[bool]:
    """contains, starts with, under: the value is compared as it is; as a pattern it is escaped."""
    wanted = plain(leaf.value)
    assert isinstance(wanted, str)  # noqa: S101  checked before
    if leaf.op == "contains":
        return func.strpos(text, literal(wanted, Text)) > 0
    if leaf.op == "starts_with":
        return text.startswith(wanted, autoescape=True)
    return (text == literal(wanted, Text)) | text.startswith(wanted + "/", autoescape=True)
