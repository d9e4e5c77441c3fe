"""Tables of the core: stored answers of keyed requests, and background jobs."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, LargeBinary, PrimaryKeyConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.tables import Base, Json, RowStamp, Stamp

JOB_STATUSES = ("queued", "running", "done", "failed")


class IdempotencyKey(Base):
    """One row per keyed request that succeeded; written in the request's own transaction, kept seven days."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (
        PrimaryKeyConstraint("client_id", "key"),
        Index("ix_idempotency_keys_created_at", "created_at"),
    )

    client_id: Mapped[uuid.UUID]
    key: Mapped[str]
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[Stamp]
    status: Mapped[int | None]
    headers: Mapped[Json] = mapped_column(server_default=text("'{}'::jsonb"))
    body: Mapped[bytes | None] = mapped_column(LargeBinary)


class Job(Base):
    """Work for the worker: claimed with a lease, resumable from its `cursor`, visible through `GET /v1/jobs/{id}`."""

    __tablename__ = "jobs"
    __table_args__ = (
        CheckConstraint(f"status IN {JOB_STATUSES}", name="status"),
        Index("ix_jobs_queue", "run_after", postgresql_where=text("status IN ('queued', 'running')")),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    status: Mapped[str] = mapped_column(server_default="queued")
    client_id: Mapped[uuid.UUID]
    arguments: Mapped[dict[str, Any]]
    cursor: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    progress: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    attempts: Mapped[int] = mapped_column(server_default="0")
    error: Mapped[str | None]
    run_after: Mapped[Stamp]
    leased_until: Mapped[datetime | None]
    created_at: Mapped[RowStamp]
    finished_at: Mapped[datetime | None]
