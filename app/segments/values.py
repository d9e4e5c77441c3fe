"""Values and windows of the language, as they stand in a tree, and the base of all its nodes.

They are told apart by their one distinguishing key (`money`, `last`, ...).
"""

from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    StrictBool,
    StrictInt,
    Tag,
    model_validator,
)
from pydantic_core import PydanticCustomError, PydanticKnownError

from app.core.types import Day, one_line, parse_decimal
from app.core.wording import Written
from app.segments.grammar import MOST, STRING_LENGTH, WORD_LENGTH

MONEY_MAX = 10**18


class Node(BaseModel):
    """Base of every node."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, serialize_by_alias=True, validate_by_name=True, defer_build=True
    )
    # The key that tells a term, value or window from the others.
    key: ClassVar[str] = ""


def by_key(*kinds: type[Node]) -> Any:
    """The discriminator of nodes that are told apart by their keys; a node's tag is the name of its class."""
    tags = {kind.key: kind.__name__ for kind in kinds}

    def tag(value: Any) -> str | None:
        if isinstance(value, Node):
            return type(value).__name__
        found = [key for key in tags if isinstance(value, dict) and key in value]
        return tags[found[0]] if len(found) == 1 else None

    return Discriminator(
        tag, custom_error_type="unknown_form", custom_error_message=f"This must have exactly one of: {', '.join(tags)}."
    )


def canonical_number(text: Any) -> str:
    """A decimal in its one form: no zeros at the end, no minus before zero. Raises PydanticCustomError."""
    value = parse_decimal(text).normalize()
    return f"{value + 0:f}" if value else "0"


# --- values -----------------------------------------------------------------------------------------------------------

DecimalText = Annotated[str, AfterValidator(canonical_number)]


def _short(value: str) -> str:
    """`value` in NFC, measured so: a few characters grow. Raises PydanticKnownError or PydanticCustomError."""
    text = one_line(value)
    if len(text) > STRING_LENGTH:
        raise PydanticKnownError("string_too_long", {"max_length": STRING_LENGTH})
    return text


ShortText = Annotated[str, Field(strict=True, json_schema_extra={"maxLength": STRING_LENGTH}), AfterValidator(_short)]
_NAME = r"^[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)*$"
Name = Annotated[
    str,
    Field(strict=True, max_length=WORD_LENGTH, pattern=_NAME, examples=["home_store"]),
    Written("Write the name of a field, such as home_store or receipts.net."),
]


class NumberValue(Node):
    """A number, as a decimal string."""

    key = "number"
    number: DecimalText

    @property
    def decimal(self) -> Decimal:
        """The number itself."""
        return Decimal(self.number)


class MoneyValue(Node):
    """An amount in minor units of the company's currency."""

    key = "money"
    money: Annotated[StrictInt, Field(ge=-MONEY_MAX, le=MONEY_MAX)]


class TextValue(Node):
    """Text; the value of an enumerated field too."""

    key = "text"
    text: ShortText


class DateValue(Node):
    """A business date."""

    key = "date"
    date: Day


class TruthValue(Node):
    """True or false."""

    key = "boolean"
    boolean: StrictBool


Value = Annotated[
    Annotated[NumberValue, Tag("NumberValue")]
    | Annotated[MoneyValue, Tag("MoneyValue")]
    | Annotated[TextValue, Tag("TextValue")]
    | Annotated[DateValue, Tag("DateValue")]
    | Annotated[TruthValue, Tag("TruthValue")],
    by_key(NumberValue, MoneyValue, TextValue, DateValue, TruthValue),
]

# --- places -----------------------------------------------------------------------------------------------------------


class NamedPlace(Node):
    """A store with coordinates by its code, or else the place of this code."""

    key = "place"
    place: ShortText


class Point(Node):
    """Degrees north and east (WGS 84), as decimal strings."""

    key = "latitude"
    latitude: DecimalText
    longitude: DecimalText

    @model_validator(mode="after")
    def _on_earth(self) -> "Point":
        if abs(Decimal(self.latitude)) > 90 or abs(Decimal(self.longitude)) > 180:  # noqa: PLR2004
            raise PydanticCustomError("off_earth", "A latitude is from -90 to 90, a longitude from -180 to 180.")
        return self


Place = Annotated[Annotated[NamedPlace, Tag("NamedPlace")] | Annotated[Point, Tag("Point")], by_key(NamedPlace, Point)]

# --- windows ----------------------------------------------------------------------------------------------------------

Unit = Literal["days", "weeks", "months", "years"]
Count = Annotated[StrictInt, Field(ge=1)]


def _bounded(count: int, unit: str) -> None:
    if count > MOST[unit]:
        raise PydanticCustomError("window_too_long", "A window covers at most a hundred years.")


class Last(Node):
    """So many whole days, weeks, months or years that end with today."""

    key = "last"
    last: Count
    unit: Unit

    @model_validator(mode="after")
    def _short(self) -> "Last":
        _bounded(self.last, self.unit)
        return self


class Next(Node):
    """So many whole days, weeks, months or years that begin with today."""

    key = "next"
    next: Count
    unit: Unit

    @model_validator(mode="after")
    def _short(self) -> "Next":
        _bounded(self.next, self.unit)
        return self


class Within(Node):
    """So many days, weeks, months or years, or sooner."""

    count: Count
    unit: Unit

    @model_validator(mode="after")
    def _short(self) -> "Within":
        _bounded(self.count, self.unit)
        return self


class Span(Node):
    """From one date to another, both included."""

    key = "from"
    start: Annotated[Day, Field(alias="from")]
    to: Day


class Before(Node):
    """Any day before a date."""

    key = "before"
    before: Day


class After(Node):
    """Any day after a date."""

    key = "after"
    after: Day


Window = Annotated[
    Annotated[Last, Tag("Last")]
    | Annotated[Next, Tag("Next")]
    | Annotated[Span, Tag("Span")]
    | Annotated[Before, Tag("Before")]
    | Annotated[After, Tag("After")],
    by_key(Last, Next, Span, Before, After),
]
