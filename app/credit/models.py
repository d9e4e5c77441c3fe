"""Tables of credit: accounts, their ledger, reservations and allowances, plans and budgets, expenses.

Entries never change.

Amounts are minor units of the company's currency.
"""

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    UniqueConstraint,
    text,
)  # fmt: skip
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.core.errors import NOT_FOUND, ProblemType
from app.core.tables import Base, Minor, Stamp

STATUSES = ("active", "suspended")
KINDS = ("charge", "payment", "credit_note", "write_off")
EXPENSE_KINDS = ("gift", "visit", "rebate", "display", "travel", "other")
# Under which the shape of the whole company is kept; no store has this code.
COMPANY_SHAPE = ""

AUTHORISATIONS = ("held", "captured", "settled", "released")
# A reservation that may hold something, in the words of its index.
LIVE = "status IN ('held', 'captured')"

CHANGES = ("proposed", "confirmed", "refused", "replaced")
# How a receipt stood to the allowance that it names.
USES = ("within", "exceeded", "expired")

AUTHORISATION_ENDED = ProblemType("authorisation_ended", 409, "The authorisation holds nothing any more")
CREDIT_REFUSED = ProblemType("credit_refused", 409, "It may not be sold on account")
CHANGE_DECIDED = ProblemType("credit_change_decided", 409, "The change of the terms is no longer open")
CHANGE_OUTDATED = ProblemType("credit_change_outdated", 409, "The account is not what the change was proposed for")
SECOND_KEY = ProblemType("second_key_required", 403, "Another client must confirm it")
RECEIVABLE_CONFLICT = ProblemType("receivable_conflict", 409, "The external id stands for another entry")
EXPENSE_CONFLICT = ProblemType("expense_conflict", 409, "The external id stands for another expense")
PLAN_EXISTS = ProblemType("plan_exists", 409, "The customer has a plan for this period already")


class CreditAccount(Base):
    """What a customer may owe. `balance` is kept: it is the sum of the customer's receivables at any time.

    An account that nobody has set up is made by the first entry, with a limit and a term of zero. `version` counts the
    changes of its terms; entries never change it.
    """

    __tablename__ = "credit_accounts"
    __table_args__ = (
        CheckConstraint(f"status IN {STATUSES}", name="status"),
        CheckConstraint("credit_limit >= 0", name="limit"),
        CheckConstraint("term_days BETWEEN 0 AND 3650", name="term"),
        # Whose terms are to be looked at again, the longest due first.
        Index(
            "ix_credit_accounts_review_on_customer_id", "review_on", "customer_id",
            postgresql_where=text("review_on IS NOT NULL"),
        ),
        # Every sale on account changes the balance: room on the page keeps that cheap.
        {"postgresql_with": {"fillfactor": "85"}},
    )  # fmt: skip

    customer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("customers.id"), primary_key=True)
    credit_limit: Mapped[Minor]
    balance: Mapped[Minor]
    version: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[Stamp]
    updated_at: Mapped[Stamp]
    term_days: Mapped[int] = mapped_column(Integer)
    currency: Mapped[str]
    status: Mapped[str]
    review_on: Mapped[date | None]


class CreditChange(Base):
    """Terms that somebody wants an account to have, and that another client has to confirm before `expires_at`.

    `account_version` and `limit_before` are the account's when it was proposed: 0 if there was none.
    """

    __tablename__ = "credit_changes"
    __table_args__ = (
        PrimaryKeyConstraint("customer_id", "id"),
        ForeignKeyConstraint(["customer_id"], ["customers.id"]),
        CheckConstraint(f"state IN {CHANGES}", name="state"),
        CheckConstraint("(state = 'proposed') = (decided_at IS NULL)", name="decided"),
        CheckConstraint("credit_limit > limit_before", name="raises"),
        Index("ix_credit_changes_id", "id"),
        Index("ix_credit_changes_proposed", "customer_id", postgresql_where=text("state = 'proposed'")),
    )

    customer_id: Mapped[uuid.UUID]
    id: Mapped[uuid.UUID]
    proposed_at: Mapped[Stamp]
    expires_at: Mapped[Stamp]
    decided_at: Mapped[datetime | None]
    proposed_by: Mapped[uuid.UUID]
    decided_by: Mapped[uuid.UUID | None]
    account_version: Mapped[int] = mapped_column(BigInteger)
    limit_before: Mapped[Minor]
    credit_limit: Mapped[Minor]
    term_days: Mapped[int] = mapped_column(Integer)
    review_on: Mapped[date | None]
    currency: Mapped[str]
    status: Mapped[str]
    state: Mapped[str]
    reason: Mapped[str | None]


