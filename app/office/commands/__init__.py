"""What the office changes across rooms: credit with the warnings that follow, plans, and records of one person."""

from app.office.commands.credit import confirm_change, enter_receivables, import_receivables, put_credit, refuse_change
from app.office.commands.merging import Order, Rehearsed, merge, undo
from app.office.commands.plans import copy_plans, drop_plan, enter_expenses, import_expenses, put_plan, put_plans

__all__ = [
    "Order", "Rehearsed", "confirm_change", "copy_plans", "drop_plan", "enter_expenses", "enter_receivables",
    "import_expenses", "import_receivables", "merge", "put_credit", "put_plan", "put_plans", "refuse_change", "undo",
]  # fmt: skip
