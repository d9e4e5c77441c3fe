"""What can be asked about a customer's account and its entries. Without an account everything about it is missing."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Date,
    FromClause,
    Numeric,
    Uuid,
    and_,
    case,
    cast,
    func,
    select,
    text,
    union_all,
)
from sqlalchemy import column as of_text

from app.catalog.fields import column
from app.core.fields import Collection, Evaluation, Field, FieldType, Side
from app.credit.kinds import SALES_PLAN, PlanKind
from app.credit.models import KINDS, STATUSES, CreditAccount, Receivable, ReceivableAllocation
from app.credit.owed import OPEN
from app.credit.progress import measured

_ENTRIES = ("receivable.recorded",)
# An account comes into being with its terms or with its first entry.
_ACCOUNTED = ("credit.updated", *_ENTRIES)
_SHARED: dict[str, Any] = {"group": "financial", "scope": "credit:read"}


def _accounts(asked: Evaluation) -> FromClause:
    """Accounts, with what is past its due day: payments settle what is due soonest, so what is not due is owed last."""
    account, entry, named = (
        one.__table__.alias() for one in (CreditAccount, Receivable, ReceivableAllocation)
    )  # fmt: skip
    # What was paid of a charge by name is not owed of it.
    each = union_all(
        *(
            select(one.c.customer_id, amount.label("amount")).where(
                one.c.due_on >= asked.as_of, *asked.bounds(one.c.customer_id)
            )
            for one, amount in ((entry, entry.c.amount), (named, -named.c.amount))
        )
    ).subquery()
    later = select(each.c.customer_id, func.sum(each.c.amount).label("amount")).group_by(each.c.customer_id).subquery()
    overdue = cast(func.greatest(0, account.c.balance - func.coalesce(later.c.amount, 0)), BigInteger)
    # Summed beside the accounts: PostgreSQL leaves the sums out where nobody asks for them.
    beside = account.outerjoin(later, later.c.customer_id == account.c.customer_id)
    found = select(*account.c, overdue.label("overdue")).select_from(beside)
    return found.where(*asked.bounds(account.c.customer_id)).subquery()


_ACCOUNT = Side(
    "credit",
    relation=_accounts,
    on=lambda customer, account: account.c.customer_id == customer.c.id,
    present=lambda account: account.c.customer_id,
)


def current_plans(name: str, kind: PlanKind, spending: str = "") -> Side:
    """The plan of a kind for the longest period that today is in: planned, reached, share and forecast."""

    def relation(asked: Evaluation) -> FromClause:
        found = text(
            f"""
