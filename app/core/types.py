"""Wire types shared by every room: text, ids, money, quantities, moments, and their bounds.

Money is an integer of minor units with an ISO 4217 code beside it; quantities and rates are decimal strings.
"""

import re
import unicodedata
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Annotated, Any

from iso4217 import Currency as IsoCurrency
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError

INT64_MAX = 2**63 - 1
# Sums of many amounts must still fit 64 bits, so one amount may use 50 of them: a hundred thousand billion.
AMOUNT_MAX = 10**14
MAX_DEPTH = 32

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_CONTROL_BUT_NEWLINE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,6})?")
_CODE = re.compile(r"[^\s/\\?#%\x00-\x1f\x7f-\x9f]{1,64}")


class Wire(BaseModel):
    """Base of everything that is sent to us: unknown fields are refused, numbers are not guessed from text."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, allow_inf_nan=False, defer_build=True)


class Answer(BaseModel):
    """Base of everything that we send: clients ignore fields they do not know."""

    # Few of them are ever made: most describe bytes that PostgreSQL has written.
    model_config = ConfigDict(extra="allow", defer_build=True)


def _clean(value: str, pattern: re.Pattern[str]) -> str:
    if pattern.search(value):
        raise PydanticCustomError("control_character", "Control characters are not allowed.")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise PydanticCustomError("lone_surrogate", "Text must be valid Unicode.") from None
        value = unicodedata.normalize("NFC", value)
    return value


def one_line(value: str) -> str:
    """`value` in NFC; refuses control characters and lone surrogates."""
    return _clean(value, _CONTROL)


def _lines(value: str) -> str:
    return _clean(value, _CONTROL_BUT_NEWLINE)


@lru_cache(maxsize=20_000)
def _code(value: str) -> str:
    # The same few stores, tills and products stand on most receipts.
    value = one_line(value)
    if not _CODE.fullmatch(value):
        raise PydanticCustomError("invalid_code", "A code has 1 to 64 characters, without spaces, / \\ ? # or %.")
    return value


def parse_decimal(value: Any) -> Decimal:
    """A decimal from its string: at most 15 digits before and 6 after the point, no exponent."""
    if not isinstance(value, str) or not _DECIMAL.fullmatch(value):
        raise PydanticCustomError("invalid_decimal", "Write a decimal as a string such as '2' or '0.250'.")
    try:
        return Decimal(value)
    except InvalidOperation:
        raise PydanticCustomError("invalid_decimal", "Write a decimal as a string such as '2' or '0.250'.") from None


def _moment(value: Any) -> Any:
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or len(value) > 40 or value[10:11] not in ("T", "t", " "):  # noqa: PLR2004
        raise PydanticCustomError("invalid_time", "Write a time as RFC 3339, such as 2026-11-21T12:30:00+08:00.")
    return value


def _in_range(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise PydanticCustomError("missing_zone", "A time needs its zone, such as Z or +08:00.")
    if not 1900 <= value.year <= 2200:  # noqa: PLR2004
        raise PydanticCustomError("time_out_of_range", "The year must be from 1900 to 2200.")
    return value.astimezone(UTC)


def _day(value: Any) -> Any:
    if isinstance(value, date):
        return value
    if not isinstance(value, str) or not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value, re.ASCII):
        raise PydanticCustomError("invalid_date", "Write a date as YYYY-MM-DD.")
    return value


def _day_in_range(value: date) -> date:
    if not 1900 <= value.year <= 2200:  # noqa: PLR2004
        raise PydanticCustomError("date_out_of_range", "The year must be from 1900 to 2200.")
    return value


def _currency(value: str) -> str:
    try:
        IsoCurrency(value)
    except ValueError:
        raise PydanticCustomError("unknown_currency", "The currency must be an ISO 4217 code such as CNY.") from None
    return value


def currency_digits(code: str) -> int:
    """How many digits the minor unit of an ISO 4217 currency has: 2 for CNY and TWD, 0 for JPY."""
    return IsoCurrency(code).exponent or 0


def _bounded_object(value: dict[str, Any]) -> dict[str, Any]:
    _walk(value, 1)
    return value


def _walk(value: Any, depth: int) -> None:
    if depth > 8:  # noqa: PLR2004
        raise PydanticCustomError("too_deep", "Extensions may be nested at most 8 levels deep.")
    if isinstance(value, dict):
        if len(value) > 50:  # noqa: PLR2004
            raise PydanticCustomError("too_many_keys", "Extensions may have at most 50 keys per object.")
        for key, item in value.items():
            _leaf(key)
            _walk(item, depth + 1)
    elif isinstance(value, list):
        if len(value) > 100:  # noqa: PLR2004
            raise PydanticCustomError("too_many_items", "Extensions may have at most 100 items per list.")
        for item in value:
            _walk(item, depth + 1)
    else:
        _leaf(value)


def _leaf(value: Any) -> None:
    if isinstance(value, str):
        if len(value) > 1000:  # noqa: PLR2004
            raise PydanticCustomError("too_long", "Text in extensions may have at most 1000 characters.")
        _lines(value)
    elif isinstance(value, float):
        raise PydanticCustomError("float", "Write decimals as strings.")
    elif isinstance(value, int) and abs(value) > INT64_MAX:
        raise PydanticCustomError("integer_too_large", "Integers must fit 64 bits.")


def _degrees(value: Any) -> float:
    # No minus before zero.
    return float(parse_decimal(value)) + 0.0


def located(value: Any) -> Any:
    """A body whose `latitude` and `longitude` go together: both absent, both null, or both numbers."""
    sent = {"latitude", "longitude"} & value.model_fields_set
    if len(sent) == 1 or (value.latitude is None) != (value.longitude is None):
        raise PydanticCustomError("location", "latitude and longitude go together: send both, or null for both.")
    return value


def rfc3339(moment: datetime) -> str:
    """A moment as answers have it: in UTC, with microseconds."""
    # Several times as fast as strftime. The last six characters are +00:00.
    return moment.astimezone(UTC).isoformat(timespec="microseconds")[:-6] + "Z"


StrictText = Annotated[str, Field(strict=True)]
Name = Annotated[StrictText, Field(min_length=1, max_length=200), AfterValidator(one_line)]
Line = Annotated[StrictText, Field(min_length=1, max_length=500), AfterValidator(one_line)]
Note = Annotated[StrictText, Field(min_length=1, max_length=5000), AfterValidator(_lines)]
Code = Annotated[StrictText, AfterValidator(_code), Field(min_length=1, max_length=64)]
CurrencyCode = Annotated[StrictText, Field(min_length=3, max_length=3), AfterValidator(_currency)]
Amount = Annotated[int, Field(strict=True, ge=-AMOUNT_MAX, le=AMOUNT_MAX)]
PositiveAmount = Annotated[int, Field(strict=True, ge=0, le=AMOUNT_MAX)]
Quantity = Annotated[
    Decimal,
    BeforeValidator(parse_decimal),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "pattern": f"^{_DECIMAL.pattern}$", "examples": ["2", "0.250"]}),
]
_DEGREES = {"type": "string", "pattern": f"^{_DECIMAL.pattern}$"}
Latitude = Annotated[
    float, BeforeValidator(_degrees), Field(ge=-90, le=90),
    WithJsonSchema({**_DEGREES, "description": "Degrees north (WGS 84), a decimal.", "examples": ["26.647"]}),
]  # fmt: skip
Longitude = Annotated[
    float, BeforeValidator(_degrees), Field(ge=-180, le=180),
    WithJsonSchema({**_DEGREES, "description": "Degrees east (WGS 84), a decimal.", "examples": ["106.63"]}),
]  # fmt: skip
Moment = Annotated[datetime, BeforeValidator(_moment), AfterValidator(_in_range)]
Day = Annotated[date, BeforeValidator(_day), AfterValidator(_day_in_range)]
Extensions = Annotated[dict[str, Any], AfterValidator(_bounded_object)]
