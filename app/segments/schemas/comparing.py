"""Wire types of two questions beside each other, and of who the customers of one are by a field."""

import uuid
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, Tag, model_validator
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import PydanticCustomError

from app.core.pages import Page, PageQuery
from app.core.types import Answer, Wire
from app.customers.schemas.record import CustomerAnswer
from app.segments.schemas.questions import SAMPLE_MAX, AsOf, AsOfQuery, Definition, SegmentText, Warned, optional
from app.segments.tree import Expr
from app.segments.values import MoneyValue, Name, NumberValue, by_key

GROUPS_MAX = 200
CUTS_MAX = 50
Sample = Annotated[int, Field(strict=True, ge=0, le=SAMPLE_MAX)]


class NewQuestion(Definition):
    """A question to put in the place of a saved one, and how many customers of each part to show."""

    as_of: AsOf = None
    sample: Sample = 10


class PartAnswer(Answer):
    """How many customers, and some of them."""

    count: int
    sample: list[CustomerAnswer]


class DifferenceAnswer(Answer):
    """What a new question changes: who would enter the saved segment, leave it, and stay."""

    segment_id: uuid.UUID
    version: int
    before: str
    enter: PartAnswer
    leave: PartAnswer
    stay: PartAnswer


class QuestionDifference(DifferenceAnswer):
    """The difference with the new question as it would be saved. `cost` is the planner's estimate of asking both."""

    text: str
    tree: Expr
    as_of: date
    cost: float
    warnings: list[Warned]


class PreviewAnswer(Answer):
    """How many customers a question is true of, and some of them. `cost` is the planner's estimate.

    `difference` is to the saved segment that it was asked `against`.
    """

    count: int
    sample: list[CustomerAnswer]
    as_of: date
    text: str
    tree: Expr
    cost: float
    difference: DifferenceAnswer | SkipJsonSchema[None] = None
    warnings: list[Warned]


class OverlapQuery(AsOfQuery):
    """When two segments are asked, and how many customers of each part to show."""

    sample: Annotated[int, Field(ge=0, le=SAMPLE_MAX)] = 0


class OverlapAnswer(Answer):
    """Who is in one of two segments only, and who in both.

    Shares are of the first and of the second segment, as decimals (null: it is empty). `lift` is how many times as many
    are in both as would be if the two had nothing to do with each other; `customers` are all that could be in one.
    """

    first: PartAnswer
    second: PartAnswer
    both: PartAnswer
    share_of_first: str | None
    share_of_second: str | None
    lift: str | None
    customers: int
    as_of: date


def _ascending(cuts: tuple[Any, ...]) -> tuple[Any, ...]:
    values = [cut.decimal if isinstance(cut, NumberValue) else cut.money for cut in cuts]
    if len({type(cut) for cut in cuts}) > 1 or sorted(set(values)) != values:
        raise PydanticCustomError("cuts", "Write numbers or amounts, each greater than the one before.")
    return cuts


Cut = Annotated[
    Annotated[NumberValue, Tag("NumberValue")] | Annotated[MoneyValue, Tag("MoneyValue")],
    by_key(NumberValue, MoneyValue),
]
Cuts = Annotated[tuple[Cut, ...], Field(min_length=1, max_length=CUTS_MAX), AfterValidator(_ascending)]


class Grouping(Wire):
    """By which field to group, and what to sum up beside counting.

    Numbers and amounts are put into bands that begin at the `cuts` (fifths without them), dates into months or years,
    birthdays into months; of all else each value is a group, at most `limit` of them.
    """

    field: Annotated[Name, Field(examples=["home.city"])]
    measure: Name = optional("A number or an amount, such as net_365d, to sum up for each group.")
    cuts: Cuts = optional()
    unit: Literal["month", "year"] = "month"
    limit: Annotated[int, Field(strict=True, ge=1, le=GROUPS_MAX)] = 50


class CompositionRequest(Grouping):
    """Whose composition: of whom a question (`text` or `tree`) is true, or without one of all customers."""

    text: SegmentText = optional()
    tree: Expr = optional()
    as_of: AsOf = None

    @model_validator(mode="after")
    def _one_of_them(self) -> "CompositionRequest":
        if {"text", "tree"} <= self.model_fields_set:
            raise PydanticCustomError("definition", "Send text or tree, one of them.")
        return self


class NewSnapshot(Grouping):
    """The composition of a saved segment, to be kept as it is today or as of a day."""

    as_of: AsOf = None


class GroupAnswer(Answer):
    """Customers with one value: the value itself, or where a band or period begins (`from`) and ends (`below`).

    An end is left out where a band is open. `share` is of all who are counted (null of nobody), `total` the sum of the
    measure (null: unknown of all of them).
    """

    value: dict[str, Any] | SkipJsonSchema[None] = None
    start: dict[str, Any] | SkipJsonSchema[None] = Field(default=None, alias="from")
    below: dict[str, Any] | SkipJsonSchema[None] = None
    count: int
    share: str | None
    total: dict[str, Any] | None = None


class CompositionAnswer(Answer):
    """How many customers there are and how they divide; `others` have values that are not told apart here."""

    field: str
    label: str
    measure: str | None
    as_of: date
    count: int
    total: dict[str, Any] | None
    groups: list[GroupAnswer]
    others: GroupAnswer
    missing: GroupAnswer


class SnapshotAnswer(Answer):
    """A composition as it was: of which version of the segment, and when and by whose key it was kept."""

    id: uuid.UUID
    version: int
    taken_at: datetime
    taken_by: uuid.UUID
    composition: CompositionAnswer


class SnapshotsQuery(PageQuery):
    """Which snapshots of a segment, the newest first."""

    field: Name | None = None


class SnapshotsPage(Page[SnapshotAnswer]):
    """Snapshots of a segment, the newest first; `not_granted` counts those of fields that the caller may not see."""

    not_granted: int
