"""Who confirmed a fact and for which store; when an identifier was collected; what an address or key person was before.

Confirmations of before have no store: nobody noted it. And whether a task goes with the customer's account manager or
store: those of before stay where they are.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "20261127_03_confirmations"
down_revision = "20261127_01_accepted_debt"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
COLUMNS: dict[str, tuple[tuple[str, Any], ...]] = {
    "facts": (("confirmed_store", sa.Text()),),
    "identifiers": (("collected_at", MOMENT), ("confirmed_by", sa.Text()), ("confirmed_store", sa.Text())),
    "addresses": (("confirmed_by", sa.Text()), ("confirmed_store", sa.Text()), ("previous", JSONB())),
    "contacts": (("confirmed_by", sa.Text()), ("confirmed_store", sa.Text()), ("previous", JSONB())),
}
FOLLOWS = ("by_manager", "by_store")
COLLECTED = ("identifiers", "addresses", "contacts")


def upgrade() -> None:
    for table, columns in COLUMNS.items():
        for name, kind in columns:
            op.add_column(table, sa.Column(name, kind))
    for name in FOLLOWS:
        op.add_column("tasks", sa.Column(name, sa.Boolean, server_default=sa.text("false"), nullable=False))
    with op.get_context().autocommit_block():
        op.execute("SET statement_timeout = '1h'")
        for table in COLLECTED:
            op.create_index(
                f"ix_{table}_collected_at",
                table,
                ["collected_at"],
                postgresql_using="brin",
                postgresql_concurrently=True,
                if_not_exists=True,
            )
            op.create_index(
                f"ix_{table}_confirmed_at",
                table,
                ["confirmed_at"],
                postgresql_where=sa.text("confirmed_at IS NOT NULL"),
                postgresql_concurrently=True,
                if_not_exists=True,
            )
        op.execute("SET statement_timeout = '60s'")


def downgrade() -> None:
    with op.get_context().autocommit_block():
        for table in COLLECTED:
            for name in ("collected_at", "confirmed_at"):
                op.drop_index(f"ix_{table}_{name}", table, postgresql_concurrently=True, if_exists=True)
    for name in FOLLOWS:
        op.drop_column("tasks", name)
    for table, columns in COLUMNS.items():
        for name, _ in columns:
            op.drop_column(table, name)
