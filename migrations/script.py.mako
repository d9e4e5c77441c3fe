"""${message}."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}
revision = "${up_revision}"
down_revision = ${'"' + down_revision + '"' if down_revision else "None"}
branch_labels = None
depends_on = None

# The version before this one is still running while this happens: add first, drop one release later.
# Names of constraints are whole names, marked so: name=op.f("ck_orders_status"); a bare one would get the prefix twice.
# env.py has set lock_timeout and statement_timeout. An index on a table that may be large is built CONCURRENTLY, inside
# `with op.get_context().autocommit_block():`, with a statement_timeout of its own.


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    ${downgrades if downgrades else "pass"}
