"""What is said of a value that the framework refuses: its kinds of error in our codes and plain sentences."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

_NO_DAY = ("invalid_date", "There is no such day; write a date as YYYY-MM-DD.")
_NO_TIME = ("invalid_time", "There is no such time; write it as RFC 3339, such as 2026-11-21T12:30:00+08:00.")
_NO_OBJECT = ("object_type", "An object is expected, with its fields by name.")
_NUMBER = "A whole number is expected."
_UUID = "An id is a UUID, such as 018cc251-f400-7a3e-8d51-7b0c46a1f2e9."

# By Pydantic's type. The sentence may use what Pydantic tells of the rule, never of the value.
_SENTENCES: dict[str, tuple[str, str]] = {
    "missing": ("missing", "This field is needed."),
    "extra_forbidden": ("unknown_field", "This field is not known."),
    "invalid_key": ("string_type", "The names in an object are text."),
    "model_type": _NO_OBJECT,
    "model_attributes_type": _NO_OBJECT,
    "dict_type": _NO_OBJECT,
    "list_type": ("list_type", "A list is expected."),
    "tuple_type": ("list_type", "A list is expected."),
    "string_type": ("string_type", "Text is expected."),
    "bool_type": ("bool_type", "Either true or false is expected."),
    "bool_parsing": ("bool_parsing", "Either true or false is expected."),
    "int_type": ("int_type", _NUMBER),
    "int_from_float": ("int_type", _NUMBER),
    "int_parsing": ("int_parsing", _NUMBER),
    "int_parsing_size": ("int_parsing", "The number is too large."),
    "float_type": ("float_type", "A number is expected."),
    "float_parsing": ("float_parsing", "A number is expected."),
    "uuid_type": ("uuid_type", _UUID),
    "uuid_parsing": ("uuid_parsing", _UUID),
    "literal_error": ("unknown_value", "One of these is expected: {expected}."),
    "enum": ("unknown_value", "One of these is expected: {expected}."),
    "union_tag_invalid": ("unknown_value", "{discriminator} must be one of {expected_tags}."),
    "union_tag_not_found": ("missing", "{discriminator} must say which kind of object this is."),
    "string_too_short": ("string_too_short", "The text is too short: its length must be at least {min_length}."),
    "string_too_long": ("string_too_long", "The text is too long: its length may be at most {max_length}."),
    "string_pattern_mismatch": ("invalid_format", "The text is not written as it must be here."),
    "string_unicode": ("lone_surrogate", "Text must be valid Unicode."),
    "too_short": ("too_short", "These are too few: at least {min_length} must be given."),
    "too_long": ("too_long", "These are too many: at most {max_length} may be given."),
    "greater_than": ("greater_than", "It must be more than {gt}."),
    "greater_than_equal": ("greater_than_equal", "It must be at least {ge}."),
    "less_than": ("less_than", "It must be less than {lt}."),
    "less_than_equal": ("less_than_equal", "It may be at most {le}."),
    "date_type": _NO_DAY,
    "date_parsing": _NO_DAY,
    "date_from_datetime_parsing": _NO_DAY,
    "date_from_datetime_inexact": _NO_DAY,
    "datetime_type": _NO_TIME,
    "datetime_parsing": _NO_TIME,
    "datetime_object_invalid": _NO_TIME,
    "datetime_from_date_parsing": _NO_TIME,
}


def meant(errors: Sequence[Any]) -> list[Any]:
    """Pydantic's errors without what it adds where null may stand: that null would do, and what the other kind is."""
    unions = [tuple(error["loc"])[:-1] for error in errors if error["type"] == "none_required"]
    if not unions:
        return list(errors)
    return [{**one, "loc": _place(tuple(one["loc"]), unions)} for one in errors if one["type"] != "none_required"]


def _place(place: tuple[Any, ...], unions: Sequence[tuple[Any, ...]]) -> tuple[Any, ...]:
    # The longest first: what stands before it keeps its length.
    for union in sorted(unions, key=len, reverse=True):
        if place[: len(union)] == union:
            place = union + place[len(union) + 1 :]
    return place


def said(error: Mapping[str, Any]) -> tuple[str, str]:
    """(code, sentence) of one of Pydantic's errors. What our own validators raise is kept as it is."""
    kind, detail = str(error["type"]), str(error["msg"])
    if kind not in _SENTENCES:
        return kind, detail
    code, sentence = _SENTENCES[kind]
    try:
        return code, sentence.format_map(error.get("ctx") or {})
    except KeyError:
        # One of ours under the same name: it tells no bounds.
        return kind, detail


class Written:
    """In `Annotated`, behind the rules of a format: says `detail` of whatever breaks them, instead of the rule."""

    def __init__(self, detail: str, code: str = "invalid_format") -> None:
        self._detail, self._code = detail, code

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """The rules before it, with one answer."""
        return core_schema.custom_error_schema(handler(source), self._code, custom_error_message=self._detail)
