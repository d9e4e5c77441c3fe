"""Payments of named charges, second keys, review dates, allowances of cut-off tills, imports of ledgers and plans."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261127_13_credit"
down_revision = "20261127_12_life"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
CHANGES = ("proposed", "confirmed", "refused", "replaced")
KINDS = ("customers", "products", "stores", "receipts", "receivables", "sales_plans", "expense_budgets")
USES = ("within", "exceeded", "expired")


def upgrade() -> None:
    op.add_column("credit_accounts", sa.Column("review_on", sa.Date()))
    _allocations()
    _changes()
    _allowances()
    # A wider one takes its place at once: what clients may rely on stays so.
    op.execute("-- squawk-ignore ban-drop-constraint\nALTER TABLE imports DROP CONSTRAINT ck_imports_kind")
    op.create_check_constraint(op.f("ck_imports_kind"), "imports", f"kind IN {KINDS}", postgresql_not_valid=True)
    with op.get_context().autocommit_block():
        op.execute("SET statement_timeout = '1h'")
        op.execute("ALTER TABLE imports VALIDATE CONSTRAINT ck_imports_kind")
        op.create_index(
            "ix_credit_accounts_review_on_customer_id",
            "credit_accounts",
            ["review_on", "customer_id"],
            postgresql_where=sa.text("review_on IS NOT NULL"),
            postgresql_concurrently=True,
            if_not_exists=True,
        )
        op.execute("SET statement_timeout = '60s'")


def _allocations() -> None:
    table = "receivable_allocations"
    op.create_table(
        table,
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column("charge_id", sa.Uuid(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", MOMENT, nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("customer_id", "id"),
        sa.ForeignKeyConstraint(["customer_id", "payment_id"], ["receivables.customer_id", "receivables.id"]),
        sa.ForeignKeyConstraint(["customer_id", "charge_id"], ["receivables.customer_id", "receivables.id"]),
        sa.CheckConstraint("amount <> 0", name="amount"),
    )
    for column in ("due_on", "charge_id", "payment_id"):
        op.create_index(f"ix_{table}_customer_id_{column}", table, ["customer_id", column])


def _changes() -> None:
    op.create_table(
        "credit_changes",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("proposed_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("decided_at", MOMENT),
        sa.Column("proposed_by", sa.Uuid(), nullable=False),
        sa.Column("decided_by", sa.Uuid()),
        sa.Column("account_version", sa.BigInteger(), nullable=False),
        sa.Column("limit_before", sa.BigInteger(), nullable=False),
        sa.Column("credit_limit", sa.BigInteger(), nullable=False),
        sa.Column("term_days", sa.Integer(), nullable=False),
        sa.Column("review_on", sa.Date()),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.PrimaryKeyConstraint("customer_id", "id"),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"]),
        sa.CheckConstraint(f"state IN {CHANGES}", name="state"),
        sa.CheckConstraint("(state = 'proposed') = (decided_at IS NULL)", name="decided"),
        sa.CheckConstraint("credit_limit > limit_before", name="raises"),
    )
    op.create_index("ix_credit_changes_id", "credit_changes", ["id"])
    op.create_index(
        "ix_credit_changes_proposed",
        "credit_changes",
        ["customer_id"],
        postgresql_where=sa.text("state = 'proposed'"),
    )


def _allowances() -> None:
    op.create_table(
        "credit_allowances",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("granted_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("reserved_until", MOMENT, nullable=False),
        sa.Column("closed_at", MOMENT),
        sa.Column("granted_by", sa.Uuid(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("used", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("store", sa.Text()),
        sa.Column("till", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("customer_id", "id"),
        sa.ForeignKeyConstraint(["customer_id"], ["credit_accounts.customer_id"]),
        sa.CheckConstraint("amount > 0 AND used BETWEEN 0 AND amount", name="amount"),
        sa.CheckConstraint("granted_at < expires_at AND expires_at <= reserved_until", name="times"),
    )
    op.create_index("ix_credit_allowances_id", "credit_allowances", ["id"])
    op.create_index(
        "ix_credit_allowances_open",
        "credit_allowances",
        ["customer_id", "reserved_until"],
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_table(
        "credit_allowance_uses",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("allowance_id", sa.Uuid(), nullable=False),
        sa.Column("receipt_id", sa.Uuid(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("excess", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", MOMENT, nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("customer_id", "id"),
        sa.ForeignKeyConstraint(
            ["customer_id", "allowance_id"], ["credit_allowances.customer_id", "credit_allowances.id"]
        ),
        sa.UniqueConstraint("customer_id", "allowance_id", "receipt_id"),
        sa.CheckConstraint(f"outcome IN {USES}", name="outcome"),
        sa.CheckConstraint("amount > 0 AND excess BETWEEN 0 AND amount", name="amount"),
    )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index(
            "ix_credit_accounts_review_on_customer_id",
            "credit_accounts",
            postgresql_concurrently=True,
            if_exists=True,
        )
    # Before there were these kinds, no import was of one.
    for table, column in (("import_faults", "import_id"), ("import_chunks", "import_id"), ("imports", "id")):
        op.execute(f"DELETE FROM {table} WHERE {column} IN (SELECT id FROM imports WHERE kind NOT IN {KINDS[:4]})")  # noqa: S608
    op.drop_constraint(op.f("ck_imports_kind"), "imports")
    op.create_check_constraint(op.f("ck_imports_kind"), "imports", f"kind IN {KINDS[:4]}", postgresql_not_valid=True)
    op.execute("ALTER TABLE imports VALIDATE CONSTRAINT ck_imports_kind")
    for table in ("credit_allowance_uses", "credit_allowances", "credit_changes", "receivable_allocations"):
        op.drop_table(table)
    op.drop_column("credit_accounts", "review_on")
