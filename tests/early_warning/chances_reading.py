"""The rules of the opportunities, read in plain Python: what is to be open, and what becomes of what was."""

import calendar
import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from app.early_warning.opportunities.rules import KINDS, Kind, usual


@dataclass
class Bought:
    """A receipt of one product."""

    day: date
    product: str
    net: int
    voided: bool = False


@dataclass
class Promised:
    """A promise of ours."""

    due: date
    open: bool = True


@dataclass(frozen=True)
class Answered:
    """A survey: scores of benefits, of sacrifices, and (perceived, expected) of dimensions."""

    survey: str
    day: date
    benefits: tuple[int, ...] = ()
    sacrifices: tuple[int, ...] = ()
    dimensions: tuple[tuple[int, int | None], ...] = ()

    @property
    def no_value(self) -> bool | None:
        """Whether what it gives does not outweigh what it costs; None: it does not say."""
        if self.benefits and self.sacrifices:
            given, taken = (Fraction(sum(one), len(one)) for one in (self.benefits, self.sacrifices))
            return given <= taken
        measured = [(one, expected) for one, expected in self.dimensions if expected is not None]
        return all(one < expected for one, expected in measured) if measured else None


@dataclass
class Known:
    """All that the rules look at."""

    since: date
    sponsor: bool = False
    born: tuple[int, int, int | None] | None = None
    bought: list[Bought] = field(default_factory=list)
    contacts: list[date] = field(default_factory=list)
    promises: dict[str, Promised] = field(default_factory=dict)
    wanted_days: int | None = None
    grade: str | None = None
    surveys: list[Answered] = field(default_factory=list)

    @property
    def counted(self) -> list[Bought]:
        """What counts."""
        return [one for one in self.bought if not one.voided]

    @property
    def net(self) -> int:
        """All that was spent."""
        return sum(one.net for one in self.counted)

    def net_of_a_year(self, today: date) -> int:
        """What was spent in the last 365 days."""
        return sum(one.net for one in self.counted if today - timedelta(days=365) < one.day <= today)


@dataclass
class Told:
    """An opportunity as it should be."""

    episode: str
    expires: date | None
    value: int | None = None
    status: str = "open"
    outcome: str | None = None


# (subject, episode, last day, value)
Wanted = tuple[str, str, date | None, int | None]


def on(year: int, month: int, day: int) -> date:
    """A day of the year: 29 February is the 28th in other years."""
    return date(year, month, min(day, calendar.monthrange(year, month)[1]))


def coming(month: int, day: int, today: date, before: int) -> Iterator[date]:
    """Its anniversary, if one is near."""
    for year in (today.year, today.year + 1):
        if today <= on(year, month, day) <= today + timedelta(days=before):
            yield on(year, month, day)


