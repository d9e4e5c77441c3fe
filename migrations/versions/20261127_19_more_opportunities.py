"""Two more kinds of opportunities: a grade that is about to change, and no value perceived."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261127_19_more_opportunities"
down_revision = "20261127_18_expenses"
branch_labels = None
depends_on = None

BEFORE = (
    "cumulative_spend", "birthday", "anniversary", "due_to_rebuy", "key_customer_silent", "contact_due", "welcome",
    "promise_due",
)  # fmt: skip
KINDS = (*BEFORE, "grade_about_to_change", "no_value_perceived")
TABLES = ("opportunities", "opportunity_rules")


def upgrade() -> None:
    replace(KINDS)
    with op.get_context().autocommit_block():
        op.execute("SET statement_timeout = '1h'")
        validate()
        op.execute("SET statement_timeout = '60s'")


def downgrade() -> None:
    # Before there were these kinds, nothing was of them.
    for name in TABLES:
        table = sa.table(name, sa.column("kind"))
        op.execute(sa.delete(table).where(table.c.kind.not_in(BEFORE)))
    replace(BEFORE)
    validate()


def replace(kinds: tuple[str, ...]) -> None:
    """Take a wider constraint for the old one, or a narrower one once what it forbids is gone."""
    for table in TABLES:
        op.execute(f"-- squawk-ignore ban-drop-constraint\nALTER TABLE {table} DROP CONSTRAINT ck_{table}_kind")
        op.create_check_constraint(op.f(f"ck_{table}_kind"), table, f"kind IN {kinds}", postgresql_not_valid=True)


def validate() -> None:
    for table in TABLES:
        op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT ck_{table}_kind")
