"""Wire types of who looks after customers, and of handing many over."""

import uuid
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from app.core.pages import PageQuery
from app.core.types import Answer, Code, Line, Wire
from app.customers.birthday import optional
from app.customers.record import PARTS

HANDED_MAX = 1000
TEXT_MAX = 20_000


class _Parts(Wire):
    account_manager: Annotated[Code | None, Field(description="A staff id; null: nobody; absent: as it is.")] = None
    sponsor: Annotated[Code | None, Field(description="Likewise: who stands up for the customer in the house.")] = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.model_fields_set & set(PARTS):
            raise PydanticCustomError("nothing_to_assign", "Name an account manager, a sponsor, or both.")
        return self


class AssignmentIn(_Parts):
    """Who looks after a customer from now on."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"account_manager": "emp-7", "reason": "New district"}]})

    reason: Line | None = None


class Assigned(Answer):
    """Who looks after a customer, and the customer's version."""

    customer_id: uuid.UUID
    account_manager: str | None
    sponsor: str | None
    version: int


class GradeIn(Wire):
    """A customer's grade from now on."""

    grade: Annotated[Code | None, Field(description="In the company's own words, such as `A`; null: none.")]


class Graded(Answer):
    """A customer's grade, and the customer's version."""

    customer_id: uuid.UUID
    grade: str | None
    version: int


class AssignmentQuery(PageQuery):
    """How much of a history, and from where."""


class AssignmentAnswer(Answer):
    """Who was a customer's `account_manager` or `sponsor` (`part`) from when until when; null: still is."""

    id: uuid.UUID
    part: str
    staff: str
    since: datetime
    until: datetime | None
    reason: str | None
    ended_reason: str | None
    assigned_by: uuid.UUID
    ended_by: uuid.UUID | None
    handover_id: uuid.UUID | None


class To(_Parts):
    """To whom customers are handed over: what is absent stays as it is with each of them, null is nobody."""


class SegmentChoice(Wire):
    """A saved segment by its id, or a question as text."""

    id: uuid.UUID = optional()
    text: Annotated[str, Field(strict=True, min_length=1, max_length=TEXT_MAX)] = optional()

    @model_validator(mode="after")
    def _one(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise PydanticCustomError("one_of", "Name a saved segment by id, or ask as text.")
        return self


class NewHandover(Wire):
    """Which customers to hand over, named in one of four ways, and to whom."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "account_manager": "emp-7",
                    "to": {"account_manager": "emp-9"},
                    "reason": "emp-7 leaves us",
                    "dry_run": True,
                }
            ]
        }
    )

    customers: Annotated[list[uuid.UUID], Field(min_length=1, max_length=HANDED_MAX)] = optional()
    segment: SegmentChoice = optional("Everybody in it, as they are when the handover comes to them.")
    handover: uuid.UUID = optional("Everybody whom this handover has assigned, and nobody since.")
    account_manager: Code = optional("Everybody of whom this staff member is the account manager.")
    to: To
    reason: Line
    dry_run: Annotated[bool, Field(strict=True, description="Only say what would change.")] = False

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if len(self.model_fields_set & {"customers", "segment", "account_manager", "handover"}) != 1:
            raise PydanticCustomError("one_of", "Name customers, a segment, an account manager, or a handover.")
        return self


class HandoverAnswer(Answer):
    """A handover. `found` are its customers so far, `changed` those of them that were somebody else's.

    `left_out` are, by reason, those that cannot be handed over: absent, walk-ins, merged, erased.
    """

    id: uuid.UUID
    status: Literal["queued", "running", "done", "failed"]
    selection: str
    source: str | None
    to: dict[str, Any]
    reason: str
    found: int
    changed: int
    left_out: dict[str, int]
    created_by: uuid.UUID
    created_at: datetime
    finished_at: datetime | None


class HandoverPreview(Answer):
    """What a handover would do now; `sample` are some of the customers that it would change."""

    dry_run: Literal[True]
    found: int
    changes: int
    left_out: dict[str, int]
    sample: list[uuid.UUID]
