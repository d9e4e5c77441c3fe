"""Bulk: imports, their bytes until they are read, and what was wrong with their rows."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from alembic import op

revision = "20261121_07_bulk"
down_revision = "20261121_06_receipts"
branch_labels = None
depends_on = None


def count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), server_default="0", nullable=False)


def stamp(name: str) -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False)


def upgrade() -> None:
    op.create_table(
        "imports",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("delimiter", sa.Text(), nullable=True),
        sa.Column("run", sa.Integer(), server_default="0", nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=True),
        count("size"),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("key_id", sa.Uuid(), nullable=False),
        sa.Column("client_name", sa.Text(), nullable=False),
        sa.Column("scopes", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("store", sa.Text(), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=False),
        count("rows_read"),
        count("rows_created"),
        count("rows_updated"),
        count("rows_duplicate"),
        count("rows_failed"),
        stamp("created_at"),
        stamp("touched_at"),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_imports"),
        sa.CheckConstraint("kind IN ('customers', 'products', 'stores', 'receipts')", name=op.f("ck_imports_kind")),
        sa.CheckConstraint("format IN ('csv', 'ndjson')", name=op.f("ck_imports_format")),
        sa.CheckConstraint("source IN ('upload', 'file')", name=op.f("ck_imports_source")),
    )
    op.create_index("ix_imports_client_id", "imports", ["client_id", "id"])
    op.create_index(
        "uq_imports_file",
        "imports",
        ["digest", "kind", "run"],
        unique=True,
        postgresql_where=sa.text("source = 'file'"),
    )
    op.create_index("ix_imports_receiving", "imports", ["touched_at"], postgresql_where=sa.text("digest IS NULL"))
    op.create_table(
        "import_chunks",
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("import_id", "number", name="pk_import_chunks"),
        sa.ForeignKeyConstraint(["import_id"], ["imports.id"], name="fk_import_chunks_import_id_imports"),
    )
    op.create_table(
        "import_faults",
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("line", sa.BigInteger(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("pointer", sa.Text(), nullable=False),
        sa.Column("record_key", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("import_id", "line", "place", name="pk_import_faults"),
        sa.ForeignKeyConstraint(["import_id"], ["imports.id"], name="fk_import_faults_import_id_imports"),
    )


def downgrade() -> None:
    op.drop_table("import_faults")
    op.drop_table("import_chunks")
    op.drop_table("imports")
