"""Wire types of opportunities and their rules."""

import uuid
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from app.core.language import Asked
from app.core.pages import PageQuery
from app.core.types import Answer, Code, Note, Wire
from app.customers.purposes import ChannelName
from app.early_warning.opportunities.rules import (
    KINDS,
    Amounts,
    Before,
    Boundaries,
    Days,
    Ending,
    Keep,
    Kind,
    Outcome,
    Priority,
    Reason,
    Status,
    Within,
    Years,
)
from app.early_warning.opportunities.sentences import Action

JUDGED_MAX = 1000


class Suggestion(Answer):
    """What to do. Before doing it ask `may-contact`: it knows of hours, caps and who else is in touch."""

    action: Action
    purpose: Literal["marketing", "service"]
    channel: Annotated[
        ChannelName | None, Field(description="One that the customer allows; null: none, so only in person.")
    ]
    refused: Annotated[dict[str, str], Field(description="Channels by which not, and why.")]
    text: Annotated[str, Field(description="The same for people.")]


class OpportunityAnswer(Answer):
    """A reason to turn to a customer.

    `birthday` is there only with the field group `personal`, `cumulative_spend` and `grade_about_to_change` only with
    `financial`.
    """

    id: uuid.UUID
    customer_id: uuid.UUID
    kind: Kind
    about: Annotated[str, Field(description="What of the customer: a product, a promise, a key person, a word.")]
    status: Status
    priority: int
    value: Annotated[
        int | SkipJsonSchema[None] | None,
        Field(
            description="What it is about, in minor units: the amount reached, asked for, or paid last; needs"
            " `financial`."
        ),
    ] = None
    sentence: Annotated[str, Field(description="For people.")]
    evidence: Annotated[dict[str, Any], Field(description="The numbers that raised it.")]
    suggestion: Annotated[Suggestion | SkipJsonSchema[None], Field(description="While it is open.")] = None
    owner: Annotated[str | None, Field(description="The account manager, unless somebody else has it.")]
    store: Annotated[str | None, Field(description="The customer's home store.")]
    outcome: Annotated[
        Outcome | Reason | Ending | None, Field(description="What came of it, why it was dismissed, why it expired.")
    ]
    note: Annotated[str | SkipJsonSchema[None] | None, Field(description="Needs `personal`.")] = None
    opened_at: datetime
    changed_at: datetime
    closed_at: datetime | None
    closed_by: Annotated[uuid.UUID | None, Field(description="Null while open, and when it expired.")]
    expires_on: Annotated[date | None, Field(description="Its last day; null: as long as its cause lasts.")]
    version: int


class _Asked(Wire):
    status: Literal[Status, "all"] = "open"
    kind: Kind | SkipJsonSchema[None] = None
    owner: Code | SkipJsonSchema[None] = None
    customer_id: uuid.UUID | SkipJsonSchema[None] = None
    store: Code | SkipJsonSchema[None] = None


class CountsQuery(_Asked):
    """Which opportunities to count."""


class OpportunityQuery(_Asked, PageQuery):
    """Which opportunities to list: open ones, the most pressing first; others newest first."""

    language: Asked = None


class OfKind(Answer):
    """How many of a kind."""

    kind: Kind
    count: int


class OfOwner(Answer):
    """How many somebody has; null: nobody."""

    owner: str | None
    count: int


class OfStore(Answer):
    """How many customers of a home store have; null: of none."""

    store: str | None
    count: int


class Counts(Answer):
    """How many opportunities, the most first in each list."""

    total: int
    kinds: list[OfKind]
    owners: list[OfOwner]
    stores: list[OfStore]


class Taking(Wire):
    """Who takes it, and what came of it if that is known: both may be said later."""

    owner: Code | None = None
    outcome: Outcome | None = None
    note: Note | None = None


class Dismissal(Wire):
    """Why nothing is done."""

    reason: Reason
    note: Note | None = None


class Decision(Wire):
    """Take an opportunity or dismiss it: a dismissal needs a `reason`, and only a taken one has owner and outcome."""

    id: uuid.UUID
    action: Literal["take", "dismiss"]
    owner: Code | None = None
    outcome: Outcome | None = None
    reason: Reason | None = None
    note: Note | None = None


class Judging(Wire):
    """Whom to judge; without customers everybody, in the background."""

    kinds: Annotated[list[Kind], Field(min_length=1, max_length=len(KINDS))] | SkipJsonSchema[None] = None
    customer_ids: Annotated[list[uuid.UUID], Field(min_length=1, max_length=JUDGED_MAX)] | SkipJsonSchema[None] = None


class Judged(Answer):
    """What was done: at once for some customers, or by a job (see `GET /v1/jobs/{job_id}`) for all."""

    status: Literal["done", "queued"]
    job_id: uuid.UUID | None
    opened: int
    changed: int
    expired: int


class RuleSettings(Wire):
    """The settings of a rule. Which of them a kind has, its answer shows; what is left out is as usual."""

    enabled: Annotated[bool, Field(strict=True)] | SkipJsonSchema[None] = None
    priority: Priority | SkipJsonSchema[None] = None
    days_before: Before | SkipJsonSchema[None] = None
    keep_days: Keep | SkipJsonSchema[None] = None
    days: Annotated[
        Days | SkipJsonSchema[None],
        Field(description="How long a key customer may be silent; for how long a survey counts."),
    ] = None
    amounts: Amounts | SkipJsonSchema[None] = None
    years: Years | SkipJsonSchema[None] = None
    grades: Annotated[
        list[Code] | SkipJsonSchema[None], Field(max_length=20, description="Grades of key customers.")
    ] = None
    boundaries: Boundaries | SkipJsonSchema[None] = None
    within_percent: Within | SkipJsonSchema[None] = None


class OpportunityRule(Answer):
    """A rule as it counts now; `version` is 0 as long as nobody has set anything."""

    kind: Kind
    settings: dict[str, Any]
    version: int
    updated_at: datetime | None


class OpportunityRules(Answer):
    """All rules."""

    data: list[OpportunityRule]
