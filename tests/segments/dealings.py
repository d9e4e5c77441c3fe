"""Contacts, complaints and surveys of the random company: as plain Python, and as rows in the database."""

import random
import uuid
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import insert

from app.core.db import Tx
from app.engagement.models import Complaint, Interaction, Survey, SurveyAnswer
from tests.segments.belongings import point_of

ZONE = ZoneInfo("Asia/Shanghai")
TABLES: dict[str, Any] = {"interactions": Interaction, "complaints": Complaint, "surveys": Survey}
# Fields that have another name than their column.
SOURCES = {"compensation": "compensation_cost"}
DAYS = {"follow_up": "follow_up_at", "due": "due_at", "resolved": "closed_at"}
STAFF = ("emp-1", "emp-2", None)


@dataclass
class Dealing:
    """A row of one of these collections; `answers` are (perceived, expected or None) of a survey."""

    collection: str
    id: uuid.UUID
    customer: uuid.UUID
    day: date
    occurred_at: datetime
    columns: dict[str, Any]
    answers: list[tuple[int, int | None]] = field(default_factory=list)

    def value(self, name: str, stores: dict[str, dict[str, Any]], today: date) -> Any:  # noqa: PLR0911  a line per kind
        """The value of a field; None is missing."""
        head, _, rest = name.partition(".")
        if head in {"did", "later"}:
            words = self.columns["customer_did" if head == "did" else "then_did"]
            return None if words is None else rest in words
        if rest == "location":
            return point_of(stores[self.columns["store"]]) if self.columns["store"] else None
        if rest:
            return stores[self.columns["store"]][rest] if self.columns["store"] else None
        if name == "date":
            return self.day
        if name in DAYS:
            moment = self.columns[DAYS[name]]
            return None if moment is None else moment.astimezone(ZONE).date()
        if name == "overdue":
            return self.columns["status"] != "resolved" and self.columns["due_at"].astimezone(ZONE).date() < today
        if name == "gap":
            gaps = [perceived - expected for perceived, expected in self.answers if expected is not None]
            return (Decimal(sum(gaps)) / len(gaps)).quantize(Decimal("0.01"), ROUND_HALF_UP) if gaps else None
        return self.columns[SOURCES.get(name, name)]


def dealing(chance: random.Random, customer: uuid.UUID, anchor: date, stores: tuple[str, ...]) -> Dealing:
    day = anchor - timedelta(days=chance.choice([-1, 0, 0, 1, 6, 7, 29, 30, 31, 89, 90, 364, 365]))
    occurred_at = datetime(day.year, day.month, day.day, chance.choice([1, 5]), tzinfo=UTC)
    kind = chance.choice(["interactions", "complaints", "complaints", "surveys"])
    columns = {"interactions": _interaction, "complaints": _complaint, "surveys": _survey}[kind](
        chance, occurred_at, stores
    )
    made = Dealing(kind, uuid.UUID(int=chance.getrandbits(128)), customer, day, occurred_at, columns)
    if kind == "surveys":
        made.answers = [(chance.randint(1, 5), chance.choice([None, 1, 3, 5])) for _ in range(chance.choice([0, 1, 3]))]
    return made


def _moment(chance: random.Random, near: datetime) -> datetime:
    # Some in the last hours of a day in UTC, which are the next day in the company's zone.
    return near + timedelta(days=chance.choice([0, 1, 3]), hours=chance.choice([0, 11, 15]))


def _sequels(chance: random.Random) -> list[str] | None:
    return chance.choice([None, [], ["nothing"], ["bought_again", "told_others"]])


def _interaction(chance: random.Random, at: datetime, _: tuple[str, ...]) -> dict[str, Any]:
    return {
        "channel": chance.choice(["phone", "visit", "chat"]), "direction": chance.choice(["inbound", "outbound"]),
        "topic": chance.choice(["price", "delivery", None]), "by": chance.choice(STAFF),
        "reached": chance.random() < 0.7, "follow_up_at": chance.choice([None, _moment(chance, at)]),
    }  # fmt: skip


def _complaint(chance: random.Random, at: datetime, stores: tuple[str, ...]) -> dict[str, Any]:
    status = chance.choice(["open", "in_progress", "resolved"])
    over = status == "resolved"
    return {
        "about": chance.choice(["product", "price"]), "severity": chance.choice(["minor", "critical"]),
        "status": status, "channel": chance.choice(["phone", None]), "owner": chance.choice(STAFF),
        "store": chance.choice([*stores, None]), "product": chance.choice(["P1", "P2", None]), "subject": "s",
        "due_at": _moment(chance, at), "closed_at": _moment(chance, at) if over else None,
        "outcome": chance.choice(["solved", "rejected"]) if over else None,
        "compensation_cost": chance.choice([None, 0, 100, 5000]),
        "satisfied_after": chance.choice([None, True, False]) if over else None,
        "reopened": chance.choice([0, 0, 1]),
        "customer_did": chance.choice([["told_us"], ["told_us", "legal_step"], ["kept_silent"], []]),
        "then_did": _sequels(chance) if over else None,
    }  # fmt: skip


def _survey(chance: random.Random, _: datetime, __: tuple[str, ...]) -> dict[str, Any]:
    scales = ("repurchase_intention", "willingness_to_pay", "promotion_liking", "reward_liking")
    return {
        "survey": chance.choice(["autumn", "spring"]), "channel": chance.choice(["app", None]),
        "product": chance.choice(["P1", None]), "recommend": chance.choice([None, 0, 6, 10]),
        **{scale: chance.choice([None, 1, 3, 5]) for scale in scales}, "then_did": _sequels(chance),
    }  # fmt: skip


async def write(tx: Tx, dealings: list[Dealing]) -> None:
    for name, model in TABLES.items():
        rows = [_row(one) for one in dealings if one.collection == name]
        if rows:
            await tx.execute(insert(model), rows)
    answers = [
        {"customer_id": one.customer, "survey_id": one.id, "kind": "dimension", "name": f"d{number}",
         "score": perceived, "expected": expected}
        for one in dealings for number, (perceived, expected) in enumerate(one.answers)
    ]  # fmt: skip
    if answers:
        await tx.execute(insert(SurveyAnswer), answers)


def _row(one: Dealing) -> dict[str, Any]:
    return {
        "customer_id": one.customer, "id": one.id, "recorded_by": uuid.UUID(int=0), "version": 1,
        "occurred_at": one.occurred_at, "occurred_on": one.day, "created_at": one.occurred_at,
        "updated_at": one.occurred_at, "by": None, **one.columns,
    }  # fmt: skip
