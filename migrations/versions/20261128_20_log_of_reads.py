"""The index on the records of the audit trail leaves out customers, who are found by the table's key."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261128_20_log_of_reads"
down_revision = "20261127_19_more_opportunities"
branch_labels = None
depends_on = None

NAME = "ix_audit_entries_record_id_id"


def upgrade() -> None:
    replace(sa.text("record_id <> customer_id"))


def downgrade() -> None:
    replace(None)


def replace(which: sa.TextClause | None) -> None:
    """Take the old index away and build the new one, while entries go on being written."""
    with op.get_context().autocommit_block():
        op.execute("SET statement_timeout = '1h'")
        op.drop_index(NAME, "audit_entries", postgresql_concurrently=True, if_exists=True)
        op.create_index(
            NAME, "audit_entries", ["record_id", "id"], postgresql_where=which, postgresql_concurrently=True,
            if_not_exists=True,
        )  # fmt: skip
        op.execute("SET statement_timeout = '60s'")
