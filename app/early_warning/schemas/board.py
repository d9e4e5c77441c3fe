"""Wire types of warnings as they are shown, counted and evaluated."""

import uuid
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from app.core.language import Asked
from app.core.pages import PageQuery
from app.core.types import Answer, Code, Day, Moment, Wire
from app.early_warning.life import Action, PromiseState, Status
from app.early_warning.rules import (
    KINDS,
    About,
    Kind,
    Severity,
    State,
)  # fmt: skip

EVALUATED_MAX = 1000


Outcome = Literal["kept", "won_back", "paid", "promised", "written_off", "lost", "false_alarm", "other"]


class Promised(Answer):
    """What was promised to be paid, in minor units, and by which day; `paid` is how much of it was, once decided.

    `lapsed`: what it was about is over without it, or was resolved otherwise.
    """

    amount: int
    currency: str | None
    due_on: date
    state: PromiseState
    paid: int | None


class WarningAnswer(Answer):
    """A warning. What it says of money is absent without the field group `financial`."""

    id: uuid.UUID
    customer_id: uuid.UUID
    kind: Kind
    about: About
    state: State
    severity: Severity
    status: Status
    sentence: Annotated[str | SkipJsonSchema[None], Field(description="For people, as of now.")] = None
    next_step: Annotated[str | None, Field(description="What is usually done next, for people; null when resolved.")]
    evidence: Annotated[
        dict[str, Any] | SkipJsonSchema[None],
        Field(
            description="The numbers that brought it into this state; `rule` says by whose settings: of the customer, "
            "of a segment, of a grade, or the company's."
        ),
    ] = None
    owner: str | None
    due_at: datetime | None
    opened_at: datetime
    changed_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: uuid.UUID | None
    resolved_at: datetime | None
    resolved_by: Annotated[uuid.UUID | None, Field(description="Null while live, and when the cause went away.")]
    resolution: dict[str, Any] | None
    snoozed_until: datetime | None
    escalated_at: Annotated[datetime | None, Field(description="When its due time had passed.")]
    promise: Annotated[
        Promised | SkipJsonSchema[None], Field(description="The last that was given when it was resolved.")
    ] = None
    version: int


class WarningStep(Answer):
    """Something that happened to a warning; `actor` is null for what the rules and the clock did.

    `status` is the one after it, `details` what was given with it beside the note. Both are null for what happened
    before they were kept.
    """

    at: datetime
    action: Action
    state: State
    severity: Severity
    status: Status | None
    evidence: dict[str, Any] | SkipJsonSchema[None] = None
    actor: uuid.UUID | None
    note: str | None
    details: dict[str, Any] | None


class WarningWithHistory(WarningAnswer):
    """A warning with all that happened to it, from the first on."""

    history: list[WarningStep]


class WarningQuery(PageQuery):
    """Which warnings to list: those not resolved (`live`), the worst first; `all` and `resolved` newest first.

    `store` is the customer's home store. `live` has those that are snoozed as well.
    """

    status: Literal["live", "all"] | Status = "live"
    kind: Kind | SkipJsonSchema[None] = None
    severity: Severity | SkipJsonSchema[None] = None
    owner: Code | SkipJsonSchema[None] = None
    customer_id: uuid.UUID | SkipJsonSchema[None] = None
    store: Code | SkipJsonSchema[None] = None
    due_before: Moment | SkipJsonSchema[None] = None
    language: Asked = None


class CountQuery(Wire):
    """Which warnings to count: by default those that are not resolved, the snoozed ones too."""

    status: Literal["live"] | Status = "live"
    kind: Kind | SkipJsonSchema[None] = None
    severity: Severity | SkipJsonSchema[None] = None
    owner: Code | SkipJsonSchema[None] = None
    store: Code | SkipJsonSchema[None] = None
    due_before: Moment | SkipJsonSchema[None] = None


class Counted(Answer):
    """How many have a value; null is nobody's, or of no store."""

    value: str | None
    count: int


class Counts(Answer):
    """How many warnings there are: in all, and by each of five things, the most first, at most 1000 of each."""

    count: int
    by_status: list[Counted]
    by_kind: list[Counted]
    by_severity: list[Counted]
    by_owner: list[Counted]
    by_store: list[Counted]


class TimesQuery(Wire):
    """In which days of the company something was done, both included: at most 366; by default the last 30."""

    first: Day | SkipJsonSchema[None] = None
    last: Day | SkipJsonSchema[None] = None
    kind: Kind | SkipJsonSchema[None] = None
    severity: Severity | SkipJsonSchema[None] = None


class Took(Answer):
    """How long something took, in seconds from when the warning was raised or came back; null if it never happened."""

    count: int
    mean_seconds: float | None
    median_seconds: float | None


class Times(Answer):
    """How long warnings took until somebody took them on, until somebody resolved them, until the cause was gone."""

    first: date
    last: date
    acknowledged: Took
    resolved: Took
    cause_gone: Took


class Evaluation(Wire):
    """What to evaluate; without customers, all of them, in the background."""

    kinds: Annotated[list[Kind], Field(min_length=1, max_length=len(KINDS))] | SkipJsonSchema[None] = None
    customer_ids: Annotated[list[uuid.UUID], Field(min_length=1, max_length=EVALUATED_MAX)] | SkipJsonSchema[None] = (
        None
    )


class Evaluated(Answer):
    """What was done: at once for some customers, or by a job (see `GET /v1/jobs/{job_id}`) for all."""

    status: Literal["done", "queued"]
    job_id: uuid.UUID | None
    opened: int
    changed: int
    reopened: int
    resolved: int
