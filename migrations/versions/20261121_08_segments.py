"""Segments: saved questions, and indexes that find the days of a window."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "20261121_08_segments"
down_revision = "20261121_07_bulk"
branch_labels = None
depends_on = None

DATED = ("receipts", "receipt_lines", "customer_days")


def upgrade() -> None:
    op.create_table(
        "segments",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("tree", JSONB(), nullable=False),
        sa.Column("uses", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("refers_to", sa.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("temporal", sa.Boolean(), nullable=False),
        sa.Column("population_relative", sa.Boolean(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_segments"),
        sa.UniqueConstraint("name", name="uq_segments_name"),
    )
    op.create_index("ix_segments_refers_to", "segments", ["refers_to"], postgresql_using="gin")
    with op.get_context().autocommit_block():
        op.execute("SET statement_timeout = '1h'")
        for table in DATED:
            op.create_index(
                f"ix_{table}_business_date",
                table,
                ["business_date"],
                postgresql_using="brin",
                postgresql_ops={"business_date": "date_minmax_multi_ops"},
                postgresql_with={"autosummarize": "on"},
                postgresql_concurrently=True,
            )
        op.create_index(
            "ix_receipts_voided",
            "receipts",
            ["customer_id", "id"],
            postgresql_where=sa.text("voided_at IS NOT NULL"),
            postgresql_concurrently=True,
        )
        op.execute("SET statement_timeout = '60s'")


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index("ix_receipts_voided", "receipts", postgresql_concurrently=True)
        for table in reversed(DATED):
            op.drop_index(f"ix_{table}_business_date", table, postgresql_concurrently=True)
    op.drop_table("segments")
