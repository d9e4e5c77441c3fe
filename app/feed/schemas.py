"""Wire types of the change feed."""

import uuid
from datetime import datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from app.core.pages import CursorText
from app.core.types import Answer, Wire
from app.feed.types import EVENT_TYPES

CHANGES_MAX = 1000
WAIT_MAX = 30

_KNOWN = "\n".join(f"- `{name}`: {meaning}" for name, meaning in EVENT_TYPES.items())


def _types(value: Any) -> Any:
    return value.split(",") if isinstance(value, str) else value


def _known(value: Any) -> Any:
    if value not in EVENT_TYPES:
        raise PydanticCustomError("unknown_type", "There is no such type of event.")
    return value


EventType = Annotated[str, BeforeValidator(_known), Field(json_schema_extra={"enum": list(EVENT_TYPES)})]


class ChangesQuery(Wire):
    """Parameters of `GET /v1/changes`."""

    after: CursorText | None = Field(
        default=None,
        description="`next_cursor` of the page before, or of a snapshot. Without it: the oldest event kept.",
    )
    types: Annotated[list[EventType], BeforeValidator(_types), Field(min_length=1, max_length=50)] | None = Field(
        default=None, description="Only events of these types, separated by commas."
    )
    limit: int = Field(default=200, ge=1, le=CHANGES_MAX, description="How many events at most.")
    wait: int = Field(
        default=0, ge=0, le=WAIT_MAX, description="Seconds to wait for an event when there is none; then an empty page."
    )


class FeedEvent(Answer):
    """Something that happened. `data` is thin: fetch the record for the rest."""

    id: uuid.UUID
    # Not an enumeration here: a generated client must not fall over a type that is newer than itself.
    type: str = Field(description=_KNOWN)
    subject: str = Field(description="The record it happened to: an id, or the code of a store or product.")
    customer_id: uuid.UUID | None = Field(description="The customer whose record it is; null for the company's own.")
    sequence: int = Field(description="Its place on the feed, without holes: 1, 2, 3, ...")
    occurred_at: datetime
    version: int | None = Field(description="The subject's version after it, where it has versions.")
    data: dict[str, Any]


class Changes(Answer):
    """A page of the feed. `next_cursor` is where to go on, also after an empty page.

    With `types` a page may be empty while `has_more` is true: the feed goes on behind events of other types.
    """

    data: list[FeedEvent]
    next_cursor: str
    has_more: bool
