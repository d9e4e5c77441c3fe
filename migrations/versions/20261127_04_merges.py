"""Merges of two records, and what it takes to undo each; a merged customer is found by the one it became."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "20261127_04_merges"
down_revision = "20261127_03_confirmations"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "merges",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("loser", sa.Uuid(), nullable=False),
        sa.Column("merged_at", MOMENT, nullable=False),
        sa.Column("merged_by", sa.Uuid(), nullable=False),
        sa.Column("undone_at", MOMENT),
        sa.Column("undone_by", sa.Uuid()),
        sa.Column("reason", sa.Text()),
        sa.Column("choices", JSONB(), nullable=False),
        sa.Column("conflicts", JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("customer_id", "id"),
        sa.CheckConstraint("loser <> customer_id", name="loser"),
        sa.CheckConstraint("(undone_at IS NULL) = (undone_by IS NULL)", name="undone"),
    )
    op.create_index("ix_merges_id", "merges", ["id"])
    op.create_index("ix_merges_loser", "merges", ["loser", "id"])
    op.create_table(
        "merge_rows",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("merge_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("moved", ARRAY(sa.Uuid()), nullable=False),
        sa.Column("dropped", JSONB(), nullable=False),
        sa.Column("before", JSONB(), nullable=False),
        sa.Column("after", JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("customer_id", "merge_id", "name"),
        sa.ForeignKeyConstraint(["customer_id", "merge_id"], ["merges.customer_id", "merges.id"]),
    )
    with op.get_context().autocommit_block():
        op.execute("SET statement_timeout = '1h'")
        op.create_index(
            "ix_customers_merged_into",
            "customers",
            ["merged_into"],
            postgresql_where=sa.text("merged_into IS NOT NULL"),
            postgresql_concurrently=True,
            if_not_exists=True,
        )
        op.execute("SET statement_timeout = '60s'")


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index("ix_customers_merged_into", "customers", postgresql_concurrently=True, if_exists=True)
    op.drop_table("merge_rows")
    op.drop_table("merges")
