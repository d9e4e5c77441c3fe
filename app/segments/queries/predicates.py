"""Predicates about the fields of one relation, in SQL.

Every predicate is a boolean that is never null, with one exception: what only has to be true of those who are found
(`Role`) may be null where it is not true, which lets the planner begin with whom it finds.
"""

from collections.abc import Mapping
from enum import IntEnum
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Numeric, Text, and_, any_, cast, false, func, not_, or_, select, true
from sqlalchemy.types import Integer

from app.core.fields import Field
from app.segments import windows
from app.segments.queries import distance
from app.segments.queries.operands import COMPARE, Operand, Rowset, anniversary, bound, match, plain, within
from app.segments.tree import (
    Aggregate,
    And,
    Anniversary,
    Between,
    Compare,
    During,
    Expr,
    FieldTerm,
    Leaf,
    Match,
    Missing,
    Near,
    Not,
    OneOf,
    Or,
    Ratio,
)  # fmt: skip
from app.segments.values import Node, TruthValue

RATIO_DIGITS = 6


class Role(IntEnum):
    """What a predicate is for: `EXACT` to be told or negated, `PART` one of several ways in, `WHOLE` a must."""

    EXACT = 0
    PART = 1
    WHOLE = 2


class Predicates:
    """Predicates about the fields of one relation: of customers, or of the rows of a collection."""

    def __init__(self, fields: Mapping[str, Field], rows: Rowset) -> None:
        self._fields = fields
        self.rows = rows

    def truth(self, node: Expr, *, role: Role = Role.EXACT) -> ColumnElement[bool]:
        """The predicate in SQL. When `EXACT` it is never null."""
        if isinstance(node, And):
            return and_(*(self.truth(item, role=role) for item in node.items))
        if isinstance(node, Or):
            by_key = self._by_key(node) if role is Role.WHOLE else None
            if by_key is not None:
                return by_key
            return or_(*(self.truth(item, role=min(role, Role.PART)) for item in node.items))
        if isinstance(node, Not):
            return not_(self.truth(node.item))
        return self.leaf(node, role=role)

    def leaf(self, leaf: Leaf, *, role: Role) -> ColumnElement[bool]:
        """A predicate that is no combination of others."""
        if isinstance(leaf, Compare):
            return self._compare(leaf, role=role)
        if isinstance(leaf, Near):
            points = self.rows.points(self._fields[leaf.field])
            return decided(distance.near(points, leaf), missing=False, role=role)
        assert isinstance(leaf, OneOf | Between | Missing | Match | During | Anniversary)  # noqa: S101  checked before
        operand = self.operand(leaf.field)
        if isinstance(leaf, Missing):
            return operand.full.is_not(None) if leaf.negated else operand.full.is_(None)
        if isinstance(leaf, OneOf):
            values = [bound(value) for value in leaf.values]
            found = operand.full.not_in(values) if leaf.negated else operand.full.in_(values)
            return decided(found, missing=leaf.including_missing, role=role)
        return decided(self._about(leaf, operand), missing=False, role=role)

    def _about(self, leaf: Between | Match | During | Anniversary, operand: Operand) -> ColumnElement[bool]:
        if isinstance(leaf, Between):
            return operand.full.between(bound(leaf.low), bound(leaf.high))
        if isinstance(leaf, Match):
            return match(operand.full, leaf)
        days = windows.days(leaf.window, self.rows.asked.as_of)
        if isinstance(leaf, During):
            return within(operand.full, days)
        return anniversary(operand, self._fields[leaf.field].type, days)

    def _compare(self, leaf: Compare, *, role: Role) -> ColumnElement[bool]:
        compare, left = COMPARE[leaf.comparator], self.term(leaf.left)
        if isinstance(leaf.right, FieldTerm | Aggregate | Ratio):
            found = compare(left.full, self.term(leaf.right).full)
            return decided(found, missing=leaf.including_missing, role=role)
        if isinstance(leaf.right, TruthValue):
            # On its own, so that an EXISTS can become a join.
            same = leaf.right.boolean == (leaf.comparator == "=")
            found = left.full if same else not_(left.full)
            return decided(found, missing=leaf.including_missing, role=role)
        right = bound(leaf.right)
        if role is not Role.EXACT and not leaf.including_missing and not _holds_for_none(left, leaf):
            raw: ColumnElement[bool] = compare(left.raw, right)
            return raw
        return decided(compare(left.full, right), missing=leaf.including_missing, role=role)

    def _by_key(self, node: Or) -> ColumnElement[bool] | None:
        """An `or` that is wholly about what one key names: the keys are looked up first, so that their index leads on.

        None for any other: with anything else beside it no index helps, and a long list of keys would be slow.
        """
        named = [_field_of(item) for item in node.items]
        fields = [self._fields[name] for name in named if name is not None]
        side = next((field.side for field in fields if field.side is not None), None)
        if side is None or side.key is None or len(fields) < len(node.items):
            return None
        key, looked_up, plainly = side.key(self.rows.row), list[Expr](), list[ColumnElement[bool]]()
        for item, field in zip(node.items, fields, strict=True):
            if field.side is not None and field.side.name == side.name:
                looked_up.append(item)
            elif field.side is None and field.value(self.rows.row, self.rows.asked) is key:
                plainly.append(self.truth(item, role=Role.PART))
            else:
                return None
        beside = Predicates(self._fields, self.rows.of_side(side))
        found = or_(*(beside.truth(item, role=Role.PART) for item in looked_up))
        keys = select(side.present(beside.rows.row)).select_from(beside.rows.joined).where(found)
        return or_(key == any_(func.array(keys.scalar_subquery(), type_=ARRAY(Text))), *plainly)

    def term(self, given: Node) -> Operand:
        """The value of a term."""
        if isinstance(given, Ratio):
            return self.ratio(given)
        assert isinstance(given, FieldTerm)  # noqa: S101  rows of a collection have no aggregates
        return self.operand(given.field)

    def ratio(self, term: Ratio) -> Operand:
        """One value divided by another; null when either is, or the other is zero."""
        above, below = (cast(self.term(each).full, Numeric) for each in (term.ratio, term.to))
        found = func.round(above / func.nullif(below, 0), RATIO_DIGITS)
        return Operand(found, found)

    def operand(self, name: str) -> Operand:
        """The value of a field."""
        return self.rows.operand(self._fields[name])


def decided(found: ColumnElement[bool], *, missing: bool, role: Role) -> ColumnElement[bool]:
    """`found` with null as false, or as true where a missing value is to be included."""
    if role is not Role.EXACT and not missing:
        return found
    return func.coalesce(found, true() if missing else false())


def _field_of(node: Expr) -> str | None:
    """The field that a predicate compares with values of the request, unless it is also true of who has none."""
    if isinstance(node, Compare):
        if node.including_missing or isinstance(node.right, FieldTerm | Aggregate | Ratio):
            return None
        return node.left.field if isinstance(node.left, FieldTerm) else None
    if isinstance(node, OneOf):
        return None if node.including_missing else node.field
    return node.field if isinstance(node, Between | Match | During | Anniversary | Near) else None


def _holds_for_none(left: Operand, leaf: Compare) -> bool:
    """Whether a comparison is true for whom the left side's relation has no row."""
    assert not isinstance(leaf.right, FieldTerm | Aggregate | Ratio)  # noqa: S101  a value
    return left.empty is not None and bool(COMPARE[leaf.comparator](left.empty, plain(leaf.right)))


def element(array: ColumnElement[Any], place: ColumnElement[Any]) -> ColumnElement[Any]:
    """One element of an array, counted from 1."""
    return array.self_group()[cast(place, Integer)]
