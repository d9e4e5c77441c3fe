"""Warnings of plans and expenses, rules for some customers, and holds that a rule places."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "20261127_11_rules"
down_revision = "20261127_10_authorisations"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
KINDS = "kind IN ('credit', 'loss', 'sales_progress', 'sales_expense')"
KINDS_BEFORE = "kind IN ('credit', 'loss')"


def upgrade() -> None:
    for table in ("warnings", "warning_rules"):
        known(table, KINDS)
    op.create_table(
        "warning_overrides",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("set_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("settings", JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("kind", "by", "key"),
        sa.CheckConstraint(KINDS, name="kind"),
        sa.CheckConstraint("by IN ('segment', 'grade')", name="by"),
    )
    op.create_table(
        "warning_override_members",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("override_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("customer_id", "override_id"),
        sa.ForeignKeyConstraint(["override_id"], ["warning_overrides.id"]),
    )
    op.create_index(
        "ix_warning_override_members_override_id", "warning_override_members", ["override_id", "customer_id"]
    )
    op.create_table(
        "customer_warning_rules",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("set_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("settings", JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("customer_id", "id"),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"]),
        sa.UniqueConstraint("customer_id", "kind"),
        sa.CheckConstraint(KINDS, name="kind"),
    )
    op.create_index("ix_customer_warning_rules_kind", "customer_warning_rules", ["kind", "customer_id"])
    op.create_table(
        "warning_state",
        sa.Column("id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.CheckConstraint("id = 1", name="one_row"),
    )
    op.add_column("holds", sa.Column("amount", sa.BigInteger()))
    op.add_column("holds", sa.Column("rank", sa.SmallInteger()))
    for name in ("rule", "about", "episode"):
        op.add_column("holds", sa.Column(name, sa.Text()))
    # What reads holds knows those that nobody has placed.
    op.execute("-- squawk-ignore ban-drop-not-null\nALTER TABLE holds ALTER COLUMN placed_by DROP NOT NULL")
    op.create_check_constraint(
        op.f("ck_holds_placed"), "holds", "(placed_by IS NULL) = (rule IS NOT NULL)", postgresql_not_valid=True
    )
    validate(("warnings", "ck_warnings_kind"), ("warning_rules", "ck_warning_rules_kind"), ("holds", "ck_holds_placed"))


def known(table: str, kinds: str) -> None:
    # Every row that is there is of a kind that the new constraint allows.
    op.execute(f"-- squawk-ignore ban-drop-constraint\nALTER TABLE {table} DROP CONSTRAINT ck_{table}_kind")
    op.create_check_constraint(op.f(f"ck_{table}_kind"), table, kinds, postgresql_not_valid=True)


def validate(*names: tuple[str, str]) -> None:
    with op.get_context().autocommit_block():
        op.execute("SET statement_timeout = '1h'")
        for table, name in names:
            op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}")


def downgrade() -> None:
    # What a rule has placed has no place in the tables of before.
    op.execute("DELETE FROM holds WHERE rule IS NOT NULL")
    op.drop_constraint(op.f("ck_holds_placed"), "holds", type_="check")
    for name in ("rule", "about", "episode", "rank", "amount"):
        op.drop_column("holds", name)
    op.execute("ALTER TABLE holds ALTER COLUMN placed_by SET NOT NULL")
    for table in ("warning_state", "customer_warning_rules", "warning_override_members", "warning_overrides"):
        op.drop_table(table)
    op.execute(
        "DELETE FROM warning_events e USING warnings w WHERE w.customer_id = e.customer_id AND w.id = e.warning_id"
        " AND w.kind NOT IN ('credit', 'loss')"
    )
    for table in ("warnings", "warning_rules"):
        op.execute(f"DELETE FROM {table} WHERE kind NOT IN ('credit', 'loss')")  # noqa: S608  two tables of ours
        known(table, KINDS_BEFORE)
    validate(("warnings", "ck_warnings_kind"), ("warning_rules", "ck_warning_rules_kind"))
