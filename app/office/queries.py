"""What the office reads across rooms: plans and budgets with what has come of them, and all that was spent."""

import uuid
from datetime import date
from typing import Any

from app.core.db import Tx
from app.core.settings import CompanySettings
from app.credit import documents
from app.credit import queries as credit
from app.credit.kinds import PlanKind
from app.engagement.queries import COSTS

SPENDING = credit.spent(COSTS)
Shown = dict[str, Any]


def _spending(kind: PlanKind) -> str:
    return "" if kind.traded else SPENDING


def _values(tx: Tx, kind: PlanKind, company: CompanySettings) -> dict[str, Any]:
    values: dict[str, Any] = {"today": company.today(tx.now)}
    return values if kind.traded else {**values, "zone": company.time_zone}


async def plan(tx: Tx, kind: PlanKind, customer_id: uuid.UUID, period: str, company: CompanySettings) -> Shown | None:
    """A customer's plan for a period, with how far it has come by today."""
    row = await credit.plan_of(tx, kind, customer_id, period, _values(tx, kind, company), _spending(kind))
    return None if row is None else documents.plan(kind, row, company.currency)


async def plans(
    tx: Tx, kind: PlanKind, customer_id: uuid.UUID, company: CompanySettings, *,
    after: tuple[date, date] | None, limit: int,
) -> list[Shown] | None:  # fmt: skip
    """Up to `limit` of a customer's plans, the latest period first; None if there is no such customer."""
    values = _values(tx, kind, company)
    rows = await credit.plans_of(
        tx, kind, customer_id, after=after, limit=limit, values=values, spending=_spending(kind)
    )
    return None if rows is None else [documents.plan(kind, row, company.currency) for row in rows]


async def expenses(
    tx: Tx, customer_id: uuid.UUID, company: CompanySettings, *, after: tuple[date, uuid.UUID] | None, limit: int
) -> list[Shown] | None:
    """Up to `limit` of what was spent on a customer, the latest day first; None if there is no such customer."""
    values = {"zone": company.time_zone}
    rows = await credit.expenses_of(tx, customer_id, SPENDING, after=after, limit=limit, values=values)
    return None if rows is None else [documents.expense(row) for row in rows]
