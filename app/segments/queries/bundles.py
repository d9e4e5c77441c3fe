"""Rows of collections: which ones a predicate is about, and many of them as one row per customer.

Aggregates over the same rows share one relation. Plain sums come from the sums per day where a collection keeps them.
"""

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, FromClause, Select, func, literal, select
from sqlalchemy.dialects.postgresql import aggregate_order_by

from app.core.fields import Collection, Evaluation, Registry
from app.segments import windows
from app.segments.queries.operands import Rowset, within
from app.segments.queries.predicates import Predicates, Role, element
from app.segments.tree import Aggregate, Compare, Expr, FieldTerm, Not, Rows
from app.segments.values import Last, Node, Window
from app.segments.walk import terms

AVERAGE_DIGITS = 6
_PICKED = frozenset({"first", "last"})


@dataclass(frozen=True, slots=True)
class Bundle:
    """Rows of a collection in a window that a filter lets through; `by_day` reads the sums per day instead."""

    collection: str
    window: Window | None
    where: Expr | None
    by_day: bool = False


class Need(NamedTuple):
    """A value over the rows of a bundle: a function, and the field that it is of (None for the rows themselves)."""

    function: str
    field: str | None
    distinct: bool


# The newest day on which there is a row.
_NEWEST = Need("newest", None, distinct=False)


class Selected(NamedTuple):
    """Rows in SQL: where they are, the column with their customer, and the conditions that pick them."""

    rows: Rowset
    customer: ColumnElement[uuid.UUID]
    conditions: tuple[ColumnElement[bool], ...]


def selected(registry: Registry, asked: Evaluation, bundle: Bundle) -> Selected:
    """The rows of a bundle."""
    collection = registry.collections[bundle.collection]
    days = collection.day_sums if bundle.by_day else None
    row = (days or collection).relation()
    rows = Rowset(row, asked)
    customer = (days or collection).customer(row)
    conditions = [*asked.bounds(customer)]
    day = (days or collection).day
    if bundle.window is not None and day is not None:
        conditions.append(within(day(row, asked), windows.days(bundle.window, asked.as_of)))
    if days is None and collection.counted is not None:
        conditions.append(collection.counted(row))
    if bundle.where is not None:
        conditions.append(Predicates(collection.by_name, rows).truth(bundle.where, role=Role.WHOLE))
    return Selected(rows, customer, tuple(conditions))


