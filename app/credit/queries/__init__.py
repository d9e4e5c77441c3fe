"""Every SELECT of credit."""

from app.credit.queries.ledger import ENTRY, OVERDUE, account, by_external_ids, differences, receivables

__all__ = ["ENTRY", "OVERDUE", "account", "by_external_ids", "differences", "receivables"]
