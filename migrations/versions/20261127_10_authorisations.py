"""Reservations of what customers may owe, so that two tills cannot pass a limit together."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261127_10_authorisations"
down_revision = "20261127_09_segments"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
STATUSES = ("held", "captured", "settled", "released")


def upgrade() -> None:
    op.create_table(
        "credit_authorisations",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("authorised_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("closed_at", MOMENT),
        sa.Column("authorised_by", sa.Uuid(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("store", sa.Text()),
        sa.Column("till", sa.Text()),
        sa.Column("source", sa.Text()),
        sa.Column("number", sa.Text()),
        sa.PrimaryKeyConstraint("customer_id", "id"),
        sa.ForeignKeyConstraint(["customer_id"], ["credit_accounts.customer_id"]),
        sa.CheckConstraint(f"status IN {STATUSES}", name="status"),
        sa.CheckConstraint("amount > 0", name="amount"),
        sa.CheckConstraint("(source IS NULL) = (number IS NULL)", name="receipt"),
        sa.CheckConstraint("(status IN ('settled', 'released')) = (closed_at IS NOT NULL)", name="closed"),
    )
    op.create_index("ix_credit_authorisations_id", "credit_authorisations", ["id"])
    op.create_index(
        "ix_credit_authorisations_live",
        "credit_authorisations",
        ["customer_id", "source", "number"],
        postgresql_where=sa.text("status IN ('held', 'captured')"),
    )


def downgrade() -> None:
    op.drop_table("credit_authorisations")
