"""Tables of engagement. All records of a customer have the same first columns; those with a life have three more.

Texts that people write may say anything about a customer: they are shown to callers with the field group `personal`.
Amounts are minor units of the company's currency.
"""

import uuid
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Numeric,
    PrimaryKeyConstraint,
    SmallInteger,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.catalog.models import UNKNOWN_STORE
from app.core.errors import NOT_FOUND, ProblemType
from app.core.tables import Base, Stamp
from app.engagement import choices as c
from app.engagement.choices import words
from app.engagement.kinds import KINDS, TASK

RECORD_EXISTS = ProblemType("record_exists", 409, "The customer has a record with this id already")
WRONG_STATE = ProblemType("wrong_state", 409, "This cannot be done to the record as it stands")
UNKNOWN_COMPLAINT = ProblemType("unknown_complaint", 422, "The customer has no such complaint")


def _one_of(column: str, choice: Any) -> CheckConstraint:
    return CheckConstraint(f"{column} IN {words(choice)}", name=column)


def _some_of(column: str, choice: Any) -> CheckConstraint:
    listed = ", ".join(f"'{word}'" for word in words(choice))
    return CheckConstraint(f"{column} <@ ARRAY[{listed}]", name=column)


def _scale(*columns: str) -> CheckConstraint:
    return CheckConstraint(" AND ".join(f"{column} BETWEEN 1 AND 5" for column in columns), name="scale")


def _of_customer(table: str) -> tuple[Any, ...]:
    """Key, customer, and the order of a customer's list."""
    return (
        PrimaryKeyConstraint("customer_id", "id"),
        ForeignKeyConstraint(["customer_id"], ["customers.id"]),
        Index(f"ix_{table}_customer_id_occurred_at", "customer_id", "occurred_at", "id"),
    )


def _closing(column: str, *live: str) -> CheckConstraint:
    listed = ", ".join(f"'{word}'" for word in live)
    return CheckConstraint(f"({column} IN ({listed})) = (closed_at IS NULL)", name="closed")


def _waiting(table: str) -> Index:
    """The queue of records whose task is still to be made."""
    return Index(f"ix_{table}_task_at", "task_at", postgresql_where=text("task_at IS NOT NULL"))


def _work_list(table: str, live: str) -> tuple[Index, Index]:
    """What wants something done, the first due first; and everything, by id."""
    due = Index(f"ix_{table}_live", "due_at", "id", postgresql_where=text(live))
    return due, Index(f"ix_{table}_id", "id")


class OfCustomer:
    """A record about a customer. `occurred_on` is the company's day of `occurred_at`.

    `by` is the member of staff who did it, `recorded_by` the client that wrote it down.
    """

    customer_id: Mapped[uuid.UUID] = mapped_column(sort_order=-1)
    id: Mapped[uuid.UUID] = mapped_column(sort_order=-1)
    recorded_by: Mapped[uuid.UUID] = mapped_column(sort_order=-1)
    version: Mapped[int] = mapped_column(BigInteger, sort_order=-1)
    occurred_at: Mapped[Stamp] = mapped_column(sort_order=-1)
    created_at: Mapped[Stamp] = mapped_column(sort_order=-1)
    updated_at: Mapped[Stamp] = mapped_column(sort_order=-1)
    occurred_on: Mapped[date] = mapped_column(sort_order=-1)
    by: Mapped[str | None] = mapped_column(sort_order=-1)


class WithTask:
    """A record that makes a task when it falls due: at `task_at`, null once that is done or there is nothing to do."""

    task_at: Mapped[datetime | None]


class WithLife:
    """A record that is closed at some time, by a client (`closed_by`)."""

    closed_at: Mapped[datetime | None]
    closed_by: Mapped[uuid.UUID | None]


class Interaction(OfCustomer, WithTask, Base):
    """A contact. `topic` is a word of the company's own; `follow_up_at` makes a task."""

    __tablename__ = "interactions"
    __table_args__ = (
        *_of_customer("interactions"), _waiting("interactions"),
        _one_of("channel", c.Channel), _one_of("direction", c.Direction),
    )  # fmt: skip

    follow_up_at: Mapped[datetime | None]
    channel: Mapped[str]
    direction: Mapped[str]
    topic: Mapped[str | None]
    note: Mapped[str | None]


