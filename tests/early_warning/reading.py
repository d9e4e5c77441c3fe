"""The rules of the warnings, read in plain Python: what they say of a customer, and what becomes of the warnings.

It knows all four kinds, and every status that a person can give; of these it reads what the application has.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from math import ceil
from typing import Any, NamedTuple

from app.early_warning.rules import KINDS
from app.value.rhythm import PARENT, History, Rhythm, buys_within, overdue, usual_gap
from tests.credit.reference import Ledger
from tests.early_warning.reading_plans import EXPENSE, PROGRESS, Planned, budgets, climbing, progress

STATES = {
    "limit": ("near_limit", "over_limit", "far_over_limit"),
    "overdue": ("overdue", "overdue_31", "overdue_61", "overdue_91"),
    "rhythm": ("late", "at_risk", "lost"),
    **dict.fromkeys(("month_plan", "quarter_plan", "year_plan"), ("behind", "far_behind")),
    **dict.fromkeys(("month_budget", "quarter_budget", "year_budget"), ("forecast_above_budget", "above_budget")),
    "cost_share": ("share_climbing",),
    "cost_trend": ("costs_climbing",),
}
RANKS = {state: rank for states in STATES.values() for rank, state in enumerate(states, 1)}
_OF = {"limit": "credit", "overdue": "credit", "rhythm": "loss"}
KIND_OF = {about: _OF.get(about, PROGRESS if about.endswith("_plan") else EXPENSE) for about in STATES}
SEVERITY = {
    "near_limit": "notice", "late": "notice",
    "far_over_limit": "critical", "overdue_61": "critical", "overdue_91": "critical", "lost": "critical",
    "far_behind": "critical", "above_budget": "critical",
}  # fmt: skip


@dataclass
class Rule:
    """The settings of all rules."""

    credit: dict[str, Any] = field(
        default_factory=lambda: {"enabled": True, "notice_percent": None, "critical_percent": 110, "cooling_days": 7}
    )
    loss: dict[str, Any] = field(
        default_factory=lambda: {
            "enabled": True, "late_percent": 80, "risk_percent": 90, "risk_chance_percent": 50,
            "lost_chance_percent": 10, "horizon_days": 90, "occasions": 2, "silent_days": 365, "cooling_days": 30,
        }
    )  # fmt: skip
    sales_progress: dict[str, Any] = field(
        default_factory=lambda: {
            "enabled": True, "tolerance_percent": 5, "early_days": 9, "early_tolerance_percent": 10,
            "from_percent": 10, "critical_percent": 25, "cooling_days": 7,
        }
    )  # fmt: skip
    sales_expense: dict[str, Any] = field(
        default_factory=lambda: {
            "enabled": True, "budget_percent": 100, "forecast_from_percent": 25, "share_days": 90,
            "share_factor_percent": 150, "trend_percent": 20, "cooling_days": 7,
        }
    )  # fmt: skip

    def of(self, kind: str) -> dict[str, Any]:
        """The settings of a kind."""
        found: dict[str, Any] = getattr(self, kind)
        return found


class Judged(NamedTuple):
    """What a rule says of a customer on a day: the state or None, and the numbers that it looked at.

    `episode` tells one cause from the next of its sort; what is not `fresh` is too old to be told of.
    """

    state: str | None
    episode: str = ""
    numbers: dict[str, Any] = {}  # noqa: RUF012  never changed
    fresh: bool = True


@dataclass
class Told:
    """A warning as it should be."""

    state: str
    episode: str
    numbers: dict[str, Any]
    opened_at: datetime
    status: str = "open"
    resolved_at: datetime | None = None
    by_person: bool = False
    settled: bool = False
    accepted: int | None = None
    until: datetime | None = None

    @property
    def order(self) -> tuple[bool, datetime, datetime]:
        """The one that goes on is the last: that which is not resolved, else that which was resolved last."""
        return self.status != "resolved", self.resolved_at or self.opened_at, self.opened_at


@dataclass
class Customer:
    """All that the rules look at. `sold` is net by day, `expenses` (day, amount), `plans` by (kind, period)."""

    limit: int = 0
    ledger: Ledger = field(default_factory=Ledger)
    sold: dict[date, int] = field(default_factory=lambda: defaultdict(int))
    expenses: list[tuple[date, int]] = field(default_factory=list)
    plans: dict[tuple[str, str], Planned] = field(default_factory=dict)

    def judged(self, kind: str, rule: Rule, today: date) -> dict[str, Judged]:
        """What the rule of a kind says, by what it is about."""
        settings = rule.of(kind)
        if kind == "credit":
            found = {"limit": self.over(settings), "overdue": self.late(settings, today)}
        elif kind == "loss":
            found = {"rhythm": self.silent(settings, today)}
        elif kind == PROGRESS:
            found = {about: Judged(*it) for about, it in progress(settings, self.plans, self.sold, today).items()}
        else:
            both = (budgets(settings, self.plans, self.expenses, today),
                    climbing(settings, self.sold, self.expenses, today))  # fmt: skip
            found = {about: Judged(*it) for some in both for about, it in some.items()}
        if not settings["enabled"]:
            found = {about: one._replace(state=None) for about, one in found.items()}
        return found

    def over(self, rule: dict[str, Any]) -> Judged:
        owed, notice = self.ledger.balance, rule["notice_percent"]
        state = None
        if owed > max(self.limit, 0):
            state = "far_over_limit" if owed * 100 > self.limit * rule["critical_percent"] else "over_limit"
        elif owed > 0 and notice is not None and owed * 100 >= self.limit * notice:
            state = "near_limit"
        return Judged(state, "", {"balance": owed, "limit": self.limit})

    def late(self, _: dict[str, Any], today: date) -> Judged:
        amount, since = self.ledger.overdue(today)
        if not amount or since is None:
            return Judged(None)
        days = (today - since).days
        state = (
            "overdue" if days <= 30 else "overdue_31" if days <= 60 else "overdue_61" if days <= 90 else "overdue_91"
        )
        numbers = {"overdue": amount, "since": since.isoformat(), "balance": self.ledger.balance}
        return Judged(state, "", numbers)

    def silent(self, rule: dict[str, Any], today: date) -> Judged:
        days = sorted(day for day, net in self.sold.items() if net > 0)
        if not days:
            return Judged(None, fresh=False)
        first, last = days[0], days[-1]
        history = History(len(days) - 1, (last - first).days, (max(today, last) - first).days)
        usual = usual_gap(PARENT, history, rule["late_percent"] / 100)
        silent = max(0, (today - last).days)
        numbers = {
            "occasions": len(days), "first_occasion": first.isoformat(), "last_occasion": last.isoformat(),
            "silent_days": silent, "usual_days": ceil(usual), "overdue": overdue(PARENT, history),
            "chance": buys_within(PARENT, history, rule["horizon_days"]), "horizon_days": rule["horizon_days"],
            "rhythm_of": "parent",
        }  # fmt: skip
        return Judged(missed(rule, history), last.isoformat(), numbers, silent - usual <= rule["silent_days"])


def missed(rule: dict[str, Any], history: History, rhythm: Rhythm = PARENT) -> str | None:
    """The state of a silence, if it is one to be told of."""
    if not rule["enabled"] or history.repeats + 1 < rule["occasions"]:
        return None
    quantile = overdue(rhythm, history) * 100
    chance = buys_within(rhythm, history, rule["horizon_days"]) * 100
    if quantile >= rule["risk_percent"] and chance < rule["risk_chance_percent"]:
        return "lost" if chance < rule["lost_chance_percent"] else "at_risk"
    return "late" if quantile >= rule["late_percent"] else None


class Reading:
    """Every warning there ever was, per customer and what it is about, the newest last."""

    def __init__(self) -> None:
        self.rule = Rule()
        self.customers: dict[str, Customer] = defaultdict(Customer)
        self.told: dict[tuple[str, str], list[Told]] = defaultdict(list)

    def evaluate(
        self, now: datetime, today: date, kinds: Iterable[str] = KINDS, names: Iterable[str] | None = None
    ) -> None:
        """What the rules make of everybody (or of some) at a moment."""
        for name in list(self.customers) if names is None else names:
            customer = self.customers[name]
            for kind in kinds:
                for about, judged in customer.judged(kind, self.rule, today).items():
                    owed = customer.ledger.balance if about == "limit" else None
                    self.follow(self.told[name, about], about, judged, now, owed)

    def wake(self, now: datetime) -> None:
        """Who was put aside until now is open again."""
        for told in self.live().values():
            if told.status == "snoozed" and told.until is not None and told.until <= now:
                told.status = "open"

    def came(self, name: str, now: datetime, today: date) -> None:
        """What is bought, late or not, and what is voided changes the silence that was told of at once.

        That is not left to the next evaluation: mostly it is over, else it is one since another day.
        """
        told = self.told[name, "rhythm"]
        if told and told[-1].status != "resolved":
            self.go_on(told[-1], self.customers[name].silent(self.rule.loss, today), now)

    def follow(self, told: list[Told], about: str, judged: Judged, now: datetime, owed: int | None) -> None:
        last = told[-1] if told else None
        if last is not None and last.status != "resolved":
            self.go_on(last, judged, now)
        elif judged.state is None:
            if last is not None:
                last.settled = True
        elif judged.fresh:
            self.tell(told, about, judged, now, owed)

    def go_on(self, last: Told, judged: Judged, now: datetime) -> None:
        state = judged.state
        if state is None:
            last.status, last.resolved_at, last.by_person = "resolved", now, False
            return
        # What gets worse is told again, whoever had put it aside or taken it on; an investigation goes on.
        if RANKS[state] > RANKS[last.state] and last.status != "investigating":
            last.status = "open"
        if (state, judged.episode) != (last.state, last.episode):
            last.state, last.episode, last.numbers = state, judged.episode, judged.numbers

    def tell(self, told: list[Told], about: str, judged: Judged, now: datetime, owed: int | None) -> None:
        state, kind = judged.state, KIND_OF[about]
        assert state is not None
        last = told[-1] if told else None
        if last is None or last.resolved_at is None:
            told.append(Told(state, judged.episode, judged.numbers, now))
            return
        cooling = now - last.resolved_at < timedelta(days=self.rule.of(kind)["cooling_days"])
        worse = RANKS[state] > RANKS[last.state] or judged.episode != last.episode
        if kind != "loss":
            worse = worse or last.settled or self.has_grown(last, state, owed)
        # What has an end of its own stands until then; a debt or a share of costs while it cools.
        if last.by_person and not worse and (cooling or about not in {"limit", "overdue", "cost_share"}):
            return
        if cooling:
            last.state, last.episode, last.numbers = state, judged.episode, judged.numbers
            last.status, last.resolved_at, last.settled = "open", None, False
        else:
            told.append(Told(state, judged.episode, judged.numbers, now))

    def has_grown(self, last: Told, state: str, owed: int | None) -> bool:
        """Whether far more is owed than when a person resolved it."""
        if owed is None or last.accepted is None or state == "near_limit":
            return False
        return owed * 100 > last.accepted * self.rule.credit["critical_percent"]

    def merge(self, winner: str, loser: str) -> None:
        """All that the loser has is the winner's. Of two warnings about the same that live the winner's goes on."""
        one, other = self.customers[winner], self.customers.pop(loser)
        one.ledger.entries += other.ledger.entries
        one.expenses += other.expenses
        for day, net in other.sold.items():
            one.sold[day] += net
        for key, plan in other.plans.items():
            one.plans[key] = one.plans[key].with_(plan) if key in one.plans else plan
        for about in STATES:
            ours, theirs = self.told[winner, about], self.told.pop((loser, about), [])
            if ours and ours[-1].status != "resolved":
                theirs = [told for told in theirs if told.status == "resolved"]
            ours += theirs
            ours.sort(key=lambda told: told.order)

    def live(self) -> dict[tuple[str, str], Told]:
        """What is not resolved, by customer and subject."""
        return {key: told[-1] for key, told in self.told.items() if told and told[-1].status != "resolved"}

    def count(self) -> int:
        """How many warnings there ever were."""
        return sum(len(told) for told in self.told.values())
