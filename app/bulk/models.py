"""Tables of imports. An import's id is its job's id: whether it waits, runs or is over stands in the job alone."""

import uuid
from datetime import datetime

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    Text,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.core.errors import ProblemType
from app.core.tables import Base, RowStamp

KINDS = ("customers", "products", "stores", "receipts", "receivables", "sales_plans", "expense_budgets", "expenses")
FORMATS = ("csv", "ndjson")
SOURCES = ("upload", "file")

# Insert and map: none of these tables has a constraint that a request can meet.
PROBLEMS: dict[str, ProblemType] = {}


class Import(Base):
    """A file being taken in, with the caller in whose name its rows are written.

    Without a job it is still being received, or its sender has gone away. An `upload` lies in `import_chunks`; a `file`
    is read where it lies by the command line, and is found again by its `digest`.
    """

    __tablename__ = "imports"
    __table_args__ = (
        CheckConstraint(f"kind IN {KINDS}", name="kind"),
        CheckConstraint(f"format IN {FORMATS}", name="format"),
        CheckConstraint(f"source IN {SOURCES}", name="source"),
        Index("ix_imports_client_id", "client_id", "id"),
        # Two commands that start on one file at the same moment agree on one import.
        Index("uq_imports_file", "digest", "kind", "run", unique=True, postgresql_where=text("source = 'file'")),
        Index("ix_imports_receiving", "touched_at", postgresql_where=text("digest IS NULL")),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    format: Mapped[str]
    source: Mapped[str]
    delimiter: Mapped[str | None]
    # Of a file of the command line: 1, and one more each time it is imported again from the start.
    run: Mapped[int] = mapped_column(server_default="0")
    digest: Mapped[bytes | None] = mapped_column(LargeBinary)
    size: Mapped[int] = mapped_column(BigInteger, server_default="0")
    client_id: Mapped[uuid.UUID]
    key_id: Mapped[uuid.UUID]
    client_name: Mapped[str]
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    # None: of an import from before writes were bound to field groups.
    field_groups: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    store: Mapped[str | None]
    request_id: Mapped[str]
    rows_read: Mapped[int] = mapped_column(BigInteger, server_default="0")
    rows_created: Mapped[int] = mapped_column(BigInteger, server_default="0")
    rows_updated: Mapped[int] = mapped_column(BigInteger, server_default="0")
    rows_duplicate: Mapped[int] = mapped_column(BigInteger, server_default="0")
    rows_failed: Mapped[int] = mapped_column(BigInteger, server_default="0")
    created_at: Mapped[RowStamp]
    touched_at: Mapped[RowStamp]
    started_at: Mapped[datetime | None]


class ImportChunk(Base):
    """One mebibyte of an upload (the last one less), compressed; gone when its rows are in or the import is over."""

    __tablename__ = "import_chunks"
    __table_args__ = (PrimaryKeyConstraint("import_id", "number"),)

    import_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("imports.id"))
    number: Mapped[int]
    data: Mapped[bytes] = mapped_column(LargeBinary)


class ImportFault(Base):
    """One thing that is wrong with one row. `line` is where the row starts in the file; no value of the row is kept.

    `record_key` is the row's own code or number (a product's code, a receipt's number); customers have none.
    """

    __tablename__ = "import_faults"
    __table_args__ = (PrimaryKeyConstraint("import_id", "line", "place"),)

    import_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("imports.id"))
    line: Mapped[int] = mapped_column(BigInteger)
    place: Mapped[int]
    code: Mapped[str]
    detail: Mapped[str]
    pointer: Mapped[str]
    record_key: Mapped[str | None]
