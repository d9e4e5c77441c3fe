"""Wire types of a warning's life: what is said and done about it."""

import uuid
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, RootModel, Tag, model_validator
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import PydanticCustomError

from app.core.pages import PageQuery
from app.core.types import AMOUNT_MAX, Answer, Code, Day, Moment, Note, Wire
from app.early_warning.life import VERBS
from app.early_warning.schemas.board import Outcome


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


class CommentQuery(PageQuery):
    """A page of comments, the first ones first."""


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
