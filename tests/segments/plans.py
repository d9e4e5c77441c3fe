"""Plans, budgets and expenses of the random company: as plain Python, and as rows in the database."""

import random
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import insert

from app.core.db import Tx
from app.credit.models import Expense, ExpenseBudget, SalesPlan, WeekdayShape
from app.credit.period import period
from tests.credit.standings import CALENDAR, Plan, rounded

ZONE = ZoneInfo("Asia/Shanghai")
# Only one store has a shape, and the company none.
SHAPES = {"GY-01": (0, 0, 100_000, 200_000, 0, 600_000, 100_000)}
FIELDS = {
    f"{kind}_{what}": (kind, name)
    for kind, reached in (("plan", "actual"), ("budget", "spent"))
    for what, name in ((reached, "reached"), ("planned", "planned"), ("share", "share"), ("forecast", "forecast"))
}


@dataclass
class Plans:
    """What is planned for one customer, and what was spent: (day, amount)."""

    plans: dict[str, dict[str, Plan]] = field(default_factory=lambda: {"plan": {}, "budget": {}})
    spent: list[tuple[date, int]] = field(default_factory=list)


def some(chance: random.Random, anchor: date) -> Plans:
    made = Plans()
    month = f"{anchor.year}-{anchor.month:02}"
    quarter = f"{anchor.year}-Q{(anchor.month + 2) // 3}"
    for of_kind in made.plans.values():
        for unit in chance.sample([month, quarter, str(anchor.year), str(anchor.year - 1)], chance.choice([0, 1, 2])):
            found = period(unit)
            assert found is not None
            phases = [chance.choice([0, 100, 5001]) for _ in range(found.months)]
            laid_out = chance.random() < 0.4
            planned = sum(phases) if laid_out else chance.choice([0, 100, 5000, 20000])
            of_kind[unit] = Plan(found.first, found.last, planned, phases if laid_out else None)
    for _ in range(chance.choice([0, 0, 2])):
        day = anchor - timedelta(days=chance.choice([-1, 0, 1, 31, 59, 90]))
        made.spent.append((day, chance.choice([1, 100, 5000])))
    return made


def costs(person: Any) -> list[tuple[date, int]]:
    """All that was spent on a person: entries, and what complaints have cost."""
    found = list(person.plans.spent)
    for one in person.dealings:
        if one.collection == "complaints" and one.columns["compensation_cost"]:
            moment = one.columns["closed_at"] or one.occurred_at
            found.append((moment.astimezone(ZONE).date(), one.columns["compensation_cost"]))
    return found


def value(name: str, person: Any, today: date) -> Any:
    """The value of a field; None is missing."""
    spent = costs(person)
    if name == "expense_this_year":
        return sum(amount for day, amount in spent if day.year == today.year and day <= today)
    kind, asked = FIELDS[name]
    current = [one for one in person.plans.plans[kind].values() if one.first <= today <= one.last]
    if not current:
        return None
    plan = max(current, key=lambda one: one.last - one.first)
    bought = [(one.date, one.net) for one in person.bought if not one.voided]
    weights = SHAPES.get(person.home_store, CALENDAR) if kind == "plan" else CALENDAR
    standing = plan.standing(bought if kind == "plan" else spent, weights, today)
    if asked == "planned":
        return plan.planned
    if asked == "share":
        reached: Any = standing["reached"]
        return Decimal(rounded(Fraction(reached * 10_000, plan.planned))) / 10_000 if plan.planned else None
    return standing[asked]


async def write(tx: Tx, people: Iterable[Any]) -> None:
    now = datetime(2023, 1, 1, tzinfo=UTC)
    for kind, table in (("plan", SalesPlan), ("budget", ExpenseBudget)):
        rows = [
            {"customer_id": person.id, "id": uuid.uuid4(), "version": 1, "planned": plan.planned, "created_at": now,
             "updated_at": now, "starts_on": plan.first, "ends_on": plan.last, "period": unit,
             "phases": plan.phases}
            for person in people for unit, plan in person.plans.plans[kind].items()
        ]  # fmt: skip
        await tx.execute(insert(table), rows) if rows else None
    spent = [
        {"customer_id": person.id, "id": uuid.uuid4(), "recorded_by": uuid.UUID(int=0), "amount": amount,
         "recorded_at": now, "occurred_on": day, "kind": "visit", "external_id": str(number)}
        for person in people for number, (day, amount) in enumerate(person.plans.spent)
    ]  # fmt: skip
    await tx.execute(insert(Expense), spent) if spent else None
    shapes = [
        {"store": store, "fitted_at": now, "as_of": now.date(), "weeks": 4, "weights": list(weights)}
        for store, weights in SHAPES.items()
    ]
    await tx.execute(insert(WeekdayShape), shapes)


def give(chance: random.Random, people: Iterable[Any], anchor: date) -> None:
    """Plans of most people."""
    for person in people:
        if person.kind != "walk_in":
            person.plans = some(chance, anchor)
