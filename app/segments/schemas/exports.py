"""Wire types of members with chosen columns, and of files of them."""

import uuid
from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field

from app.core.pages import PageQuery
from app.core.types import Answer, Wire
from app.segments.schemas.questions import COLUMNS_MAX, AsOf
from app.segments.values import Name

Columns = Annotated[list[Name], Field(min_length=1, max_length=COLUMNS_MAX, examples=[["display_name", "net_365d"]])]


class NewExport(Wire):
    """Which columns a file of a segment's members has beside their ids: any fields that the key may ask about."""

    format: Literal["csv", "ndjson"] = "csv"
    columns: Columns
    as_of: AsOf = None


class ExportAnswer(Answer):
    """A file of a segment's members, as of one moment. `total` are in it, of whom `rows` are written so far.

    `status` is queued, running, done or failed (`error`), and in the end `expired`, or `withdrawn`: somebody who is in
    it was erased.
    """

    id: uuid.UUID
    segment_id: uuid.UUID
    version: int
    format: str
    columns: list[str]
    as_of: date
    status: Literal["queued", "running", "done", "failed", "expired", "withdrawn"]
    error: str | None
    total: int | None
    rows: int
    bytes: int
    created_at: datetime
    finished_at: datetime | None
    expires_at: datetime | None
    job: str
    content: str = Field(description="Where its bytes are, once it is done; takes Range.")


class ExportsQuery(PageQuery):
    """How much of the list, and from where."""
