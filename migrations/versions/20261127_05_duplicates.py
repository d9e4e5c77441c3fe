"""Pairs of customers who may be one, how far the feed was read for them, and what finds addresses by where they are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "20261127_05_duplicates"
down_revision = "20261127_04_merges"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
PLACE = r"lower(regexp_replace((street || '|') || coalesce(city, postcode), '[\s,.;-]+', '', 'g'))"
PLACED = "street IS NOT NULL AND coalesce(city, postcode) IS NOT NULL AND kind NOT IN ('work', 'store')"


def upgrade() -> None:
    op.create_table(
        "duplicate_candidates",
        sa.Column("customer_id", sa.Uuid, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("other", sa.Uuid, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("found_at", MOMENT, nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.Column("decided_at", MOMENT),
        sa.Column("decided_by", sa.Uuid),
        sa.Column("score", sa.SmallInteger, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("reasons", JSONB, nullable=False),
        sa.Column("refused", ARRAY(sa.Text), nullable=False),
        sa.Column("dismissed_for", sa.Text),
        sa.Column("note", sa.Text),
        sa.PrimaryKeyConstraint("customer_id", "id", name="pk_duplicate_candidates"),
        sa.UniqueConstraint("customer_id", "other", name="uq_duplicate_candidates_customer_id_other"),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name="fk_duplicate_candidates_customer_id_customers"
        ),
        sa.CheckConstraint("status IN ('open', 'dismissed', 'merged')", name=op.f("ck_duplicate_candidates_status")),
        sa.CheckConstraint(
            "dismissed_for IN ('family', 'other_person', 'shared_contact', 'test_record', 'other')",
            name=op.f("ck_duplicate_candidates_dismissed_for"),
        ),
        sa.CheckConstraint("score BETWEEN 0 AND 100", name=op.f("ck_duplicate_candidates_score")),
        sa.CheckConstraint("other <> customer_id", name=op.f("ck_duplicate_candidates_other")),
    )
    op.create_index("ix_duplicate_candidates_id", "duplicate_candidates", ["id"])
    op.create_index(
        "ix_duplicate_candidates_best",
        "duplicate_candidates",
        ["status", "score", "id"],
        postgresql_where=sa.text("customer_id < other"),
    )
    op.create_table(
        "duplicate_state",
        sa.Column("id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_duplicate_state"),
        sa.CheckConstraint("id = 1", name=op.f("ck_duplicate_state_one_row")),
    )
    with op.get_context().autocommit_block():
        op.execute("SET statement_timeout = '1h'")
        op.create_index(
            "ix_addresses_place",
            "addresses",
            [sa.text(PLACE)],
            postgresql_where=sa.text(PLACED),
            postgresql_concurrently=True,
            if_not_exists=True,
        )
        op.execute("SET statement_timeout = '60s'")


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index("ix_addresses_place", "addresses", postgresql_concurrently=True, if_exists=True)
    op.drop_table("duplicate_state")
    op.drop_table("duplicate_candidates")
