"""The birthdays of every 256th customer: to tell whether thousands share a day without reading all of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261128_22_sample_of_birthdays"
down_revision = "20261128_21_rare_analysis"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.create_index(
            "ix_customers_birthday_sample",
            "customers",
            ["birth_month", "birth_day", "birth_year"],
            postgresql_where=sa.text("birth_month IS NOT NULL AND get_byte(uuid_send(id), 15) = 0"),
            postgresql_concurrently=True,
            if_not_exists=True,
        )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index("ix_customers_birthday_sample", "customers", postgresql_concurrently=True, if_exists=True)
