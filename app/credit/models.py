"""Tables of credit: one account per customer, the entries of its ledger, which are never changed, and reservations."""

import uuid
from datetime import date, datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    text,
)  # fmt: skip
from sqlalchemy.orm import Mapped, mapped_column

from app.core.errors import NOT_FOUND, ProblemType
from app.core.tables import Base, Minor, Stamp

STATUSES = ("active", "suspended")
KINDS = ("charge", "payment", "credit_note", "write_off")

AUTHORISATIONS = ("held", "captured", "settled", "released")
# A reservation that may hold something, in the words of its index.
LIVE = "status IN ('held', 'captured')"

AUTHORISATION_ENDED = ProblemType("authorisation_ended", 409, "The authorisation holds nothing any more")
CREDIT_REFUSED = ProblemType("credit_refused", 409, "It may not be sold on account")
RECEIVABLE_CONFLICT = ProblemType("receivable_conflict", 409, "The external id stands for another entry")


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
        # Every sale on account changes the balance: room on the page keeps that cheap.
        {"postgresql_with": {"fillfactor": "85"}},
    )

    customer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("customers.id"), primary_key=True)
    credit_limit: Mapped[Minor]
    balance: Mapped[Minor]
    version: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[Stamp]
    updated_at: Mapped[Stamp]
    term_days: Mapped[int] = mapped_column(Integer)
    currency: Mapped[str]
    status: Mapped[str]


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


PROBLEMS: dict[str, ProblemType] = {
    "fk_credit_accounts_customer_id_customers": NOT_FOUND,
    "uq_receivables_customer_id_external_id": RECEIVABLE_CONFLICT,
}
