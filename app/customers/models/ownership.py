"""Tables of whose customer is whose: what was assigned from when until when, and the handovers of many at once."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Index, PrimaryKeyConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.tables import Base, Stamp
from app.customers.record import PARTS

SELECTIONS = ("customers", "segment", "account_manager", "handover")


class Assignment(Base):
    """Who was a customer's account manager or sponsor (`part`) from `since` until `until`; null while it is so.

    Nobody has a row for the time in which there was nobody.
    """

    __tablename__ = "assignments"
    __table_args__ = (
        PrimaryKeyConstraint("customer_id", "id"),
        CheckConstraint(f"part IN {PARTS}", name="part"),
        # Whom a handover was about.
        Index(
            "ix_assignments_handover_id", "handover_id", "customer_id", postgresql_where=text("handover_id IS NOT NULL")
        ),
    )

    customer_id: Mapped[uuid.UUID]
    id: Mapped[uuid.UUID]
    assigned_by: Mapped[uuid.UUID]
    ended_by: Mapped[uuid.UUID | None]
    handover_id: Mapped[uuid.UUID | None]
    since: Mapped[Stamp]
    until: Mapped[datetime | None]
    part: Mapped[str]
    staff: Mapped[str]
    reason: Mapped[str | None]
    ended_reason: Mapped[str | None]


class Handover(Base):
    """Many customers given to somebody else in one call.

    `selection` says how they were named, `source` by which saved segment, account manager or handover; `wanted` are the
    parts that were set and to whom (null: to nobody). `found` are the customers so far, `changed` those of them that
    were somebody else's, `left_out` how many could not be handed over, by reason. One that a job does has the job's id.
    """

    __tablename__ = "handovers"
    __table_args__ = (
        CheckConstraint(f"selection IN {SELECTIONS}", name="selection"),
        Index("ix_handovers_client_id", "client_id", "id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    client_id: Mapped[uuid.UUID]
    found: Mapped[int] = mapped_column(BigInteger)
    changed: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[Stamp]
    finished_at: Mapped[datetime | None]
    selection: Mapped[str]
    source: Mapped[str | None]
    reason: Mapped[str]
    wanted: Mapped[dict[str, Any]]
    left_out: Mapped[dict[str, Any]]
