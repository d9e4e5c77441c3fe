"""How far a condition is from being true of a customer, in words: '38.00 short'. Pure."""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from app.core.fields import FieldType
from app.segments import windows
from app.segments.outcomes import Outcome, plain_number
from app.segments.print import Printer, iso
from app.segments.tree import (
    Anniversary,
    Between,
    Compare,
    Consent,
    During,
    Leaf,
    Near,
    Rank,
    Rows,
    Sample,
    Sequence,
)  # fmt: skip
from app.segments.values import DateValue, MoneyValue, NumberValue

MISSING = "the value is missing"
_MEASURED = frozenset({FieldType.NUMBER, FieldType.MONEY, FieldType.DATE})
Told = Callable[[Any, Outcome, Printer, date], str | None]


def short(leaf: Leaf, outcome: Outcome, printer: Printer, as_of: date) -> str | None:
    """How far from being true a condition is; None where that cannot be said."""
    told = _TOLD.get(type(leaf))
    return None if told is None else told(leaf, outcome, printer, as_of)


def _rows(leaf: Rows, outcome: Outcome, *_: Any) -> str:
    if leaf.op != "any":
        return f"{outcome.value} found"
    return f"none of {outcome.more} is" if outcome.more else "there is none"


def _sequence(leaf: Sequence, outcome: Outcome, *_: Any) -> str:
    """The step up to which it is there; `more` counts its beginnings, of one step, of two, and so on."""
    reached = [place for place, count in enumerate(outcome.more, 1) if count]
    if not reached:
        return "there is none"
    place = max(reached)
    count, following = outcome.more[place - 1], leaf.steps[place]
    times = "once" if count == 1 else f"{count} times"
    what = "comes all the same" if following.negated else "does not follow"
    return f"up to step {place} it is there {times}; step {place + 1} {what}"


def _compare(leaf: Compare, outcome: Outcome, printer: Printer, _: date) -> str | None:
    if outcome.type not in _MEASURED:
        return MISSING if outcome.value is None else None
    if outcome.value is None:
        return MISSING
    if outcome.needed is None or leaf.comparator == "!=":
        return None
    if leaf.comparator == "=":
        return _apart(outcome.value, outcome.needed, outcome.type, printer)
    return _difference(outcome.value, outcome.needed, outcome.type, printer, upwards=leaf.comparator in {">", ">="})


def _between(leaf: Between, outcome: Outcome, printer: Printer, _: date) -> str | None:
    if outcome.value is None:
        return MISSING
    low, high = _plain(leaf.low), _plain(leaf.high)
    return _apart(outcome.value, low if outcome.value < low else high, outcome.type, printer)


def _during(leaf: During, outcome: Outcome, printer: Printer, as_of: date) -> str | None:
    if outcome.value is None:
        return MISSING
    days = windows.days(leaf.window, as_of)
    if days.first is not None and outcome.value < days.first:
        return _apart(outcome.value, days.first, FieldType.DATE, printer)
    return None if days.last is None else _apart(outcome.value, days.last, FieldType.DATE, printer)


def _anniversary(_: Anniversary, outcome: Outcome, __: Printer, as_of: date) -> str | None:
    """When the next one is."""
    if outcome.value is None:
        return MISSING
    value = outcome.value
    day = windows.key(value) if isinstance(value, date) else int(value)
    for year in (as_of.year, as_of.year + 1):
        there = min(day, 228) if day == 229 and not windows.is_leap(year) else day  # noqa: PLR2004
        following = date(year, there // 100, there % 100)
        if following >= as_of:
            return f"the next is on {iso(following)}"
    return None


def _rank(leaf: Rank, outcome: Outcome, printer: Printer, _: date) -> str | None:
    if outcome.value is None:
        return MISSING
    if outcome.more is False:
        return "not among those compared"
    if outcome.needed is None:
        return None
    return _difference(outcome.value, outcome.needed, outcome.type, printer, upwards=leaf.end == "top")


def _near(_: Near, outcome: Outcome, *__: Any) -> str:
    if outcome.value is None:
        return MISSING
    return f"{plain_number(outcome.value - outcome.needed)} km too far"


def _sample(_: Sample, outcome: Outcome, *__: Any) -> str:
    return f"{plain_number(outcome.value - outcome.needed)} over"


def _consent(_: Consent, outcome: Outcome, *__: Any) -> str | None:
    return "there is no decision" if outcome.value is None else None


_TOLD: dict[type, Told] = {
    Rows: _rows, Sequence: _sequence, Compare: _compare, Between: _between, During: _during, Anniversary: _anniversary,
    Rank: _rank, Near: _near, Sample: _sample, Consent: _consent,
}  # fmt: skip


def _plain(value: Any) -> Any:
    if isinstance(value, NumberValue):
        return value.decimal
    if isinstance(value, MoneyValue):
        return value.money
    assert isinstance(value, DateValue)  # noqa: S101  the others have no order
    return value.date


def _apart(value: Any, needed: Any, kind: FieldType | None, printer: Printer) -> str:
    return _difference(value, needed, kind, printer, upwards=value < needed)


def _difference(value: Any, needed: Any, kind: FieldType | None, printer: Printer, *, upwards: bool) -> str:
    if value == needed:
        return "just at the limit"
    if kind is FieldType.DATE:
        days = abs((needed - value) // timedelta(days=1))
        return f"{days} {'day' if days == 1 else 'days'} too {'early' if upwards else 'late'}"
    gap = abs(Decimal(needed) - Decimal(value))
    amount = printer.money(int(gap.to_integral_value())) if kind is FieldType.MONEY else plain_number(gap)
    return f"{amount} {'short' if upwards else 'over'}"
