"""Business time. It is a parameter, never SQL `now()`, so that a test can tell a story over two years."""

from datetime import UTC, datetime, timedelta


class Clock:
    """The wall clock, or a fixed moment that only moves when told."""

    def __init__(self) -> None:
        self._fixed: datetime | None = None

    def now(self) -> datetime:
        """The present moment, in UTC."""
        return self._fixed or datetime.now(UTC)

    def set(self, moment: datetime | None) -> None:
        """Stand still at `moment` (with a zone), or run again with None."""
        self._fixed = moment.astimezone(UTC) if moment else None

    def advance(self, step: timedelta) -> None:
        """Stand still `step` later than now."""
        self._fixed = self.now() + step
