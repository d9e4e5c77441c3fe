"""The life of a warning: snoozed, under investigation, due, escalated, promised to be paid; and steps told in full.

Warnings that were raised before have no due time: they escalate only once somebody sets one, or they get worse.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "20261127_12_life"
down_revision = "20261127_11_rules"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
COLUMNS: dict[str, Any] = {
    "escalated_at": MOMENT, "snoozed_until": MOMENT, "promised_at": MOMENT, "promised_amount": sa.BigInteger(),
    "promised_on": sa.Date(), "promise_state": sa.Text(), "promise_paid": sa.BigInteger(),
}  # fmt: skip
BEFORE = {
    ("warnings", "status"): "status IN ('open', 'acknowledged', 'resolved')",
    ("warning_events", "action"): "action IN ('opened', 'changed', 'reopened', 'acknowledged', 'resolved')",
}
AFTER = {
    ("warnings", "status"): "status IN ('open', 'acknowledged', 'snoozed', 'investigating', 'resolved')",
    ("warnings", "snoozed"): "(status = 'snoozed') = (snoozed_until IS NOT NULL)",
    ("warnings", "promise_state"): "promise_state IN ('open', 'kept', 'broken', 'lapsed')",
    ("warnings", "promise"): "num_nonnulls(promised_at, promised_amount, promised_on, promise_state) IN (0, 4)",
    ("warning_events", "action"): (
        "action IN ('opened', 'changed', 'reopened', 'acknowledged', 'snoozed', 'woken', 'investigated', 'assigned',"
        " 'handed_over', 'escalated', 'commented', 'promise_kept', 'promise_broken', 'promise_lapsed', 'resolved')"
    ),
}
INDEXES = {
    ("warnings", "snoozed_until"): "status = 'snoozed'",
    ("warnings", "due_at"): "status NOT IN ('resolved', 'snoozed') AND escalated_at IS NULL",
    ("warnings", "promised_on"): "promise_state = 'open'",
    ("warning_events", "at"): "action IN ('acknowledged', 'investigated', 'resolved')",
}


def upgrade() -> None:
    for name, kind in COLUMNS.items():
        op.add_column("warnings", sa.Column(name, kind))
    op.add_column("warnings", sa.Column("by_manager", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.add_column("warning_events", sa.Column("status", sa.Text()))
    op.add_column("warning_events", sa.Column("details", JSONB()))
    op.create_table(
        "warning_follower",
        sa.Column("id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_warning_follower")),
        sa.CheckConstraint("id = 1", name=op.f("ck_warning_follower_one_row")),
    )
    replace(BEFORE, AFTER)
    with op.get_context().autocommit_block():
        op.execute("SET statement_timeout = '1h'")
        for table, name in AFTER:
            op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT ck_{table}_{name}")
        for (table, column), condition in INDEXES.items():
            op.create_index(
                f"ix_{table}_{column}",
                table,
                [column],
                postgresql_where=sa.text(condition),
                postgresql_concurrently=True,
                if_not_exists=True,
            )
        op.execute("SET statement_timeout = '60s'")


def downgrade() -> None:
    with op.get_context().autocommit_block():
        for table, column in INDEXES:
            op.drop_index(f"ix_{table}_{column}", table, postgresql_concurrently=True, if_exists=True)
    op.execute("UPDATE warnings SET status = 'open', snoozed_until = NULL WHERE status IN ('snoozed', 'investigating')")
    op.execute(
        "DELETE FROM warning_events WHERE action NOT IN ('opened', 'changed', 'reopened', 'acknowledged', 'resolved')"
    )
    replace(AFTER, BEFORE)
    for table, name in BEFORE:
        op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT ck_{table}_{name}")
    op.drop_table("warning_follower")
    op.drop_column("warning_events", "details")
    op.drop_column("warning_events", "status")
    op.drop_column("warnings", "by_manager")
    for name in reversed(COLUMNS):
        op.drop_column("warnings", name)


def replace(old: dict[tuple[str, str], str], new: dict[tuple[str, str], str]) -> None:
    """Take constraints for others, which rows that are there may break until they are validated."""
    for table, name in old:
        # Each comes back wider, or narrower once what it forbids is gone.
        op.execute(f"-- squawk-ignore ban-drop-constraint\nALTER TABLE {table} DROP CONSTRAINT ck_{table}_{name}")
    for (table, name), condition in new.items():
        op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, condition, postgresql_not_valid=True)