SELECT DISTINCT ON (m.customer_id) m.customer_id, m.planned, m.reached, m.share / 10000.0 AS share, m.forecast
FROM ({measured(kind, spending)} WHERE CAST(:today AS date) BETWEEN p.starts_on AND p.ends_on) m
ORDER BY m.customer_id, m.ends_on - m.starts_on DESC"""
        ).bindparams(today=asked.as_of)
        if spending:
            found = found.bindparams(zone=asked.zone)
        plan = found.columns(
            of_text("customer_id", Uuid), of_text("planned", BigInteger), of_text("reached", BigInteger),
            of_text("share", Numeric), of_text("forecast", BigInteger),
        ).subquery()  # fmt: skip
        return select(*plan.c).where(*asked.bounds(plan.c.customer_id)).subquery()

    return Side(
        name,
        relation=relation,
        on=lambda customer, plan: plan.c.customer_id == customer.c.id,
        present=lambda plan: plan.c.customer_id,
    )


_BOUGHT = ("receipt.recorded", "receipt.voided", "receipt.attributed")
_PLAN: dict[str, Any] = {
    **_SHARED, "side": current_plans("plan", SALES_PLAN), "temporal": True,
    "changed_by": (*_BOUGHT, SALES_PLAN.updated),
}  # fmt: skip

FIELDS: tuple[Field, ...] = (
    Field("plan_planned", "To be bought by the longest plan of today", FieldType.MONEY, column("planned"), **_PLAN),
    Field("plan_actual", "Bought of that plan", FieldType.MONEY, column("reached"), **_PLAN),
    Field("plan_share", "Share of that plan that is bought, 1 for all", FieldType.NUMBER, column("share"), **_PLAN),
    Field("plan_forecast", "What will be bought of that plan", FieldType.MONEY, column("forecast"), **_PLAN,
          followed=False),  # it follows the shape of weeks, which is fitted every night
    Field(
        "credit.limit", "Credit limit", FieldType.MONEY, column("credit_limit"),
        side=_ACCOUNT, changed_by=_ACCOUNTED, **_SHARED,
    ),
    Field(
        "credit.status", "Status of the account", FieldType.CHOICE, column("status"),
        side=_ACCOUNT, choices=STATUSES, changed_by=_ACCOUNTED, **_SHARED,
    ),
    Field(
        "credit.review_on", "Day on which the account's terms are looked at again", FieldType.DATE,
        column("review_on"), side=_ACCOUNT, changed_by=_ACCOUNTED, **_SHARED,
    ),
    Field(
        "credit.balance", "Owed", FieldType.MONEY, column("balance"),
        side=_ACCOUNT, changed_by=_ACCOUNTED, **_SHARED,
    ),
    Field(
        "credit.overdue", "Owed past its due day", FieldType.MONEY, column("overdue"),
        side=_ACCOUNT, temporal=True, changed_by=_ACCOUNTED, **_SHARED,
    ),
)  # fmt: skip

# --- entries ----------------------------------------------------------------------------------------------------------


def _open(asked: Evaluation) -> FromClause:
    """What is left of each charge (`credit.owed`), null of another entry."""
    every = text(OPEN).columns(
        of_text("customer_id", Uuid), of_text("id", Uuid), of_text("due_on", Date), of_text("amount", BigInteger),
        of_text("named", BigInteger), of_text("open", BigInteger),
    ).subquery()  # fmt: skip
    charge = select(every).where(*asked.bounds(every.c.customer_id)).subquery()
    entry = Receivable.__table__.alias()
    both = and_(charge.c.customer_id == entry.c.customer_id, charge.c.id == entry.c.id)
    # A charge that takes back what a return has given falls due on no day, and is not owed.
    owed = case((entry.c.amount > 0, func.coalesce(charge.c.open, 0)))
    found = select(entry.c.customer_id, entry.c.id, entry.c.due_on, owed.label("open"))
    return found.select_from(entry.outerjoin(charge, both)).where(*asked.bounds(entry.c.customer_id)).subquery()


_LEFT = Side(
    "left",
    relation=_open,
    on=lambda entry, left: and_(left.c.customer_id == entry.c.customer_id, left.c.id == entry.c.id),
    present=lambda left: left.c.id,
)


def _amount(entry: FromClause, _: Evaluation) -> ColumnElement[Any]:
    return func.abs(entry.c.amount)


def _overdue(left: FromClause, asked: Evaluation) -> ColumnElement[Any]:
    return case((left.c.due_on >= asked.as_of, 0), else_=left.c.open)


_ENTRY: dict[str, Any] = {**_SHARED, "changed_by": _ENTRIES}

COLLECTIONS: tuple[Collection, ...] = (
    Collection(
        "receivables",
        "Entries of the account",
        relation=Receivable.__table__.alias,
        customer=lambda entry: entry.c.customer_id,
        day=column("occurred_on"),
        order=lambda entry: (entry.c.occurred_on, entry.c.id),
        evidence=lambda entry: entry.c.id,
        **_ENTRY,
        fields=(
            Field("date", "Day", FieldType.DATE, column("occurred_on"), **_ENTRY),
            Field("kind", "Kind", FieldType.CHOICE, column("kind"), choices=KINDS, **_ENTRY),
            Field("amount", "Amount, above zero whatever the kind", FieldType.MONEY, _amount, **_ENTRY),
            Field("due", "Due day of a charge", FieldType.DATE, column("due_on"), **_ENTRY),
            Field("open", "What is left of a charge", FieldType.MONEY, column("open"), side=_LEFT, **_ENTRY),
            Field(
                "overdue", "What is left of a charge past its due day", FieldType.MONEY, _overdue,
                side=_LEFT, temporal=True, **_ENTRY,
            ),
        ),
    ),
)  # fmt: skip