class Receivable(Base):
    """An entry: what a customer owes (`amount` > 0) or no longer owes (< 0), in minor units of the account's currency.

    `due_on` is the day by which a charge is to be paid. An entry that takes a charge back has that charge's `due_on`;
    other entries below zero have none and settle what is due soonest. Entries of a receipt name it.
    """

    __tablename__ = "receivables"
    __table_args__ = (
        PrimaryKeyConstraint("customer_id", "id"),
        ForeignKeyConstraint(["customer_id"], ["credit_accounts.customer_id"]),
        CheckConstraint(f"kind IN {KINDS}", name="kind"),
        CheckConstraint("amount <> 0 AND (kind = 'charge') = (amount > 0)", name="amount"),
        # What is not due yet, and how long what is overdue has been so.
        Index(
            "ix_receivables_customer_id_due_on", "customer_id", "due_on", postgresql_where=text("due_on IS NOT NULL")
        ),
        Index("uq_receivables_customer_id_external_id", "customer_id", "external_id", unique=True),
        Index(
            "ix_receivables_customer_id_receipt_id", "customer_id", "receipt_id",
            postgresql_where=text("receipt_id IS NOT NULL"),
        ),
    )  # fmt: skip

    customer_id: Mapped[uuid.UUID]
    id: Mapped[uuid.UUID]
    receipt_id: Mapped[uuid.UUID | None]
    amount: Mapped[Minor]
    recorded_at: Mapped[Stamp]
    occurred_on: Mapped[date]
    due_on: Mapped[date | None]
    kind: Mapped[str]
    external_id: Mapped[str | None]
    note: Mapped[str | None]


class ReceivableAllocation(Base):
    """The part of an entry below zero (`payment_id`) that settles one charge by name, in minor units.

    `due_on` is the charge's. What is taken off again, because the charge was taken back, is a row below zero.
    """

    __tablename__ = "receivable_allocations"
    __table_args__ = (
        PrimaryKeyConstraint("customer_id", "id"),
        ForeignKeyConstraint(["customer_id", "payment_id"], ["receivables.customer_id", "receivables.id"]),
        ForeignKeyConstraint(["customer_id", "charge_id"], ["receivables.customer_id", "receivables.id"]),
        CheckConstraint("amount <> 0", name="amount"),
        Index("ix_receivable_allocations_customer_id_due_on", "customer_id", "due_on"),
        Index("ix_receivable_allocations_customer_id_charge_id", "customer_id", "charge_id"),
        Index("ix_receivable_allocations_customer_id_payment_id", "customer_id", "payment_id"),
    )

    customer_id: Mapped[uuid.UUID]
    id: Mapped[uuid.UUID]
    payment_id: Mapped[uuid.UUID]
    charge_id: Mapped[uuid.UUID]
    amount: Mapped[Minor]
    recorded_at: Mapped[Stamp]
    due_on: Mapped[date]


