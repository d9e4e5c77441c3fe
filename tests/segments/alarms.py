"""Warnings, holds and opportunities of the random company: as plain Python, and as rows in the database."""

import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import insert

from app.core.db import Tx
from app.early_warning.models import Hold, WarningRow
from app.early_warning.opportunities.models import Opportunity
from app.early_warning.rules import SEVERITY, SEVERITY_RANK, STATES

ZONE = ZoneInfo("Asia/Shanghai")
TABLES: dict[str, Any] = {"warnings": WarningRow, "holds": Hold, "opportunities": Opportunity}
BEGUN = {"warnings": "opened_at", "holds": "placed_at", "opportunities": "opened_at"}
# Fields that have another name than their column.
SOURCES = {
    ("warnings", "about"): "subject", ("warnings", "promise"): "promise_state",
    ("warnings", "promised"): "promised_amount", ("opportunities", "about"): "subject",
    ("opportunities", "expires"): "expires_on",
}  # fmt: skip
DAYS = {
    "due": "due_at", "snoozed_until": "snoozed_until", "resolved": "resolved_at", "released": "released_at",
    "closed": "closed_at",
}  # fmt: skip
KINDS = {
    "limit": "credit", "overdue": "credit", "rhythm": "loss", "month_plan": "sales_progress",
    "year_budget": "sales_expense", "cost_share": "sales_expense",
}  # fmt: skip


@dataclass
class Alarm:
    """A row of one of these collections."""

    collection: str
    id: uuid.UUID
    customer: uuid.UUID
    begun: datetime
    columns: dict[str, Any]

    @property
    def day(self) -> date:
        return self.begun.astimezone(ZONE).date()

    def value(self, name: str, _: Any, today: date) -> Any:
        """The value of a field; None is missing."""
        if name in {"live", "escalated"}:
            return (self.columns["released_at"] is None) if name == "live" else bool(self.columns["escalated_at"])
        if name == "overdue":
            due = self.value("due", _, today)
            return self.columns["status"] != "resolved" and due is not None and due < today
        if name == "outcome" and self.collection == "warnings":
            return (self.columns["resolution"] or {}).get("outcome")
        if name == "date" or name in DAYS:
            moment = self.begun if name == "date" else self.columns[DAYS[name]]
            return None if moment is None else moment.astimezone(ZONE).date()
        return self.columns[SOURCES.get((self.collection, name), name)]


def give(people: Sequence[Any], anchor: date) -> None:
    """Give people some of each. No draw of the company's own chance: whatever else there is stays as it was."""
    for person in people:
        chance = random.Random(person.id.int)
        for collection, make in (("warnings", _warning), ("holds", _hold), ("opportunities", _opportunity)):
            used = set[tuple[str, str]]()
            for _ in range(chance.choice([0, 0, 1, 2, 4])):
                begun = _moment(chance, anchor - timedelta(days=chance.choice([-1, 0, 0, 1, 7, 30, 31, 90, 365])))
                columns = make(chance, begun)
                key = (columns.get("kind", ""), columns.get("subject", ""))
                if collection != "holds" and columns["status"] not in {"resolved", "taken"}:
                    # At most one at a time that is not over.
                    if key in used:
                        continue
                    used.add(key)
                made = Alarm(collection, uuid.UUID(int=chance.getrandbits(128)), person.id, begun, columns)
                person.alarms.append(made)


def _moment(chance: random.Random, day: date) -> datetime:
    # Some in the last hours of a day in UTC, which are the next day in the company's zone.
    return datetime(day.year, day.month, day.day, chance.choice([1, 5, 17, 23]), tzinfo=UTC)


def _later(chance: random.Random, begun: datetime) -> datetime:
    return begun + timedelta(days=chance.choice([0, 1, 3, 30]), hours=chance.choice([0, 3]))


def _warning(chance: random.Random, begun: datetime) -> dict[str, Any]:
    subject, status = chance.choice([*KINDS]), chance.choice(["open", "snoozed", "resolved", "resolved"])
    state, over = chance.choice(STATES[subject]), status == "resolved"
    promised = chance.random() < 0.4
    resolution = {"outcome": chance.choice(["paid", "kept", "cause_gone"])} if over else None
    return {
        "kind": KINDS[subject], "subject": subject, "state": state, "severity": SEVERITY[state], "status": status,
        "owner": chance.choice(["emp-1", "emp-2", None]), "due_at": chance.choice([None, _later(chance, begun)]),
        "escalated_at": chance.choice([None, begun]), "resolved_at": _later(chance, begun) if over else None,
        "resolution": resolution, "snoozed_until": _later(chance, begun) if status == "snoozed" else None,
        "promise_state": chance.choice(["open", "kept", "broken"]) if promised else None,
        "promised_amount": chance.choice([100, 5000]) if promised else None, "promised_at": begun if promised else None,
        "promised_on": begun.date() + timedelta(days=3) if promised else None,
    }  # fmt: skip


def _hold(chance: random.Random, begun: datetime) -> dict[str, Any]:
    about, over = chance.choice(["year_budget", "cost_share", None]), chance.random() < 0.5
    return {
        "rule": None if about is None else "sales_expense", "about": about,
        "reason": "Cheque returned" if about is None else "above_budget",
        "placed_by": uuid.UUID(int=0) if about is None else None,
        "released_at": _later(chance, begun) if over else None, "released_by": uuid.UUID(int=0) if over else None,
    }  # fmt: skip


def _opportunity(chance: random.Random, begun: datetime) -> dict[str, Any]:
    status = chance.choice(["open", "taken"])
    over = status == "taken"
    return {
        "kind": chance.choice(["birthday", "welcome", "due_to_rebuy"]), "subject": chance.choice(["customer", "P1"]),
        "status": status, "priority": chance.choice([1, 2, 5]), "value": chance.choice([None, 100, 5000]),
        "expires_on": chance.choice([None, begun.date(), begun.date() + timedelta(days=30)]),
        "closed_at": _later(chance, begun) if over else None,
        "outcome": chance.choice(["sold", "contacted", None]) if over else None, "episode": str(chance.random()),
    }  # fmt: skip


async def write(tx: Tx, people: Sequence[Any]) -> None:
    """Write them."""
    for name, model in TABLES.items():
        rows = [_row(one) for person in people for one in person.alarms if one.collection == name]
        if rows:
            await tx.execute(insert(model), rows)


def _row(one: Alarm) -> dict[str, Any]:
    shared = {"customer_id": one.customer, "id": one.id, BEGUN[one.collection]: one.begun, **one.columns}
    if one.collection == "holds":
        return shared
    shared |= {"version": 1, "changed_at": one.begun, "evidence": {}}
    if one.collection == "opportunities":
        return shared
    return {**shared, "rank": 1, "severity_rank": SEVERITY_RANK[one.columns["severity"]], "episode": ""}
