"""Every write of credit: accounts and their ledgers, reservations, plans and budgets, expenses, the weekdays' shape."""

from app.credit.commands.allowing import WITHIN, Grant, Use, allow, end_allowance, use_allowances
from app.credit.commands.authorising import (
    Receipt,
    Reservation,
    Reserved,
    capture,
    hold_reservation,
    release,
    reserve,
    settle,
)
from app.credit.commands.changes import confirm as confirm_change
from app.credit.commands.changes import needs_second_key
from app.credit.commands.changes import propose as propose_change
from app.credit.commands.changes import refuse as refuse_change
from app.credit.commands.changes import replace as replace_changes
from app.credit.commands.expenses import enter_expenses
from app.credit.commands.ledger import (
    Account,
    Sale,
    charge_sales,
    drop_accounts,
    enter_receivables,
    hold_account,
    hold_accounts,
    lock_accounts,
    set_terms,
    take_back,
)
from app.credit.commands.plans import copy_plans, drop_plan, put_plan, put_plans
from app.credit.commands.shapes import FIT_SHAPES, enqueue_daily_fit, fit_shapes

__all__ = [
    "FIT_SHAPES",
    "WITHIN",
    "Account",
    "Grant",
    "Receipt",
    "Reservation",
    "Reserved",
    "Sale",
    "Use",
    "allow",
    "capture",
    "charge_sales",
    "confirm_change",
    "copy_plans",
    "drop_accounts",
    "drop_plan",
    "end_allowance",
    "enqueue_daily_fit",
    "enter_expenses",
    "enter_receivables",
    "fit_shapes",
    "hold_account", "hold_accounts",
    "hold_reservation",
    "lock_accounts",
    "needs_second_key",
    "propose_change",
    "put_plan",
    "put_plans",
    "refuse_change",
    "release",
    "replace_changes",
    "reserve",
    "set_terms",
    "settle",
    "take_back",
    "use_allowances",
]  # fmt: skip
