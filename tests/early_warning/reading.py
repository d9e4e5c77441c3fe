"""The rules of the warnings, read in plain Python: what they say of a customer, and what becomes of the warnings."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from app.value.rhythm import PARENT, History, Rhythm, buys_within, overdue, usual_gap
from tests.credit.reference import Ledger

RANKS = {
    "near_limit": 1, "over_limit": 2, "far_over_limit": 3,
    "overdue": 1, "overdue_31": 2, "overdue_61": 3, "overdue_91": 4,
    "late": 1, "at_risk": 2, "lost": 3,
}  # fmt: skip
KIND_OF = {"limit": "credit", "overdue": "credit", "rhythm": "loss"}


@dataclass
class Rule:
    """The settings of both rules."""

    credit: dict[str, Any] = field(
        default_factory=lambda: {"enabled": True, "notice_percent": None, "critical_percent": 110, "cooling_days": 7}
    )
    loss: dict[str, Any] = field(
        default_factory=lambda: {
            "enabled": True, "late_percent": 80, "risk_percent": 90, "risk_chance_percent": 50,
            "lost_chance_percent": 10, "horizon_days": 90, "occasions": 2, "silent_days": 365, "cooling_days": 30,
        }
    )  # fmt: skip


@dataclass
class Told:
    """A warning as it should be."""

    state: str
    episode: str
    status: str = "open"
    resolved_at: datetime | None = None
    by_person: bool = False
    settled: bool = False
    accepted: int | None = None
    until: datetime | None = None


@dataclass
class Customer:
    """All that the rules look at."""

    limit: int = 0
    ledger: Ledger = field(default_factory=Ledger)
    days: set[date] = field(default_factory=set)

    def states(self, rule: Rule, today: date) -> dict[str, tuple[str | None, str, bool]]:
        """Per subject: (state or None, episode, whether it is new enough to be told)."""
        return {
            "limit": (self.over(rule.credit), "", True),
            "overdue": (self.late(rule.credit, today), "", True),
            "rhythm": self.silent(rule.loss, today),
        }

    def over(self, rule: dict[str, Any]) -> str | None:
        owed = self.ledger.balance
        if not rule["enabled"] or owed <= 0:
            return None
        if owed > self.limit:
            return "far_over_limit" if owed * 100 > self.limit * rule["critical_percent"] else "over_limit"
        notice = rule["notice_percent"]
        return "near_limit" if notice is not None and owed * 100 >= self.limit * notice else None

    def late(self, rule: dict[str, Any], today: date) -> str | None:
        amount, since = self.ledger.overdue(today)
        if not rule["enabled"] or not amount or since is None:
            return None
        days = (today - since).days
        return "overdue" if days <= 30 else "overdue_31" if days <= 60 else "overdue_61" if days <= 90 else "overdue_91"

    def silent(self, rule: dict[str, Any], today: date) -> tuple[str | None, str, bool]:
        days = sorted(self.days)
        if not days:
            return None, "", False
        history = History(len(days) - 1, (days[-1] - days[0]).days, (max(today, days[-1]) - days[0]).days)
        usual = usual_gap(PARENT, history, rule["late_percent"] / 100)
        fresh = (today - days[-1]).days - usual <= rule["silent_days"]
        return missed(rule, history), days[-1].isoformat(), fresh


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
    """Every warning there ever was, per customer and subject, the newest last."""

    def __init__(self) -> None:
        self.rule = Rule()
        self.customers: dict[str, Customer] = defaultdict(Customer)
        self.told: dict[tuple[str, str], list[Told]] = defaultdict(list)

    def evaluate(self, now: datetime, today: date) -> None:
        """What the rules make of everybody at a moment."""
        for name, customer in self.customers.items():
            for subject, (state, episode, fresh) in customer.states(self.rule, today).items():
                owed = customer.ledger.balance if subject == "limit" else None
                self.follow(self.told[name, subject], KIND_OF[subject], state, episode, now, owed, fresh=fresh)

    def wake(self, now: datetime) -> None:
        """What slept until now is open again."""
        for told in self.told.values():
            if told and told[-1].status == "snoozed" and (told[-1].until or now) <= now:
                told[-1].status = "open"

    def came(self, name: str, now: datetime, today: date) -> None:
        """A purchase ends the silence that was told of at once, not with the next evaluation."""
        told = self.told[name, "rhythm"]
        state, episode, _ = self.customers[name].silent(self.rule.loss, today)
        if state is None and told and told[-1].status != "resolved":
            self.go_on(told[-1], None, episode, now)

    def follow(
        self, told: list[Told], kind: str, state: str | None, episode: str, now: datetime, owed: int | None, *,
        fresh: bool,
    ) -> None:  # fmt: skip
        last = told[-1] if told else None
        if last is not None and last.status != "resolved":
            self.go_on(last, state, episode, now)
        elif state is None:
            if last is not None:
                last.settled = True
        elif fresh:
            self.tell(told, kind, state, episode, now, owed)

    def go_on(self, last: Told, state: str | None, episode: str, now: datetime) -> None:
        if state is None:
            last.status, last.resolved_at, last.by_person = "resolved", now, False
            return
        if RANKS[state] > RANKS[last.state] and last.status != "investigating":
            last.status = "open"
        last.state, last.episode = state, episode

    def tell(
        self, told: list[Told], kind: str, state: str, episode: str, now: datetime, owed: int | None
    ) -> None:  # fmt: skip
        last = told[-1] if told else None
        if last is None or last.resolved_at is None:
            told.append(Told(state, episode))
            return
        cooling = now - last.resolved_at < timedelta(days=getattr(self.rule, kind)["cooling_days"])
        worse = RANKS[state] > RANKS[last.state] or episode != last.episode
        if kind == "credit":
            worse = worse or last.settled or self.has_grown(last, state, owed)
        if last.by_person and not worse and (kind == "loss" or cooling):
            return
        if cooling:
            last.state, last.episode, last.status, last.resolved_at = state, episode, "open", None
            last.settled = False
        else:
            told.append(Told(state, episode))

    def has_grown(self, last: Told, state: str, owed: int | None) -> bool:
        """Whether far more is owed than when a person resolved it."""
        if owed is None or last.accepted is None or state == "near_limit":
            return False
        return owed * 100 > last.accepted * self.rule.credit["critical_percent"]

    def live(self) -> dict[tuple[str, str], tuple[str, str]]:
        """(state, status) of what is not resolved, by customer and subject."""
        return {
            key: (told[-1].state, told[-1].status)
            for key, told in self.told.items()
            if told and told[-1].status != "resolved"
        }

    def count(self) -> int:
        """How many warnings there ever were."""
        return sum(len(told) for told in self.told.values())
