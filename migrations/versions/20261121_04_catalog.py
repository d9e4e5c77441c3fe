"""Catalog: stores, tills, products, categories."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261121_04_catalog"
down_revision = "20261121_03_feed"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "stores",
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("region", sa.Text),
        sa.Column("city", sa.Text),
        sa.Column("time_zone", sa.Text, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("phone_region", sa.Text, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("code", name="pk_stores"),
        sa.CheckConstraint("kind IN ('own', 'dealer', 'online')", name=op.f("ck_stores_kind")),
    )
    op.create_table(
        "tills",
        sa.Column("store", sa.Text, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("store", "code", name="pk_tills"),
        sa.ForeignKeyConstraint(["store"], ["stores.code"], name="fk_tills_store_stores"),
    )
    op.create_table(
        "categories",
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("name", sa.Text),
        sa.Column("parent", sa.Text),
        sa.PrimaryKeyConstraint("path", name="pk_categories"),
        sa.ForeignKeyConstraint(["parent"], ["categories.path"], name="fk_categories_parent_categories"),
    )
    op.create_index("ix_categories_parent", "categories", ["parent"])
    op.create_table(
        "products",
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("name", sa.Text),
        sa.Column("category", sa.Text),
        sa.Column("brand", sa.Text),
        sa.Column("list_price", sa.BigInteger),
        sa.Column("cost", sa.BigInteger),
        sa.Column("replaces_after_days", sa.Integer),
        sa.Column("upgrade_of", sa.Text),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("code", name="pk_products"),
        sa.ForeignKeyConstraint(["category"], ["categories.path"], name="fk_products_category_categories"),
        sa.CheckConstraint("list_price >= 0", name=op.f("ck_products_list_price")),
        sa.CheckConstraint("cost >= 0", name=op.f("ck_products_cost")),
        sa.CheckConstraint("replaces_after_days > 0", name=op.f("ck_products_replaces_after_days")),
    )
    op.create_index("ix_products_category", "products", ["category"], postgresql_ops={"category": "text_pattern_ops"})


def downgrade() -> None:
    op.drop_table("products")
    op.drop_table("categories")
    op.drop_table("tills")
    op.drop_table("stores")
