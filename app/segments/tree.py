"""The tree of a segment: what is stored and what the compiler reads; the text is printed from it.

Nodes are frozen and compare by value. In JSON every predicate names its `op`; terms, values and windows are told apart
by their one distinguishing key (`field`, `money`, `last`, ...). Money is in minor units of the company's currency.
"""

import uuid
from decimal import Decimal
from typing import Annotated, Any, Literal, cast

from pydantic import (
    AfterValidator,
    ConfigDict,
    Discriminator,
    Field,
    StrictBool,
    StrictInt,
    Tag,
    TypeAdapter,
    model_validator,
)
from pydantic_core import PydanticCustomError
from typing_extensions import TypeAliasType

from app.core.types import Day
from app.segments.grammar import KM_MAX, LEAVES, STEPS_MAX, VALUES
from app.segments.values import (
    DateValue,
    DecimalText,
    MoneyValue,
    Name,
    Node,
    NumberValue,
    Place,
    ShortText,
    TextValue,
    TruthValue,
    Value,
    Window,
    Within,
    by_key,
)

ROWS_MAX = 1_000_000

# --- terms ------------------------------------------------------------------------------------------------------------


class FieldTerm(Node):
    """The value of a field."""

    key = "field"
    field: Name


class Aggregate(Node):
    """One value from many rows: `of` is a collection (for count) or a field of one, as in `receipts.net`."""

    key = "aggregate"
    aggregate: Literal["count", "sum", "avg", "min", "max", "first", "last"]
    of: Name
    distinct: StrictBool = False
    window: Window | None = None
    where: "Expr | None" = None


Plain = Annotated[
    Annotated[FieldTerm, Tag("FieldTerm")] | Annotated[Aggregate, Tag("Aggregate")], by_key(FieldTerm, Aggregate)
]


class Ratio(Node):
    """One number or amount divided by another, to six decimals. Missing if either is, and of zero."""

    key = "ratio"
    ratio: Plain
    to: Plain


Term = Annotated[
    Annotated[FieldTerm, Tag("FieldTerm")] | Annotated[Aggregate, Tag("Aggregate")] | Annotated[Ratio, Tag("Ratio")],
    by_key(FieldTerm, Aggregate, Ratio),
]
Side = Annotated[
    Annotated[FieldTerm, Tag("FieldTerm")]
    | Annotated[Aggregate, Tag("Aggregate")]
    | Annotated[Ratio, Tag("Ratio")]
    | Annotated[NumberValue, Tag("NumberValue")]
    | Annotated[MoneyValue, Tag("MoneyValue")]
    | Annotated[TextValue, Tag("TextValue")]
    | Annotated[DateValue, Tag("DateValue")]
    | Annotated[TruthValue, Tag("TruthValue")],
    by_key(FieldTerm, Aggregate, Ratio, NumberValue, MoneyValue, TextValue, DateValue, TruthValue),
]

# --- predicates -------------------------------------------------------------------------------------------------------


def _at_least_two(items: tuple[Any, ...]) -> tuple[Any, ...]:
    # After the items: as a bound on the field it would count those that are wrong as absent.
    if len(items) < 2:  # noqa: PLR2004
        raise PydanticCustomError("too_short", "Combine at least two conditions.")
    return items


_TWO = (Field(max_length=LEAVES, json_schema_extra={"minItems": 2}), AfterValidator(_at_least_two))


class And(Node):
    """All of them."""

    op: Literal["and"] = "and"
    items: Annotated[tuple["Expr", ...], *_TWO]


class Or(Node):
    """At least one of them."""

    op: Literal["or"] = "or"
    items: Annotated[tuple["Expr", ...], *_TWO]


class Not(Node):
    """The exact complement: true for whoever `item` is not true for."""

    op: Literal["not"] = "not"
    item: "Expr"


class Compare(Node):
    """A term beside a value or another term. A missing one fails any comparator, unless `including_missing`."""

    op: Literal["compare"] = "compare"
    left: Term
    comparator: Literal["=", "!=", "<", "<=", ">", ">="]
    right: Side
    including_missing: StrictBool = False


