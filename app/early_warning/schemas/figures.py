"""Wire types of how many warnings there are, and how long they took."""

from datetime import date
from typing import Literal

from pydantic.json_schema import SkipJsonSchema

from app.core.types import Answer, Code, Day, Moment, Wire
from app.early_warning.life import Status
from app.early_warning.rules import Kind, Severity


class CountQuery(Wire):
    """Which warnings to count: by default those that are not resolved, the snoozed ones too."""

    status: Literal["live"] | Status = "live"
    kind: Kind | SkipJsonSchema[None] = None
    severity: Severity | SkipJsonSchema[None] = None
    owner: Code | SkipJsonSchema[None] = None
    store: Code | SkipJsonSchema[None] = None
    due_before: Moment | SkipJsonSchema[None] = None


class Counted(Answer):
    """How many have a value; null is nobody's, or of no store."""

    value: str | None
    count: int


class Counts(Answer):
    """How many warnings there are: in all, and by each of five things, the most first, at most 1000 of each."""

    count: int
    by_status: list[Counted]
    by_kind: list[Counted]
    by_severity: list[Counted]
    by_owner: list[Counted]
    by_store: list[Counted]


class TimesQuery(Wire):
    """In which days of the company something was done, both included: at most 366; by default the last 30."""

    first: Day | SkipJsonSchema[None] = None
    last: Day | SkipJsonSchema[None] = None
    kind: Kind | SkipJsonSchema[None] = None
    severity: Severity | SkipJsonSchema[None] = None


class Took(Answer):
    """How long something took, in seconds from when the warning was raised or came back; null if it never happened."""

    count: int
    mean_seconds: float | None
    median_seconds: float | None


class Times(Answer):
    """How long warnings took until somebody took them on, until somebody resolved them, until the cause was gone."""

    first: date
    last: date
    acknowledged: Took
    resolved: Took
    cause_gone: Took
