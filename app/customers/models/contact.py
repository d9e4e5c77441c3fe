"""Tables of what customers want of us: their decisions, how they want to be contacted, and when they were."""

import uuid
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Index, PrimaryKeyConstraint, SmallInteger, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.errors import ProblemType
from app.core.tables import Base, Stamp
from app.customers.contact_rules import CAP_MAX
from app.customers.purposes import CHANNELS, DECIDED_CHANNELS, LOGGED_CHANNELS, PURPOSES, STATES

CONTACT_RESERVED = ProblemType("contact_reserved", 409, "Somebody is in touch with this customer right now")
RESERVATION_ENDED = ProblemType("reservation_ended", 409, "The reservation has ended already")


class Consent(Base):
    """A decision of a customer, never changed: the newest counts, and the others are its history.

    It is about one purpose, about one channel or 'any', and about us (`partner` is null) or one partner.
    """

    __tablename__ = "consents"
    __table_args__ = (
        PrimaryKeyConstraint("customer_id", "id"),
        CheckConstraint(f"purpose IN {tuple(PURPOSES)}", name="purpose"),
        CheckConstraint(f"channel IN {DECIDED_CHANNELS}", name="channel"),
        CheckConstraint(f"state IN {STATES}", name="state"),
        # Segments ask for one purpose and channel of everybody.
        Index("ix_consents_own", "purpose", "channel", "customer_id", postgresql_where=text("partner IS NULL")),
    )

    customer_id: Mapped[uuid.UUID]
    id: Mapped[uuid.UUID]
    decided_at: Mapped[Stamp]
    recorded_at: Mapped[Stamp]
    recorded_by: Mapped[uuid.UUID]
    purpose: Mapped[str]
    channel: Mapped[str]
    partner: Mapped[str | None]
    state: Mapped[str]
    source: Mapped[str]
    proof: Mapped[str | None]


class ContactPolicy(Base):
    """How a customer wants to be contacted. Null is as the company has it; `hours` of [] is at any hour.

    At most `most` real contacts within `within_days` days; one every `wanted_days` days is what we want.
    """

    __tablename__ = "contact_policies"
    __table_args__ = (
        CheckConstraint(f"preferred_channel IN {CHANNELS}", name="preferred_channel"),
        CheckConstraint("(most IS NULL) = (within_days IS NULL)", name="cap"),
        CheckConstraint(f"most BETWEEN 1 AND {CAP_MAX} AND within_days > 0", name="cap_range"),
        CheckConstraint("wanted_days > 0", name="wanted_days"),
        Index("ix_contact_policies_wanted", "customer_id", postgresql_where=text("wanted_days IS NOT NULL")),
    )

    customer_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    updated_at: Mapped[Stamp]
    most: Mapped[int | None] = mapped_column(SmallInteger)
    within_days: Mapped[int | None] = mapped_column(SmallInteger)
    wanted_days: Mapped[int | None] = mapped_column(SmallInteger)
    do_not_call: Mapped[bool]
    preferred_channel: Mapped[str | None]
    time_zone: Mapped[str | None]
    hours: Mapped[list[Any] | None] = mapped_column(JSONB(none_as_null=True))


class ContactReservation(Base):
    """Who is about to contact a customer: one row a customer, whoever held it last. It ends by time alone."""

    __tablename__ = "contact_reservations"
    __table_args__ = (
        CheckConstraint(f"channel IN {CHANNELS}", name="channel"),
        CheckConstraint("reserved_at <= expires_at", name="times"),
        Index("ix_contact_reservations_id", "id"),
    )

    customer_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    id: Mapped[uuid.UUID]
    reserved_at: Mapped[Stamp]
    expires_at: Mapped[Stamp]
    reserved_by: Mapped[uuid.UUID]
    agent: Mapped[str]
    channel: Mapped[str]


class ContactMade(Base):
    """A contact that we made or tried. One that `reached` the customer is real: it counts.

    It changes only when the record that it stands for is corrected.
    """

    __tablename__ = "contact_log"
    __table_args__ = (
        PrimaryKeyConstraint("customer_id", "id"),
        CheckConstraint(f"channel IN {LOGGED_CHANNELS}", name="channel"),
        Index("ix_contact_log_reached", "customer_id", "at", postgresql_where=text("reached")),
    )

    customer_id: Mapped[uuid.UUID]
    id: Mapped[uuid.UUID]
    at: Mapped[Stamp]
    recorded_at: Mapped[Stamp]
    recorded_by: Mapped[uuid.UUID]
    reached: Mapped[bool]
    channel: Mapped[str]
    agent: Mapped[str | None]
