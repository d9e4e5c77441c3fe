"""Plans, budgets and expenses, written by `credit` and answered with what other rooms know of them."""

import uuid
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from app.core.batch import Checked
from app.core.db import Tx
from app.core.errors import NOT_FOUND, Problem
from app.core.settings import CompanySettings
from app.credit import commands as credit
from app.credit.kinds import PlanKind
from app.credit.queries.plans import hold_customers
from app.office import queries

Fields = Mapping[str, Any]


async def put_plan(
    tx: Tx, kind: PlanKind, customer_id: uuid.UUID, given: Fields, version: int | None, company: CompanySettings
) -> tuple[dict[str, Any], bool]:
    """Set a customer's plan; (its document, whether it is new). Raises Problem as `credit` does."""
    made = await credit.put_plan(tx, kind, customer_id, given, version, company.currency)
    shown = await queries.plan(tx, kind, customer_id, given["period"], company)
    if shown is None:
        raise Problem(NOT_FOUND)
    return shown, made


async def put_plans(tx: Tx, kind: PlanKind, checked: Checked, company: CompanySettings) -> dict[str, Any]:
    """Set the plans of a batch; its answer."""
    return _answered(checked, await credit.put_plans(tx, kind, checked.valid, company.currency))


async def copy_plans(tx: Tx, kind: PlanKind, order: Fields, company: CompanySettings) -> dict[str, Any]:
    """Copy plans from one period to another; what was done. Raises Problem as `credit` does."""
    return {"dry_run": order["dry_run"], **asdict(await credit.copy_plans(tx, kind, order, company.currency))}


async def drop_plan(tx: Tx, kind: PlanKind, customer_id: uuid.UUID, period: str, version: int) -> None:
    """Remove version `version` of a customer's plan. Raises Problem as `credit` does."""
    await credit.drop_plan(tx, kind, customer_id, period, version)


async def enter_expenses(tx: Tx, customer_id: uuid.UUID, checked: Checked, company: CompanySettings) -> dict[str, Any]:
    """Enter the valid items of a batch of one customer; its answer. Raises Problem not_found."""
    held = await hold_customers(tx, [customer_id])
    if not held:
        raise Problem(NOT_FOUND)
    items = [(index, {**item, "customer_id": customer_id}) for index, item in checked.valid]
    return _answered(checked, await credit.enter_expenses(tx, held, items, company.today(tx.now)))


async def import_expenses(tx: Tx, checked: Checked, company: CompanySettings) -> dict[str, Any]:
    """Enter the valid items of a batch, which name their customers; its answer."""
    held = await hold_customers(tx, {item["customer_id"] for _, item in checked.valid})
    return _answered(checked, await credit.enter_expenses(tx, held, checked.valid, company.today(tx.now)))


def _answered(checked: Checked, outcomes: Mapping[int, Any]) -> dict[str, Any]:
    for index, outcome in outcomes.items():
        if isinstance(outcome, Problem):
            checked.fail(index, outcome)
        else:
            checked.done(index, *outcome)
    return checked.answer()
