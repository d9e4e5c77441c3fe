"""Tables of early warnings: the warnings, what happened to each, what was set of the rules, and holds."""

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.core.errors import NOT_FOUND, ProblemType
from app.core.tables import Base, Stamp
from app.early_warning.life import ACTIONS, PROMISE_STATES, STATUSES, WARNING_RAISED_AGAIN
from app.feed.models import FeedPlace

KINDS = ("credit", "loss", "sales_progress", "sales_expense")
SEVERITIES = ("notice", "warning", "critical")

# For how many segments rules may be set: who is in each is looked up with every sweep.
SEGMENTS_MAX = 20
TOO_MANY_SEGMENTS = ProblemType("too_many_segments", 409, "Rules are set for as many segments as there may be")
HOLD_RELEASED = ProblemType("hold_released", 409, "The hold is released already")


class WarningRow(Base):
    """A warning about a customer: at most one at a time that is not resolved, per kind and subject.

    `subject` says what about (`rules.STATES`), `state` how bad it is and `rank` the same as a number. `evidence` are
    the numbers that brought it into its state. `episode` tells one cause from a later one of the same sort: the last
    purchase before a silence, the period of a plan or budget; of what is no silence `life.SETTLED` once its cause was
    gone after a person had resolved the warning. `accepted` is what was owed when a person resolved a warning about the
    limit. `resolved_by` is who resolved it, null if its cause went away. `by_manager` says that the owner is the
    customer's account manager, or was nobody's choice: it goes with the customer. `escalated_at` is when `due_at` had
    passed. What was promised to be paid is in minor units; `promise_paid` is how much of it was when that was decided.
    """

    __tablename__ = "warnings"
    __table_args__ = (
        PrimaryKeyConstraint("customer_id", "id"),
        CheckConstraint(f"kind IN {KINDS}", name="kind"),
        CheckConstraint(f"status IN {STATUSES}", name="status"),
        CheckConstraint(f"severity IN {SEVERITIES}", name="severity"),
        CheckConstraint("(status = 'resolved') = (resolved_at IS NOT NULL)", name="resolved"),
        CheckConstraint("(status = 'snoozed') = (snoozed_until IS NOT NULL)", name="snoozed"),
        CheckConstraint(f"promise_state IN {PROMISE_STATES}", name="promise_state"),
        CheckConstraint(
            "num_nonnulls(promised_at, promised_amount, promised_on, promise_state) IN (0, 4)", name="promise"
        ),
        Index(
            "uq_warnings_live",
            "customer_id",
            "kind",
            "subject",
            unique=True,
            postgresql_where=text("status <> 'resolved'"),
        ),
        Index("ix_warnings_id", "id"),
        # The board: what is not resolved, the worst first.
        Index("ix_warnings_board", "severity_rank", "id", postgresql_where=text("status <> 'resolved'")),
        # What the clock is about to do.
        Index("ix_warnings_snoozed_until", "snoozed_until", postgresql_where=text("status = 'snoozed'")),
        Index(
            "ix_warnings_due_at", "due_at",
            postgresql_where=text("status NOT IN ('resolved', 'snoozed') AND escalated_at IS NULL"),
        ),
        Index("ix_warnings_promised_on", "promised_on", postgresql_where=text("promise_state = 'open'")),
    )  # fmt: skip

    customer_id: Mapped[uuid.UUID]
    id: Mapped[uuid.UUID]
    version: Mapped[int] = mapped_column(BigInteger)
    opened_at: Mapped[Stamp]
    changed_at: Mapped[Stamp]
    acknowledged_at: Mapped[datetime | None]
    acknowledged_by: Mapped[uuid.UUID | None]
    due_at: Mapped[datetime | None]
    escalated_at: Mapped[datetime | None]
    snoozed_until: Mapped[datetime | None]
    resolved_at: Mapped[datetime | None]
    resolved_by: Mapped[uuid.UUID | None]
    rank: Mapped[int] = mapped_column(SmallInteger)
    severity_rank: Mapped[int] = mapped_column(SmallInteger)
    kind: Mapped[str]
    subject: Mapped[str]
    state: Mapped[str]
    severity: Mapped[str]
    status: Mapped[str]
    episode: Mapped[str]
    owner: Mapped[str | None]
    accepted: Mapped[int | None] = mapped_column(BigInteger)
    evidence: Mapped[dict[str, Any]]
    resolution: Mapped[dict[str, Any] | None]
    by_manager: Mapped[bool] = mapped_column(server_default=text("false"))
    promised_at: Mapped[datetime | None]
    promised_amount: Mapped[int | None] = mapped_column(BigInteger)
    promised_on: Mapped[date | None]
    promise_state: Mapped[str | None]
    promise_paid: Mapped[int | None] = mapped_column(BigInteger)


