"""Following the feed: whoever bought, spent, was planned for or regraded is judged anew, moments later."""

import uuid
from functools import cache
from typing import Any

from sqlalchemy import Executable, text

from app.core.db import Tx
from app.core.settings import CompanySettings
from app.early_warning.commands.evaluating import evaluate_customers
from app.early_warning.models import WatchState
from app.early_warning.queries import BY_ID, happened, to_do
from app.early_warning.rules import KINDS, Kind
from app.feed.commands import come_to, next_stretch

# What is done about each event. A debt is judged where it changes, and a silence ends with the receipt that ends it: of
# these only what makes them another's is left.
_BOUGHT: tuple[Kind, ...] = ("sales_progress", "sales_expense")
_SPENT: tuple[Kind, ...] = ("sales_expense",)
CAUSES: dict[str, tuple[Kind, ...]] = {
    **dict.fromkeys(("receipt.recorded", "receipt.voided", "receipt.attributed"), _BOUGHT),
    "sales_plan.updated": ("sales_progress",),
    **dict.fromkeys(("expense_budget.updated", "expense.recorded"), _SPENT),
    **dict.fromkeys(("care.done", "care.updated", "care.cancelled"), _SPENT),
    **dict.fromkeys(("complaint.opened", "complaint.updated", "complaint.resolved", "complaint.reopened"), _SPENT),
    # The grade says which rule applies, the home store how a plan lies over the week.
    "customer.updated": KINDS,
}
EVENTS_MAX = 1000


async def watch(tx: Tx, company: CompanySettings) -> int:
    """Look at the next events of the feed, and judge the customers whom they are about; how many events lay there.

    The first time it only notes where the feed stands. 0 also when another worker is at it.
    """
    stretch = await next_stretch(tx, WatchState, EVENTS_MAX)
    if stretch is None:
        return 0
    after, upto = stretch
    concerned = await _concerned(tx, after, upto, company)
    if concerned:
        await evaluate_customers(
            tx, [kind for kind in KINDS if kind in concerned], set().union(*concerned.values()), company
        )
    await come_to(tx, WatchState, upto)
    return upto - after


async def _concerned(tx: Tx, after: int, upto: int, company: CompanySettings) -> dict[Kind, set[uuid.UUID]]:
    """By kind the customers of these events about whom there is something to do. Nobody is locked for less."""
    touched: dict[Kind, set[uuid.UUID]] = {}
    for kind_of_event, customers in (await happened(tx, after, upto, list(CAUSES))).items():
        for kind in CAUSES[kind_of_event]:
            touched.setdefault(kind, set()).update(customers)
    found = {}
    for kind, some in touched.items():
        values: dict[str, Any] = {
            "customers": "{" + ",".join(sorted(str(one) for one in some)) + "}",
            "today": company.today(tx.now), "now": tx.now,
        }  # fmt: skip
        if kind == "sales_expense":
            values["zone"] = company.time_zone
        rows = await tx.rows(_to_do(kind), values)
        if rows:
            found[kind] = {row[0] for row in rows}
    return found


@cache
def _to_do(kind: Kind) -> Executable:
    return text(to_do(kind, BY_ID))