class Complaint(OfCustomer, WithLife, WithTask, Base):
    """A complaint. `compensation_cost` is all that it has cost so far; `reopened` counts how often it came back.

    A receipt is named, not checked: it may be attributed to somebody else later.
    """

    __tablename__ = "complaints"
    __table_args__ = (
        *_of_customer("complaints"), _waiting("complaints"), *_work_list("complaints", "status <> 'resolved'"),
        _one_of("about", c.About), _one_of("severity", c.Severity), _one_of("channel", c.Channel),
        _one_of("status", c.ComplaintStatus), _one_of("outcome", c.Outcome),
        _some_of("customer_did", c.Reaction), _some_of("then_did", c.Sequel),
        _closing("status", "open", "in_progress"),
        CheckConstraint("(status = 'resolved') = (outcome IS NOT NULL)", name="resolved"),
        CheckConstraint("compensation_cost >= 0", name="compensation_cost"),
        # What the follow-up rules look up, and what was resolved lately.
        Index("ix_complaints_closed_at", "closed_at", postgresql_where=text("closed_at IS NOT NULL")),
    )  # fmt: skip

    receipt_id: Mapped[uuid.UUID | None]
    due_at: Mapped[Stamp]
    compensation_cost: Mapped[int | None] = mapped_column(BigInteger)
    satisfied_after: Mapped[bool | None]
    reopened: Mapped[int] = mapped_column(SmallInteger)
    about: Mapped[str]
    severity: Mapped[str]
    status: Mapped[str]
    channel: Mapped[str | None]
    subject: Mapped[str]
    note: Mapped[str | None]
    customer_did: Mapped[list[str]] = mapped_column(ARRAY(Text))
    owner: Mapped[str | None]
    store: Mapped[str | None] = mapped_column(ForeignKey("stores.code"))
    product: Mapped[str | None]
    outcome: Mapped[str | None]
    outcome_note: Mapped[str | None]
    then_did: Mapped[list[str] | None] = mapped_column(ARRAY(Text))


class Promise(OfCustomer, WithLife, WithTask, Base):
    """Something that we promised, perhaps in the course of a complaint."""

    __tablename__ = "promises"
    __table_args__ = (
        *_of_customer("promises"), _waiting("promises"), *_work_list("promises", "state = 'open'"),
        ForeignKeyConstraint(["customer_id", "complaint_id"], ["complaints.customer_id", "complaints.id"]),
        Index("ix_promises_customer_id_complaint_id", "customer_id", "complaint_id"),
        _one_of("state", c.PromiseState), _closing("state", "open"),
    )  # fmt: skip

    complaint_id: Mapped[uuid.UUID | None]
    due_at: Mapped[Stamp]
    state: Mapped[str]
    owner: Mapped[str | None]
    promise: Mapped[str]
    note: Mapped[str | None]


class Survey(OfCustomer, Base):
    """What a customer answered, never changed. Scales go from 1 (not at all) to 5 (very), `recommend` from 0 to 10."""

    __tablename__ = "surveys"
    __table_args__ = (
        *_of_customer("surveys"),
        _one_of("channel", c.Channel), _some_of("then_did", c.Sequel),
        _scale("repurchase_intention", "willingness_to_pay", "promotion_liking", "reward_liking"),
        CheckConstraint("recommend BETWEEN 0 AND 10", name="recommend"),
    )  # fmt: skip

    recommend: Mapped[int | None] = mapped_column(SmallInteger)
    repurchase_intention: Mapped[int | None] = mapped_column(SmallInteger)
    willingness_to_pay: Mapped[int | None] = mapped_column(SmallInteger)
    promotion_liking: Mapped[int | None] = mapped_column(SmallInteger)
    reward_liking: Mapped[int | None] = mapped_column(SmallInteger)
    survey: Mapped[str]
    channel: Mapped[str | None]
    product: Mapped[str | None]
    alternative: Mapped[str | None]
    then_did: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    comment: Mapped[str | None]


