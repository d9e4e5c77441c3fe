"""Every SELECT of credit."""

from app.credit.owed import OVERDUE
from app.credit.queries.expenses import expenses_by_external_ids, expenses_of, spent
from app.credit.queries.ledger import account, accounts, by_external_ids, differences, receivables
from app.credit.queries.owed import ageing, nameable, open_charges
from app.credit.queries.plans import hold_customers, plan_of, plans_of, sources

__all__ = [
    "OVERDUE", "account", "accounts", "ageing", "by_external_ids", "differences", "expenses_by_external_ids",
    "expenses_of",
    "hold_customers", "nameable", "open_charges", "plan_of", "plans_of", "receivables", "sources", "spent",
]  # fmt: skip
