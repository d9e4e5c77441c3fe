"""Per kind of record: what is told when it is made, what may be changed, and what is answered."""

import uuid
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import Field, PlainSerializer
from pydantic.json_schema import SkipJsonSchema

from app.catalog.schemas import CategoryPath
from app.core.types import Code, Day, Line, Moment, Name, Note, PositiveAmount, Wire
from app.customers.birthday import optional
from app.engagement import choices as c
from app.engagement import kinds
from app.engagement.schemas.common import (
    AbsentLine,
    Living,
    NewRecord,
    Reactions,
    Record,
    RecordPatch,
    Sequels,
    Truth,
)
from app.engagement.schemas.surveys import NewSurvey, Survey


class NewInteraction(NewRecord):
    """A call, visit, message or other contact. `follow_up_at` makes a task.

    Outbound ones stand in the contact log too; those that reached the customer count for the cap of contacts.
    """

    channel: c.Channel
    direction: c.Direction
    reached: Truth = Field(default=True, description="False: nobody answered, or the message came back.")
    topic: Code | None = Field(default=None, description="A word of the company's own, without personal data.")
    note: Note | None = None
    follow_up_at: Moment | None = None


class InteractionPatch(RecordPatch):
    """What may be changed of an interaction."""

    channel: c.Channel = optional()
    direction: c.Direction = optional()
    reached: Truth = optional()
    topic: Code | None = None
    note: Note | None = None
    follow_up_at: Moment | None = None


class Interaction(Record):
    """A contact with a customer."""

    channel: c.Channel
    direction: c.Direction
    reached: bool
    topic: str | None
    note: AbsentLine = None
    follow_up_at: datetime | None


class ComplaintPatch(RecordPatch):
    """What may be changed of a complaint; its life goes by actions."""

    about: c.About = optional()
    severity: c.Severity = optional()
    subject: Line = optional()
    customer_did: Reactions = optional("What the dissatisfied customer did.")
    due_at: Moment = optional("Default: by the severity.")
    channel: c.Channel | None = None
    note: Note | None = None
    owner: Code | None = None
    store: Code | None = None
    product: Code | None = None
    receipt_id: uuid.UUID | None = None
    then_did: Sequels | None = Field(default=None, description="What the satisfied customer did afterwards.")
    satisfied_after: Truth | None = None


class NewComplaint(NewRecord):
    """A complaint. It is due by its severity unless `due_at` says otherwise."""

    about: c.About
    severity: c.Severity = "moderate"
    subject: Line
    customer_did: Reactions = Field(default=["told_us"], description="What the dissatisfied customer did.")
    due_at: Moment = optional("Default: by the severity.")
    channel: c.Channel | None = None
    note: Note | None = None
    owner: Code | None = None
    store: Code | None = None
    product: Code | None = None
    receipt_id: uuid.UUID | None = None


class Complaint(Living):
    """A complaint. `compensation_cost` is all that it has cost so far, in minor units."""

    about: c.About
    severity: c.Severity
    status: c.ComplaintStatus
    subject: AbsentLine = None
    note: AbsentLine = None
    customer_did: list[c.Reaction]
    due_at: datetime
    channel: c.Channel | None
    owner: str | None
    store: str | None
    product: str | None
    receipt_id: uuid.UUID | None
    outcome: c.Outcome | None
    outcome_note: AbsentLine = None
    compensation_cost: int | SkipJsonSchema[None] | None = None
    satisfied_after: bool | None
    then_did: list[c.Sequel] | None
    reopened: Annotated[int, Field(description="How often it came back.")]


class NewPromise(NewRecord):
    """Something that we promise a customer, and until when."""

    promise: Line
    due_at: Moment
    owner: Code | None = None
    complaint_id: uuid.UUID | None = None
    note: Note | None = None


class PromisePatch(RecordPatch):
    """What may be changed of a promise; whether it was kept goes by actions."""

    promise: Line = optional()
    due_at: Moment = optional()
    owner: Code | None = None
    complaint_id: uuid.UUID | None = None
    note: Note | None = None


class Promise(Living):
    """A promise of ours."""

    promise: AbsentLine = None
    due_at: datetime
    state: c.PromiseState
    owner: str | None
    complaint_id: uuid.UUID | None
    note: AbsentLine = None


class NewSuggestion(NewRecord):
    """Something that a customer suggests."""

    suggestion: Note
    about: c.SuggestionAbout
    channel: c.Channel | None = None
    owner: Code | None = None


class SuggestionPatch(RecordPatch):
    """What may be changed of a suggestion; what becomes of it goes by actions."""

    suggestion: Note = optional()
    about: c.SuggestionAbout = optional()
    channel: c.Channel | None = None
    owner: Code | None = None
    outcome_note: Note | None = Field(default=None, description="What the customer is told of it.")
    informed_at: Moment | None = Field(default=None, description="When the customer was told.")


class Suggestion(Living):
    """A suggestion and what became of it."""

    suggestion: AbsentLine = None
    about: c.SuggestionAbout
    status: c.SuggestionStatus
    channel: c.Channel | None
    owner: str | None
    outcome_note: AbsentLine = None
    informed_at: datetime | None


class NeedPatch(RecordPatch):
    """What may be changed of a need."""

    category: CategoryPath = optional()
    need: Line = optional()
    stage: c.Stage = optional()
    met: Truth = optional()
    stated_by: c.StatedBy = optional()
    desire: Line | None = None
    means: c.Means | None = None
    budget: PositiveAmount | None = None
    note: Note | None = None


