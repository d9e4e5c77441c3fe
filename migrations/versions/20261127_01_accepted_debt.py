"""What was owed when a person resolved a warning about the limit."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261127_01_accepted_debt"
down_revision = "20261126_06_record_depth"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("warnings", sa.Column("accepted", sa.BigInteger, nullable=True))


def downgrade() -> None:
    op.drop_column("warnings", "accepted")
