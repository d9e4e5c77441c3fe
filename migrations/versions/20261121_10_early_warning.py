"""Early warning: warnings, their history and rules, holds; and the models of customers' rhythms that they stand on."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "20261121_10_early_warning"
down_revision = "20261121_09_credit"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
LIVE = sa.text("status <> 'resolved'")


def upgrade() -> None:
    models()
    warnings()
    op.create_table(
        "holds",
        sa.Column("customer_id", sa.Uuid, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("placed_at", MOMENT, nullable=False),
        sa.Column("placed_by", sa.Uuid, nullable=False),
        sa.Column("released_at", MOMENT),
        sa.Column("released_by", sa.Uuid),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("release_reason", sa.Text),
        sa.PrimaryKeyConstraint("customer_id", "id", name="pk_holds"),
        sa.CheckConstraint("(released_at IS NULL) = (released_by IS NULL)", name=op.f("ck_holds_released")),
    )
    op.create_index("ix_holds_id", "holds", ["id"])


def models() -> None:
    op.create_table(
        "model_fits",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("fitted_at", MOMENT, nullable=False),
        sa.Column("as_of", sa.Date, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("population", sa.Text, nullable=False),
        sa.Column("parameters", JSONB, nullable=False),
        sa.Column("basis", JSONB, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_model_fits"),
        sa.CheckConstraint("model IN ('mbg_nbd')", name=op.f("ck_model_fits_model")),
        sa.CheckConstraint("population IN ('person', 'business', 'all')", name=op.f("ck_model_fits_population")),
    )
    op.create_index("ix_model_fits_newest", "model_fits", ["model", "population", "fitted_at", "id"])


def warnings() -> None:
    op.create_table(
        "warning_rules",
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("settings", JSONB, nullable=False),
        sa.PrimaryKeyConstraint("kind", name="pk_warning_rules"),
        sa.CheckConstraint("kind IN ('credit', 'loss')", name=op.f("ck_warning_rules_kind")),
    )
    op.create_table(
        "warnings",
        sa.Column("customer_id", sa.Uuid, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("opened_at", MOMENT, nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.Column("acknowledged_at", MOMENT),
        sa.Column("acknowledged_by", sa.Uuid),
        sa.Column("due_at", MOMENT),
        sa.Column("resolved_at", MOMENT),
        sa.Column("resolved_by", sa.Uuid),
        sa.Column("rank", sa.SmallInteger, nullable=False),
        sa.Column("severity_rank", sa.SmallInteger, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("severity", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("episode", sa.Text, nullable=False),
        sa.Column("owner", sa.Text),
        sa.Column("evidence", JSONB, nullable=False),
        sa.Column("resolution", JSONB),
        sa.PrimaryKeyConstraint("customer_id", "id", name="pk_warnings"),
        sa.CheckConstraint("kind IN ('credit', 'loss')", name=op.f("ck_warnings_kind")),
        sa.CheckConstraint("status IN ('open', 'acknowledged', 'resolved')", name=op.f("ck_warnings_status")),
        sa.CheckConstraint("severity IN ('notice', 'warning', 'critical')", name=op.f("ck_warnings_severity")),
        sa.CheckConstraint("(status = 'resolved') = (resolved_at IS NOT NULL)", name=op.f("ck_warnings_resolved")),
    )
    op.create_index(
        "uq_warnings_live", "warnings", ["customer_id", "kind", "subject"], unique=True, postgresql_where=LIVE
    )
    op.create_index("ix_warnings_id", "warnings", ["id"])
    op.create_index("ix_warnings_board", "warnings", ["severity_rank", "id"], postgresql_where=LIVE)
    op.create_table(
        "warning_events",
        sa.Column("customer_id", sa.Uuid, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("warning_id", sa.Uuid, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("actor", sa.Uuid),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("severity", sa.Text, nullable=False),
        sa.Column("evidence", JSONB),
        sa.Column("note", sa.Text),
        sa.PrimaryKeyConstraint("customer_id", "id", name="pk_warning_events"),
        sa.ForeignKeyConstraint(
            ["customer_id", "warning_id"],
            ["warnings.customer_id", "warnings.id"],
            name="fk_warning_events_customer_id_warning_id_warnings",
        ),
        sa.CheckConstraint(
            "action IN ('opened', 'changed', 'reopened', 'acknowledged', 'resolved')",
            name=op.f("ck_warning_events_action"),
        ),
    )
    op.create_index(
        "ix_warning_events_customer_id_warning_id", "warning_events", ["customer_id", "warning_id", "version"]
    )


def downgrade() -> None:
    op.drop_table("holds")
    op.drop_table("warning_events")
    op.drop_table("warnings")
    op.drop_table("warning_rules")
    op.drop_table("model_fits")
