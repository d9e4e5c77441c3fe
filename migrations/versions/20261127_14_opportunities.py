"""Opportunities: reasons to turn to a customer now, the rules that raise them, and how far the feed was followed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "20261127_14_opportunities"
down_revision = "20261127_13_credit"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
KINDS = (
    "cumulative_spend", "birthday", "anniversary", "due_to_rebuy", "key_customer_silent", "contact_due", "welcome",
    "promise_due",
)  # fmt: skip
OPEN = sa.text("status = 'open'")


def upgrade() -> None:
    op.create_table(
        "opportunities",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("opened_at", MOMENT, nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.Column("closed_at", MOMENT),
        sa.Column("closed_by", sa.Uuid()),
        sa.Column("value", sa.BigInteger()),
        sa.Column("expires_on", sa.Date()),
        sa.Column("priority", sa.SmallInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("episode", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text()),
        sa.Column("outcome", sa.Text()),
        sa.Column("note", sa.Text()),
        sa.Column("evidence", JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("customer_id", "id"),
        sa.CheckConstraint(f"kind IN {KINDS}", name="kind"),
        sa.CheckConstraint("status IN ('open', 'taken', 'dismissed', 'expired')", name="status"),
        sa.CheckConstraint("priority BETWEEN 1 AND 5", name="priority"),
        sa.CheckConstraint("(status = 'open') = (closed_at IS NULL)", name="closed"),
        sa.CheckConstraint(
            "(status = 'expired') = coalesce(outcome IN ('lapsed', 'cause_gone'), false)", name="expired"
        ),
    )
    op.create_index(
        "uq_opportunities_open", "opportunities", ["customer_id", "kind", "subject"], unique=True, postgresql_where=OPEN
    )
    op.create_index("ix_opportunities_episode", "opportunities", ["customer_id", "kind", "subject", "episode"])
    op.create_index("ix_opportunities_id", "opportunities", ["id"])
    op.create_index("ix_opportunities_list", "opportunities", ["priority", "id"], postgresql_where=OPEN)
    op.create_table(
        "opportunity_rules",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("settings", JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("kind"),
        sa.CheckConstraint(f"kind IN {KINDS}", name="kind"),
    )
    op.create_table(
        "opportunity_state",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.CheckConstraint("id = 1", name="one_row"),
    )


def downgrade() -> None:
    op.drop_table("opportunity_state")
    op.drop_table("opportunity_rules")
    op.drop_table("opportunities")
