"""What the wire types of all records share."""

import uuid
from collections.abc import Hashable
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import PydanticCustomError

from app.core.types import Answer, Code, Moment, Wire, parse_decimal
from app.customers.birthday import optional
from app.engagement import choices as c

T = TypeVar("T", bound=Hashable)


def _record_id(value: uuid.UUID) -> uuid.UUID:
    if value.int == 0:
        raise PydanticCustomError("nil_id", "The nil UUID names no record.")
    return value


def _distinct(value: list[T]) -> list[T]:
    return list(dict.fromkeys(value))


def _share(value: Decimal) -> Decimal:
    if not 0 <= value <= 1:
        raise PydanticCustomError("share_out_of_range", "A share is from 0 to 1.")
    return value


RecordId = Annotated[uuid.UUID, AfterValidator(_record_id)]
Scale = Annotated[int, Field(strict=True, ge=1, le=5)]
Truth = Annotated[bool, Field(strict=True)]
_Distinct = AfterValidator(_distinct)
Reactions = Annotated[list[c.Reaction], Field(max_length=12), _Distinct]
Sequels = Annotated[list[c.Sequel], Field(max_length=6), _Distinct]
# A text that is absent for callers without its field group, and may be null for others.
AbsentLine = str | SkipJsonSchema[None] | None
Share = Annotated[
    Decimal,
    BeforeValidator(parse_decimal),
    AfterValidator(_share),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^(0|1|0\.[0-9]{1,6}|1\.0{1,6})$", "examples": ["0.35"]}),
]


class NewRecord(Wire):
    """What is told of every record: when it happened (default: now) and which member of staff did it."""

    id: RecordId = optional("The sender's own; a UUIDv7 is made if there is none.")
    occurred_at: Moment = optional("When it happened; default: now.")
    by: Code | None = None


class RecordPatch(Wire):
    """What may be changed of every record."""

    by: Code | None = None


class Record(Answer):
    """What every record has. What the caller's field groups do not cover is absent."""

    id: uuid.UUID
    customer_id: uuid.UUID
    occurred_at: datetime
    occurred_on: Annotated[date, Field(description="The company's day of `occurred_at`.")]
    by: str | None
    recorded_by: Annotated[uuid.UUID, Field(description="The client that wrote it down.")]
    version: int
    created_at: datetime
    updated_at: datetime


class HistoryStep(Answer):
    """Something done to a record. `details`, what was said with it, needs the groups `personal` and `financial`."""

    at: datetime
    action: str
    state: str
    actor: uuid.UUID
    details: dict[str, Any] | SkipJsonSchema[None] = None


class Living(Record):
    """A record with a life: when it was closed and by which client. Read alone it has its history."""

    closed_at: datetime | None
    closed_by: uuid.UUID | None
    history: list[HistoryStep] | SkipJsonSchema[None] = None
