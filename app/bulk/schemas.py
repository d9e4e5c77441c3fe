"""Wire types of imports and jobs."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from app.core.pages import PageQuery
from app.core.types import INT64_MAX, Answer, Wire

ImportKind = Literal[
    "customers", "products", "stores", "receipts", "receivables", "sales_plans", "expense_budgets", "expenses"
]  # fmt: skip
ImportFormat = Literal["csv", "ndjson"]
Delimiter = Literal["comma", "semicolon", "tab"]
JobStatus = Literal["queued", "running", "done", "failed"]


class UploadQuery(Wire):
    """What a file holds. The delimiter of a CSV is found by its header if it is not said."""

    kind: ImportKind
    delimiter: Delimiter | None = None


class ImportQuery(PageQuery):
    """Which imports to list."""

    kind: ImportKind | None = None


class FaultQuery(Wire):
    """How to list what is wrong with rows: one JSON object a line, or CSV; without what is wrong up to `after_line`."""

    format: ImportFormat = "ndjson"
    after_line: int = Field(default=0, ge=0, le=INT64_MAX)


class RowCounts(Answer):
    """How many rows were read, and what became of them. A receipt of several lines is one row."""

    read: int
    created: int
    updated: int
    duplicate: int
    failed: int


class Import(Answer):
    """A file that is taken in. `done` says that every row was tried; `rows.failed` says how many were refused.

    `failed` means that the work itself was given up (`error`); what was counted stays, and sending the file again goes
    over it without harm where rows have a natural key.
    """

    id: str
    kind: ImportKind
    format: ImportFormat
    status: JobStatus
    error: str | None
    bytes: int
    percent: int
    rows: RowCounts
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    job: str = Field(description="Where its job is.")
    errors: str = Field(description="Where what is wrong with its rows can be read, while it runs too.")


class Job(Answer):
    """Background work."""

    id: str
    kind: str
    status: JobStatus
    error: str | None
    attempts: int = Field(description="Tries since it last got on.")
    progress: dict[str, Any]
    created_at: datetime
    finished_at: datetime | None


class RowFault(Answer):
    """One thing that is wrong with one row."""

    line: int = Field(description="The line of the file where the row starts; the header of a CSV is line 1.")
    code: str
    detail: str
    pointer: str = Field(description="JSON: a pointer into the object. CSV: the name of the column.")
    key: str | None = Field(description="The row's own code or number, if it has one.")
