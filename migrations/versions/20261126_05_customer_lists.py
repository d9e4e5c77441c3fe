"""Indexes for lists of customers by status or kind: a rare value made one page walk the whole table."""

from __future__ import annotations

from alembic import op

revision = "20261126_05_customer_lists"
down_revision = "20261126_04_consent"
branch_labels = None
depends_on = None

COLUMNS = ("kind", "status")


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("SET statement_timeout = '1h'")
        for column in COLUMNS:
            op.create_index(
                f"ix_customers_{column}",
                "customers",
                [column, "id"],
                postgresql_concurrently=True,
                if_not_exists=True,
            )
        op.execute("SET statement_timeout = '60s'")


def downgrade() -> None:
    with op.get_context().autocommit_block():
        for column in COLUMNS:
            op.drop_index(f"ix_customers_{column}", "customers", postgresql_concurrently=True, if_exists=True)
