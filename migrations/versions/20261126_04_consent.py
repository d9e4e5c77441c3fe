"""Consent: decisions with their history, contact policies, reservations, and the log of contacts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "20261126_04_consent"
down_revision = "20261126_03_search"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
CHANNELS = "'phone', 'sms', 'email', 'chat', 'app', 'letter', 'visit'"


def upgrade() -> None:
    op.create_table(
        "consents",
        sa.Column("customer_id", sa.Uuid, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("decided_at", MOMENT, nullable=False),
        sa.Column("recorded_at", MOMENT, nullable=False),
        sa.Column("recorded_by", sa.Uuid, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("partner", sa.Text),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("proof", sa.Text),
        sa.PrimaryKeyConstraint("customer_id", "id", name="pk_consents"),
        sa.CheckConstraint(
            "purpose IN ('marketing', 'service', 'survey', 'profiling', 'sharing')", name=op.f("ck_consents_purpose")
        ),
        sa.CheckConstraint(f"channel IN ('any', {CHANNELS})", name=op.f("ck_consents_channel")),
        sa.CheckConstraint("state IN ('granted', 'denied', 'withdrawn')", name=op.f("ck_consents_state")),
    )
    own = sa.text("partner IS NULL")
    op.create_index("ix_consents_own", "consents", ["purpose", "channel", "customer_id"], postgresql_where=own)
    policies()
    op.create_table(
        "contact_reservations",
        sa.Column("customer_id", sa.Uuid, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("reserved_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("reserved_by", sa.Uuid, nullable=False),
        sa.Column("agent", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("customer_id", name="pk_contact_reservations"),
        sa.CheckConstraint(f"channel IN ({CHANNELS})", name=op.f("ck_contact_reservations_channel")),
        sa.CheckConstraint("reserved_at <= expires_at", name=op.f("ck_contact_reservations_times")),
    )
    op.create_index("ix_contact_reservations_id", "contact_reservations", ["id"])
    op.create_table(
        "contact_log",
        sa.Column("customer_id", sa.Uuid, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("recorded_at", MOMENT, nullable=False),
        sa.Column("recorded_by", sa.Uuid, nullable=False),
        sa.Column("reached", sa.Boolean, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("agent", sa.Text),
        sa.PrimaryKeyConstraint("customer_id", "id", name="pk_contact_log"),
        sa.CheckConstraint(f"channel IN ({CHANNELS}, 'store', 'event', 'other')", name=op.f("ck_contact_log_channel")),
    )
    reached = sa.text("reached")
    op.create_index("ix_contact_log_reached", "contact_log", ["customer_id", "at"], postgresql_where=reached)


def policies() -> None:
    op.create_table(
        "contact_policies",
        sa.Column("customer_id", sa.Uuid, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("most", sa.SmallInteger),
        sa.Column("within_days", sa.SmallInteger),
        sa.Column("wanted_days", sa.SmallInteger),
        sa.Column("do_not_call", sa.Boolean, nullable=False),
        sa.Column("preferred_channel", sa.Text),
        sa.Column("time_zone", sa.Text),
        sa.Column("hours", JSONB),
        sa.PrimaryKeyConstraint("customer_id", name="pk_contact_policies"),
        sa.CheckConstraint(f"preferred_channel IN ({CHANNELS})", name=op.f("ck_contact_policies_preferred_channel")),
        sa.CheckConstraint("(most IS NULL) = (within_days IS NULL)", name=op.f("ck_contact_policies_cap")),
        sa.CheckConstraint("most BETWEEN 1 AND 100 AND within_days > 0", name=op.f("ck_contact_policies_cap_range")),
        sa.CheckConstraint("wanted_days > 0", name=op.f("ck_contact_policies_wanted_days")),
    )
    wanted = sa.text("wanted_days IS NOT NULL")
    op.create_index("ix_contact_policies_wanted", "contact_policies", ["customer_id"], postgresql_where=wanted)


def downgrade() -> None:
    op.drop_table("contact_log")
    op.drop_table("contact_reservations")
    op.drop_table("contact_policies")
    op.drop_table("consents")