class Bundles:
    """The bundles of one question, each as a relation with one row per customer."""

    def __init__(self, registry: Registry, asked: Evaluation, leaves: Iterable[Expr]) -> None:
        self._registry = registry
        self._asked = asked
        # Every value over the same rows is computed in one go, so all of them must be known before the first is used.
        leaves = list(leaves)
        self._needs: dict[Bundle, list[Need]] = {}
        for leaf in leaves:
            for _, given in terms(leaf) if isinstance(leaf, Compare) else ():
                term = self.aggregate(given)
                if term is not None:
                    bundle, need = self._place(term)
                    if self._looked_up(bundle, need):
                        continue
                    needs = self._needs.setdefault(bundle, [])
                    if need not in needs:
                        needs.append(need)
        for leaf in leaves:
            wider = self._wider(self.presence(leaf)) if isinstance(leaf, Rows) else None
            if wider is not None and _NEWEST not in self._needs[wider]:
                self._needs[wider].append(_NEWEST)

    def aggregate(self, term: Node) -> Aggregate | None:
        """A term as one value of many rows; None for what is a value of the customer alone."""
        if isinstance(term, Aggregate):
            return term
        field = self._registry.fields[term.field] if isinstance(term, FieldTerm) else None
        if field is None or field.same_as is None:
            return None
        lately = field.same_as
        of = lately.collection if lately.field is None else f"{lately.collection}.{lately.field}"
        window = Last(last=lately.days, unit="days")
        return Aggregate(aggregate="count" if lately.field is None else "sum", of=of, window=window)

    def value(self, term: Aggregate) -> tuple[Bundle, str]:
        """The bundle that an aggregate is computed in, and the name of its column there."""
        bundle, need = self._place(term)
        return bundle, f"value_{self._needs[bundle].index(need)}"

    def seen(self, bundle: Bundle) -> tuple[Bundle, str, date] | None:
        """A bundle that is read anyway and tells whether there are rows of this one, so that these need no reading.

        With the name of its column that has the newest day, and the day from which on there are.
        """
        wider = self._wider(bundle)
        first = None if bundle.window is None else windows.days(bundle.window, self._asked.as_of).first
        if wider is None or first is None:
            return None
        return wider, f"value_{self._needs[wider].index(_NEWEST)}", first

    def _wider(self, bundle: Bundle) -> Bundle | None:
        """A bundle that has all rows of this one, and none later than it: it ends on the same day."""
        if bundle.window is None or self._registry.collections[bundle.collection].day is None:
            return None
        days = windows.days(bundle.window, self._asked.as_of)
        for other in self._needs:
            if days.first is None or other.window is None or replace(other, window=bundle.window) != bundle:
                continue
            around = windows.days(other.window, self._asked.as_of)
            if around.last == days.last and (around.first is None or around.first <= days.first):
                return other
        return None

    def presence(self, leaf: Rows) -> Bundle:
        """The bundle with a row for each customer who has such rows: for all, those who have one of the contrary."""
        return self.behind(leaf, by_day=True)

    def behind(self, node: Rows | Aggregate, *, by_day: bool = False) -> Bundle:
        """The rows that a predicate is about; from the sums per day if they tell enough and `by_day` allows it."""
        name = node.collection if isinstance(node, Rows) else node.of.partition(".")[0]
        where = node.where
        if isinstance(node, Rows) and node.op == "all" and where is not None:
            where = Not(item=where)
        by_day = by_day and where is None and self._registry.collections[name].day_sums is not None
        return Bundle(name, node.window, where, by_day)

    def relation(self, bundle: Bundle) -> FromClause:
        """The bundle as a relation: `customer_id`, and its values."""
        found = selected(self._registry, self._asked, bundle)
        collection = self._registry.collections[bundle.collection]
        values = [
            (_from_days if bundle.by_day else _from_rows)(need, collection, found.rows).label(f"value_{number}")
            for number, need in enumerate(self._needs.get(bundle, ()))
        ]
        grouped = select(found.customer.label("customer_id"), *values).select_from(found.rows.joined)
        return grouped.where(*found.conditions).group_by(found.customer).subquery()

    def picked(self, term: Aggregate, customer: ColumnElement[uuid.UUID], outer: FromClause) -> FromClause | None:
        """The first or last value of the customer whom a row of `outer` is about, where looking it up costs least.

        That is where an index leads to it. Within a window few customers have any, so they are read as they lie.
        """
        bundle, need = self._place(term)
        if not self._looked_up(bundle, need) or need.field is None:
            return None
        collection = self._registry.collections[bundle.collection]
        found = selected(self._registry, self._asked, bundle)
        value = found.rows.operand(collection.by_name[need.field]).full.label("value")
        mine = select(value).select_from(found.rows.joined).where(found.customer == customer, *found.conditions)
        return mine.order_by(*_order(need, collection, found.rows)).limit(1).correlate(outer).lateral()

    def rows_of_one(self, bundle: Bundle, customer: ColumnElement[uuid.UUID], outer: FromClause) -> Select[Any]:
        """The rows of the customer whom a row of `outer` is about."""
        found = selected(self._registry, self._asked, bundle)
        mine = select(literal(1)).select_from(found.rows.joined).where(found.customer == customer, *found.conditions)
        return mine.correlate(outer)

    def _looked_up(self, bundle: Bundle, need: Need) -> bool:
        in_order = self._registry.collections[bundle.collection].in_order
        return need.function in _PICKED and need.field is not None and bundle.window is None and in_order

    def _place(self, term: Aggregate) -> tuple[Bundle, Need]:
        name, _, field = term.of.partition(".")
        need = Need(term.aggregate, field or None, term.distinct)
        days = self._registry.collections[name].day_sums
        summed = days is not None and (
            need == Need("count", None, distinct=False) or (need.function == "sum" and field in days.columns)
        )
        return self.behind(term, by_day=summed), need


def _from_days(need: Need, collection: Collection, rows: Rowset) -> ColumnElement[Any]:
    days = collection.day_sums
    assert days is not None  # noqa: S101  a bundle by day was made because there are
    if need == _NEWEST:
        return func.max(days.day(rows.row, rows.asked))
    return func.sum(days.rows(rows.row) if need.field is None else days.columns[need.field](rows.row, rows.asked))


def _from_rows(need: Need, collection: Collection, rows: Rowset) -> ColumnElement[Any]:
    if need == _NEWEST:
        assert collection.day is not None  # noqa: S101  its rows are in a window
        return func.max(collection.day(rows.row, rows.asked))
    if need.field is None:
        return func.count()
    value = rows.operand(collection.by_name[need.field]).full
    if need.function in _PICKED:
        order = _order(need, collection, rows)
        return element(func.array_agg(aggregate_order_by(value, *order)), literal(1))
    if need.function == "avg":
        return func.round(func.avg(value), AVERAGE_DIGITS)
    if need.function == "count":
        return func.count(value.distinct() if need.distinct else value)
    plain: dict[str, Callable[[ColumnElement[Any]], ColumnElement[Any]]] = {
        "sum": func.sum, "min": func.min, "max": func.max,
    }  # fmt: skip
    return plain[need.function](value)


def _order(need: Need, collection: Collection, rows: Rowset) -> list[ColumnElement[Any]]:
    """What the wanted row is the first of."""
    return [column.asc() if need.function == "first" else column.desc() for column in collection.order(rows.row)]
