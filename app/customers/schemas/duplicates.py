"""Wire types of duplicate candidates."""

import uuid
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from app.core.pages import PageQuery
from app.core.types import Answer, Code, Note, Wire
from app.customers.birthday import Birthday
from app.customers.duplicates import Code as ReasonCode
from app.customers.duplicates import DismissedFor, Status

Score = Annotated[int, Field(ge=0, le=100)]


class CandidateQuery(PageQuery):
    """Which pairs to list."""

    status: Literal["open", "dismissed", "merged", "all"] = "open"
    customer_id: uuid.UUID | None = None
    min_score: Score = 0
    store: Annotated[Code | None, Field(description="Pairs with a customer who has this home store.")] = None


class Reason(Answer):
    """One thing that speaks for (or, with a weight below 0, against) the two being one."""

    code: ReasonCode
    weight: int


class CandidateCustomer(Answer):
    """One of the two, in short. What the key's field groups do not show is absent."""

    id: uuid.UUID
    kind: str | SkipJsonSchema[None] = None
    status: str | SkipJsonSchema[None] = None
    display_name: str | None = None
    home_store: str | None = None
    given_name: str | None = None
    family_name: str | None = None
    reading: str | None = None
    gender: str | None = None
    birthday: Birthday | None = None
    identifiers: list[dict[str, Any]] | SkipJsonSchema[None] = None
    version: int
    created_at: datetime | SkipJsonSchema[None] = None


class CandidateAnswer(Answer):
    """Two customers who may be one."""

    id: uuid.UUID
    score: Annotated[int, Field(ge=0, le=100, description="The sum of all weights, those that are not shown too.")]
    status: Status
    reasons: Annotated[
        list[Reason], Field(description="The heaviest first. One about what the key does not show is absent.")
    ]
    customers: Annotated[list[CandidateCustomer], Field(min_length=2, max_length=2)]
    refused: Annotated[
        list[str] | SkipJsonSchema[None],
        Field(description="Kinds of identifiers that one holds and that were refused to the other."),
    ] = None
    found_at: datetime
    changed_at: datetime
    decided_at: Annotated[datetime | None, Field(description="When somebody last dismissed or reopened it.")]
    decided_by: uuid.UUID | None
    dismissed_for: DismissedFor | None
    note: str | None = None
    version: int


class Dismissal(Wire):
    """Why the two are not one."""

    reason: DismissedFor
    note: Note | None = None


class DuplicateSweep(Answer):
    """The job that looks at everybody."""

    status: Literal["queued"]
    job_id: uuid.UUID