class WarningEvent(Base):
    """Something that happened to a warning, never changed. `actor` is the client who did it, null for the rules.

    `status` is the warning's after it, `details` what was given beside the note.
    """

    __tablename__ = "warning_events"
    __table_args__ = (
        PrimaryKeyConstraint("customer_id", "id"),
        ForeignKeyConstraint(["customer_id", "warning_id"], ["warnings.customer_id", "warnings.id"]),
        CheckConstraint(f"action IN {ACTIONS}", name="action"),
        Index("ix_warning_events_customer_id_warning_id", "customer_id", "warning_id", "version"),
        # How long things took, by when they were done.
        Index(
            "ix_warning_events_at",
            "at",
            postgresql_where=text("action IN ('acknowledged', 'investigated', 'resolved')"),
        ),
    )

    customer_id: Mapped[uuid.UUID]
    id: Mapped[uuid.UUID]
    warning_id: Mapped[uuid.UUID]
    at: Mapped[Stamp]
    actor: Mapped[uuid.UUID | None]
    version: Mapped[int] = mapped_column(BigInteger)
    action: Mapped[str]
    state: Mapped[str]
    severity: Mapped[str]
    evidence: Mapped[dict[str, Any] | None]
    note: Mapped[str | None]
    status: Mapped[str | None]
    details: Mapped[dict[str, Any] | None]


class WarningRule(Base):
    """What a company has set of a rule; what is absent is as usual (`rules`)."""

    __tablename__ = "warning_rules"
    __table_args__ = (CheckConstraint(f"kind IN {KINDS}", name="kind"),)

    kind: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    updated_at: Mapped[Stamp]
    settings: Mapped[dict[str, Any]]


class RuleOverride(Base):
    """Other settings of a rule for customers of a grade, or of a segment (`key` is its id).

    They are the whole rule: what is absent is as usual. `priority` decides between two segments.
    """

    __tablename__ = "warning_overrides"
    __table_args__ = (
        UniqueConstraint("kind", "by", "key"),
        CheckConstraint(f"kind IN {KINDS}", name="kind"),
        CheckConstraint("by IN ('segment', 'grade')", name="by"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    set_at: Mapped[Stamp]
    updated_at: Mapped[Stamp]
    priority: Mapped[int] = mapped_column(Integer)
    kind: Mapped[str]
    by: Mapped[str]
    key: Mapped[str]
    settings: Mapped[dict[str, Any]]


class OverrideMember(Base):
    """A customer in the segment of an override, as it was looked up last."""

    __tablename__ = "warning_override_members"
    __table_args__ = (
        PrimaryKeyConstraint("customer_id", "override_id"),
        ForeignKeyConstraint(["override_id"], ["warning_overrides.id"]),
        Index("ix_warning_override_members_override_id", "override_id", "customer_id"),
    )

    customer_id: Mapped[uuid.UUID]
    override_id: Mapped[uuid.UUID]


class CustomerRule(Base):
    """Other settings of a rule for one customer. They are the whole rule: what is absent is as usual."""

    __tablename__ = "customer_warning_rules"
    __table_args__ = (
        PrimaryKeyConstraint("customer_id", "id"),
        ForeignKeyConstraint(["customer_id"], ["customers.id"]),
        UniqueConstraint("customer_id", "kind"),
        CheckConstraint(f"kind IN {KINDS}", name="kind"),
        Index("ix_customer_warning_rules_kind", "kind", "customer_id"),
    )

    customer_id: Mapped[uuid.UUID]
    id: Mapped[uuid.UUID]
    version: Mapped[int] = mapped_column(BigInteger)
    set_at: Mapped[Stamp]
    updated_at: Mapped[Stamp]
    kind: Mapped[str]
    settings: Mapped[dict[str, Any]]


class WatchState(FeedPlace, Base):
    """The one row that says up to which event of the feed customers were judged. Who watches holds its lock."""

    __tablename__ = "warning_state"


class Hold(Base):
    """Nothing is sold to the customer until somebody releases it.

    One that a `rule` has placed has nobody in `placed_by`, and its `reason` is the state that it was placed for.
    `about` and `episode` are those of the warning; `rank` and `amount` (what was spent of the budget) are as they were
    when it was placed, and from its release on as they were then: how bad it was when somebody let sales go on.
    """

    __tablename__ = "holds"
    __table_args__ = (
        PrimaryKeyConstraint("customer_id", "id"),
        CheckConstraint("(released_at IS NULL) = (released_by IS NULL)", name="released"),
        CheckConstraint("(placed_by IS NULL) = (rule IS NOT NULL)", name="placed"),
        Index("ix_holds_id", "id"),
    )

    customer_id: Mapped[uuid.UUID]
    id: Mapped[uuid.UUID]
    placed_at: Mapped[Stamp]
    placed_by: Mapped[uuid.UUID | None]
    released_at: Mapped[datetime | None]
    released_by: Mapped[uuid.UUID | None]
    amount: Mapped[int | None] = mapped_column(BigInteger)
    rank: Mapped[int | None] = mapped_column(SmallInteger)
    rule: Mapped[str | None]
    about: Mapped[str | None]
    episode: Mapped[str | None]
    reason: Mapped[str]
    release_reason: Mapped[str | None]


class WarningFollower(FeedPlace, Base):
    """The one row that says up to which event of the feed the owners of warnings have followed the customers'."""

    __tablename__ = "warning_follower"


PROBLEMS: dict[str, ProblemType] = {
    "uq_warnings_live": WARNING_RAISED_AGAIN,
    "fk_customer_warning_rules_customer_id_customers": NOT_FOUND,
}
