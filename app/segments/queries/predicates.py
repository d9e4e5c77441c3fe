"""Predicates about the fields of one relation, in SQL.

Every predicate is a boolean that is never null, with one exception: a condition on the whole result (`filtering`) may
be null where it is not true, which lets the planner begin with whom the condition finds.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, and_, cast, false, func, not_, or_, true
from sqlalchemy.types import Integer

from app.core.fields import Field
from app.segments import windows
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
    Not,
    OneOf,
    Or,
)  # fmt: skip
from app.segments.values import Node, TruthValue


class Predicates:
    """Predicates about the fields of one relation: of customers, or of the rows of a collection."""

    def __init__(self, fields: Mapping[str, Field], rows: Rowset) -> None:
        self._fields = fields
        self.rows = rows

    def truth(self, node: Expr, *, filtering: bool = False) -> ColumnElement[bool]:
        """The predicate in SQL. Without `filtering` it is never null."""
        if isinstance(node, And):
            return and_(*(self.truth(item, filtering=filtering) for item in node.items))
        if isinstance(node, Or):
            return or_(*(self.truth(item) for item in node.items))
        if isinstance(node, Not):
            return not_(self.truth(node.item))
        return self.leaf(node, filtering=filtering)

    def leaf(self, leaf: Leaf, *, filtering: bool) -> ColumnElement[bool]:
        """A predicate that is no combination of others."""
        if isinstance(leaf, Compare):
            return self._compare(leaf, filtering=filtering)
        assert isinstance(leaf, OneOf | Between | Missing | Match | During | Anniversary)  # noqa: S101  checked before
        operand = self.operand(leaf.field)
        if isinstance(leaf, Missing):
            return operand.full.is_not(None) if leaf.negated else operand.full.is_(None)
        if isinstance(leaf, OneOf):
            values = [bound(value) for value in leaf.values]
            found = operand.full.not_in(values) if leaf.negated else operand.full.in_(values)
            return decided(found, missing=leaf.including_missing, filtering=filtering)
        return decided(self._about(leaf, operand), missing=False, filtering=filtering)

    def _about(self, leaf: Between | Match | During | Anniversary, operand: Operand) -> ColumnElement[bool]:
        if isinstance(leaf, Between):
            return operand.full.between(bound(leaf.low), bound(leaf.high))
        if isinstance(leaf, Match):
            return match(operand.full, leaf)
        days = windows.days(leaf.window, self.rows.asked.as_of)
        if isinstance(leaf, During):
            return within(operand.full, days)
        return anniversary(operand, self._fields[leaf.field].type, days)

    def _compare(self, leaf: Compare, *, filtering: bool) -> ColumnElement[bool]:
        compare, left = COMPARE[leaf.comparator], self.term(leaf.left)
        if isinstance(leaf.right, FieldTerm | Aggregate):
            found = compare(left.full, self.term(leaf.right).full)
            return decided(found, missing=leaf.including_missing, filtering=filtering)
        if isinstance(leaf.right, TruthValue):
            # On its own, so that an EXISTS can become a join.
            same = leaf.right.boolean == (leaf.comparator == "=")
            found = left.full if same else not_(left.full)
            return decided(found, missing=leaf.including_missing, filtering=filtering)
        right = bound(leaf.right)
        if filtering and not leaf.including_missing and not _holds_for_none(left, leaf):
            raw: ColumnElement[bool] = compare(left.raw, right)
            return raw
        return decided(compare(left.full, right), missing=leaf.including_missing, filtering=filtering)

    def term(self, term: Node) -> Operand:
        """The value of a term."""
        assert isinstance(term, FieldTerm)  # noqa: S101  rows of a collection have no aggregates
        return self.operand(term.field)

    def operand(self, name: str) -> Operand:
        """The value of a field."""
        return self.rows.operand(self._fields[name])


def decided(found: ColumnElement[bool], *, missing: bool, filtering: bool) -> ColumnElement[bool]:
    """`found` with null as false, or as true where a missing value is to be included."""
    if filtering and not missing:
        return found
    return func.coalesce(found, true() if missing else false())


def _holds_for_none(left: Operand, leaf: Compare) -> bool:
    """Whether a comparison is true for whom the left side's relation has no row."""
    assert not isinstance(leaf.right, FieldTerm | Aggregate)  # noqa: S101  a value
    return left.empty is not None and bool(COMPARE[leaf.comparator](left.empty, plain(leaf.right)))


def element(array: ColumnElement[Any], place: ColumnElement[Any]) -> ColumnElement[Any]:
    """One element of an array, counted from 1."""
    return array.self_group()[cast(place, Integer)]
