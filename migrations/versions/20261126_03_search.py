"""Search: what names are found by, and indexes for fragments of numbers and addresses.

Trigrams are asked of digits and ASCII letters alone, which every locale knows, so any UTF-8 database will do. Who may
create a database's objects may also create pg_trgm in it; where it is not installed on the server this fails, and says
so.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261126_03_search"
down_revision = "20261126_02_engagement"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    op.create_table(
        "search_terms",
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("term", sa.Text(collation="C"), nullable=False),
        sa.Column("customer_id", sa.Uuid, nullable=False),
        sa.Column("personal", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("kind", "term", "customer_id", name="pk_search_terms"),
    )
    op.create_index("ix_search_terms_customer_id", "search_terms", ["customer_id"])
    op.create_index(
        "ix_search_terms_similar",
        "search_terms",
        ["term"],
        postgresql_using="gin",
        postgresql_ops={"term": "gin_trgm_ops"},
        postgresql_where=sa.text("kind IN ('name', 'part') AND term < '{'"),
    )
    # Customers that are there already are filled in by the worker.
    op.execute(
        "INSERT INTO jobs (id, kind, client_id, arguments, run_after)"
        " SELECT uuidv7(), 'customers.fill_search_terms', '00000000-0000-0000-0000-000000000000', '{}',"
        " clock_timestamp() WHERE EXISTS (SELECT FROM customers WHERE kind <> 'walk_in')"
    )
    with op.get_context().autocommit_block():
        op.execute("SET statement_timeout = '1h'")
        op.create_index(
            "ix_identifiers_fragments",
            "identifiers",
            ["value"],
            postgresql_using="gin",
            postgresql_ops={"value": "gin_trgm_ops"},
            postgresql_where=sa.text("kind IN ('phone', 'card', 'email')"),
            postgresql_concurrently=True,
        )
        op.create_index(
            "ix_identifiers_email",
            "identifiers",
            ["value"],
            postgresql_ops={"value": "text_pattern_ops"},
            postgresql_where=sa.text("kind = 'email'"),
            postgresql_concurrently=True,
        )
        op.execute("SET statement_timeout = '60s'")


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index("ix_identifiers_email", "identifiers", postgresql_concurrently=True)
        op.drop_index("ix_identifiers_fragments", "identifiers", postgresql_concurrently=True)
    op.execute("DELETE FROM jobs WHERE kind = 'customers.fill_search_terms'")
    op.drop_table("search_terms")
    op.execute("DROP EXTENSION IF EXISTS pg_trgm")
