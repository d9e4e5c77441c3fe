"""The whole record: where facts come from, addresses, key people, relationships, attributes of the company's own."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "20261126_01_record"
down_revision = "20261121_10_early_warning"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
ORIGIN = ("licence_end", "channel", "collector", "store")


def upgrade() -> None:
    op.add_column(
        "customers", sa.Column("suspect", ARRAY(sa.Text), nullable=False, server_default=sa.text("'{}'::text[]"))
    )
    op.add_column("identifiers", sa.Column("confirmed_at", MOMENT))
    op.add_column("identifiers", sa.Column("suspect", sa.Boolean, nullable=False, server_default=sa.text("false")))
    op.add_column("identifiers", sa.Column("licence_end", sa.Date))
    for name in ORIGIN[1:]:
        op.add_column("identifiers", sa.Column(name, sa.Text))
    op.add_column("imports", sa.Column("field_groups", ARRAY(sa.Text)))
    facts()
    custom_attributes()
    belongings()
    with op.get_context().autocommit_block():
        op.create_index(
            "ix_customers_birthday",
            "customers",
            ["birth_month", "birth_day", "birth_year"],
            postgresql_where=sa.text("birth_month IS NOT NULL"),
            postgresql_concurrently=True,
        )
        op.create_index(
            "ix_identifiers_created_at",
            "identifiers",
            ["created_at"],
            postgresql_using="brin",
            postgresql_concurrently=True,
        )


def facts() -> None:
    op.create_table(
        "facts",
        sa.Column("customer_id", sa.Uuid, nullable=False),
        sa.Column("collected_at", MOMENT, nullable=False),
        sa.Column("confirmed_at", MOMENT),
        sa.Column("retired_at", MOMENT),
        sa.Column("licence_end", sa.Date),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("collector", sa.Text, nullable=False),
        sa.Column("confirmed_by", sa.Text),
        sa.Column("store", sa.Text),
        sa.Column("previous", JSONB),
        sa.PrimaryKeyConstraint("customer_id", "path", name="pk_facts"),
    )
    op.create_index("ix_facts_collected_at", "facts", ["collected_at"], postgresql_using="brin")
    op.create_index(
        "ix_facts_confirmed_at", "facts", ["confirmed_at"], postgresql_where=sa.text("confirmed_at IS NOT NULL")
    )


def custom_attributes() -> None:
    op.create_table(
        "custom_attributes",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("weight", sa.SmallInteger, nullable=False),
        sa.Column("fresh_days", sa.Integer),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("pii", sa.Text, nullable=False),
        sa.Column("field_group", sa.Text, nullable=False),
        sa.Column("question", sa.Text),
        sa.Column("kinds", ARRAY(sa.Text), nullable=False),
        sa.Column("choices", ARRAY(sa.Text), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_custom_attributes"),
        sa.CheckConstraint(
            "type IN ('text', 'choice', 'tags', 'integer', 'money', 'date', 'boolean')",
            name=op.f("ck_custom_attributes_type"),
        ),
        sa.CheckConstraint("pii IN ('none', 'personal', 'identifying')", name=op.f("ck_custom_attributes_pii")),
        sa.CheckConstraint(
            "field_group IN ('basic', 'contact', 'personal', 'financial')",
            name=op.f("ck_custom_attributes_field_group"),
        ),
    )


def belonging(name: str) -> list[sa.Column[Any] | sa.Constraint]:
    """The columns and keys of what belongs to a customer and says where it came from."""
    return [
        sa.Column("customer_id", sa.Uuid, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("collected_at", MOMENT, nullable=False),
        sa.Column("confirmed_at", MOMENT),
        sa.Column("licence_end", sa.Date),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("collector", sa.Text, nullable=False),
        sa.Column("store", sa.Text),
        sa.PrimaryKeyConstraint("customer_id", "id", name=f"pk_{name}"),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=f"fk_{name}_customer_id_customers"),
    ]


def belongings() -> None:
    texts = ("country", "region", "city", "district", "street", "postcode", "recipient", "note")
    op.create_table(
        "addresses",
        *belonging("addresses"),
        sa.Column("kind", sa.Text, nullable=False),
        *(sa.Column(name, sa.Text) for name in texts),
        sa.CheckConstraint(
            "kind IN ('home', 'work', 'billing', 'delivery', 'store', 'other')", name=op.f("ck_addresses_kind")
        ),
    )
    op.create_table(
        "contacts",
        *belonging("contacts"),
        *(sa.Column(name, sa.SmallInteger) for name in ("birth_month", "birth_day", "birth_year")),
        sa.Column("role", sa.Text, nullable=False),
        *(sa.Column(name, sa.Text) for name in ("title", "authority", "standing", "name", "email", "address", "note")),
        sa.Column("phones", ARRAY(sa.Text), nullable=False),
        sa.Column("likes", ARRAY(sa.Text), nullable=False),
        sa.CheckConstraint(
            "authority IN ('decides', 'influences', 'advises', 'uses', 'none')", name=op.f("ck_contacts_authority")
        ),
        sa.CheckConstraint(
            "(birth_month IS NULL) = (birth_day IS NULL) AND (birth_year IS NULL OR birth_month IS NOT NULL)"
            " AND birth_month BETWEEN 1 AND 12 AND birth_day BETWEEN 1 AND 31 AND birth_year BETWEEN 1900 AND 2200",
            name=op.f("ck_contacts_birthday"),
        ),
    )
    op.create_table(
        "relationships",
        sa.Column("customer_id", sa.Uuid, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("other", sa.Uuid, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("since", sa.Date),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("note", sa.Text),
        sa.PrimaryKeyConstraint("customer_id", "id", name="pk_relationships"),
        sa.UniqueConstraint("customer_id", "other", "kind", name="uq_relationships_customer_id_other_kind"),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name="fk_relationships_customer_id_customers"),
        sa.CheckConstraint(
            "kind IN ('household', 'spouse', 'parent', 'child', 'relative', 'friend', 'colleague', 'employer',"
            " 'employee', 'referrer', 'referred', 'owner', 'owned', 'supplier', 'supplied')",
            name=op.f("ck_relationships_kind"),
        ),
        sa.CheckConstraint("other <> customer_id", name=op.f("ck_relationships_other")),
    )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index("ix_identifiers_created_at", "identifiers", postgresql_concurrently=True)
        op.drop_index("ix_customers_birthday", "customers", postgresql_concurrently=True)
    for name in ("relationships", "contacts", "addresses", "custom_attributes"):
        op.drop_table(name)
    op.drop_table("facts")
    for name in (*ORIGIN, "suspect", "confirmed_at"):
        op.drop_column("identifiers", name)
    op.drop_column("imports", "field_groups")
    op.drop_column("customers", "suspect")