class SurveyAnswer(Base):
    """One answer of a survey: of a dimension, a benefit, a sacrifice, or our share of a category.

    `score` is what was perceived of us, `expected` what was expected of a dimension, `alternative` what is perceived of
    the survey's alternative; `share` is from 0 to 1.
    """

    __tablename__ = "survey_answers"
    __table_args__ = (
        PrimaryKeyConstraint("customer_id", "survey_id", "kind", "name"),
        ForeignKeyConstraint(["customer_id", "survey_id"], ["surveys.customer_id", "surveys.id"]),
        _one_of("kind", c.AnswerKind), _scale("score", "expected", "alternative"),
        CheckConstraint("share >= 0 AND share <= 1", name="share"),
        CheckConstraint("(kind = 'share') = (share IS NOT NULL) AND (kind = 'share') = (score IS NULL)", name="answer"),
    )  # fmt: skip

    customer_id: Mapped[uuid.UUID]
    survey_id: Mapped[uuid.UUID]
    score: Mapped[int | None] = mapped_column(SmallInteger)
    expected: Mapped[int | None] = mapped_column(SmallInteger)
    alternative: Mapped[int | None] = mapped_column(SmallInteger)
    kind: Mapped[str]
    name: Mapped[str]
    share: Mapped[Decimal | None] = mapped_column(Numeric)


class Suggestion(OfCustomer, WithLife, Base):
    """What a customer suggested. `outcome_note` is what the customer is told of it, `informed_at` when that was."""

    __tablename__ = "suggestions"
    __table_args__ = (
        *_of_customer("suggestions"),
        _one_of("about", c.SuggestionAbout), _one_of("channel", c.Channel), _one_of("status", c.SuggestionStatus),
        _closing("status", "open"),
    )  # fmt: skip

    informed_at: Mapped[datetime | None]
    about: Mapped[str]
    status: Mapped[str]
    channel: Mapped[str | None]
    owner: Mapped[str | None]
    suggestion: Mapped[str]
    outcome_note: Mapped[str | None]


class Need(OfCustomer, Base):
    """Why a customer buys in a category: what is needed and wished for, and with what means."""

    __tablename__ = "needs"
    __table_args__ = (
        *_of_customer("needs"),
        _one_of("means", c.Means), _one_of("stage", c.Stage), _one_of("stated_by", c.StatedBy),
        CheckConstraint("budget >= 0", name="budget"),
    )  # fmt: skip

    budget: Mapped[int | None] = mapped_column(BigInteger)
    met: Mapped[bool]
    category: Mapped[str]
    stage: Mapped[str]
    stated_by: Mapped[str]
    means: Mapped[str | None]
    need: Mapped[str]
    desire: Mapped[str | None]
    note: Mapped[str | None]


class Loss(OfCustomer, Base):
    """That a customer left (wholly, or in a category): why, and to whom."""

    __tablename__ = "losses"
    __table_args__ = (
        *_of_customer("losses"), _one_of("reason", c.LossReason), _one_of("stated_by", c.StatedBy),
    )  # fmt: skip

    won_back_on: Mapped[date | None]
    reason: Mapped[str]
    stated_by: Mapped[str]
    lost_to: Mapped[str | None]
    category: Mapped[str | None]
    note: Mapped[str | None]


class Care(OfCustomer, WithLife, WithTask, Base):
    """A gift or greeting, planned and done. What it cost is a sales expense."""

    __tablename__ = "care"
    __table_args__ = (
        *_of_customer("care"), _waiting("care"),
        _one_of("kind", c.CareKind), _one_of("occasion", c.Occasion), _one_of("channel", c.Channel),
        _one_of("status", c.CareStatus), _closing("status", "planned"),
        CheckConstraint("planned_cost >= 0 AND cost >= 0", name="cost"),
    )  # fmt: skip

    planned_cost: Mapped[int | None] = mapped_column(BigInteger)
    cost: Mapped[int | None] = mapped_column(BigInteger)
    planned_for: Mapped[date]
    kind: Mapped[str]
    occasion: Mapped[str]
    status: Mapped[str]
    channel: Mapped[str | None]
    owner: Mapped[str | None]
    what: Mapped[str]
    note: Mapped[str | None]


