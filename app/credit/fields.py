"""What can be asked about a customer's account. Without an account everything about it is missing."""

from typing import Any

from sqlalchemy import BigInteger, FromClause, cast, func, select

from app.catalog.fields import column
from app.core.fields import Evaluation, Field, FieldType, Side
from app.credit.models import STATUSES, CreditAccount, Receivable

_TERMS, _ENTRIES = ("credit.updated",), ("receivable.recorded",)
_SHARED: dict[str, Any] = {"group": "financial", "scope": "credit:read"}

_ACCOUNT = Side(
    "credit",
    relation=lambda _: CreditAccount.__table__.alias(),
    on=lambda customer, account: account.c.customer_id == customer.c.id,
    present=lambda account: account.c.customer_id,
)


def _debts(asked: Evaluation) -> FromClause:
    """What is past its due day: payments settle what is due soonest, so what is not due yet is owed last."""
    account, entry = CreditAccount.__table__.alias(), Receivable.__table__.alias()
    not_due = (entry.c.customer_id == account.c.customer_id) & (entry.c.due_on >= asked.as_of)
    overdue = func.greatest(0, account.c.balance - func.coalesce(func.sum(entry.c.amount), 0))
    found = select(account.c.customer_id, cast(overdue, BigInteger).label("overdue"))
    found = found.select_from(account.outerjoin(entry, not_due)).where(*asked.bounds(account.c.customer_id))
    return found.group_by(account.c.customer_id, account.c.balance).subquery()


_OVERDUE = Side(
    "credit_overdue",
    relation=_debts,
    on=lambda customer, debt: debt.c.customer_id == customer.c.id,
    present=lambda debt: debt.c.customer_id,
)

FIELDS: tuple[Field, ...] = (
    Field(
        "credit.limit", "Credit limit", FieldType.MONEY, column("credit_limit"),
        side=_ACCOUNT, changed_by=_TERMS, **_SHARED,
    ),
    Field(
        "credit.status", "Status of the account", FieldType.CHOICE, column("status"),
        side=_ACCOUNT, choices=STATUSES, changed_by=_TERMS, **_SHARED,
    ),
    Field(
        "credit.balance", "Owed", FieldType.MONEY, column("balance"),
        side=_ACCOUNT, changed_by=_ENTRIES, **_SHARED,
    ),
    Field(
        "credit.overdue", "Owed past its due day", FieldType.MONEY, column("overdue"),
        side=_OVERDUE, temporal=True, changed_by=_ENTRIES, **_SHARED,
    ),
)  # fmt: skip
