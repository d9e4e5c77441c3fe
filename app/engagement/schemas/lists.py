"""Which records to list, tasks, and the rules that make them."""

import uuid
from collections import Counter
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, model_validator
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import PydanticCustomError

from app.catalog.schemas import CategoryPath
from app.core.pages import PageQuery
from app.core.types import Answer, Code, Line, Moment, Wire
from app.engagement import choices as c
from app.engagement.schemas.common import HistoryStep, Truth

RULES_MAX = 100
ABSENT = SkipJsonSchema[None]


class RecordQuery(PageQuery):
    """Which part of a list to read."""


class ComplaintQuery(RecordQuery):
    """Which complaints to list: those not resolved (`live`), the first due first; others newest first."""

    status: c.ComplaintStatus | Literal["live", "all"] = "live"
    owner: Code | ABSENT = None
    about: c.About | ABSENT = None
    severity: c.Severity | ABSENT = None
    store: Code | ABSENT = None
    due_before: Moment | ABSENT = None


class PromiseQuery(RecordQuery):
    """Which promises to list: the open ones, the first due first; others newest first."""

    state: c.PromiseState | Literal["all"] = "open"
    owner: Code | ABSENT = None
    due_before: Moment | ABSENT = None


class TaskQuery(RecordQuery):
    """Which tasks to list: the open ones, the first due first; others newest first."""

    status: c.TaskStatus | Literal["all"] = "open"
    owner: Code | ABSENT = None
    store: Code | ABSENT = None
    reason: c.TaskReason | ABSENT = None
    customer_id: uuid.UUID | ABSENT = None
    due_before: Moment | ABSENT = None


class TaskAnswer(Answer):
    """Something to do about a customer, by a rule (`rule`, `title`) or because a record falls due.

    `source_id` is the receipt, complaint, promise, gift, interaction or (for newcomers) customer that it is about.
    """

    id: uuid.UUID
    customer_id: uuid.UUID
    reason: c.TaskReason
    source_id: uuid.UUID
    rule: str | None
    title: str | None
    status: c.TaskStatus
    due_at: datetime
    owner: str | None
    store: str | None
    closed_at: datetime | None
    closed_by: uuid.UUID | None
    version: int
    created_at: datetime
    updated_at: datetime
    history: list[HistoryStep] | ABSENT = None


class FollowUpRule(Wire):
    """So many days after a receipt (with a line under `category`), a resolved complaint or a new customer: a task.

    It goes to the customer's account manager, or to the store of the receipt or complaint, else the home store.
    """

    code: Code
    title: Line = Field(description="What is to be done.")
    trigger: c.Trigger
    category: CategoryPath | None = Field(default=None, description="For receipts; without it, all of them.")
    days: Annotated[int, Field(strict=True, ge=0, le=3650)]
    assignee: c.Assignee = "account_manager"
    enabled: Truth = True

    @model_validator(mode="after")
    def _only_receipts_have_categories(self) -> "FollowUpRule":
        if self.category is not None and self.trigger != "receipt":
            raise PydanticCustomError("no_category", "Only receipts have categories.")
        return self


class FollowUpRules(Wire):
    """All rules. One that is left out makes no more tasks; those it has made stay."""

    rules: Annotated[list[FollowUpRule], Field(max_length=RULES_MAX)]

    @model_validator(mode="after")
    def _once(self) -> "FollowUpRules":
        if any(count > 1 for count in Counter(one.code for one in self.rules).values()):
            raise PydanticCustomError("listed_twice", "Two rules have the same code.")
        return self


class FollowUpRuleAnswer(Answer):
    """A rule; `version` counts its changes."""

    code: str
    title: str
    trigger: c.Trigger
    category: str | None
    days: int
    assignee: c.Assignee
    enabled: bool
    version: int
    created_at: Annotated[datetime, Field(description="It counts for what happens from then on.")]
    updated_at: datetime


class FollowUpRulesAnswer(Answer):
    """All rules, by code."""

    rules: list[FollowUpRuleAnswer]
