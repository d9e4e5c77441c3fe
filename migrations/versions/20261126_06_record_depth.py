"""Whether an interaction reached the customer, and an index of the facts whose licence ends."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261126_06_record_depth"
down_revision = "20261126_05_customer_lists"
branch_labels = None
depends_on = None

TRUE = sa.text("true")


def upgrade() -> None:
    op.add_column("interactions", sa.Column("reached", sa.Boolean, server_default=TRUE, nullable=False))
    with op.get_context().autocommit_block():
        op.execute("SET statement_timeout = '1h'")
        op.create_index(
            "ix_facts_licence_end",
            "facts",
            ["customer_id", "licence_end"],
            postgresql_where=sa.text("licence_end IS NOT NULL"),
            postgresql_concurrently=True,
            if_not_exists=True,
        )
        op.execute("SET statement_timeout = '60s'")


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index("ix_facts_licence_end", "facts", postgresql_concurrently=True, if_exists=True)
    op.drop_column("interactions", "reached")
