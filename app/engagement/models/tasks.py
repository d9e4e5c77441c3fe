"""Tables of what was done and is to be done: steps of records' lives, tasks, and the rules that make them."""

import uuid
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, Index, PrimaryKeyConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.tables import Base, Stamp
from app.engagement import choices as c
from app.engagement.models.columns import WithLife, closing, one_of, work_list
from app.feed.models import FeedPlace

TASKS_LIVE = "status = 'open'"


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
    receipt that is looked at twice nor two workers make two tasks. `by_manager` and `by_store` say that it went to the
    customer's account manager or home store for want of another, and goes with them.
    """

    __tablename__ = "tasks"
    __table_args__ = (
        PrimaryKeyConstraint("customer_id", "id"),
        ForeignKeyConstraint(["customer_id"], ["customers.id"]),
        one_of("reason", c.TaskReason), one_of("status", c.TaskStatus), closing("status", "open"),
        Index(
            "uq_tasks_customer_id_source_id_reason_occasion", "customer_id", "source_id", "reason", "occasion",
            unique=True,
        ),
        *work_list("tasks", TASKS_LIVE),
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
    by_manager: Mapped[bool] = mapped_column(server_default=text("false"))
    by_store: Mapped[bool] = mapped_column(server_default=text("false"))


class FollowUpRule(Base):
    """So many days after something happened, a task for somebody. It counts for what happens after `created_at`."""

    __tablename__ = "follow_up_rules"
    __table_args__ = (
        one_of("trigger", c.Trigger), one_of("assignee", c.Assignee),
        CheckConstraint("days BETWEEN 0 AND 3650", name="days"),
        CheckConstraint("category IS NULL OR trigger = 'receipt'", name="category"),
    )  # fmt: skip

    code: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[Stamp]
    updated_at: Mapped[Stamp]
    enabled: Mapped[bool]
    days: Mapped[int]
    trigger: Mapped[str]
    assignee: Mapped[str]
    category: Mapped[str | None]
    title: Mapped[str]


class FollowUpState(FeedPlace, Base):
    """The one row that says up to which event of the feed the rules have looked. Who follows holds its lock."""

    __tablename__ = "follow_up_state"
