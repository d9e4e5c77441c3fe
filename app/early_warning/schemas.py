"""Wire types of warnings, their rules and holds."""

import uuid
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, RootModel, Tag, model_validator
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import PydanticCustomError

from app.core.pages import CursorText, Limit
from app.core.types import AMOUNT_MAX, Answer, Code, Day, Moment, Note, Wire
from app.early_warning.life import VERBS, Action, PromiseState, Status
from app.early_warning.rules import CreditRule, Kind, LossRule, Severity, State

EVALUATED_MAX = 1000
About = Literal["limit", "overdue", "rhythm"]
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
    evidence: Annotated[
        dict[str, Any] | SkipJsonSchema[None], Field(description="The numbers that brought it into this state.")
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


class WarningQuery(Wire):
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
    limit: Limit = 50
    cursor: CursorText | SkipJsonSchema[None] = None


class Acknowledgement(Wire):
    """Taking a warning on: by whom and until when, if that is known."""

    owner: Code | None = None
    due_at: Moment | None = None
    note: Note | None = None


class Assignment(Wire):
    """Whose a warning is from now on (null: nobody's), and by when it is to be resolved."""

    owner: Code | None
    due_at: Moment | SkipJsonSchema[None] = None
    note: Note | None = None


class Snooze(Wire):
    """Until when a warning sleeps."""

    until: Moment
    note: Note | None = None


class Investigation(Wire):
    """Who looks for the cause, and until when, if that is known."""

    owner: Code | None = None
    due_at: Moment | None = None
    note: Note | None = None


class PromiseIn(Wire):
    """A promise to pay so much, in minor units, by the end of a day."""

    amount: Annotated[int, Field(strict=True, ge=1, le=AMOUNT_MAX)]
    due_on: Day


class Resolution(Wire):
    """How a warning ended: what the cause was, what was found and done, and what came of it.

    A promise to pay is watched: the warning comes back if it is broken.
    """

    outcome: Outcome
    cause: Note | None = None
    finding: Note | None = None
    remedy: Note | None = None
    promise: PromiseIn | None = None
    note: Note | None = None

    @model_validator(mode="after")
    def _promised(self) -> "Resolution":
        if self.promise is not None and self.outcome != "promised":
            raise PydanticCustomError("not_promised", "A promise to pay goes with the outcome promised.")
        return self


class Reopening(Wire):
    """Why a warning is not over after all."""

    note: Note | None = None


class CommentIn(Wire):
    """Something to be known of a warning; `by` is the member of staff who says it, the key's own if it has one."""

    text: Note
    by: Code | None = None


class Comment(Answer):
    """What somebody has said of a warning."""

    id: uuid.UUID
    warning_id: uuid.UUID
    at: datetime
    actor: uuid.UUID
    by: str | None
    text: str


class CommentQuery(Wire):
    """A page of comments, the first ones first."""

    limit: Limit = 50
    cursor: CursorText | SkipJsonSchema[None] = None


class AcknowledgeStep(Acknowledgement):
    """Take a warning on."""

    id: uuid.UUID
    action: Literal["acknowledge"]


class SnoozeStep(Snooze):
    """Put a warning aside."""

    id: uuid.UUID
    action: Literal["snooze"]


class InvestigateStep(Investigation):
    """Look for a warning's cause."""

    id: uuid.UUID
    action: Literal["investigate"]


class AssignStep(Assignment):
    """Give a warning to somebody."""

    id: uuid.UUID
    action: Literal["assign"]


class CommentStep(CommentIn):
    """Comment on a warning."""

    id: uuid.UUID
    action: Literal["comment"]


class ResolveStep(Resolution):
    """Resolve a warning."""

    id: uuid.UUID
    action: Literal["resolve"]


class ReopenStep(Reopening):
    """Take a warning up again."""

    id: uuid.UUID
    action: Literal["reopen"]


# A tag of a union is the name of a class.
_STEPS: dict[str, str] = {verb: f"{verb.capitalize()}Step" for verb in VERBS}


def _step(value: Any) -> str | None:
    if isinstance(value, Wire):
        return type(value).__name__
    action = value.get("action") if isinstance(value, dict) else None
    return _STEPS.get(action) if isinstance(action, str) else None


class WarningStepIn(
    RootModel[
        Annotated[
            Annotated[AcknowledgeStep, Tag("AcknowledgeStep")]
            | Annotated[SnoozeStep, Tag("SnoozeStep")]
            | Annotated[InvestigateStep, Tag("InvestigateStep")]
            | Annotated[AssignStep, Tag("AssignStep")]
            | Annotated[CommentStep, Tag("CommentStep")]
            | Annotated[ResolveStep, Tag("ResolveStep")]
            | Annotated[ReopenStep, Tag("ReopenStep")],
            Discriminator(
                _step,
                custom_error_type="unknown_action",
                custom_error_message=f"The action must be one of: {', '.join(VERBS)}.",
            ),
        ]
    ]
):
    """A step of one warning: its `id`, the `action`, and what that action takes."""


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

    kinds: Annotated[list[Kind], Field(min_length=1, max_length=2)] | SkipJsonSchema[None] = None
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


class WarningRule(Answer):
    """A rule as it counts now; `version` is 0 as long as nobody has set anything."""

    kind: Kind
    settings: CreditRule | LossRule
    version: int
    updated_at: datetime | None


class HoldIn(Wire):
    """Why nothing is to be sold."""

    reason: Note


class Release(Wire):
    """Why sales may go on."""

    reason: Note


class Hold(Answer):
    """Nothing is sold to the customer from `placed_at` until `released_at`."""

    id: uuid.UUID
    customer_id: uuid.UUID
    reason: str
    placed_at: datetime
    placed_by: uuid.UUID
    released_at: datetime | None
    released_by: uuid.UUID | None
    release_reason: str | None
