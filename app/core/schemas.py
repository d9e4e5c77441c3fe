"""Wire types of the service's own routes."""

from datetime import datetime
from typing import Any

import orjson
from pydantic import Field

from app.core.types import Answer


class Liveness(Answer):
    """The process runs."""

    status: str


class Readiness(Answer):
    """The service can answer, and how far the feed is behind."""

    status: str
    revision: str | None = None
    feed_waiting: int | None = Field(default=None, description="Events that are committed but not on the feed yet.")
    feed_oldest_seconds: float | None = Field(default=None, description="How long the oldest of them has waited.")
    jobs_waiting: int | None = Field(default=None, description="Background jobs that are due and not taken.")
    jobs_oldest_seconds: float | None = Field(default=None, description="How long the oldest of them has waited.")
    erasures_to_replay: bool | None = Field(
        default=None, description="The database was restored, and the list of erasures not replayed since."
    )


class IdempotencyAnswer(Answer):
    """A keyed request that took effect, and the answer it got."""

    key: str
    state: str
    completed_at: datetime
    status: int
    answer: Any = None

    @classmethod
    def of(cls, key: str, row: Any) -> "IdempotencyAnswer":
        """From the stored row."""
        body = orjson.loads(row.body) if row.body else None
        return cls(key=key, state="completed", completed_at=row.created_at, status=row.status, answer=body)