class NewNeed(NewRecord):
    """Why a customer buys in a category. `stage` is that of the decision, `budget` is in minor units."""

    category: CategoryPath
    need: Line
    stage: c.Stage = "aware"
    met: Truth = False
    stated_by: c.StatedBy = "staff"
    desire: Line | None = None
    means: c.Means | None = None
    budget: PositiveAmount | None = None
    note: Note | None = None


class Need(Record):
    """Why a customer buys in a category."""

    category: str
    need: AbsentLine = None
    stage: c.Stage
    met: bool
    stated_by: c.StatedBy
    desire: AbsentLine = None
    means: c.Means | SkipJsonSchema[None] | None = None
    budget: int | SkipJsonSchema[None] | None = None
    note: AbsentLine = None


class NewLoss(NewRecord):
    """That a customer left, wholly or in a category: why, and to whom."""

    reason: c.LossReason
    stated_by: c.StatedBy = "staff"
    lost_to: Name | None = None
    category: CategoryPath | None = None
    won_back_on: Day | None = None
    note: Note | None = None


class LossPatch(RecordPatch):
    """What may be changed of a loss."""

    reason: c.LossReason = optional()
    stated_by: c.StatedBy = optional()
    lost_to: Name | None = None
    category: CategoryPath | None = None
    won_back_on: Day | None = None
    note: Note | None = None


class Loss(Record):
    """That a customer left."""

    reason: c.LossReason
    stated_by: c.StatedBy
    lost_to: str | None
    category: str | None
    won_back_on: date | None
    note: AbsentLine = None


class NewCare(NewRecord):
    """A gift or greeting to come. Costs are minor units; a task is made for its day."""

    kind: c.CareKind
    occasion: c.Occasion
    what: Line
    planned_for: Day
    planned_cost: PositiveAmount | None = None
    channel: c.Channel | None = None
    owner: Code | None = None
    note: Note | None = None


class CarePatch(RecordPatch):
    """What may be changed of a gift or greeting; that it was done goes by an action."""

    kind: c.CareKind = optional()
    occasion: c.Occasion = optional()
    what: Line = optional()
    planned_for: Day = optional()
    planned_cost: PositiveAmount | None = None
    channel: c.Channel | None = None
    owner: Code | None = None
    note: Note | None = None


class Care(Living):
    """A gift or greeting, planned or done. `cost` is a sales expense in minor units."""

    kind: c.CareKind
    occasion: c.Occasion
    what: AbsentLine = None
    planned_for: date
    status: c.CareStatus
    planned_cost: int | SkipJsonSchema[None] | None = None
    cost: int | SkipJsonSchema[None] | None = None
    channel: c.Channel | None
    owner: str | None
    note: AbsentLine = None


class DevelopmentStep(Wire):
    """A step to a goal: what is to be done, by whom, until when, and when it was done."""

    what: Line
    who: Code | None = None
    due_on: Day | None = None
    done_on: Day | None = None


def _whole(steps: list[DevelopmentStep]) -> list[dict[str, Any]]:
    # As they are stored: what was left out is null, and days are text.
    return [step.model_dump(mode="json") for step in steps]


DevelopmentSteps = Annotated[
    list[DevelopmentStep],
    Field(max_length=50),
    PlainSerializer(_whole, return_type=list[dict[str, Any]]),
]


class NewDevelopmentPlan(NewRecord):
    """How a key customer is to be developed."""

    goal: Line
    steps: DevelopmentSteps = Field(default_factory=list)
    review_on: Day | None = Field(default=None, description="When to look at it next.")
    owner: Code | None = None
    note: Note | None = None


class DevelopmentPlanPatch(RecordPatch):
    """What may be changed of a development plan; `steps` are given whole. Its life goes by actions."""

    goal: Line = optional()
    steps: DevelopmentSteps = optional()
    review_on: Day | None = None
    owner: Code | None = None
    note: Note | None = None


class DevelopmentPlan(Living):
    """A development plan of a key customer."""

    goal: AbsentLine = None
    steps: list[DevelopmentStep] | SkipJsonSchema[None] = None
    review_on: date | None
    status: c.DevelopmentStatus
    owner: str | None
    note: AbsentLine = None


@dataclass(frozen=True, slots=True)
class Shape:
    """The wire types of a kind of record; without `patch` it is never changed."""

    new: type[NewRecord]
    answer: type[Record]
    patch: type[RecordPatch] | None = None


SHAPES: dict[str, Shape] = {
    kinds.INTERACTION.name: Shape(NewInteraction, Interaction, InteractionPatch),
    kinds.COMPLAINT.name: Shape(NewComplaint, Complaint, ComplaintPatch),
    kinds.PROMISE.name: Shape(NewPromise, Promise, PromisePatch),
    kinds.SURVEY.name: Shape(NewSurvey, Survey),
    kinds.SUGGESTION.name: Shape(NewSuggestion, Suggestion, SuggestionPatch),
    kinds.NEED.name: Shape(NewNeed, Need, NeedPatch),
    kinds.LOSS.name: Shape(NewLoss, Loss, LossPatch),
    kinds.CARE.name: Shape(NewCare, Care, CarePatch),
    kinds.DEVELOPMENT_PLAN.name: Shape(NewDevelopmentPlan, DevelopmentPlan, DevelopmentPlanPatch),
}
