"""The two kinds of plans that a customer has for a period: what is to be bought, and what may be spent. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PlanKind:
    """A kind of plan. `plural` is its place in a path, `updated` the event that it tells.

    `reached` is what has come of it so far, as an answer calls it; `traded` that this lies over the week as sales do.
    """

    name: str
    table: str
    plural: str
    updated: str
    reached: str
    traded: bool


SALES_PLAN = PlanKind("sales_plan", "sales_plans", "sales-plans", "sales_plan.updated", "actual", traded=True)
EXPENSE_BUDGET = PlanKind(
    "expense_budget", "expense_budgets", "expense-budgets", "expense_budget.updated", "spent", traded=False
)
KINDS = (SALES_PLAN, EXPENSE_BUDGET)
