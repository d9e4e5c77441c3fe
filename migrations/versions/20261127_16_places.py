"""Coordinates of stores and addresses, places that are no stores, and exports of segments with their files."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261127_16_places"
down_revision = "20261127_10_authorisations"
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
    op.drop_table("places")
    for table in ("addresses", "stores"):
        op.drop_constraint(op.f(f"ck_{table}_location"), table, type_="check")
        for name in ("longitude", "latitude"):
            op.drop_column(table, name)
