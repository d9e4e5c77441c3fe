"""Tables of receipts, and of what is kept per customer from them.

Amounts of a receipt are minor units of its own currency; `base_...` and everything per customer are minor units of the
company's. What a return or a negative line of an exchange gives back is stored negative, so that sums need no cases.

There are no foreign keys. Customers, stores and products are never deleted, one command writes receipts with their
lines and only for rows that it has just resolved, and every check would lock a row that all tills share.
"""

import uuid
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Index,
    Integer,
    LargeBinary,
    Numeric,
    PrimaryKeyConstraint,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.core.errors import ProblemType
from app.core.tables import Base, Minor, Stamp

KINDS = ("sale", "return")
PURPOSES = ("own_use", "gift", "banquet", "resale")

RECEIPT_CONFLICT = ProblemType("receipt_conflict", 409, "The receipt number stands for another receipt")
UNKNOWN_CUSTOMER = ProblemType("unknown_customer", 422, "There is no such customer")
AMBIGUOUS_CUSTOMER = ProblemType("ambiguous_customer", 409, "Several customers share this identifier")


def in_windows(table: str) -> Index:
    """Finds the rows of a window of days. Rows come nearly in the order of days, so it is tiny and cheap to keep."""
    return Index(
        f"ix_{table}_business_date",
        "business_date",
        postgresql_using="brin",
        # Several ranges per block: a receipt that comes years late does not spoil its block for other windows.
        postgresql_ops={"business_date": "date_minmax_multi_ops"},
        postgresql_with={"autosummarize": "on"},
    )


class Receipt(Base):
    """A receipt, kept for ever. A voided one counts nowhere; one without a customer belongs to its store's walk-in.

    `discount`, `tax` and `cost` sum what is known of the lines and are null where nothing is. `base_margin` is
    net - tax - cost over the lines whose cost is known, `base_returns` what was given back, as a positive amount.
    """

    __tablename__ = "receipts"
    __table_args__ = (
        PrimaryKeyConstraint("customer_id", "id"),
        CheckConstraint(f"kind IN {KINDS}", name="kind"),
        CheckConstraint(f"purpose IN {PURPOSES}", name="purpose"),
        CheckConstraint("rate > 0 AND rate < 1000000000", name="rate"),
        CheckConstraint("(returns_source IS NULL) = (returns_number IS NULL)", name="returns"),
        Index("ix_receipts_id", "id"),
        # Serves the list of a customer's receipts (newest day first) and the sums of one customer and day.
        Index("ix_receipts_customer_id_business_date", "customer_id", "business_date", "occurred_at"),
        in_windows("receipts"),
        # The few rows that questions about lines must leave out.
        Index("ix_receipts_voided", "customer_id", "id", postgresql_where=text("voided_at IS NOT NULL")),
        Index(
            "ix_receipts_returns",
            "returns_source",
            "returns_number",
            postgresql_where=text("returns_number IS NOT NULL"),
        ),
    )

    customer_id: Mapped[uuid.UUID]
    id: Mapped[uuid.UUID]
    occurred_at: Mapped[Stamp]
    recorded_at: Mapped[Stamp]
    voided_at: Mapped[datetime | None]
    gross: Mapped[Minor]
    discount: Mapped[int | None] = mapped_column(BigInteger)
    net: Mapped[Minor]
    tax: Mapped[int | None] = mapped_column(BigInteger)
    cost: Mapped[int | None] = mapped_column(BigInteger)
    base_net: Mapped[Minor]
    base_discount: Mapped[int | None] = mapped_column(BigInteger)
    base_margin: Mapped[int | None] = mapped_column(BigInteger)
    base_returns: Mapped[Minor]
    business_date: Mapped[date]
    one_off: Mapped[bool]
    source: Mapped[str]
    number: Mapped[str]
    store: Mapped[str]
    till: Mapped[str | None]
    kind: Mapped[str]
    currency: Mapped[str]
    rate: Mapped[Decimal | None] = mapped_column(Numeric)
    seller: Mapped[str | None]
    purpose: Mapped[str | None]
    returns_source: Mapped[str | None]
    returns_number: Mapped[str | None]
    promotions: Mapped[list[str]] = mapped_column(ARRAY(Text))
    flags: Mapped[list[str]] = mapped_column(ARRAY(Text))
    tenders: Mapped[list[Any]]
    extensions: Mapped[dict[str, Any]]


