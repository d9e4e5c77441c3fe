"""The segment language in plain Python over plain objects: slow, and simple enough to be believed.

It shares nothing with the compiler but the tree. `Reference(...).holds(tree, person)` is what the database must find.
"""

import calendar
import hashlib
import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from app.customers.attributes import BY_PATH, Type
from app.segments import tree as t
from app.segments import values as v
from tests.segments import alarms, plans
from tests.segments.accounts import Account, Entry
from tests.segments.alarms import Alarm
from tests.segments.belongings import Belonging, completeness, point_of
from tests.segments.company import BRANDS, FAIR, Company, Decided, Line, Person
from tests.segments.dealings import TABLES, Dealing

ZONE = ZoneInfo("Asia/Shanghai")
# A line stands beside its receipt, an account beside its entry.
Row = tuple[Any, Line | Account | None]


def back(day: date, count: int, unit: str) -> date:
    """The day so many units before (a negative count: after), the month's last day if it is too short."""
    if unit in ("days", "weeks"):
        return day - timedelta(days=count * (7 if unit == "weeks" else 1))
    month, year = day.month - count * (12 if unit == "years" else 1), day.year
    while month < 1:
        month, year = month + 12, year - 1
    while month > 12:
        month, year = month - 12, year + 1
    for last in (day.day, 30, 29, 28):
        try:
            return date(year, month, min(day.day, last))
        except ValueError:
            continue
    raise AssertionError


def in_window(day: date, window: Any, today: date) -> bool:
    if isinstance(window, v.Last):
        return back(today, window.last, window.unit) < day <= today
    if isinstance(window, v.Next):
        return today <= day < back(today, -window.next, window.unit)
    if isinstance(window, v.Span):
        return window.start <= day <= window.to
    if isinstance(window, v.Before):
        return day < window.before
    return day > window.after


def anniversary_in(month: int, day: int, year: int | None, window: Any, today: date) -> bool:
    """Look at every year in which the window could lie."""
    around = [today.year - 101, today.year + 101]
    if isinstance(window, v.Span):
        around = [window.start.year, window.to.year]
    for each in range(around[0], around[1] + 1):
        there = date(each, month, 28 if (month, day) == (2, 29) and not calendar.isleap(each) else day)
        if (year is None or each > year) and in_window(there, window, today):
            return True
    return False


def rounded(value: Decimal, digits: int) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)


def known_sum(values: Iterable[int | Decimal | None]) -> int | Decimal | None:
    """Nothing sums to zero; values of which none is known sum to nothing known."""
    listed = list(values)
    known = [value for value in listed if value is not None]
    return sum(known) if known or not listed else None


