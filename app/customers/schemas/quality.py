"""Wire types of attributes, and of where facts come from and how complete they are."""

import uuid
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import PydanticCustomError

from app.core.pages import PageQuery
from app.core.types import Answer, Code, Day, Line, Name, StrictText, Wire
from app.customers.birthday import optional
from app.customers.profile import Tag
from app.customers.provenance import Provenance

CustomType = Literal["text", "choice", "tags", "integer", "money", "date", "boolean"]
CustomerKind = Literal["person", "business"]
FieldGroup = Literal["basic", "contact", "personal", "financial"]
PiiClass = Literal["none", "personal", "identifying"]
LONGEST_DAYS = 366
Period = Literal["day", "week", "month"]
Whose = Literal["store", "collector"]
LONGEST: dict[str, int] = {"day": 366, "week": 1098, "month": 3660}


WeightsVersion = Annotated[
    int, Field(description="Another number as soon as a weight or a time of freshness is another; not in order.")
]


class AttributeFields(Wire):
    """How an attribute of the company's own is declared. What is absent has its default: a PUT says all of it."""

    label: Name
    type: CustomType
    choices: Annotated[list[Tag], Field(max_length=200)] = Field(
        default_factory=list, description="Of a `choice`; may be added to, never cut."
    )
    pii: PiiClass = "personal"
    field_group: FieldGroup = "personal"
    kinds: Annotated[list[CustomerKind], Field(min_length=1, max_length=2)] = Field(
        default_factory=lambda: list[CustomerKind](("person", "business"))
    )
    weight: Annotated[int, Field(strict=True, ge=0, le=1000, description="What it adds to completeness.")] = 0
    fresh_days: Annotated[int, Field(strict=True, ge=1, le=36500)] | None = Field(
        default=None, description="Days until a value is stale unless it is confirmed."
    )
    question: Line | None = Field(default=None, description="How to ask for it.")

    @model_validator(mode="after")
    def _choices_of_a_choice(self) -> "AttributeFields":
        if (self.type == "choice") != bool(self.choices):
            raise PydanticCustomError("choices", "An attribute of type choice has choices, and no other has.")
        if len(set(self.choices)) != len(self.choices) or len(set(self.kinds)) != len(self.kinds):
            raise PydanticCustomError("twice", "Say each choice and each kind once.")
        return self


class AttributeAnswer(Answer):
    """An attribute. `path` is its place in a customer, its name in the segment language and in provenance."""

    path: str
    label: str
    type: str
    choices: list[str]
    kinds: list[str]
    field_group: str
    pii: str
    weight: Annotated[int, Field(description="What it adds to completeness, where it adds most.")]
    weights: Annotated[dict[str, int], Field(description="The same by the kind of customer.")]
    fresh_days: int | None
    question: str | None
    custom: bool
    # Of the company's own.
    name: str | SkipJsonSchema[None] = None
    version: int | SkipJsonSchema[None] = None


class ChannelAnswer(Answer):
    """A channel; `direct`: the customer himself spoke through it."""

    name: str
    label: str
    direct: bool


class AttributesAnswer(Answer):
    """Everything that a customer's record can have, as far as the caller may see it."""

    data: list[AttributeAnswer]
    channels: list[ChannelAnswer]
    weights_version: WeightsVersion


class FactAnswer(Answer):
    """Where a value came from. `retired`: it was cleared, or its licence has ended."""

    path: str
    label: str
    channel: str | None
    direct: bool | None
    collector: str | None
    store: str | None
    collected_at: datetime
    confirmed_at: datetime | None
    confirmed_by: str | None
    licence_end: date | None
    previous: Any | None
    identifier_id: uuid.UUID | None
    suspect: bool
    state: Literal["current", "stale", "retired"]


class FactsAnswer(Answer):
    """Every fact of a customer, in the order of paths."""

    data: list[FactAnswer]
    next_cursor: None
    has_more: bool


class Confirmation(Wire):
    """What is still right."""

    paths: Annotated[
        list[Annotated[StrictText, Field(min_length=1, max_length=100)]], Field(min_length=1, max_length=100)
    ] = Field(examples=[["birthday", "life.hobbies"]])
    provenance: Provenance = optional("Who says so, and when; what is absent follows from the API key.")


class Weighed(Answer):
    """An attribute and its weight."""

    path: str
    label: str
    weight: int


class Question(Answer):
    """What to ask for, and in which words."""

    path: str
    label: str
    question: str


class CompletenessAnswer(Answer):
    """How complete a record is, in percent of what counts for this kind of customer and the caller may see.

    What looks made up (`suspect`) or may no longer be used (`unlicensed`) does not count; what is `stale` does.
    """

    customer_id: uuid.UUID
    kind: str
    score: int
    weights_version: WeightsVersion
    missing: list[Weighed]
    suspect: list[Weighed]
    unlicensed: list[Weighed]
    stale: list[Weighed]
    ask_next: Question | None
    version: int
    as_of: datetime


class QualityQuery(Wire):
    """Which days, both included; at most a year."""

    since: Day
    until: Day

    @model_validator(mode="after")
    def _a_period(self) -> "QualityQuery":
        if not self.since <= self.until < self.since + timedelta(days=LONGEST_DAYS):
            raise PydanticCustomError("no_period", "until is on or after since, and at most a year later.")
        return self


class CourseQuery(PageQuery):
    """Totals of which days, both included, in periods of which length; a year of days, three of weeks, ten of months.

    A week starts on Monday. The first and the last period are cut where the days begin and end.
    """

    since: Day
    until: Day
    by: Period = "month"
    of: Whose = "store"
    store: Code | SkipJsonSchema[None] = None
    collector: Line | SkipJsonSchema[None] = None

    @model_validator(mode="after")
    def _some_periods(self) -> "CourseQuery":
        if not self.since <= self.until < self.since + timedelta(days=LONGEST[self.by]):
            detail = "until is on or after since, and at most 366 days (by week 1,098, by month 3,660) later."
            raise PydanticCustomError("no_period", detail)
        return self


class Collected(Answer):
    """What somebody has collected and confirmed: facts, those that look made up, and customers."""

    store: str | SkipJsonSchema[None] = None
    collector: str | SkipJsonSchema[None] = None
    collected: int
    confirmed: int
    suspect: int
    customers: int


class CourseRow(Collected):
    """What a store or a collector has collected and confirmed in the period that starts on this day."""

    period: date


class QualityAnswer(Answer):
    """Who collects well in a period. A null `store`: keys that belong to no store."""

    since: date
    until: date
    by_store: list[Collected]
    by_collector: list[Collected]
