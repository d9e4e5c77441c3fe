"""Tables of access: API keys and the audit trail."""

import uuid
from datetime import datetime

from sqlalchemy import ARRAY, CheckConstraint, Index, LargeBinary, PrimaryKeyConstraint, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.caller import REACHES
from app.core.errors import CONFLICT, ProblemType
from app.core.tables import Base, Stamp

PROBLEMS: dict[str, ProblemType] = {
    "pk_api_keys": CONFLICT,
    "uq_api_keys_prefix": CONFLICT,
}


class ApiKey(Base):
    """One key. Keys of one client share `client_id`, so that a rotation changes the key and not the client.

    `scopes` and `field_groups` are NULL where the key follows its role. `prefix` is the public part of the key; of the
    secret part only a keyed hash is stored. `staff` is the person whom the key belongs to, `masked` are the groups
    that are shown masked.
    """

    __tablename__ = "api_keys"
    __table_args__ = (
        UniqueConstraint("prefix"),
        CheckConstraint(f"reach IN {REACHES}", name="reach"),
        CheckConstraint("reach <> 'own' OR staff IS NOT NULL", name="own"),
        CheckConstraint("reach NOT IN ('store', 'region') OR store IS NOT NULL", name="near"),
        Index(None, "client_id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    client_id: Mapped[uuid.UUID]
    name: Mapped[str]
    role: Mapped[str]
    scopes: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    field_groups: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    rate_class: Mapped[str]
    store: Mapped[str | None]
    partner: Mapped[str | None]
    staff: Mapped[str | None]
    reach: Mapped[str] = mapped_column(server_default="all")
    masked: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'::text[]"))
    prefix: Mapped[str]
    hash: Mapped[bytes] = mapped_column(LargeBinary)
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    created_at: Mapped[Stamp]
    version: Mapped[int] = mapped_column(server_default="1")


class AuditRow(Base):
    """Who did what to which record, ids and field names only. `customer_id` is COMPANY for what no customer owns.

    `id` is a UUIDv7 of the same moment as `at`, so that the order of ids is the order of time.
    """

    __tablename__ = "audit_entries"
    __table_args__ = (
        PrimaryKeyConstraint("customer_id", "id"),
        Index(None, "id"),
        # Of a customer itself the key tells: one page at random less for each of the many that are read.
        Index(None, "record_id", "id", postgresql_where=text("record_id <> customer_id")),
        Index(None, "client_id", "id"),
        # Each lookup adds a row, and to look at 30,000 pages takes a second of everybody's time: only as it doubles.
        {"postgresql_with": {"autovacuum_analyze_scale_factor": 1}},
    )

    customer_id: Mapped[uuid.UUID]
    id: Mapped[uuid.UUID]
    at: Mapped[Stamp]
    client_id: Mapped[uuid.UUID]
    key_id: Mapped[uuid.UUID]
    request_id: Mapped[str]
    action: Mapped[str]
    record_kind: Mapped[str]
    record_id: Mapped[uuid.UUID]
    fields: Mapped[list[str]] = mapped_column(ARRAY(Text))
