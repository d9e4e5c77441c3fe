"""Wire types of questions and of saved segments."""

import uuid
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import PydanticCustomError

from app.core.pages import PAGE_MAX, Limit, Page, PageQuery
from app.core.types import Answer, Day, Name, Note, StrictText, Wire
from app.customers.schemas.record import CustomerAnswer
from app.segments.grammar import LIST, QUESTION, STRING_LENGTH, TEXT_BYTES
from app.segments.tree import Expr
from app.segments.values import Name as FieldName

SAMPLE_MAX = 50
COLUMNS_MAX = 50
EXAMPLE = "sum(receipts.net during last 12 months where store = 'GY-01') > 200.00"

SegmentName = Annotated[Name, Field(max_length=STRING_LENGTH, examples=["vip"])]
SegmentText = Annotated[StrictText, Field(min_length=1, max_length=TEXT_BYTES, examples=[EXAMPLE])]
AsOf = Annotated[
    Day | None, Field(description="Answer as if it were this day: windows end with it. By default the company's today.")
]

Materialised = Annotated[
    bool,
    Field(
        strict=True,
        description="Keep who is in it from now on, and who comes and leaves. Turned off, all that is forgotten.",
    ),
]


def _names(value: Any) -> Any:
    # A parameter that is given twice comes as a list.
    return [name for part in value for name in str(part).split(",")] if isinstance(value, list) else value


ColumnNames = Annotated[list[FieldName], BeforeValidator(_names), Field(min_length=1, max_length=COLUMNS_MAX)]


def optional(description: str | None = None) -> Any:
    """A field that may be absent but not null."""
    return Field(default_factory=lambda: None, description=description)


class Definition(Wire):
    """A question: as text, or as the tree that a text is parsed to."""

    text: SegmentText = optional()
    tree: Expr = optional()

    @model_validator(mode="after")
    def _one_of_them(self) -> "Definition":
        if ("text" in self.model_fields_set) == ("tree" in self.model_fields_set):
            raise PydanticCustomError("definition", "Send text or tree, one of them.")
        return self


class NewSegment(Wire):
    """A segment to save: a question, as text or tree, or a list, which has neither.

    A `name` is unique; a client may send its own `id`.
    """

    id: uuid.UUID = optional()
    kind: Literal["question", "list"] = "question"
    name: SegmentName
    description: Note | None = None
    text: SegmentText = optional()
    tree: Expr = optional()
    materialised: Materialised = False

    @model_validator(mode="after")
    def _one_of_them(self) -> "NewSegment":
        given = len({"text", "tree"} & self.model_fields_set)
        if self.kind == LIST and given:
            raise PydanticCustomError("definition", "A list asks nothing: send neither text nor tree.")
        if self.kind == QUESTION and given != 1:
            raise PydanticCustomError("definition", "Send text or tree, one of them.")
        return self


class SegmentPatch(Wire):
    """A JSON merge patch of a saved segment: what is absent stays. `text` or `tree` replaces the question."""

    name: SegmentName = optional()
    description: Note | None = None
    text: SegmentText = optional()
    tree: Expr = optional()
    materialised: Materialised = optional()

    @model_validator(mode="after")
    def _not_both(self) -> "SegmentPatch":
        if {"text", "tree"} <= self.model_fields_set:
            raise PydanticCustomError("definition", "Send text or tree, one of them.")
        return self


class Preview(Definition):
    """A question to try out, and how many of its customers to show."""

    as_of: AsOf = None
    sample: Annotated[int, Field(strict=True, ge=0, le=SAMPLE_MAX)] = 10
    against: uuid.UUID | None = Field(
        default=None, description="The saved segment that it is to replace: the answer tells who would enter and leave."
    )


class AsOfQuery(Wire):
    """When a question is asked."""

    as_of: AsOf = None


class MembershipQuery(AsOfQuery):
    """Of which day, and whether what is kept is to be passed over."""

    live: bool = Field(
        default=False,
        description="Ask anew even where it is kept who is in it: a day then means, as if today were that day.",
    )


class ChangesQuery(PageQuery):
    """Comings and goings of which days, both ends included, how many, and from where."""

    start: Day | None = Field(default=None, alias="from", description="By default the first day that is kept.")
    to: Day | None = Field(default=None, description="By default the last.")


class MembersQuery(MembershipQuery, PageQuery):
    """How much of a segment, and from where. The cursor keeps the day of the first page."""

    columns: ColumnNames | None = Field(
        default=None, description="Fields, separated by commas: their values instead of the record."
    )


class HeldQuery(AsOfQuery, PageQuery):
    """How many saved segments to look at, and from where. The cursor keeps the day of the first page."""

    limit: Limit = PAGE_MAX


class SegmentsQuery(PageQuery):
    """How much of the list of segments, and from where."""


class ParsedSegment(Answer):
    """A question as it would be saved. `text` is printed from `tree`.

    `uses` are its fields and collections, `refers_to` the segments that it names. `temporal`: time alone can change who
    is in it. `population_relative`: who is in it depends on the values of others.
    """

    text: str
    tree: Expr
    uses: list[str]
    refers_to: list[uuid.UUID]
    temporal: bool
    population_relative: bool


