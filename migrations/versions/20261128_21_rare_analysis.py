"""Statistics of the audit trail are taken anew each time it doubles, not with every fiftieth part."""

from __future__ import annotations

from alembic import op

revision = "20261128_21_rare_analysis"
down_revision = "20261128_20_log_of_reads"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE audit_entries SET (autovacuum_analyze_scale_factor = 1)")


def downgrade() -> None:
    op.execute("ALTER TABLE audit_entries RESET (autovacuum_analyze_scale_factor)")
