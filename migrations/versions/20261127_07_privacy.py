"""Who was erased, with the signed proof, and in which database the list of erasures was last complete."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "20261127_07_privacy"
down_revision = "20261127_06_ownership"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "erasures",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("erased_at", MOMENT, nullable=False),
        sa.Column("replayed_at", MOMENT),
        sa.Column("settled_at", MOMENT),
        sa.Column("kept_until", sa.Date()),
        sa.Column("also", ARRAY(sa.Uuid()), nullable=False),
        sa.Column("record", JSONB(), nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.Column("later", JSONB(), server_default=sa.text("'[]'::jsonb"), nullable=False),
        sa.PrimaryKeyConstraint("customer_id", "id", name="pk_erasures"),
        sa.UniqueConstraint("customer_id", name="uq_erasures_customer_id"),
    )
    op.create_index("ix_erasures_id", "erasures", ["id"])
    op.create_index(
        "ix_erasures_kept_until", "erasures", ["kept_until"], postgresql_where=sa.text("kept_until IS NOT NULL")
    )
    op.create_index("ix_erasures_unsettled", "erasures", ["id"], postgresql_where=sa.text("settled_at IS NULL"))
    op.create_index("ix_erasures_also", "erasures", ["also"], postgresql_using="gin")
    op.create_table(
        "erasure_state",
        sa.Column("id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("cluster", sa.Text(), nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_erasure_state"),
        sa.CheckConstraint("id = 1", name=op.f("ck_erasure_state_one_row")),
    )


def downgrade() -> None:
    op.drop_table("erasure_state")
    op.drop_table("erasures")