class ReceiptLine(Base):
    """A line of a receipt, numbered from 1. `business_date` is its receipt's: most questions about lines name a time.

    `category` is the line's own, or the product's at the time. `original_line` numbers the line of the receipt that a
    return refers to.
    """

    __tablename__ = "receipt_lines"
    __table_args__ = (
        PrimaryKeyConstraint("customer_id", "receipt_id", "line"),
        CheckConstraint("quantity < 1000000000000000", name="quantity"),
        in_windows("receipt_lines"),
    )

    customer_id: Mapped[uuid.UUID]
    receipt_id: Mapped[uuid.UUID]
    gross: Mapped[Minor]
    discount: Mapped[int | None] = mapped_column(BigInteger)
    net: Mapped[Minor]
    tax: Mapped[int | None] = mapped_column(BigInteger)
    cost: Mapped[int | None] = mapped_column(BigInteger)
    base_net: Mapped[Minor]
    base_margin: Mapped[int | None] = mapped_column(BigInteger)
    business_date: Mapped[date]
    line: Mapped[int] = mapped_column(Integer)
    original_line: Mapped[int | None] = mapped_column(Integer)
    quantity: Mapped[Decimal] = mapped_column(Numeric)
    product: Mapped[str]
    category: Mapped[str | None]


class ReceiptNumber(Base):
    """One row per receipt number for ever: what a repeated push is compared with, and the way to the receipt."""

    __tablename__ = "receipt_numbers"
    __table_args__ = (PrimaryKeyConstraint("source", "number"),)

    source: Mapped[str]
    number: Mapped[str]
    customer_id: Mapped[uuid.UUID]
    receipt_id: Mapped[uuid.UUID]
    content_hash: Mapped[bytes] = mapped_column(LargeBinary)


class CustomerDay(Base):
    """What a customer bought on one business day. Days without a receipt that counts have no row; walk-ins have none.

    A purchase is a sale with net > 0. `margin` is null while no line's cost is known; `costed` counts receipts with a
    known margin.
    """

    __tablename__ = "customer_days"
    __table_args__ = (PrimaryKeyConstraint("customer_id", "business_date"), in_windows("customer_days"))

    customer_id: Mapped[uuid.UUID]
    net: Mapped[Minor]
    margin: Mapped[int | None] = mapped_column(BigInteger)
    discount: Mapped[Minor]
    returns: Mapped[Minor]
    first_purchase_at: Mapped[datetime | None]
    last_purchase_at: Mapped[datetime | None]
    business_date: Mapped[date]
    receipts: Mapped[int] = mapped_column(Integer)
    costed: Mapped[int] = mapped_column(Integer)
    last_store: Mapped[str | None]


class CustomerCategory(Base):
    """What a customer spent in one category, and on how many lines; categories without a line have no row."""

    __tablename__ = "customer_categories"
    __table_args__ = (PrimaryKeyConstraint("customer_id", "category"),)

    customer_id: Mapped[uuid.UUID]
    net: Mapped[Minor]
    lines: Mapped[Minor]
    category: Mapped[str]


class CustomerFigures(Base):
    """A customer's figures over all receipts that count; customers without one, and walk-ins, have no row.

    An occasion is a business day with net > 0. Between `occasions` days lie `occasions - 1` gaps: their sum and the sum
    of their squares (in days) give the usual gap and its spread.
    """

    __tablename__ = "customer_figures"
    # Room on each page lets an update stay there, without new index entries.
    __table_args__ = {"postgresql_with": {"fillfactor": "85"}}  # noqa: RUF012  SQLAlchemy reads it as a plain attribute

    customer_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    receipts: Mapped[Minor]
    occasions: Mapped[Minor]
    net: Mapped[Minor]
    costed: Mapped[Minor]
    margin: Mapped[int | None] = mapped_column(BigInteger)
    discount: Mapped[Minor]
    returns: Mapped[Minor]
    first_purchase_at: Mapped[datetime | None]
    last_purchase_at: Mapped[datetime | None]
    gap_sum: Mapped[Minor]
    gap_square_sum: Mapped[Minor]
    first_occasion: Mapped[date | None]
    last_occasion: Mapped[date | None]
    last_store: Mapped[str | None]
    favourite_category: Mapped[str | None]


PROBLEMS: dict[str, ProblemType] = {"pk_receipt_numbers": RECEIPT_CONFLICT}
