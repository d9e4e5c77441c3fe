"""Sales plans, expense budgets and expenses of customers, and the usual shape of a week."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "20261127_08_plans"
down_revision = "20261127_07_privacy"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
PLANS = ("sales_plans", "expense_budgets")


def upgrade() -> None:
    for table in PLANS:
        op.create_table(
            table,
            sa.Column("customer_id", sa.Uuid(), nullable=False),
            sa.Column("id", sa.Uuid(), nullable=False),
            sa.Column("version", sa.BigInteger(), nullable=False),
            sa.Column("planned", sa.BigInteger(), nullable=False),
            sa.Column("created_at", MOMENT, nullable=False),
            sa.Column("updated_at", MOMENT, nullable=False),
            sa.Column("starts_on", sa.Date(), nullable=False),
            sa.Column("ends_on", sa.Date(), nullable=False),
            sa.Column("period", sa.Text(), nullable=False),
            sa.Column("phases", ARRAY(sa.BigInteger())),
            sa.PrimaryKeyConstraint("customer_id", "id"),
            sa.ForeignKeyConstraint(["customer_id"], ["customers.id"]),
            sa.UniqueConstraint("customer_id", "period"),
            sa.CheckConstraint("planned >= 0", name="planned"),
            sa.CheckConstraint("starts_on <= ends_on", name="days"),
        )
        op.create_index(f"ix_{table}_customer_id_starts_on", table, ["customer_id", "starts_on", "ends_on"])
    op.create_table(
        "expenses",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("corrects", sa.Uuid()),
        sa.Column("recorded_by", sa.Uuid(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", MOMENT, nullable=False),
        sa.Column("occurred_on", sa.Date(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("by", sa.Text()),
        sa.Column("note", sa.Text()),
        sa.PrimaryKeyConstraint("customer_id", "id"),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"]),
        sa.ForeignKeyConstraint(["customer_id", "corrects"], ["expenses.customer_id", "expenses.id"]),
        sa.CheckConstraint("kind IN ('gift', 'visit', 'rebate', 'display', 'travel', 'other')", name="kind"),
        sa.CheckConstraint("amount <> 0 AND (corrects IS NULL) = (amount > 0)", name="amount"),
    )
    op.create_index("uq_expenses_customer_id_external_id", "expenses", ["customer_id", "external_id"], unique=True)
    op.create_index("ix_expenses_customer_id_occurred_on", "expenses", ["customer_id", "occurred_on", "id"])
    op.create_index(
        "ix_expenses_customer_id_corrects",
        "expenses",
        ["customer_id", "corrects"],
        postgresql_where=sa.text("corrects IS NOT NULL"),
    )
    op.create_table(
        "development_plans",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_by", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("occurred_at", MOMENT, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("closed_at", MOMENT),
        sa.Column("closed_by", sa.Uuid()),
        sa.Column("occurred_on", sa.Date(), nullable=False),
        sa.Column("review_on", sa.Date()),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("by", sa.Text()),
        sa.Column("owner", sa.Text()),
        sa.Column("goal", sa.Text(), nullable=False),
        sa.Column("steps", JSONB(), nullable=False),
        sa.Column("note", sa.Text()),
        sa.PrimaryKeyConstraint("customer_id", "id"),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"]),
        sa.CheckConstraint("status IN ('active', 'achieved', 'abandoned')", name="status"),
        sa.CheckConstraint("(status IN ('active')) = (closed_at IS NULL)", name="closed"),
    )
    op.create_index(
        "ix_development_plans_customer_id_occurred_at", "development_plans", ["customer_id", "occurred_at", "id"]
    )
    op.create_table(
        "weekday_shapes",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("fitted_at", MOMENT, nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("weeks", sa.Integer(), nullable=False),
        sa.Column("weights", ARRAY(sa.Integer()), nullable=False),
        sa.PrimaryKeyConstraint("store"),
        sa.CheckConstraint("cardinality(weights) = 7", name="weights"),
    )


def downgrade() -> None:
    op.drop_table("weekday_shapes")
    op.drop_table("development_plans")
    op.drop_table("expenses")
    for table in reversed(PLANS):
        op.drop_table(table)