class OneOf(Node):
    """A field is (not) one of some values. A missing field fails either way, unless `including_missing`."""

    op: Literal["in"] = "in"
    field: Name
    values: Annotated[tuple[Value, ...], Field(min_length=1, max_length=VALUES)]
    negated: StrictBool = Field(default=False, alias="not")
    including_missing: StrictBool = False


class Between(Node):
    """A field lies between two values, both included."""

    op: Literal["between"] = "between"
    field: Name
    low: Value
    high: Value


class Missing(Node):
    """A field has no value, or (`not`) has one."""

    op: Literal["missing"] = "missing"
    field: Name
    negated: StrictBool = Field(default=False, alias="not")


class Match(Node):
    """A text holds or begins with another, as written; a category lies under another (or is it)."""

    op: Literal["contains", "starts_with", "under"]
    field: Name
    value: Value


class During(Node):
    """A date lies in a window."""

    op: Literal["during"] = "during"
    field: Name
    window: Window


class Anniversary(Node):
    """The same day of a later year lies in a window. 29 February counts as 28 in other years."""

    op: Literal["anniversary"] = "anniversary"
    field: Name
    window: Window


class Near(Node):
    """A location is at most so many kilometres from a place, as the crow flies. `km` is a decimal above 0."""

    op: Literal["within_km"] = "within_km"
    field: Name
    km: DecimalText
    of: Place

    @model_validator(mode="after")
    def _far_enough(self) -> "Near":
        if not 0 < Decimal(self.km) <= KM_MAX:
            raise PydanticCustomError("distance", "A distance is more than 0 km and at most half around the earth.")
        return self


class Rank(Node):
    """A field is among the highest or lowest: of all customers, or of those for whom `of` is true.

    Equal values are never parted: in the top 20 % is who has fewer than 20 % of them strictly above.
    """

    op: Literal["rank"] = "rank"
    field: Name
    end: Literal["top", "bottom"]
    size: Annotated[StrictInt, Field(ge=1, le=ROWS_MAX)]
    unit: Literal["percent", "customers"]
    of: "Expr | None" = None

    @model_validator(mode="after")
    def _share(self) -> "Rank":
        if self.unit == "percent" and self.size > 100:  # noqa: PLR2004
            raise PydanticCustomError("percent", "A share is at most 100 %.")
        return self


class Rows(Node):
    """Whether any, none or all rows of a collection (in a window) are as `where` says. All of no rows is true."""

    op: Literal["any", "none", "all"]
    collection: Name
    window: Window | None = None
    where: "Expr | None" = None


def _named_once(segment: Any, name: Any) -> None:
    if (segment is None) == (name is None):
        raise PydanticCustomError("which_segment", "Give the segment's id or its name, one of them.")


class InSegment(Node):
    """The customer is in another segment; who sends a tree may name it, and what is stored is its id."""

    op: Literal["in_segment"] = "in_segment"
    segment: uuid.UUID | None = None
    name: ShortText | None = None

    @model_validator(mode="after")
    def _one(self) -> "InSegment":
        _named_once(self.segment, self.name)
        return self


class Moved(Node):
    """The customer came into a kept segment, or left it, in a window; who was there when keeping began never came."""

    op: Literal["entered", "left"]
    segment: uuid.UUID | None = None
    name: ShortText | None = None
    window: Window

    @model_validator(mode="after")
    def _one(self) -> "Moved":
        _named_once(self.segment, self.name)
        return self


class WasIn(Node):
    """The customer was in a kept segment when a day ended, as was known by then."""

    op: Literal["was_in"] = "was_in"
    segment: uuid.UUID | None = None
    name: ShortText | None = None
    on: Day

    @model_validator(mode="after")
    def _one(self) -> "WasIn":
        _named_once(self.segment, self.name)
        return self


class Consent(Node):
    """The customer's decision that counts for a purpose and a channel (or 'any'). None fails whatever the state."""

    op: Literal["consent"] = "consent"
    purpose: ShortText
    channel: ShortText
    state: ShortText


class Sample(Node):
    """A share of all customers, chosen by a hash of the seed and the id: with one seed always the same customers.

    A larger share of the same seed holds a smaller one. `percent` is a decimal above 0, up to 100.
    """

    op: Literal["sample"] = "sample"
    percent: DecimalText
    seed: ShortText

    @model_validator(mode="after")
    def _share(self) -> "Sample":
        if not 0 < Decimal(self.percent) <= 100:  # noqa: PLR2004
            raise PydanticCustomError("percent", "A sample is more than 0 % and at most 100 %.")
        return self


