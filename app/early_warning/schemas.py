"""Wire types of warnings, their rules and holds."""

import uuid
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from app.core.pages import CursorText, Limit
from app.core.settings import Language
from app.core.types import Answer, Code, Moment, Note, Wire
from app.early_warning.rules import (
    KINDS,
    About,
    CreditRule,
    Kind,
    LossRule,
    Rule,
    SalesExpenseRule,
    SalesProgressRule,
    Severity,
    State,
    Target,
)  # fmt: skip

EVALUATED_MAX = 1000
Status = Literal["open", "acknowledged", "resolved"]
Spoken = Annotated[
    Language | SkipJsonSchema[None],
    Field(description="Of what is for people; default: what Accept-Language asks for, else the company's."),
]
Outcome = Literal["kept", "won_back", "paid", "promised", "written_off", "lost", "false_alarm", "other"]
Action = Literal["opened", "changed", "reopened", "acknowledged", "resolved"]


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
    version: int


class WarningStep(Answer):
    """Something that happened to a warning; `actor` is null for what the rules did."""

    at: datetime
    action: Action
    state: State
    severity: Severity
    evidence: dict[str, Any] | SkipJsonSchema[None] = None
    actor: uuid.UUID | None
    note: str | None


class WarningWithHistory(WarningAnswer):
    """A warning with all that happened to it, from the first on."""

    history: list[WarningStep]


class WarningQuery(Wire):
    """Which warnings to list: those not resolved (`live`), the worst first; `all` and `resolved` newest first."""

    status: Literal["live", "open", "acknowledged", "resolved", "all"] = "live"
    kind: Kind | SkipJsonSchema[None] = None
    severity: Severity | SkipJsonSchema[None] = None
    owner: Code | SkipJsonSchema[None] = None
    customer_id: uuid.UUID | SkipJsonSchema[None] = None
    language: Spoken = None
    limit: Limit = 50
    cursor: CursorText | SkipJsonSchema[None] = None


class Acknowledgement(Wire):
    """Taking a warning on: by whom and until when, if that is known."""

    owner: Code | None = None
    due_at: Moment | None = None
    note: Note | None = None


class Resolution(Wire):
    """How a warning ended: what the cause was, what was found and done, and what came of it."""

    outcome: Outcome
    cause: Note | None = None
    finding: Note | None = None
    remedy: Note | None = None
    note: Note | None = None


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


class WarningRule(Answer):
    """A rule as it counts now; `version` is 0 as long as nobody has set anything."""

    kind: Kind
    settings: Rule
    version: int
    updated_at: datetime | None


Priority = Annotated[
    int,
    Field(
        strict=True, ge=-1000, le=1000,
        description="Of several segments of a customer the highest counts, of equal ones the first that was set.",
    ),
]  # fmt: skip


class CreditOverride(Wire):
    """A rule of credit for some customers: the whole rule, what is left out is as usual."""

    settings: CreditRule
    priority: Priority = 0


class LossOverride(Wire):
    """A rule of loss for some customers: the whole rule, what is left out is as usual."""

    settings: LossRule
    priority: Priority = 0


class SalesProgressOverride(Wire):
    """A rule of sales plans for some customers: the whole rule, what is left out is as usual."""

    settings: SalesProgressRule
    priority: Priority = 0


class SalesExpenseOverride(Wire):
    """A rule of expenses for some customers: the whole rule, what is left out is as usual."""

    settings: SalesExpenseRule
    priority: Priority = 0


OVERRIDES: dict[Kind, type[Wire]] = {
    "credit": CreditOverride, "loss": LossOverride, "sales_progress": SalesProgressOverride,
    "sales_expense": SalesExpenseOverride,
}  # fmt: skip


class RuleOverride(Answer):
    """A rule for customers of a grade, or of a segment, or for one customer."""

    kind: Kind
    by: Target
    key: Annotated[str, Field(description="The grade, or the id of the segment or of the customer.")]
    priority: int
    settings: Rule
    version: int
    set_at: datetime
    updated_at: datetime


class OverrideQuery(Wire):
    """Which of them to list."""

    by: Target | SkipJsonSchema[None] = None
    limit: Limit = 50
    cursor: CursorText | SkipJsonSchema[None] = None


class HoldIn(Wire):
    """Why nothing is to be sold."""

    reason: Note


class Release(Wire):
    """Why sales may go on."""

    reason: Note


class Hold(Answer):
    """Nothing is sold to the customer from `placed_at` until `released_at`.

    What a rule has placed nobody has: `placed_by` is null, and `rule` and `about` say why.
    """

    id: uuid.UUID
    customer_id: uuid.UUID
    reason: str
    placed_at: datetime
    placed_by: uuid.UUID | None
    rule: Kind | None
    about: About | None
    released_at: datetime | None
    released_by: uuid.UUID | None
    release_reason: str | None
