"""Tables of opportunities: the opportunities, what was set of the rules, and how far the feed was followed."""

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Index, PrimaryKeyConstraint, SmallInteger, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.errors import ProblemType
from app.core.tables import Base, Stamp
from app.early_warning.opportunities.rules import KINDS, STATUSES
from app.feed.models import FeedPlace

OPPORTUNITY_CLOSED = ProblemType("opportunity_closed", 409, "The opportunity is closed already")

OPEN = "status = 'open'"


class Opportunity(Base):
    """A reason to turn to a customer: at most one is open at a time per kind and subject.

    `episode` tells one cause from a later one of the same sort (the day of a birthday, the amount that was reached):
    of one that was taken or dismissed, or that lapsed, nothing is raised again. `outcome` is what came of a taken one
    (null: nobody has said), why one was dismissed, and of an expired one `lapsed` (its time was over) or `cause_gone`.
    `expires_on` is the last day on which it is of use; null: as long as its cause lasts. Without an `owner` it is the
    customer's account manager's. `value` is what it is about in minor units, where that is known.
    """

    __tablename__ = "opportunities"
    __table_args__ = (
        PrimaryKeyConstraint("customer_id", "id"),
        CheckConstraint(f"kind IN {KINDS}", name="kind"),
        CheckConstraint(f"status IN {STATUSES}", name="status"),
        CheckConstraint("priority BETWEEN 1 AND 5", name="priority"),
        CheckConstraint("(status = 'open') = (closed_at IS NULL)", name="closed"),
        CheckConstraint("(status = 'expired') = coalesce(outcome IN ('lapsed', 'cause_gone'), false)", name="expired"),
        Index(
            "uq_opportunities_open",
            "customer_id",
            "kind",
            "subject",
            unique=True,
            postgresql_where=text(OPEN),
        ),
        Index("ix_opportunities_episode", "customer_id", "kind", "subject", "episode"),
        Index("ix_opportunities_id", "id"),
        # The list: what is open, the most pressing first.
        Index("ix_opportunities_list", "priority", "id", postgresql_where=text(OPEN)),
    )

    customer_id: Mapped[uuid.UUID]
    id: Mapped[uuid.UUID]
    version: Mapped[int] = mapped_column(BigInteger)
    opened_at: Mapped[Stamp]
    changed_at: Mapped[Stamp]
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[uuid.UUID | None]
    value: Mapped[int | None] = mapped_column(BigInteger)
    expires_on: Mapped[date | None]
    priority: Mapped[int] = mapped_column(SmallInteger)
    kind: Mapped[str]
    subject: Mapped[str]
    episode: Mapped[str]
    status: Mapped[str]
    owner: Mapped[str | None]
    outcome: Mapped[str | None]
    note: Mapped[str | None]
    evidence: Mapped[dict[str, Any]]


class OpportunityRule(Base):
    """What a company has set of a rule; what is absent is as usual (`rules`)."""

    __tablename__ = "opportunity_rules"
    __table_args__ = (CheckConstraint(f"kind IN {KINDS}", name="kind"),)

    kind: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    updated_at: Mapped[Stamp]
    settings: Mapped[dict[str, Any]]


class OpportunityState(FeedPlace, Base):
    """The one row that says up to which event of the feed was looked. Who follows holds its lock."""

    __tablename__ = "opportunity_state"


PROBLEMS: dict[str, ProblemType] = {}