class CreditAuthorisation(Base):
    """A part of what a customer may owe, reserved for one sale, in minor units of the account's currency.

    It is `held` until `expires_at`, or `captured`, until the receipt (`source`, `number`) is here, which settles it.
    """

    __tablename__ = "credit_authorisations"
    __table_args__ = (
        PrimaryKeyConstraint("customer_id", "id"),
        ForeignKeyConstraint(["customer_id"], ["credit_accounts.customer_id"]),
        CheckConstraint(f"status IN {AUTHORISATIONS}", name="status"),
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint("(source IS NULL) = (number IS NULL)", name="receipt"),
        CheckConstraint("(status IN ('settled', 'released')) = (closed_at IS NOT NULL)", name="closed"),
        Index("ix_credit_authorisations_id", "id"),
        Index("ix_credit_authorisations_live", "customer_id", "source", "number", postgresql_where=text(LIVE)),
    )

    customer_id: Mapped[uuid.UUID]
    id: Mapped[uuid.UUID]
    authorised_at: Mapped[Stamp]
    expires_at: Mapped[Stamp]
    closed_at: Mapped[datetime | None]
    authorised_by: Mapped[uuid.UUID]
    amount: Mapped[Minor]
    status: Mapped[str]
    store: Mapped[str | None]
    till: Mapped[str | None]
    source: Mapped[str | None]
    number: Mapped[str | None]


class CreditAllowance(Base):
    """What a till may sell on account to a customer while it is cut off, in minor units of the account's currency.

    Sales until `expires_at` count against it; what is not `used` is reserved until `reserved_until`, or until the till
    has given it back.
    """

    __tablename__ = "credit_allowances"
    __table_args__ = (
        PrimaryKeyConstraint("customer_id", "id"),
        ForeignKeyConstraint(["customer_id"], ["credit_accounts.customer_id"]),
        CheckConstraint("amount > 0 AND used BETWEEN 0 AND amount", name="amount"),
        CheckConstraint("granted_at < expires_at AND expires_at <= reserved_until", name="times"),
        Index("ix_credit_allowances_id", "id"),
        Index("ix_credit_allowances_open", "customer_id", "reserved_until", postgresql_where=text("closed_at IS NULL")),
    )

    customer_id: Mapped[uuid.UUID]
    id: Mapped[uuid.UUID]
    granted_at: Mapped[Stamp]
    expires_at: Mapped[Stamp]
    reserved_until: Mapped[Stamp]
    closed_at: Mapped[datetime | None]
    granted_by: Mapped[uuid.UUID]
    amount: Mapped[Minor]
    used: Mapped[Minor]
    currency: Mapped[str]
    store: Mapped[str | None]
    till: Mapped[str]


class CreditAllowanceUse(Base):
    """A receipt that was sold under an allowance: what it put on the account, and what of that was not covered."""

    __tablename__ = "credit_allowance_uses"
    __table_args__ = (
        PrimaryKeyConstraint("customer_id", "id"),
        ForeignKeyConstraint(
            ["customer_id", "allowance_id"], ["credit_allowances.customer_id", "credit_allowances.id"]
        ),
        UniqueConstraint("customer_id", "allowance_id", "receipt_id"),
        CheckConstraint(f"outcome IN {USES}", name="outcome"),
        CheckConstraint("amount > 0 AND excess BETWEEN 0 AND amount", name="amount"),
    )

    customer_id: Mapped[uuid.UUID]
    id: Mapped[uuid.UUID]
    allowance_id: Mapped[uuid.UUID]
    receipt_id: Mapped[uuid.UUID]
    amount: Mapped[Minor]
    excess: Mapped[Minor]
    recorded_at: Mapped[Stamp]
    outcome: Mapped[str]


def _of_period(table: str) -> tuple[Any, ...]:
    """Key, customer, one row per period, and the order of a customer's list."""
    return (
        PrimaryKeyConstraint("customer_id", "id"),
        ForeignKeyConstraint(["customer_id"], ["customers.id"]),
        UniqueConstraint("customer_id", "period"),
        CheckConstraint("planned >= 0", name="planned"),
        CheckConstraint("starts_on <= ends_on", name="days"),
        Index(f"ix_{table}_customer_id_starts_on", "customer_id", "starts_on", "ends_on"),
    )


