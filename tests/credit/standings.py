"""Plans in plain Python: every day of a period by itself, in exact fractions."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

Sale = tuple[str, date, int]
COMPANY = ""
CALENDAR = (1,) * 7


def rounded(value: Fraction) -> int:
    """Half away from zero."""
    whole = int(abs(value) + Fraction(1, 2))
    return whole if value >= 0 else -whole


def days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=count) for count in range((last - first).days + 1)]


def shapes(sales: Iterable[Sale], today: date) -> dict[str, tuple[int, ...]]:
    """Parts per million of each weekday, of each store and of the company, over 4 to 52 whole weeks before today."""
    by_store: dict[str, dict[date, int]] = defaultdict(lambda: defaultdict(int))
    for store, day, net in sales:
        if today - timedelta(days=364) <= day < today:
            by_store[store][day] += net
            by_store[COMPANY][day] += net
    found = {}
    for store, sold in by_store.items():
        weeks = (today - min(sold)).days // 7
        if weeks < 4:
            continue
        of_weekday = [0] * 7
        for day, net in sold.items():
            if day >= today - timedelta(days=7 * weeks):
                of_weekday[day.weekday()] += net
        earned = [max(0, net) for net in of_weekday]
        if sum(earned):
            found[store] = tuple(rounded(Fraction(1_000_000 * net, sum(earned))) for net in earned)
    return found


@dataclass
class Plan:
    """A plan as it was set."""

    first: date
    last: date
    planned: int
    phases: Sequence[int] | None = None

    def normal(self, weights: Sequence[int], today: date) -> Fraction:
        """The share that is normally reached by the end of a day."""
        every = days(self.first, self.last)
        if not self.phases or not self.planned:
            total = sum(weights[day.weekday()] for day in every)
            return Fraction(sum(weights[day.weekday()] for day in every if day <= today), total)
        reached = Fraction(0)
        for place, part in enumerate(self.phases):
            month = [day for day in every if day.month == self.first.month + place]
            total = sum(weights[day.weekday()] for day in month)
            reached += Fraction(part * sum(weights[day.weekday()] for day in month if day <= today), total)
        return reached / self.planned

    def standing(self, amounts: Iterable[tuple[date, int]], weights: Sequence[int], today: date) -> dict[str, object]:
        """What an answer says on a day, given (day, amount) of all that counts."""
        reached = sum(amount for day, amount in amounts if self.first <= day <= min(self.last, today))
        normal = self.normal(weights, today)
        share = None if not self.planned else in_four(Fraction(reached, self.planned))
        return {
            "reached": reached, "share": share, "normal_share": in_four(normal),
            "expected": rounded(self.planned * normal), "forecast": rounded(reached / normal) if normal else None,
        }  # fmt: skip


def in_four(value: Fraction) -> str:
    count = rounded(value * 10_000)
    return f"{'-' if count < 0 else ''}{abs(count) // 10_000}.{abs(count) % 10_000:04}"
