"""Receipts: purchases, lines, tenders and live figures."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "20261121_06_receipts"
down_revision = "20261121_05_customers"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
PURPOSES = "purpose IN ('own_use', 'gift', 'banquet', 'resale')"


def upgrade() -> None:
    receipts()
    per_customer()


def receipts() -> None:
    op.create_table(
        "receipts",
        sa.Column("customer_id", sa.Uuid, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("occurred_at", MOMENT, nullable=False),
        sa.Column("recorded_at", MOMENT, nullable=False),
        sa.Column("voided_at", MOMENT),
        sa.Column("gross", sa.BigInteger, nullable=False),
        sa.Column("discount", sa.BigInteger),
        sa.Column("net", sa.BigInteger, nullable=False),
        sa.Column("tax", sa.BigInteger),
        sa.Column("cost", sa.BigInteger),
        sa.Column("base_net", sa.BigInteger, nullable=False),
        sa.Column("base_discount", sa.BigInteger),
        sa.Column("base_margin", sa.BigInteger),
        sa.Column("base_returns", sa.BigInteger, nullable=False),
        sa.Column("business_date", sa.Date, nullable=False),
        sa.Column("one_off", sa.Boolean, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("number", sa.Text, nullable=False),
        sa.Column("store", sa.Text, nullable=False),
        sa.Column("till", sa.Text),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("rate", sa.Numeric),
        sa.Column("seller", sa.Text),
        sa.Column("purpose", sa.Text),
        sa.Column("returns_source", sa.Text),
        sa.Column("returns_number", sa.Text),
        sa.Column("promotions", ARRAY(sa.Text), nullable=False),
        sa.Column("flags", ARRAY(sa.Text), nullable=False),
        sa.Column("tenders", JSONB, nullable=False),
        sa.Column("extensions", JSONB, nullable=False),
        sa.PrimaryKeyConstraint("customer_id", "id", name="pk_receipts"),
        sa.CheckConstraint("kind IN ('sale', 'return')", name=op.f("ck_receipts_kind")),
        sa.CheckConstraint(PURPOSES, name=op.f("ck_receipts_purpose")),
        sa.CheckConstraint("rate > 0 AND rate < 1000000000", name=op.f("ck_receipts_rate")),
        sa.CheckConstraint("(returns_source IS NULL) = (returns_number IS NULL)", name=op.f("ck_receipts_returns")),
    )
    op.create_index("ix_receipts_id", "receipts", ["id"])
    op.create_index(
        "ix_receipts_customer_id_business_date", "receipts", ["customer_id", "business_date", "occurred_at"]
    )
    with_original = sa.text("returns_number IS NOT NULL")
    op.create_index(
        "ix_receipts_returns", "receipts", ["returns_source", "returns_number"], postgresql_where=with_original
    )
    op.create_table(
        "receipt_lines",
        sa.Column("customer_id", sa.Uuid, nullable=False),
        sa.Column("receipt_id", sa.Uuid, nullable=False),
        sa.Column("gross", sa.BigInteger, nullable=False),
        sa.Column("discount", sa.BigInteger),
        sa.Column("net", sa.BigInteger, nullable=False),
        sa.Column("tax", sa.BigInteger),
        sa.Column("cost", sa.BigInteger),
        sa.Column("base_net", sa.BigInteger, nullable=False),
        sa.Column("base_margin", sa.BigInteger),
        sa.Column("business_date", sa.Date, nullable=False),
        sa.Column("line", sa.Integer, nullable=False),
        sa.Column("original_line", sa.Integer),
        sa.Column("quantity", sa.Numeric, nullable=False),
        sa.Column("product", sa.Text, nullable=False),
        sa.Column("category", sa.Text),
        sa.PrimaryKeyConstraint("customer_id", "receipt_id", "line", name="pk_receipt_lines"),
        sa.CheckConstraint("quantity < 1000000000000000", name=op.f("ck_receipt_lines_quantity")),
    )
    op.create_table(
        "receipt_numbers",
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("number", sa.Text, nullable=False),
        sa.Column("customer_id", sa.Uuid, nullable=False),
        sa.Column("receipt_id", sa.Uuid, nullable=False),
        sa.Column("content_hash", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("source", "number", name="pk_receipt_numbers"),
    )


def per_customer() -> None:
    op.create_table(
        "customer_days",
        sa.Column("customer_id", sa.Uuid, nullable=False),
        sa.Column("net", sa.BigInteger, nullable=False),
        sa.Column("margin", sa.BigInteger),
        sa.Column("discount", sa.BigInteger, nullable=False),
        sa.Column("returns", sa.BigInteger, nullable=False),
        sa.Column("first_purchase_at", MOMENT),
        sa.Column("last_purchase_at", MOMENT),
        sa.Column("business_date", sa.Date, nullable=False),
        sa.Column("receipts", sa.Integer, nullable=False),
        sa.Column("costed", sa.Integer, nullable=False),
        sa.Column("last_store", sa.Text),
        sa.PrimaryKeyConstraint("customer_id", "business_date", name="pk_customer_days"),
    )
    op.create_table(
        "customer_categories",
        sa.Column("customer_id", sa.Uuid, nullable=False),
        sa.Column("net", sa.BigInteger, nullable=False),
        sa.Column("lines", sa.BigInteger, nullable=False),
        sa.Column("category", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("customer_id", "category", name="pk_customer_categories"),
    )
    op.create_table(
        "customer_figures",
        sa.Column("customer_id", sa.Uuid, nullable=False),
        sa.Column("receipts", sa.BigInteger, nullable=False),
        sa.Column("occasions", sa.BigInteger, nullable=False),
        sa.Column("net", sa.BigInteger, nullable=False),
        sa.Column("costed", sa.BigInteger, nullable=False),
        sa.Column("margin", sa.BigInteger),
        sa.Column("discount", sa.BigInteger, nullable=False),
        sa.Column("returns", sa.BigInteger, nullable=False),
        sa.Column("first_purchase_at", MOMENT),
        sa.Column("last_purchase_at", MOMENT),
        sa.Column("gap_sum", sa.BigInteger, nullable=False),
        sa.Column("gap_square_sum", sa.BigInteger, nullable=False),
        sa.Column("first_occasion", sa.Date),
        sa.Column("last_occasion", sa.Date),
        sa.Column("last_store", sa.Text),
        sa.Column("favourite_category", sa.Text),
        sa.PrimaryKeyConstraint("customer_id", name="pk_customer_figures"),
        postgresql_with={"fillfactor": "85"},
    )


def downgrade() -> None:
    op.drop_table("customer_figures")
    op.drop_table("customer_categories")
    op.drop_table("customer_days")
    op.drop_table("receipt_numbers")
    op.drop_table("receipt_lines")
    op.drop_table("receipts")
