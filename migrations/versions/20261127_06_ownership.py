"""Who looks after a customer: sponsors, assignments, handovers; and what keys of staff reach, and see masked."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "20261127_06_ownership"
down_revision = "20261127_05_duplicates"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
PARTS = ("account_manager", "sponsor")
CHECKS = {
    "reach": "reach IN ('own', 'store', 'region', 'all')",
    "own": "reach <> 'own' OR staff IS NOT NULL",
    "near": "reach NOT IN ('store', 'region') OR store IS NOT NULL",
}


def upgrade() -> None:
    op.add_column("customers", sa.Column("sponsor", sa.Text()))
    op.create_table(
        "assignments",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("assigned_by", sa.Uuid(), nullable=False),
        sa.Column("ended_by", sa.Uuid()),
        sa.Column("handover_id", sa.Uuid()),
        sa.Column("since", MOMENT, nullable=False),
        sa.Column("until", MOMENT),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("staff", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("ended_reason", sa.Text()),
        sa.PrimaryKeyConstraint("customer_id", "id", name=op.f("pk_assignments")),
        sa.CheckConstraint("part IN ('account_manager', 'sponsor')", name=op.f("ck_assignments_part")),
    )
    op.create_index(
        "ix_assignments_handover_id",
        "assignments",
        ["handover_id", "customer_id"],
        postgresql_where=sa.text("handover_id IS NOT NULL"),
    )
    op.create_table(
        "handovers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("found", sa.BigInteger(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("finished_at", MOMENT),
        sa.Column("selection", sa.Text(), nullable=False),
        sa.Column("source", sa.Text()),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("wanted", JSONB(), nullable=False),
        sa.Column("left_out", JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handovers")),
        sa.CheckConstraint(
            "selection IN ('customers', 'segment', 'account_manager', 'handover')", name=op.f("ck_handovers_selection")
        ),
    )
    op.create_index("ix_handovers_client_id", "handovers", ["client_id", "id"])
    op.add_column("api_keys", sa.Column("staff", sa.Text()))
    op.add_column("api_keys", sa.Column("reach", sa.Text(), server_default="all", nullable=False))
    masked: sa.Column[Any] = sa.Column(
        "masked", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False
    )
    op.add_column("api_keys", masked)
    for name, condition in CHECKS.items():
        op.create_check_constraint(op.f(f"ck_api_keys_{name}"), "api_keys", condition, postgresql_not_valid=True)
    with op.get_context().autocommit_block():
        op.execute("SET statement_timeout = '1h'")
        for name in CHECKS:
            op.execute(f"ALTER TABLE api_keys VALIDATE CONSTRAINT ck_api_keys_{name}")
        for part in PARTS:
            op.create_index(
                f"ix_customers_{part}",
                "customers",
                [part, "id"],
                postgresql_where=sa.text(f"{part} IS NOT NULL"),
                postgresql_concurrently=True,
                if_not_exists=True,
            )
        op.execute("SET statement_timeout = '60s'")


def downgrade() -> None:
    with op.get_context().autocommit_block():
        for part in PARTS:
            op.drop_index(f"ix_customers_{part}", "customers", postgresql_concurrently=True, if_exists=True)
    for name in CHECKS:
        op.drop_constraint(op.f(f"ck_api_keys_{name}"), "api_keys")
    for column in ("masked", "reach", "staff"):
        op.drop_column("api_keys", column)
    op.drop_table("handovers")
    op.drop_table("assignments")
    op.drop_column("customers", "sponsor")
