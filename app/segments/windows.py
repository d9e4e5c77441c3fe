"""Windows as days, and which anniversaries fall into them. Pure.

Days are business dates, a window is whole days with both ends included, and today belongs to the last so many days as
well as to the next. 29 February counts as 28 in years that have none.
"""

import calendar
from dataclasses import dataclass
from datetime import date, timedelta

from app.segments.values import After, Before, Last, Next, Node, Span

_MONTHS = {"months": 1, "years": 12}
_DAYS = {"days": 1, "weeks": 7}


@dataclass(frozen=True, slots=True)
class Days:
    """From one day to another, both included; None is open."""

    first: date | None
    last: date | None

    def __contains__(self, day: date) -> bool:
        return (self.first is None or day >= self.first) and (self.last is None or day <= self.last)


def add_months(day: date, months: int) -> date:
    """The same day so many months later or earlier, or the month's last day where that is shorter."""
    index = day.year * 12 + day.month - 1 + months
    year, month = index // 12, index % 12 + 1
    if not date.min.year <= year <= date.max.year:
        return date.min if months < 0 else date.max
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def _moved(day: date, count: int, unit: str) -> date:
    if unit in _MONTHS:
        return add_months(day, count * _MONTHS[unit])
    try:
        return day + timedelta(days=count * _DAYS[unit])
    except OverflowError:
        return date.min if count < 0 else date.max


def days(window: Node, today: date) -> Days:
    """The days of a window when it is `today`."""
    if isinstance(window, Last):
        return Days(_moved(_moved(today, -window.last, window.unit), 1, "days"), today)
    if isinstance(window, Next):
        return Days(today, _moved(_moved(today, window.next, window.unit), -1, "days"))
    if isinstance(window, Span):
        return Days(window.start, window.to)
    if isinstance(window, Before):
        return Days(None, window.before - timedelta(days=1))
    assert isinstance(window, After)  # noqa: S101  there is no other kind
    return Days(window.after + timedelta(days=1), None)


def is_leap(year: int) -> bool:
    """Whether a year has a 29 February."""
    return calendar.isleap(year)


def key(day: date) -> int:
    """A day of the year as month * 100 + day: 921 is 21 September."""
    return day.month * 100 + day.day


@dataclass(frozen=True, slots=True)
class YearPart:
    """Days of years: keys from `first` to `last`, of a day whose own year, if known, is before `year`."""

    first: int
    last: int
    year: int


def anniversaries(span: Days) -> list[YearPart]:
    """The days of the year whose anniversaries fall into a window with two ends, in at most three parts."""
    assert span.first is not None  # noqa: S101  checked: anniversaries are asked for in windows with two ends
    assert span.last is not None  # noqa: S101
    first, last = span.first, span.last
    if first > last:
        return []
    if first.year == last.year:
        return [_part(key(first), key(last), first.year)]
    parts = [_part(key(first), 1231, first.year), _part(101, key(last), last.year)]
    if last.year - first.year > 1:
        # Whole years lie between: every day has its anniversary in each of them.
        parts.append(YearPart(101, 1231, last.year - 1))
    return parts


def _part(first: int, last: int, year: int) -> YearPart:
    """29 February comes on the 28th where the year has no 29th."""
    return YearPart(first, 229 if last == 228 and not calendar.isleap(year) else last, year)  # noqa: PLR2004


def falls_into(day: int, year: int | None, span: Days) -> bool:
    """Whether an anniversary of a day of the year (as `key`), first lived in `year` if known, falls into a window."""
    return any(part.first <= day <= part.last and (year is None or year < part.year) for part in anniversaries(span))
