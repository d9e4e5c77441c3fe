"""Coordinates of stores and addresses, places that are no stores, and exports of segments with their files."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "20261127_16_places"
down_revision = "20261127_15_memberships"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
LOCATION = "(latitude IS NULL) = (longitude IS NULL) AND latitude BETWEEN -90 AND 90 AND longitude BETWEEN -180 AND 180"


def upgrade() -> None:
    for table in ("stores", "addresses"):
        for name in ("latitude", "longitude"):
            op.add_column(table, sa.Column(name, sa.Double()))
        op.create_check_constraint(op.f(f"ck_{table}_location"), table, LOCATION, postgresql_not_valid=True)
    op.create_table(
        "places",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text()),
        sa.Column("latitude", sa.Double(), nullable=False),
        sa.Column("longitude", sa.Double(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("code"),
        sa.CheckConstraint(LOCATION, name="location"),
    )
    op.create_table(
        "segment_exports",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("segment_id", sa.Uuid(), nullable=False),
        sa.Column("segment_version", sa.BigInteger(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("columns", ARRAY(sa.Text()), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("tree", JSONB(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("key_id", sa.Uuid(), nullable=False),
        sa.Column("client_name", sa.Text(), nullable=False),
        sa.Column("reach", sa.Text(), nullable=False),
        sa.Column("staff", sa.Text()),
        sa.Column("store", sa.Text()),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("total", sa.BigInteger()),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT),
        sa.Column("ended", sa.Text()),
        sa.PrimaryKeyConstraint("id"),
        sa.ForeignKeyConstraint(["segment_id"], ["segments.id"]),
        sa.CheckConstraint("format IN ('csv', 'ndjson')", name="format"),
    )
    op.create_index("ix_segment_exports_client_id_id", "segment_exports", ["client_id", "id"])
    op.create_index("ix_segment_exports_segment_id_id", "segment_exports", ["segment_id", "id"])
    op.create_table(
        "segment_export_portions",
        sa.Column("export_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("size", sa.Integer()),
        sa.Column("start", sa.BigInteger()),
        sa.Column("low", sa.Uuid()),
        sa.Column("high", sa.Uuid()),
        sa.Column("customers", ARRAY(sa.Uuid()), nullable=False),
        sa.Column("data", sa.LargeBinary()),
        sa.PrimaryKeyConstraint("export_id", "number"),
        sa.ForeignKeyConstraint(["export_id"], ["segment_exports.id"]),
    )
    with op.get_context().autocommit_block():
        for table in ("stores", "addresses"):
            op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT ck_{table}_location")
        op.create_index(
            "ix_addresses_location",
            "addresses",
            ["latitude", "longitude"],
            postgresql_where=sa.text("latitude IS NOT NULL"),
            postgresql_concurrently=True,
            if_not_exists=True,
        )


def downgrade() -> None:
    op.drop_index("ix_addresses_location", "addresses")
    op.drop_table("segment_export_portions")
    op.drop_table("segment_exports")
    op.drop_table("places")
    for table in ("addresses", "stores"):
        op.drop_constraint(op.f(f"ck_{table}_location"), table, type_="check")
        for name in ("longitude", "latitude"):
            op.drop_column(table, name)
