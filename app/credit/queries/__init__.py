"""Every SELECT of credit."""

from app.credit.queries.expenses import expenses_by_external_ids, expenses_of, spent
from app.credit.queries.ledger import account, by_external_ids, differences, receivables
from app.credit.queries.owed import OPEN, OVERDUE, ageing, nameable, open_charges
from app.credit.queries.plans import hold_customers, plan_of, plans_of, sources

__all__ = [
    "OPEN", "OVERDUE", "account", "ageing", "by_external_ids", "differences", "expenses_by_external_ids", "expenses_of",
    "hold_customers", "nameable", "open_charges", "plan_of", "plans_of", "receivables", "sources", "spent",
]  # fmt: skip