def apart(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Kilometres between two points on a ball: the angle between them, as vectors."""
    (a, b), (c, d) = (tuple(math.radians(degree) for degree in point) for point in (one, other))
    first = (math.cos(a) * math.cos(b), math.cos(a) * math.sin(b), math.sin(a))
    second = (math.cos(c) * math.cos(d), math.cos(c) * math.sin(d), math.sin(c))
    along = sum(x * y for x, y in zip(first, second, strict=True))
    across = math.hypot(*(
        first[i] * second[j] - first[j] * second[i] for i, j in ((1, 2), (2, 0), (0, 1))
    ))  # fmt: skip
    return 6371.0088 * math.atan2(across, along)


class Figures:
    """A customer's figures from the receipts that count."""

    def __init__(self, person: Person, today: date) -> None:
        counted = [one for one in person.bought if not one.voided]
        purchases = [one for one in counted if one.kind == "sale" and one.net > 0]
        by_day: dict[date, int] = defaultdict(int)
        by_category: dict[str, int] = defaultdict(int)
        for one in counted:
            by_day[one.date] += one.net
            for line in one.lines:
                if line.category is not None:
                    by_category[line.category] += line.net
        days = sorted(day for day, net in by_day.items() if net > 0)
        self.found: dict[str, Any] = {
            "receipts": len(counted),
            "occasions": len(days),
            "net": sum(one.net for one in counted),
            "margin": known_sum(one.margin for one in counted),
            "discount": sum(one.discount or 0 for one in counted),
            "returns": sum(one.returned for one in counted),
            "first_occasion": days[0] if days else None,
            "last_occasion": days[-1] if days else None,
            "days_since_last": (today - days[-1]).days if days else None,
            "usual_gap_days": None,
            "last_store": max(purchases, key=lambda one: (one.occurred_at, one.store)).store if purchases else None,
        }
        if len(days) > 1:
            self.found["usual_gap_days"] = rounded(Decimal((days[-1] - days[0]).days) / (len(days) - 1), 1)
        best = sorted((-net, name) for name, net in by_category.items() if net > 0)
        self.found["favourite_category"] = best[0][1] if best else None
        for length in (30, 90, 365):
            recent = [one for one in counted if 0 <= (today - one.date).days < length]
            self.found[f"net_{length}d"] = sum(one.net for one in recent)
            self.found[f"margin_{length}d"] = known_sum(one.margin for one in recent)
            self.found[f"receipts_{length}d"] = len(recent)


class Reference:
    """Answers questions about a company as of a day; `segments` are the trees of those that may be referred to."""

    def __init__(self, company: Company, today: date, segments: Any = None) -> None:
        self.company = company
        self.today = today
        self.segments = segments or {}
        self._figures: dict[Any, Figures] = {}

    def members(self, tree: Any) -> set[Any]:
        return {person.id for person in self.company.people if person.counted and self.holds(tree, person)}

    def holds(self, tree: Any, person: Person) -> bool:
        return self._true(tree, lambda name: self.value(name, person), person)

    # --- predicates ---------------------------------------------------------------------------------------------------

    def _true(self, node: Any, get: Callable[[str], Any], person: Person) -> bool:  # noqa: C901, PLR0911, PLR0912  a line per kind
        if isinstance(node, t.And):
            return all(self._true(item, get, person) for item in node.items)
        if isinstance(node, t.Or):
            return any(self._true(item, get, person) for item in node.items)
        if isinstance(node, t.Not):
            return not self._true(node.item, get, person)
        if isinstance(node, t.Compare):
            return self._compare(node, get, person)
        if isinstance(node, t.Rows):
            rows = self._rows(node.collection, node.window, person)
            matching = [row for row in rows if node.where is None or self._of_row(node.where, row, person)]
            return {"any": bool(matching), "none": not matching, "all": len(matching) == len(rows)}[node.op]
        if isinstance(node, t.InSegment):
            inside = self.segments[node.segment]
            return person.id in inside if isinstance(inside, frozenset) else self.holds(inside, person)
        if isinstance(node, t.Moved):
            stays = [stay for stay in person.stays if stay.segment == node.segment]
            days = [stay.entered if node.op == "entered" else stay.left for stay in stays]
            return any(day is not None and in_window(day, node.window, self.today) for day in days)
        if isinstance(node, t.WasIn):
            records = [one for one in self.company.people if one is person or one.merged_into == person.id]
            stays = [stay for one in records for stay in one.stays if stay.segment == node.segment]
            return any(stay.covers(node.on) for stay in stays)
        if isinstance(node, t.Sample):
            digits = hashlib.md5(f"{node.seed}:{person.id}".encode(), usedforsecurity=False).hexdigest()[:8]
            return int(digits, 16) < int(Decimal(node.percent) * 2**32 / 100)
        if isinstance(node, t.Sequence):
            return self._follows(node, person)
        if isinstance(node, t.Rank):
            return self._rank(node, person)
        if isinstance(node, t.Consent):
            return self._consent(node, person) == node.state
        value = get(node.field)
        if isinstance(node, t.Missing):
            return (value is None) != node.negated
        if value is None:
            return isinstance(node, t.OneOf) and node.including_missing
        return self._about(node, value)

    def kilometres(self, points: list[tuple[float, float]], of: Any) -> float:
        """From the nearest point to a place; endless to one that is not known."""
        if isinstance(of, v.Point):
            place = float(of.latitude), float(of.longitude)
        else:
            store = point_of(self.company.stores.get(of.place, {"latitude": None}))
            if store is None and of.place != "FAIR":
                return math.inf
            place = store[0] if store is not None else FAIR
        return min(apart(point, place) for point in points)

    def _about(self, node: Any, value: Any) -> bool:  # noqa: PLR0911  a line per kind
        if isinstance(node, t.Near):
            return self.kilometres(value, node.of) <= float(node.km)
        if isinstance(node, t.OneOf):
            return (value in [plain(one) for one in node.values]) != node.negated
        if isinstance(node, t.Between):
            return bool(plain(node.low) <= value <= plain(node.high))
        if isinstance(node, t.Match):
            wanted = plain(node.value)
            if node.op == "contains":
                return wanted in value
            if node.op == "starts_with":
                return bool(value.startswith(wanted))
            return bool(value == wanted or value.startswith(wanted + "/"))
        if isinstance(node, t.During):
            return in_window(value, node.window, self.today)
        month, day, year = value if isinstance(value, tuple) else (value.month, value.day, value.year)
        return anniversary_in(month, day, year, node.window, self.today)

    def _compare(self, node: Any, get: Callable[[str], Any], person: Person) -> bool:
        sides = [self._term(side, get, person) for side in (node.left, node.right)]
        if None in sides:
            return bool(node.including_missing)
        left, right = sides
        return {
            "=": left == right, "!=": left != right,
            **({} if isinstance(left, bool | str) else {
                "<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right,
            }),
        }[node.comparator]  # fmt: skip

    def _follows(self, node: Any, person: Person) -> bool:
        """Try every row of the first step, every row of the next, and so on."""

        def matching(step: Any, window: Any) -> list[tuple[int, date, Row]]:
            rows = self._rows(step.collection, None, person)
            found = [(place, day_of(step.collection, row), row) for place, row in enumerate(rows)]
            return [
                each for each in found
                if (window is None or in_window(each[1], window, self.today))
                and (step.where is None or self._of_row(step.where, each[2], person))
            ]  # fmt: skip

        def after(one: tuple[int, date, Row], former: Any, step: Any) -> list[tuple[int, date, Row]]:
            last = back(one[1], -step.within.count, step.within.unit)
            return [
                each for each in matching(step, None if step.negated else node.window)
                if one[1] <= each[1] <= last and (former.collection != step.collection or each[0] > one[0])
            ]  # fmt: skip

        def goes_on(one: tuple[int, date, Row], number: int) -> bool:
            former = node.steps[number]
            for place in range(number + 1, len(node.steps)):
                step = node.steps[place]
                found = after(one, former, step)
                if not step.negated:
                    return any(goes_on(each, place) for each in found)
                if found:
                    return False
            return True

        return any(goes_on(each, 0) for each in matching(node.steps[0], node.window))

    def _rank(self, node: Any, person: Person) -> bool:
        population = [
            one for one in self.company.people if one.counted and (node.of is None or self.holds(node.of, one))
        ]
        values = [value for one in population if (value := self.value(node.field, one)) is not None]
        mine = self.value(node.field, person)
        if mine is None or not values or (node.of is not None and not self.holds(node.of, person)):
            return False
        before = sum(1 for value in values if (value > mine if node.end == "top" else value < mine))
        return before < node.size if node.unit == "customers" else before * 100 < node.size * len(values)

    def _consent(self, node: Any, person: Person) -> str | None:
        """The state that counts: the channel's own newest decision, or else, or after a later no, that for any."""
        mine: dict[str, Decided] = {}
        for one in sorted(person.decided, key=lambda one: one.key):
            known = one.key[0].astimezone(ZONE).date() <= self.today
            if known and one.partner is None and one.purpose == node.purpose:
                mine[one.channel] = one
        own, whole = mine.get(node.channel), mine.get("any")
        if own is None:
            return whole.state if whole else None
        if whole and own.state == "granted" and whole.state != "granted" and whole.key > own.key:
            return whole.state
        return own.state

    def _contact(self, name: str, person: Person) -> Any:
        policy = person.policy or {"do_not_call": False}
        days = [at.astimezone(ZONE).date() for at, reached in person.contacts if reached]
        last, wanted = max((day for day in days if day <= self.today), default=None), policy.get("wanted_days")
        due = None
        if wanted is not None:
            due = last + timedelta(days=wanted) if last else person.created_at.astimezone(ZONE).date()
        if name == "due":
            return due is not None and due <= self.today
        return {"last_at": last, "due_on": due}[name] if name in ("last_at", "due_on") else policy.get(name)

    # --- terms --------------------------------------------------------------------------------------------------------

    def _term(self, term: Any, get: Callable[[str], Any], person: Person) -> Any:  # noqa: PLR0911  a line per kind
        if isinstance(term, t.FieldTerm):
            return get(term.field)
        if isinstance(term, t.Ratio):
            above, below = self._term(term.ratio, get, person), self._term(term.to, get, person)
            return rounded(Decimal(above) / Decimal(below), 6) if above is not None and below else None
        if not isinstance(term, t.Aggregate):
            return plain(term)
        name, _, field = term.of.partition(".")
        rows = [
            row for row in self._rows(name, term.window, person)
            if term.where is None or self._of_row(term.where, row, person)
        ]  # fmt: skip
        if not field:
            return len(rows)
        values = [of_row(field, row, self.company, self.today) for row in rows]
        known = [value for value in values if value is not None]
        if term.aggregate == "count":
            # A place is a list of points.
            return len({str(value) for value in known}) if term.distinct else len(known)
        if term.aggregate == "sum":
            return known_sum(values)
        if term.aggregate in ("first", "last"):
            return values[0 if term.aggregate == "first" else -1] if values else None
        if not known:
            return None
        if term.aggregate == "avg":
            return rounded(Decimal(sum(known)) / len(known), 6)
        return min(known) if term.aggregate == "min" else max(known)

    def _of_row(self, where: Any, row: Row, person: Person) -> bool:
        return self._true(where, lambda field: of_row(field, row, self.company, self.today), person)

    def _rows(self, name: str, window: Any, person: Person) -> list[Row]:  # noqa: C901  a line per collection
        """The rows of a collection that count, oldest first."""
        if name in TABLES:
            dealings = [one for one in person.dealings if one.collection == name]
            if window is not None:
                dealings = [one for one in dealings if in_window(one.day, window, self.today)]
            return [(one, None) for one in sorted(dealings, key=lambda one: (one.day, one.occurred_at, one.id))]
        if name in ("addresses", "contacts", "relationships", "contact_log"):
            beside = [one for one in person.belongings if one.collection == name]
            if window is not None:
                beside = [one for one in beside if one.day is not None and in_window(one.day, window, self.today)]
            return [(one, None) for one in sorted(beside, key=lambda one: one.key)]
        if name in alarms.TABLES:
            told = [one for one in person.alarms if one.collection == name]
            if window is not None:
                told = [one for one in told if in_window(one.day, window, self.today)]
            return [(one, None) for one in sorted(told, key=lambda one: (one.begun, one.id))]
        if name == "receivables":
            entries = person.account.entries if person.account is not None else []
            if window is not None:
                entries = [one for one in entries if in_window(one.day, window, self.today)]
            return [(one, person.account) for one in sorted(entries, key=lambda one: (one.day, one.id))]
        counted = [one for one in person.bought if not one.voided]
        if window is not None:
            counted = [one for one in counted if in_window(one.date, window, self.today)]
        if name == "receipts":
            return [(one, None) for one in sorted(counted, key=lambda one: (one.date, one.occurred_at, one.id))]
        ordered = sorted(counted, key=lambda one: (one.date, one.id))
        return [(one, line) for one in ordered for line in one.lines]

    # --- fields -------------------------------------------------------------------------------------------------------

    def value(self, name: str, person: Person) -> Any:  # noqa: C901, PLR0911, PLR0912  a line per kind
        """The value of a field of a customer; None is missing. A birthday is (month, day, year or None)."""
        if name.startswith("figures.") or name.rpartition("_")[2] in ("30d", "90d", "365d"):
            if person.id not in self._figures:
                self._figures[person.id] = Figures(person, self.today)
            return self._figures[person.id].found[name.removeprefix("figures.")]
        if name.startswith("contact."):
            return self._contact(name[8:], person)
        if name == "home.location":
            return point_of(self.company.stores[person.home_store]) if person.home_store else None
        if name == "location":
            places = [one for one in person.belongings if one.collection == "addresses"]
            usable = [one for one in places if one.value("usable", {}, self.today)]
            return [point for one in usable for point in one.value("location", {}, self.today) or ()] or None
        if name.startswith("home."):
            return self.company.stores[person.home_store][name[5:]] if person.home_store else None
        if name.startswith("credit."):
            return self._credit(name[7:], person)
        if name in plans.FIELDS or name == "expense_this_year":
            return plans.value(name, person, self.today)
        if "." in name:
            return of_profile(name, person.profile.get(name))
        if name.startswith("has_"):
            return name[4:] in person.identifiers
        if name == "birthday":
            return person.birth
        if name == "completeness":
            return completeness(person, self.company.people, self.today)
        if name == "age":
            return self._age(person)
        if name == "created":
            return person.created_at.astimezone(ZONE).date()
        return getattr(person, name)

    def _credit(self, name: str, person: Person) -> Any:
        account = person.account
        if account is None:
            return None
        if name != "overdue":
            return getattr(account, name)
        # What was paid of a charge by name is not owed of it.
        later = (entry for entry in account.entries if entry.due and entry.due >= self.today)
        not_due = (entry.amount - account.named(entry) for entry in later)
        return max(0, account.balance - sum(not_due))

    def _age(self, person: Person) -> int | None:
        month, day, year = person.birth or (0, 0, None)
        if year is None:
            return None
        if (month, day) == (2, 29) and not calendar.isleap(self.today.year):
            day = 28
        return self.today.year - year - (date(self.today.year, month, day) > self.today)


def of_profile(name: str, value: Any) -> Any:
    kind = BY_PATH[name].type
    if value is None:
        return None
    if kind is Type.DATE:
        return date.fromisoformat(value)
    if kind is Type.MEMBERS:
        return len(value)
    return ", ".join(value) if kind is Type.TAGS else value


def of_row(field: str, row: Row, company: Company, today: date) -> Any:  # noqa: PLR0911  a line per kind
    one, line = row
    if isinstance(one, Dealing | Belonging | Alarm):
        return one.value(field, company.stores, today)
    if isinstance(line, Account):
        return of_entry(field, line, one, today)
    if field == "date":
        return one.date
    if line is not None:
        if field == "receipt":
            return one.id
        return BRANDS.get(line.product) if field == "brand" else getattr(line, field)
    if field == "store.location":
        return point_of(company.stores[one.store])
    if field.startswith("store."):
        return company.stores[one.store][field[6:]]
    constants = {"till": "1", "source": "till", "currency": "CNY"}
    return constants[field] if field in constants else getattr(one, field)


def of_entry(field: str, account: Account, one: Entry, today: date) -> Any:
    if field == "overdue":
        return 0 if one.due is not None and one.due >= today else account.left(one)
    if field == "open":
        return account.left(one)
    return {"date": one.day, "kind": one.kind, "amount": abs(one.amount), "due": one.due}[field]


def day_of(collection: str, row: Row) -> date:
    """The day on which a row of a collection happened."""
    day: date = row[0].date if collection in {"receipts", "lines"} else row[0].day
    return day


def plain(value: Any) -> Any:
    if isinstance(value, v.NumberValue):
        return Decimal(value.number)
    for name in ("money", "text", "date", "boolean"):
        if hasattr(value, name):
            return getattr(value, name)
    raise AssertionError(value)
