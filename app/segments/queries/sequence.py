"""Rows that follow each other, and samples, in SQL."""

import uuid
from collections.abc import Sequence as Many
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Date,
    Integer,
    Interval,
    Numeric,
    Select,
    Text,
    cast,
    func,
    literal,
    select,
    tuple_,
)  # fmt: skip
from sqlalchemy.dialects.postgresql import BIT

from app.core.fields import Collection, Evaluation, Registry
from app.segments.queries.bundles import Bundle, Selected, selected
from app.segments.tree import Sample, Sequence, Step
from app.segments.values import Within

_HEX = 16**8
# After every hash.
_ALL = "g"


def chosen(customer: ColumnElement[uuid.UUID], leaf: Sample) -> ColumnElement[bool]:
    """Whether a customer is in a sample: the first digits of the hash of seed and id are below the share of all."""
    share = Decimal(leaf.percent)
    below = _ALL if share == 100 else f"{int(share * _HEX / 100):08x}"  # noqa: PLR2004
    found = func.md5(literal(f"{leaf.seed}:", Text).concat(cast(customer, Text)))
    return found.collate("C") < literal(below, Text)


def share(customer: ColumnElement[uuid.UUID], leaf: Sample) -> ColumnElement[Any]:
    """Where a customer stands among all of this seed, in percent: who stands below a share is in a sample of it."""
    digits = func.substr(func.md5(literal(f"{leaf.seed}:", Text).concat(cast(customer, Text))), 1, 8)
    place = cast(cast(literal("x", Text).concat(digits), BIT(32)), BigInteger)
    return func.round(cast(place, Numeric) * 100 / _HEX, 6)


def starts(registry: Registry, asked: Evaluation, leaf: Sequence) -> Select[Any]:
    """(customer_id, id, day) of each row that the sequence begins with; `id` is what is shown as evidence."""
    first, *later = leaf.steps
    collection = registry.collections[first.collection]
    found = selected(registry, asked, Bundle(first.collection, leaf.window, first.where))
    follows = _Following(registry, asked, leaf).conditions(found, first, later)
    evidence, day = collection.evidence(found.rows.row), _day(collection, found, asked)
    columns = (found.customer.label("customer_id"), evidence.label("id"), day.label("day"))
    return select(*columns).select_from(found.rows.joined).where(*found.conditions, *follows)


class _Following:
    """What comes after a row of a sequence."""

    def __init__(self, registry: Registry, asked: Evaluation, leaf: Sequence) -> None:
        self._registry = registry
        self._asked = asked
        self._window = leaf.window

    def conditions(self, before: Selected, step: Step, later: Many[Step]) -> list[ColumnElement[bool]]:
        """That the later steps come after a row of a step: none of those that must not, up to the next that must."""
        found: list[ColumnElement[bool]] = []
        for place, each in enumerate(later):
            # What must not come may lie outside the window.
            window = None if each.negated else self._window
            rows = selected(self._registry, self._asked, Bundle(each.collection, window, each.where))
            follows = [*rows.conditions, rows.customer == before.customer, *self._after(before, step, rows, each)]
            if not each.negated:
                follows += self.conditions(rows, each, later[place + 1 :])
            one = select(literal(1)).select_from(rows.rows.joined).where(*follows).correlate(before.rows.row)
            found.append(~one.exists() if each.negated else one.exists())
            if not each.negated:
                break
        return found

    def _after(self, before: Selected, step: Step, rows: Selected, each: Step) -> list[ColumnElement[bool]]:
        collections = self._registry.collections
        former, latter = collections[step.collection], collections[each.collection]
        one, other = _day(former, before, self._asked), _day(latter, rows, self._asked)
        assert each.within is not None  # noqa: S101  checked: every step but the first has it
        last = cast(one + _interval(each.within), Date)
        if former.name != latter.name:
            return [other >= one, other <= last]
        order = tuple_(*latter.order(rows.rows.row)) > tuple_(*former.order(before.rows.row))
        # The day too, which an index may have, as the order does not begin with it everywhere.
        return [order, other >= one, other <= last]


def _day(collection: Collection, found: Selected, asked: Evaluation) -> ColumnElement[Any]:
    assert collection.day is not None  # noqa: S101  checked: other collections make no sequence
    return collection.day(found.rows.row, asked)


def _interval(within: Within) -> ColumnElement[Any]:
    """A month after the 31st is the last day of a shorter month."""
    parts = (within.count if within.unit == unit else 0 for unit in ("years", "months", "weeks", "days"))
    return func.make_interval(*(literal(part, Integer) for part in parts), type_=Interval)
