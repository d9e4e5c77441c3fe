"""Expenses are imported from files."""

from __future__ import annotations

from alembic import op

revision = "20261127_18_expenses"
down_revision = "20261127_16_places"
branch_labels = None
depends_on = None

KINDS = ("customers", "products", "stores", "receipts", "receivables", "sales_plans", "expense_budgets", "expenses")


def upgrade() -> None:
    # A wider one takes its place at once: what clients may rely on stays so.
    op.execute("-- squawk-ignore ban-drop-constraint\nALTER TABLE imports DROP CONSTRAINT ck_imports_kind")
    op.create_check_constraint(op.f("ck_imports_kind"), "imports", f"kind IN {KINDS}", postgresql_not_valid=True)
    with op.get_context().autocommit_block():
        op.execute("SET statement_timeout = '1h'")
        op.execute("ALTER TABLE imports VALIDATE CONSTRAINT ck_imports_kind")
        op.execute("SET statement_timeout = '60s'")


def downgrade() -> None:
    # Before there was this kind, no import was of it.
    for table, column in (("import_faults", "import_id"), ("import_chunks", "import_id"), ("imports", "id")):
        op.execute(f"DELETE FROM {table} WHERE {column} IN (SELECT id FROM imports WHERE kind NOT IN {KINDS[:7]})")  # noqa: S608
    op.drop_constraint(op.f("ck_imports_kind"), "imports")
    op.create_check_constraint(op.f("ck_imports_kind"), "imports", f"kind IN {KINDS[:7]}", postgresql_not_valid=True)
    op.execute("ALTER TABLE imports VALIDATE CONSTRAINT ck_imports_kind")
