"""Feed: outbox, sequence and epoch."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261121_03_feed"
down_revision = "20261121_02_access"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(sa.schema.CreateSequence(sa.Sequence("outbox_order")))
    op.create_table(
        "outbox",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.BigInteger(), server_default=sa.text("nextval('outbox_order')"), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=True),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("data", postgresql.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("customer_id", "id", name=op.f("pk_outbox")),
        postgresql_with={
            "autovacuum_vacuum_threshold": 5000,
            "autovacuum_vacuum_scale_factor": 0,
            "autovacuum_vacuum_cost_delay": 0,
            "autovacuum_vacuum_insert_threshold": -1,
        },
    )
    op.create_index(op.f("ix_outbox_position"), "outbox", ["position"])
    op.create_table(
        "events",
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=True),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("data", postgresql.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", "recorded_at", name=op.f("pk_events")),
        postgresql_partition_by="RANGE (recorded_at)",
    )
    # Takes what no month's partition takes, so that moving an event never fails; a job makes the months.
    op.execute("CREATE TABLE events_default PARTITION OF events DEFAULT")
    op.create_table(
        "feed_state",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("epoch", sa.Uuid(), nullable=False),
        sa.Column("cluster", sa.Text(), nullable=False),
        sa.Column("last_sequence", sa.BigInteger(), nullable=False),
        sa.Column("oldest_sequence", sa.BigInteger(), nullable=False),
        sa.Column("settled_position", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("leader", sa.Text(), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_feed_state_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feed_state")),
    )


def downgrade() -> None:
    op.drop_table("feed_state")
    op.drop_table("events")
    op.drop_index(op.f("ix_outbox_position"), table_name="outbox")
    op.drop_table("outbox")
    op.execute(sa.schema.DropSequence(sa.Sequence("outbox_order")))
