"""Customers: the record and its identifiers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "20261121_05_customers"
down_revision = "20261121_04_catalog"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
EMPTY = sa.text("'{}'::jsonb")
KINDS = "kind IN ('person', 'business', 'walk_in')"
STATUSES = "status IN ('target', 'prospect', 'active', 'dormant', 'lost', 'merged', 'erased')"
GENDERS = "gender IN ('female', 'male', 'other')"
BIRTHDAY = (
    "(birth_month IS NULL) = (birth_day IS NULL) AND (birth_year IS NULL OR birth_month IS NOT NULL)"
    " AND birth_month BETWEEN 1 AND 12 AND birth_day BETWEEN 1 AND 31 AND birth_year BETWEEN 1900 AND 2200"
)
IDENTIFIER_KINDS = "kind IN ('phone', 'email', 'card', 'walk_in') OR kind LIKE 'external:_%' OR kind LIKE 'chat:_%'"


def upgrade() -> None:
    op.create_table(
        "customers",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("display_name", sa.Text),
        sa.Column("given_name", sa.Text),
        sa.Column("family_name", sa.Text),
        sa.Column("reading", sa.Text),
        sa.Column("gender", sa.Text),
        sa.Column("birth_month", sa.SmallInteger),
        sa.Column("birth_day", sa.SmallInteger),
        sa.Column("birth_year", sa.SmallInteger),
        sa.Column("language", sa.Text),
        sa.Column("home_store", sa.Text),
        sa.Column("account_manager", sa.Text),
        sa.Column("source", sa.Text),
        sa.Column("grade", sa.Text),
        sa.Column("merged_into", sa.Uuid),
        sa.Column("profile", JSONB, nullable=False, server_default=EMPTY),
        sa.Column("collected", JSONB, nullable=False, server_default=EMPTY),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_customers"),
        sa.ForeignKeyConstraint(["home_store"], ["stores.code"], name="fk_customers_home_store_stores"),
        sa.CheckConstraint(KINDS, name=op.f("ck_customers_kind")),
        sa.CheckConstraint(STATUSES, name=op.f("ck_customers_status")),
        sa.CheckConstraint(GENDERS, name=op.f("ck_customers_gender")),
        sa.CheckConstraint(BIRTHDAY, name=op.f("ck_customers_birthday")),
    )
    at_home = sa.text("home_store IS NOT NULL")
    op.create_index("ix_customers_home_store", "customers", ["home_store", "id"], postgresql_where=at_home)
    op.create_index("ix_customers_updated_at", "customers", ["updated_at", "id"])
    op.create_table(
        "identifiers",
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("customer_id", sa.Uuid, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("typed", sa.Text, nullable=False),
        sa.Column("exclusive", sa.Boolean, nullable=False),
        sa.Column("is_primary", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.Column("verified_at", MOMENT),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("kind", "value", "customer_id", name="pk_identifiers"),
        sa.CheckConstraint(IDENTIFIER_KINDS, name=op.f("ck_identifiers_kind")),
        sa.CheckConstraint("exclusive OR kind IN ('phone', 'email')", name=op.f("ck_identifiers_exclusive")),
    )
    op.create_index(
        "uq_identifiers_kind_value",
        "identifiers",
        ["kind", "value"],
        unique=True,
        postgresql_where=sa.text("exclusive"),
    )
    op.create_index("ix_identifiers_customer_id", "identifiers", ["customer_id"])


def downgrade() -> None:
    op.drop_table("identifiers")
    op.drop_table("customers")