class ParseAnswer(ParsedSegment):
    """`lacking` is what the caller's key would need to have it answered; empty if it may ask."""

    lacking: list[str]


class SegmentAnswer(ParsedSegment):
    """A saved segment. The text of a list is to be in it. `materialised`: who is in it is kept."""

    id: uuid.UUID
    kind: str
    name: str
    description: str | None
    materialised: bool
    version: int
    created_at: datetime
    updated_at: datetime


class VersionAnswer(Answer):
    """A segment as it was saved, the `fields` that changed then, and whose key did it (null: not noted).

    A segment that its text names and that is there no longer is `?`.
    """

    version: int
    name: str
    description: str | None
    text: str
    tree: Expr
    fields: list[str]
    changed_at: datetime
    changed_by: uuid.UUID | None


class Warned(Answer):
    """Something that whoever wrote the question may not have meant.

    `condition` is the part of it that is meant, `value` one that the catalog does not list, `near` one that it lists.
    """

    code: str
    detail: str
    condition: str | SkipJsonSchema[None] = None
    value: str | SkipJsonSchema[None] = None
    near: str | None = None


class CountAnswer(Answer):
    """How many customers are in a segment as of a day.

    `refreshed_at`: who is in it is kept, and this was so at that moment. Without it, it was asked just now.
    """

    count: int
    as_of: date
    version: int
    refreshed_at: datetime | SkipJsonSchema[None] = None


class MemberAnswer(Answer):
    """A member with the values of the chosen columns, each with its kind as in a tree; null: missing."""

    id: uuid.UUID
    values: dict[str, dict[str, Any] | None]


class MembersPage(Answer):
    """One page of the customers in a segment, in the order of their ids: records, or values of chosen columns."""

    data: list[MemberAnswer | CustomerAnswer]
    next_cursor: str | None
    has_more: bool
    as_of: date
    refreshed_at: datetime | SkipJsonSchema[None] = None


class MembershipChange(Answer):
    """A customer came into a kept segment (`entered`) or `left` it: on which of the company's days, and when noted."""

    customer_id: uuid.UUID
    what: str
    on: date
    at: datetime


class MembershipChanges(Page[MembershipChange]):
    """Who came into a kept segment and left it, the oldest first; `since` is the first day that is known."""

    since: date
    as_of: date
    refreshed_at: datetime


class ConditionAnswer(Answer):
    """A part of a question for one customer: `op` is and, or, not, or condition; of a segment `items` has its question.

    A condition shows the customer's `value` (null: missing), what is `needed` where that is a value of its own, the
    `distance` in words, and as `evidence` the ids of the rows behind it (receipts, complaints, ...), newest first.
    """

    op: str
    truth: bool
    items: list["ConditionAnswer"] | SkipJsonSchema[None] = None
    text: str | SkipJsonSchema[None] = None
    value: dict[str, Any] | None = None
    needed: dict[str, Any] | SkipJsonSchema[None] = None
    distance: str | SkipJsonSchema[None] = None
    evidence: list[uuid.UUID] | SkipJsonSchema[None] = None


class ExplanationAnswer(Answer):
    """Why a customer is in a segment or not. `counted` is false for walk-ins and records that are gone."""

    segment_id: uuid.UUID
    customer_id: uuid.UUID
    as_of: date
    member: bool
    counted: bool
    text: str
    explanation: ConditionAnswer


class HeldSegment(Answer):
    """A segment that a customer is in; `refreshed_at` as for the count."""

    id: uuid.UUID
    name: str
    version: int
    refreshed_at: datetime | SkipJsonSchema[None] = None


class HeldSegments(Page[HeldSegment]):
    """The segments that a customer is in; `not_granted` counts those of this page that the caller's key may not ask."""

    as_of: date
    not_granted: int


class OfferedField(Answer):
    """A field: its operators follow from its type; `values_at` is where its possible values are listed.

    An amount has the currency for its `unit`; of numbers it is told where there is one, and whether they are `whole`.
    """

    name: str
    label: str
    type: str
    operators: list[str]
    unit: str | SkipJsonSchema[None] = None
    whole: bool | SkipJsonSchema[None] = None
    choices: list[str] | SkipJsonSchema[None] = None
    values_at: str | SkipJsonSchema[None] = None
    pii: str
    field_group: str
    scope: str
    temporal: bool
    changed_by: list[str]


class OfferedCollection(Answer):
    """A collection: many rows per customer."""

    name: str
    label: str
    windows: bool
    field_group: str
    scope: str
    changed_by: list[str]
    fields: list[OfferedField]


class Offer(Answer):
    """Everything that the caller may ask about, enough to build an editor from."""

    fields: list[OfferedField]
    collections: list[OfferedCollection]
    types: list[dict[str, Any]]
    functions: list[dict[str, Any]]
    quantifiers: list[str]
    places: Annotated[dict[str, Any], Field(description="What somebody can be near to, beside coordinates.")]
    more: Annotated[list[str], Field(description="What the language has beside fields, functions and quantifiers.")]
    consent: Annotated[
        dict[str, list[str]] | None, Field(description="What consent(...) takes; null if the key may not ask it.")
    ]
    windows: dict[str, Any]
    limits: dict[str, int]
    currency: dict[str, Any]