class Step(Node):
    """A row of a collection, or (`not`) that there is none, so many units (or sooner) after the step before."""

    collection: Name
    where: "Expr | None" = None
    negated: StrictBool = Field(default=False, alias="not")
    within: Within | None = None


class Sequence(Node):
    """Rows that follow each other, all of them in the window.

    Each comes after the one before: of the same collection in its order, of another on the same day or later. A `not`
    step means that no such row comes within so many units after the row before it.
    """

    op: Literal["sequence"] = "sequence"
    steps: Annotated[tuple[Step, ...], Field(max_length=STEPS_MAX, json_schema_extra={"minItems": 2})]
    window: Window | None = None

    @model_validator(mode="after")
    def _in_order(self) -> "Sequence":
        if len(self.steps) < 2:  # noqa: PLR2004
            raise PydanticCustomError("steps", "A sequence has at least two steps.")
        first, *later = self.steps
        if first.negated or first.within is not None:
            raise PydanticCustomError("steps", "A sequence begins with rows that there are.")
        if any(step.within is None for step in later):
            raise PydanticCustomError("steps", "Say within how many days each further step comes.")
        return self


_KINDS: dict[str, type[Node]] = {
    "and": And, "or": Or, "not": Not, "compare": Compare, "in": OneOf, "between": Between, "missing": Missing,
    "contains": Match, "starts_with": Match, "under": Match, "during": During, "anniversary": Anniversary,
    "within_km": Near, "rank": Rank,
    "any": Rows, "none": Rows, "all": Rows, "in_segment": InSegment, "entered": Moved, "left": Moved, "was_in": WasIn,
    "consent": Consent,
    "sample": Sample, "sequence": Sequence,
}  # fmt: skip


def _by_op(value: Any) -> str | None:
    op = value.get("op") if isinstance(value, dict) else getattr(value, "op", None)
    kind = _KINDS.get(op) if isinstance(op, str) else None
    return kind.__name__ if kind else None


Expr = TypeAliasType(
    "Expr",
    Annotated[
        Annotated[And, Tag("And")]
        | Annotated[Or, Tag("Or")]
        | Annotated[Not, Tag("Not")]
        | Annotated[Compare, Tag("Compare")]
        | Annotated[OneOf, Tag("OneOf")]
        | Annotated[Between, Tag("Between")]
        | Annotated[Missing, Tag("Missing")]
        | Annotated[Match, Tag("Match")]
        | Annotated[During, Tag("During")]
        | Annotated[Anniversary, Tag("Anniversary")]
        | Annotated[Near, Tag("Near")]
        | Annotated[Rank, Tag("Rank")]
        | Annotated[Rows, Tag("Rows")]
        | Annotated[InSegment, Tag("InSegment")]
        | Annotated[Moved, Tag("Moved")]
        | Annotated[WasIn, Tag("WasIn")]
        | Annotated[Consent, Tag("Consent")]
        | Annotated[Sample, Tag("Sample")]
        | Annotated[Sequence, Tag("Sequence")],
        Discriminator(
            _by_op, custom_error_type="unknown_op", custom_error_message=f"op must be one of: {', '.join(_KINDS)}."
        ),
    ],
)
Leaf = (
    Compare | OneOf | Between | Missing | Match | During | Anniversary | Near | Rank | Rows | InSegment | Moved | WasIn
    | Consent | Sample | Sequence
)  # fmt: skip

# What names another segment.
Naming = InSegment | Moved | WasIn

_TREE: TypeAdapter[Expr] = TypeAdapter(Expr, config=ConfigDict(defer_build=True))


def from_json(value: Any) -> Expr:
    """The tree of a JSON value. Raises pydantic.ValidationError."""
    return _TREE.validate_python(value)


def to_json(tree: Expr) -> dict[str, Any]:
    """The JSON of a tree, every key of every node written out."""
    return cast("dict[str, Any]", _TREE.dump_python(tree, mode="json"))
