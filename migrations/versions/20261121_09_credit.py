"""Credit: accounts, and the ledger of what customers owe."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261121_09_credit"
down_revision = "20261121_08_segments"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "credit_accounts",
        sa.Column("customer_id", sa.Uuid, nullable=False),
        sa.Column("credit_limit", sa.BigInteger, nullable=False),
        sa.Column("balance", sa.BigInteger, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("term_days", sa.Integer, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("customer_id", name="pk_credit_accounts"),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name="fk_credit_accounts_customer_id_customers"),
        sa.CheckConstraint("status IN ('active', 'suspended')", name=op.f("ck_credit_accounts_status")),
        sa.CheckConstraint("credit_limit >= 0", name=op.f("ck_credit_accounts_limit")),
        sa.CheckConstraint("term_days BETWEEN 0 AND 3650", name=op.f("ck_credit_accounts_term")),
        postgresql_with={"fillfactor": "85"},
    )
    op.create_table(
        "receivables",
        sa.Column("customer_id", sa.Uuid, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("receipt_id", sa.Uuid),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("recorded_at", MOMENT, nullable=False),
        sa.Column("occurred_on", sa.Date, nullable=False),
        sa.Column("due_on", sa.Date),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("external_id", sa.Text),
        sa.Column("note", sa.Text),
        sa.PrimaryKeyConstraint("customer_id", "id", name="pk_receivables"),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["credit_accounts.customer_id"], name="fk_receivables_customer_id_credit_accounts"
        ),
        sa.CheckConstraint(
            "kind IN ('charge', 'payment', 'credit_note', 'write_off')", name=op.f("ck_receivables_kind")
        ),
        sa.CheckConstraint("amount <> 0 AND (kind = 'charge') = (amount > 0)", name=op.f("ck_receivables_amount")),
    )
    op.create_index(
        "uq_receivables_customer_id_external_id", "receivables", ["customer_id", "external_id"], unique=True
    )
    op.create_index(
        "ix_receivables_customer_id_due_on",
        "receivables",
        ["customer_id", "due_on"],
        postgresql_where=sa.text("due_on IS NOT NULL"),
    )
    op.create_index(
        "ix_receivables_customer_id_receipt_id",
        "receivables",
        ["customer_id", "receipt_id"],
        postgresql_where=sa.text("receipt_id IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_table("receivables")
    op.drop_table("credit_accounts")
