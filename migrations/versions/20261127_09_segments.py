"""Segments: every version of a saved question, static lists with their members, and snapshots of who is in one.

Of segments that were saved before, the version of now is the first that is kept; who made it was not noted.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "20261127_09_segments"
down_revision = "20261127_08_plans"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("segments", sa.Column("kind", sa.Text(), server_default="question", nullable=False))
    op.create_check_constraint(
        op.f("ck_segments_kind"), "segments", "kind IN ('question', 'list')", postgresql_not_valid=True
    )
    op.create_table(
        "segment_versions",
        sa.Column("segment_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text()),
        sa.Column("tree", JSONB(), nullable=False),
        sa.Column("fields", ARRAY(sa.Text()), nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.Column("changed_by", sa.Uuid()),
        sa.PrimaryKeyConstraint("segment_id", "version"),
        sa.ForeignKeyConstraint(["segment_id"], ["segments.id"]),
    )
    op.execute(
        "INSERT INTO segment_versions (segment_id, version, name, description, tree, fields, changed_at)"
        " SELECT id, version, name, description, tree, '{}', updated_at FROM segments"
    )
    op.create_table(
        "segment_members",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("segment_id", sa.Uuid(), nullable=False),
        sa.Column("added_at", MOMENT, nullable=False),
        sa.Column("added_by", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("customer_id", "id"),
        sa.UniqueConstraint("customer_id", "segment_id"),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"]),
        sa.ForeignKeyConstraint(["segment_id"], ["segments.id"]),
    )
    op.create_index("ix_segment_members_segment_id_customer_id", "segment_members", ["segment_id", "customer_id"])
    op.create_table(
        "segment_snapshots",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("segment_id", sa.Uuid(), nullable=False),
        sa.Column("segment_version", sa.BigInteger(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("measure", sa.Text()),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("composition", JSONB(), nullable=False),
        sa.Column("taken_at", MOMENT, nullable=False),
        sa.Column("taken_by", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.ForeignKeyConstraint(["segment_id"], ["segments.id"]),
    )
    op.create_index("ix_segment_snapshots_segment_id_id", "segment_snapshots", ["segment_id", "id"])
    with op.get_context().autocommit_block():
        op.execute("ALTER TABLE segments VALIDATE CONSTRAINT ck_segments_kind")


def downgrade() -> None:
    op.drop_table("segment_snapshots")
    op.drop_table("segment_members")
    op.drop_table("segment_versions")
    # Without its members a list is nothing.
    op.execute("DELETE FROM segments WHERE kind = 'list'")
    op.drop_constraint(op.f("ck_segments_kind"), "segments", type_="check")
    op.drop_column("segments", "kind")
