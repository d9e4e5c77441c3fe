"""A birthday on the wire, whose year may be unknown."""

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from app.core.gate import validation_problem
from app.core.types import Wire

LEAP_YEAR = 2000
_AS_PARTS = 'Write a birthday in parts: {"year": 1990, "month": 9, "day": 21}; the year may be null.'


def optional(description: str | None = None) -> Any:
    """A field that may be absent but not null."""
    return Field(default_factory=lambda: None, description=description)


class _Parts(Wire):
    @model_validator(mode="before")
    @classmethod
    def _in_parts(cls, value: Any) -> Any:
        if not isinstance(value, dict | BaseModel):
            raise PydanticCustomError("object_type", _AS_PARTS)
        return value


class Birthday(_Parts):
    """A birthday, whose year may be unknown."""

    month: Annotated[int, Field(strict=True, ge=1, le=12)]
    day: Annotated[int, Field(strict=True, ge=1, le=31)]
    year: Annotated[int, Field(strict=True, ge=1900, le=2200)] | None = None

    @model_validator(mode="after")
    def _is_a_day(self) -> "Birthday":
        try:
            # Without a year 29 February is a birthday like any other.
            day = date(self.year or LEAP_YEAR, self.month, self.day)
        except ValueError:
            raise PydanticCustomError("no_such_day", "There is no such day.") from None
        # A day of grace: east of Greenwich somebody may be born tomorrow.
        if self.year is not None and day > datetime.now(UTC).date() + timedelta(days=1):
            raise PydanticCustomError("future_birthday", "The birthday lies in the future.")
        return self


class BirthdayPatch(_Parts):
    """Parts of a birthday in a merge patch: what is absent stays, a null year makes it unknown."""

    month: Annotated[int, Field(strict=True, ge=1, le=12)] = optional()
    day: Annotated[int, Field(strict=True, ge=1, le=31)] = optional()
    year: Annotated[int, Field(strict=True, ge=1900, le=2200)] | None = None


def merged(before: dict[str, Any] | None, given: dict[str, Any]) -> dict[str, Any]:
    """A birthday after a merge patch. Raises Problem: it is no day."""
    merged = {**(before or {}), **given}
    try:
        return Birthday.model_validate(
            {name: value for name, value in merged.items() if value is not None}
        ).model_dump()
    except ValidationError as error:
        raise validation_problem(
            [{**one, "loc": ("body", "birthday", *one["loc"])} for one in error.errors(include_url=False)]
        ) from None