class Step(Base):
    """Something done to a record with a life, never changed. `details` is what was said with it."""

    __tablename__ = "engagement_steps"
    __table_args__ = (
        PrimaryKeyConstraint("customer_id", "id"),
        Index("ix_engagement_steps_record", "customer_id", "record_id", "version"),
    )

    customer_id: Mapped[uuid.UUID]
    id: Mapped[uuid.UUID]
    record_id: Mapped[uuid.UUID]
    actor: Mapped[uuid.UUID]
    at: Mapped[Stamp]
    version: Mapped[int] = mapped_column(BigInteger)
    kind: Mapped[str]
    action: Mapped[str]
    state: Mapped[str]
    details: Mapped[dict[str, Any]]


class Task(WithLife, Base):
    """Something to do about a customer: because a rule says so (`rule`), or because a record falls due.

    `occasion` tells tasks about the same record apart: the code of the rule, or when the record was due. So neither a
    receipt that is looked at twice nor two workers make two tasks.
    """

    __tablename__ = "tasks"
    __table_args__ = (
        PrimaryKeyConstraint("customer_id", "id"),
        ForeignKeyConstraint(["customer_id"], ["customers.id"]),
        _one_of("reason", c.TaskReason), _one_of("status", c.TaskStatus), _closing("status", "open"),
        Index(
            "uq_tasks_customer_id_source_id_reason_occasion", "customer_id", "source_id", "reason", "occasion",
            unique=True,
        ),
        *_work_list("tasks", "status = 'open'"),
    )  # fmt: skip

    customer_id: Mapped[uuid.UUID]
    id: Mapped[uuid.UUID]
    source_id: Mapped[uuid.UUID]
    version: Mapped[int] = mapped_column(BigInteger)
    due_at: Mapped[Stamp]
    created_at: Mapped[Stamp]
    updated_at: Mapped[Stamp]
    reason: Mapped[str]
    rule: Mapped[str | None]
    occasion: Mapped[str]
    title: Mapped[str | None]
    status: Mapped[str]
    owner: Mapped[str | None]
    store: Mapped[str | None]
    note: Mapped[str | None]


class FollowUpRule(Base):
    """So many days after something happened, a task for somebody."""

    __tablename__ = "follow_up_rules"
    __table_args__ = (
        _one_of("trigger", c.Trigger), _one_of("assignee", c.Assignee),
        CheckConstraint("days BETWEEN 0 AND 3650", name="days"),
        CheckConstraint("category IS NULL OR trigger = 'receipt'", name="category"),
    )  # fmt: skip

    code: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    updated_at: Mapped[Stamp]
    enabled: Mapped[bool]
    days: Mapped[int]
    trigger: Mapped[str]
    assignee: Mapped[str]
    category: Mapped[str | None]
    title: Mapped[str]


class FollowUpState(Base):
    """The one row that says up to which event of the feed the rules have looked. Who follows holds its lock."""

    __tablename__ = "follow_up_state"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    sequence: Mapped[int] = mapped_column(BigInteger)


_TABLES: tuple[type[Base], ...] = (Interaction, Complaint, Promise, Survey, Suggestion, Need, Loss, Care, Task)
MODELS: dict[str, type[Base]] = dict(zip((kind.name for kind in (*KINDS, TASK)), _TABLES, strict=True))

PROBLEMS: dict[str, ProblemType] = {
    **{f"pk_{model.__tablename__}": RECORD_EXISTS for model in _TABLES},
    **{f"fk_{model.__tablename__}_customer_id_customers": NOT_FOUND for model in _TABLES},
    "fk_promises_customer_id_complaint_id_complaints": UNKNOWN_COMPLAINT,
    "fk_complaints_store_stores": UNKNOWN_STORE,
}
