"""Every write of credit: terms and entries of accounts, plans and budgets, expenses, and the weekdays' shape."""

from app.credit.commands.expenses import enter_expenses
from app.credit.commands.ledger import (
    Account,
    Sale,
    charge_sales,
    drop_account,
    enter_receivables,
    hold_account,
    lock_accounts,
    set_terms,
    take_back,
)
from app.credit.commands.plans import copy_plans, drop_plan, put_plan, put_plans
from app.credit.commands.shapes import FIT_SHAPES, enqueue_daily_fit, fit_shapes

__all__ = [
    "FIT_SHAPES", "Account", "Sale", "charge_sales", "copy_plans", "drop_account", "drop_plan", "enqueue_daily_fit",
    "enter_expenses", "enter_receivables", "fit_shapes", "hold_account", "lock_accounts", "put_plan", "put_plans",
    "set_terms", "take_back",
]  # fmt: skip