class Reading:
    """Every opportunity there ever was, per customer, kind and subject, the newest last."""

    def __init__(self, products: dict[str, int], **rules: dict[str, Any]) -> None:
        self.products = products
        self.rules: dict[Kind, dict[str, Any]] = {kind: usual(kind) | rules.get(kind, {}) for kind in KINDS}
        self.customers: dict[str, Known] = {}
        self.told: dict[tuple[str, Kind, str], list[Told]] = defaultdict(list)

    def judge(self, today: date) -> None:
        """What the rules make of everybody."""
        for name, known in self.customers.items():
            for kind in KINDS:
                self._follow(name, kind, list(getattr(self, f"_{kind}")(name, known, today)), today)

    def spent(self, name: str, before: int, today: date) -> None:
        """What the receipt brings that has just changed what a customer has spent."""
        rule, known = self.rules["cumulative_spend"], self.customers[name]
        passed = [one for one in rule["amounts"] if before < one <= known.net]
        found: list[Wanted] = []
        if passed:
            last = max(one.day for one in known.counted)
            found = [("net", str(passed[-1]), last + timedelta(days=rule["keep_days"]), passed[-1])]
        elif any(known.net < one <= before for one in rule["amounts"]):
            found = list(self._cumulative_spend(name, known, today))
        else:
            return
        self._follow(name, "cumulative_spend", found, today)

    def _follow(self, name: str, kind: Kind, wanted: list[Wanted], today: date) -> None:
        open_ones = {
            key[2]: told[-1] for key, told in self.told.items()
            if key[:2] == (name, kind) and told and told[-1].status == "open"
        }  # fmt: skip
        left = set(open_ones)
        for subject, episode, expires, value in wanted:
            told = self.told[name, kind, subject]
            done = any(
                one.episode == episode and (one.status in {"taken", "dismissed"} or one.outcome == "lapsed")
                for one in told
            )
            if done or (expires is not None and expires < today):
                continue
            if subject in open_ones:
                left.discard(subject)
                one = open_ones[subject]
                if (one.episode, one.expires) != (episode, expires):
                    one.episode, one.expires, one.value = episode, expires, value
            else:
                told.append(Told(episode, expires, value))
        for subject in left:
            one = open_ones[subject]
            one.status = "expired"
            one.outcome = "lapsed" if one.expires is not None and one.expires < today else "cause_gone"

    def _cumulative_spend(self, name: str, known: Known, _: date) -> Iterator[Wanted]:
        told = self.told[name, "cumulative_spend", "net"]
        if told and told[-1].status == "open" and known.net >= int(told[-1].episode):
            yield "net", told[-1].episode, told[-1].expires, told[-1].value

    def _birthday(self, _: str, known: Known, today: date) -> Iterator[Wanted]:
        if known.born is None:
            return
        month, day, year = known.born
        for near in coming(month, day, today, self.rules["birthday"]["days_before"]):
            if year is None or year < near.year:
                yield "customer", near.isoformat(), near, None

    def _anniversary(self, _: str, known: Known, today: date) -> Iterator[Wanted]:
        if known.counted:
            first = min(one.day for one in known.counted)
            for near in coming(first.month, first.day, today, self.rules["anniversary"]["days_before"]):
                if near.year - first.year in self.rules["anniversary"]["years"]:
                    yield "first_purchase", near.isoformat(), near, None

    def _due_to_rebuy(self, _: str, known: Known, today: date) -> Iterator[Wanted]:
        rule = self.rules["due_to_rebuy"]
        for product, replaced in self.products.items():
            days = sorted({one.day for one in known.counted if one.product == product})
            if not days:
                continue
            gap = replaced
            if len(days) >= 3:
                own = (days[-1] - days[0]).days / (len(days) - 1)
                gap = max(1, round(math.sqrt(replaced * own)))
            due = days[-1] + timedelta(days=gap)
            if due - timedelta(days=rule["days_before"]) <= today <= due + timedelta(days=rule["keep_days"]):
                value = sum(one.net for one in known.counted if (one.product, one.day) == (product, days[-1]))
                yield product, days[-1].isoformat(), due + timedelta(days=rule["keep_days"]), value

    def _key_customer_silent(self, _: str, known: Known, today: date) -> Iterator[Wanted]:
        heard = max([known.since, *known.contacts, *(one.day for one in known.counted)])
        if known.sponsor and (today - heard).days >= self.rules["key_customer_silent"]["days"]:
            yield "silence", heard.isoformat(), None, None

    def _contact_due(self, _: str, known: Known, today: date) -> Iterator[Wanted]:
        if known.wanted_days is not None:
            due = max(known.contacts) + timedelta(days=known.wanted_days) if known.contacts else known.since
            if due <= today:
                yield "contact", due.isoformat(), None, None

    def _welcome(self, _: str, known: Known, today: date) -> Iterator[Wanted]:
        if known.counted:
            last = min(one.day for one in known.counted) + timedelta(days=self.rules["welcome"]["keep_days"])
            if today <= last:
                yield "first_purchase", "", last, None

    def _promise_due(self, _: str, known: Known, today: date) -> Iterator[Wanted]:
        for promise, one in known.promises.items():
            if one.open and one.due - timedelta(days=self.rules["promise_due"]["days_before"]) <= today:
                yield promise, one.due.isoformat(), None, None

    def _grade_about_to_change(self, _: str, known: Known, today: date) -> Iterator[Wanted]:
        rule = self.rules["grade_about_to_change"]
        ladder = {one["grade"]: one["net"] for one in rule["boundaries"]}
        if not ladder or (known.grade is not None and known.grade not in ladder):
            return
        net, own = known.net_of_a_year(today), ladder.get(known.grade or "", 0)
        covered = [grade for grade, needed in ladder.items() if needed <= net]
        above = [(grade, needed) for grade, needed in ladder.items() if needed > own]
        how = direction = target = ""
        boundary = own
        if known.grade is not None and known.grade not in covered:
            how, direction, target = "below", "down", covered[-1] if covered else ""
        elif above and above[0][0] in covered:
            how, direction, target, boundary = "reached", "up", covered[-1], ladder[covered[-1]]
        elif above and (above[0][1] - net) * 100 <= rule["within_percent"] * above[0][1]:
            how, direction, (target, boundary) = "near", "up", above[0]
        if how:
            grade = [known.grade] if known.grade else []
            yield f"{direction}:{target}", " ".join([*grade, how, str(boundary), str(today.year)]), None, boundary

    def _no_value_perceived(self, _: str, known: Known, today: date) -> Iterator[Wanted]:
        days = self.rules["no_value_perceived"]["days"]
        telling = [one for one in known.surveys if one.no_value is not None and (today - one.day).days < days]
        if telling and telling[-1].no_value:
            newest = telling[-1]
            yield "value", newest.survey, newest.day + timedelta(days=days - 1), None

    def all(self) -> list[tuple[str, str, str, str, str, str | None, date | None, int | None]]:
        """(customer, kind, subject, episode, status, outcome, last day, value) of each, in order."""
        return sorted(
            (
                (*key, one.episode, one.status, one.outcome, one.expires, one.value)
                for key, told in self.told.items() for one in told
            ),
            key=str,
        )  # fmt: skip