class OfPeriod:
    """What is planned for a customer in a period (`credit.period`), which its text names and its days bound.

    `phases` are the amounts of its months, which sum to `planned`; null leaves it to the usual shape of a period.
    """

    customer_id: Mapped[uuid.UUID] = mapped_column(sort_order=-1)
    id: Mapped[uuid.UUID] = mapped_column(sort_order=-1)
    version: Mapped[int] = mapped_column(BigInteger, sort_order=-1)
    planned: Mapped[Minor] = mapped_column(sort_order=-1)
    created_at: Mapped[Stamp] = mapped_column(sort_order=-1)
    updated_at: Mapped[Stamp] = mapped_column(sort_order=-1)
    starts_on: Mapped[date] = mapped_column(sort_order=-1)
    ends_on: Mapped[date] = mapped_column(sort_order=-1)
    period: Mapped[str] = mapped_column(sort_order=-1)
    phases: Mapped[list[int] | None] = mapped_column(ARRAY(BigInteger), sort_order=-1)


class SalesPlan(OfPeriod, Base):
    """What a customer is to buy in a period, net."""

    __tablename__ = "sales_plans"
    __table_args__ = _of_period("sales_plans")


class ExpenseBudget(OfPeriod, Base):
    """What may be spent on a customer in a period."""

    __tablename__ = "expense_budgets"
    __table_args__ = _of_period("expense_budgets")


class Expense(Base):
    """What was spent on a customer. What is below zero corrects another expense, which it names.

    `by` is the member of staff who spent it, `recorded_by` the client that wrote it down. What gifts and compensations
    cost stands with them in `engagement` and is an expense as well.
    """

    __tablename__ = "expenses"
    __table_args__ = (
        PrimaryKeyConstraint("customer_id", "id"),
        ForeignKeyConstraint(["customer_id"], ["customers.id"]),
        ForeignKeyConstraint(["customer_id", "corrects"], ["expenses.customer_id", "expenses.id"]),
        CheckConstraint(f"kind IN {EXPENSE_KINDS}", name="kind"),
        CheckConstraint("amount <> 0 AND (corrects IS NULL) = (amount > 0)", name="amount"),
        Index("uq_expenses_customer_id_external_id", "customer_id", "external_id", unique=True),
        Index("ix_expenses_customer_id_occurred_on", "customer_id", "occurred_on", "id"),
        Index(
            "ix_expenses_customer_id_corrects", "customer_id", "corrects",
            postgresql_where=text("corrects IS NOT NULL"),
        ),
    )  # fmt: skip

    customer_id: Mapped[uuid.UUID]
    id: Mapped[uuid.UUID]
    corrects: Mapped[uuid.UUID | None]
    recorded_by: Mapped[uuid.UUID]
    amount: Mapped[Minor]
    recorded_at: Mapped[Stamp]
    occurred_on: Mapped[date]
    kind: Mapped[str]
    external_id: Mapped[str]
    by: Mapped[str | None]
    note: Mapped[str | None]


class WeekdayShape(Base):
    """How the sales of a store (or of the company) usually lie over a week: parts per million, Monday to Sunday.

    They are those of whole weeks before `as_of`, so that every weekday has been as often as any other.
    """

    __tablename__ = "weekday_shapes"
    __table_args__ = (CheckConstraint("cardinality(weights) = 7", name="weights"),)

    store: Mapped[str] = mapped_column(primary_key=True)
    fitted_at: Mapped[Stamp]
    as_of: Mapped[date]
    weeks: Mapped[int] = mapped_column(Integer)
    weights: Mapped[list[int]] = mapped_column(ARRAY(Integer))


PROBLEMS: dict[str, ProblemType] = {
    "fk_credit_changes_customer_id_customers": NOT_FOUND,
    "fk_sales_plans_customer_id_customers": NOT_FOUND,
    "fk_expense_budgets_customer_id_customers": NOT_FOUND,
    "fk_expenses_customer_id_customers": NOT_FOUND,
    "uq_sales_plans_customer_id_period": PLAN_EXISTS,
    "uq_expense_budgets_customer_id_period": PLAN_EXISTS,
    "uq_expenses_customer_id_external_id": EXPENSE_CONFLICT,
    "fk_credit_accounts_customer_id_customers": NOT_FOUND,
    "uq_receivables_customer_id_external_id": RECEIVABLE_CONFLICT,
}
