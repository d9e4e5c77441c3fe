"""Periods that are planned for, and how an amount lies over the months of one. Pure."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from itertools import accumulate, pairwise

_TEXT = re.compile(r"([0-9]{4})(?:-(?:Q([1-4])|(0[1-9]|1[0-2])))?")
FIRST_YEAR, LAST_YEAR = 1900, 2200
YEAR, QUARTER, MONTH = 12, 3, 1


@dataclass(frozen=True, slots=True)
class Period:
    """A year (`2026`), a quarter (`2026-Q3`) or a month (`2026-07`): so many `months` from the day `first` on."""

    text: str
    first: date
    months: int

    @property
    def last(self) -> date:
        """Its last day."""
        month = self.first.month + self.months - 1
        return date(self.first.year + month // 12, month % 12 + 1, 1) - timedelta(days=1)


@lru_cache(maxsize=1000)
def period(text: str) -> Period | None:
    """The period of a text, or None if it is none."""
    found = _TEXT.fullmatch(text)
    if found is None or not FIRST_YEAR <= int(found[1]) <= LAST_YEAR:
        return None
    year, quarter, month = int(found[1]), found[2], found[3]
    if quarter is not None:
        return Period(text, date(year, 3 * int(quarter) - 2, 1), QUARTER)
    return Period(text, date(year, int(month or 1), 1), YEAR if month is None else MONTH)


def months_of(first: date, count: int) -> list[str]:
    """The months of a period that begins on the first of one, as `2026-07`."""
    return [f"{first.year}-{first.month + place:02}" for place in range(count)]


def spread(amount: int, shares: Sequence[Decimal]) -> list[int]:
    """An amount cut by shares that sum to 1: each part is rounded so that all parts up to it are, and none is lost."""
    return _parts(amount * upto for upto in accumulate(shares))


def scaled(amount: int, phases: Sequence[int] | None, factor: Decimal) -> tuple[int, list[int] | None]:
    """An amount and its parts times a factor, rounded so that the parts still sum to the amount."""
    return _rounded(amount * factor), None if phases is None else _parts(upto * factor for upto in accumulate(phases))


def _parts(sums: Iterable[Decimal]) -> list[int]:
    return [after - before for before, after in pairwise([0, *(_rounded(one) for one in sums)])]


def _rounded(value: Decimal) -> int:
    return int(value.quantize(Decimal(1), ROUND_HALF_UP))
