"""What can be asked about what is spent on a customer: entries, gifts and compensations together."""

from typing import Any

from sqlalchemy import BigInteger, Date, FromClause, Uuid, bindparam, func, select, text
from sqlalchemy import column as of_text

from app.catalog.fields import column
from app.core.fields import Evaluation, Field, FieldType, Side
from app.credit.fields import current_plans
from app.credit.kinds import EXPENSE_BUDGET
from app.credit.queries import spent
from app.engagement.queries import COSTS

_SPENDING = spent(COSTS)
_SPENT = ("expense.recorded", "care.done", "complaint.resolved", "complaint.reopened")
_SHARED: dict[str, Any] = {"group": "financial", "scope": "credit:read", "temporal": True}


def _this_year(asked: Evaluation) -> FromClause:
    found = text(_SPENDING).bindparams(bindparam("zone", asked.zone))
    entry = found.columns(
        of_text("customer_id", Uuid), of_text("id", Uuid), of_text("source"), of_text("kind"),
        of_text("amount", BigInteger), of_text("occurred_on", Date),
    ).subquery()  # fmt: skip
    within = entry.c.occurred_on.between(asked.as_of.replace(month=1, day=1), asked.as_of)
    sums = select(entry.c.customer_id, func.sum(entry.c.amount).label("amount"))
    return sums.where(within, *asked.bounds(entry.c.customer_id)).group_by(entry.c.customer_id).subquery()


_YEAR = Side(
    "spent_this_year",
    relation=_this_year,
    on=lambda customer, sums: sums.c.customer_id == customer.c.id,
    present=lambda sums: sums.c.customer_id,
)
_BUDGET = current_plans("budget", EXPENSE_BUDGET, _SPENDING)
_OF_BUDGET: dict[str, Any] = {**_SHARED, "side": _BUDGET, "changed_by": (*_SPENT, EXPENSE_BUDGET.updated)}

FIELDS: tuple[Field, ...] = (
    Field(
        "expense_this_year", "Spent on the customer this year", FieldType.MONEY, column("amount"),
        side=_YEAR, empty=0, changed_by=_SPENT, **_SHARED,
    ),
    Field("budget_planned", "May be spent by the longest budget of today", FieldType.MONEY, column("planned"),
          **_OF_BUDGET),
    Field("budget_spent", "Spent of that budget", FieldType.MONEY, column("reached"), **_OF_BUDGET),
    Field("budget_share", "Share of that budget that is spent, 1 for all", FieldType.NUMBER, column("share"),
          **_OF_BUDGET),
    Field("budget_forecast", "What will be spent of that budget", FieldType.MONEY, column("forecast"), **_OF_BUDGET),
)  # fmt: skip
