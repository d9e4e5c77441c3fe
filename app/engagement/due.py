"""By when something is to be done, and when to make a task of it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from app.core.settings import CompanySettings, EngagementSettings
from app.engagement.choices import Severity
from app.engagement.kinds import Kind


@dataclass(frozen=True, slots=True)
class Terms:
    """What the deployment has set: the company's day, and how long things may take."""

    company: CompanySettings
    engagement: EngagementSettings

    def start_of(self, day: date) -> datetime:
        """The moment at which a day of the company begins."""
        return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(self.company.time_zone))

    def complaint_due(self, severity: Severity, since: datetime) -> datetime:
        """By when a complaint of this severity is to be resolved."""
        hours = {
            "minor": self.engagement.minor_hours,
            "moderate": self.engagement.moderate_hours,
            "serious": self.engagement.serious_hours,
            "critical": self.engagement.critical_hours,
        }[severity]
        return since + timedelta(hours=hours)

    @property
    def history(self) -> timedelta:
        """What should have been done longer before it was written down is history."""
        return timedelta(days=self.engagement.history_days)

    def task_at(self, kind: Kind, record: Mapping[str, Any], now: datetime) -> datetime | None:
        """When to make the task of a record; None if it wants nothing done, or never makes one.

        A record without a life of its own, such as a call, may be history; one that is open wants something done.
        """
        due = record[kind.due] if kind.due is not None else None
        if due is None or (kind.state is not None and record[kind.state] not in kind.live):
            return None
        moment = due if isinstance(due, datetime) else self.start_of(due)
        if kind.state is None and moment < now - self.history:
            return None
        return moment - timedelta(hours=self.engagement.notice_hours)
