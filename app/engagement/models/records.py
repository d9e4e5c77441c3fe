"""Tables of a customer's records. All have the same first columns; those with a life are closed by somebody.

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

from app.core.tables import Base, Stamp
from app.engagement import choices as c
from app.engagement.models.columns import (
    OfCustomer,
    WithLife,
    WithTask,
    closing,
    of_customer,
    one_of,
    scale,
    some_of,
    waiting,
    work_list,
)

COMPLAINTS_LIVE = "status <> 'resolved'"
PROMISES_LIVE = "state = 'open'"


class Interaction(OfCustomer, WithTask, Base):
    """A contact. `topic` is a word of the company's own; `follow_up_at` makes a task.

    `reached`: we were in touch; not so when nobody answered or a message came back. An outbound one that did is a real
    contact, and each outbound one stands in the contact log of `customers` under the same id.
    """

    __tablename__ = "interactions"
    __table_args__ = (
        *of_customer("interactions"), waiting("interactions"),
        one_of("channel", c.Channel), one_of("direction", c.Direction),
    )  # fmt: skip

    follow_up_at: Mapped[datetime | None]
    reached: Mapped[bool] = mapped_column(server_default=text("true"))
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
        *of_customer("complaints"), waiting("complaints"), *work_list("complaints", COMPLAINTS_LIVE),
        one_of("about", c.About), one_of("severity", c.Severity), one_of("channel", c.Channel),
        one_of("status", c.ComplaintStatus), one_of("outcome", c.Outcome),
        some_of("customer_did", c.Reaction), some_of("then_did", c.Sequel),
        closing("status", "open", "in_progress"),
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
        *of_customer("promises"), waiting("promises"), *work_list("promises", PROMISES_LIVE),
        ForeignKeyConstraint(["customer_id", "complaint_id"], ["complaints.customer_id", "complaints.id"]),
        Index("ix_promises_customer_id_complaint_id", "customer_id", "complaint_id"),
        one_of("state", c.PromiseState), closing("state", "open"),
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
        *of_customer("surveys"),
        one_of("channel", c.Channel), some_of("then_did", c.Sequel),
        scale("repurchase_intention", "willingness_to_pay", "promotion_liking", "reward_liking"),
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
        one_of("kind", c.AnswerKind), scale("score", "expected", "alternative"),
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
        *of_customer("suggestions"),
        one_of("about", c.SuggestionAbout), one_of("channel", c.Channel), one_of("status", c.SuggestionStatus),
        closing("status", "open"),
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
        *of_customer("needs"),
        one_of("means", c.Means), one_of("stage", c.Stage), one_of("stated_by", c.StatedBy),
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
        *of_customer("losses"), one_of("reason", c.LossReason), one_of("stated_by", c.StatedBy),
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
        *of_customer("care"), waiting("care"),
        one_of("kind", c.CareKind), one_of("occasion", c.Occasion), one_of("channel", c.Channel),
        one_of("status", c.CareStatus), closing("status", "planned"),
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


class DevelopmentPlan(OfCustomer, WithLife, Base):
    """How a key customer is to be developed: a goal, and the steps to it (`what`, `who`, `due_on`, `done_on`)."""

    __tablename__ = "development_plans"
    __table_args__ = (
        *of_customer("development_plans"),
        one_of("status", c.DevelopmentStatus), closing("status", "active"),
    )  # fmt: skip

    review_on: Mapped[date | None]
    status: Mapped[str]
    owner: Mapped[str | None]
    goal: Mapped[str]
    steps: Mapped[list[Any]]
    note: Mapped[str | None]
