"""Kept segments: who is in them and was, as intervals, and how far each is followed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261127_15_memberships"
down_revision = "20261127_14_opportunities"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("segments", sa.Column("materialised", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_table(
        "kept_segments",
        sa.Column("segment_id", sa.Uuid(), nullable=False),
        sa.Column("wanted", sa.Boolean(), nullable=False),
        sa.Column("since", sa.Date()),
        sa.Column("as_of", sa.Date()),
        sa.Column("refreshed_at", MOMENT),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("asked", sa.Text()),
        sa.PrimaryKeyConstraint("segment_id"),
    )
    op.create_table(
        "memberships",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("segment_id", sa.Uuid(), nullable=False),
        sa.Column("entered_on", sa.Date()),
        sa.Column("entered_at", MOMENT),
        sa.Column("left_on", sa.Date()),
        sa.Column("left_at", MOMENT),
        sa.PrimaryKeyConstraint("customer_id", "id"),
    )
    op.create_index(
        "uq_memberships_segment_id_customer_id", "memberships", ["segment_id", "customer_id"], unique=True,
        postgresql_where=sa.text("left_on IS NULL"),
    )  # fmt: skip
    op.create_index("ix_memberships_segment_id_entered_on", "memberships", ["segment_id", "entered_on"])
    op.create_index(
        "ix_memberships_segment_id_left_on", "memberships", ["segment_id", "left_on"],
        postgresql_where=sa.text("left_on IS NOT NULL"),
    )  # fmt: skip


def downgrade() -> None:
    op.drop_table("memberships")
    op.drop_table("kept_segments")
    op.drop_column("segments", "materialised")
