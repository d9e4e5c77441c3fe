"""The input gate: what every body, query and path must satisfy before any handler sees it.

A body is UTF-8 JSON without BOM, duplicate keys, NaN, Infinity, lone surrogates or NUL, with integers within 64 bits,
without fractions (decimals travel as strings) and nested at most 32 levels deep.
"""

import json
import re
from itertools import accumulate
from typing import Any, NoReturn
from urllib.parse import unquote_to_bytes

from app.core.errors import BAD_REQUEST, INVALID, INVALID_JSON, FieldError, Problem
from app.core.types import INT64_MAX, MAX_DEPTH

_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_NOT_BRACKET = re.compile(rb"[^\[\]{}]+")
_LONG_NUMBER = re.compile(rb"[0-9]{19,}")
_FRACTION = re.compile(rb"[0-9][.eE]")
_STEP = {0x5B: 1, 0x7B: 1, 0x5D: -1, 0x7D: -1}
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_BAD_PERCENT = re.compile(rb"%(?![0-9A-Fa-f]{2})")


class _Refusal(ValueError):
    """Why the gate refuses a body, in words for its sender."""


def parse_json(body: bytes) -> Any:
    """The value of a JSON body that satisfies the gate. Raises Problem (400) saying what is wrong and where."""
    if not body:
        raise Problem(INVALID_JSON, "The body is empty; JSON is expected.")
    if body.startswith(b"\xef\xbb\xbf"):
        raise Problem(INVALID_JSON, "The body starts with a byte order mark; send UTF-8 without one.")
    _check_shape(body)
    try:
        value = json.loads(body.decode(), object_pairs_hook=_unique, parse_constant=_no_constant, strict=True)
    except UnicodeDecodeError as error:
        raise Problem(INVALID_JSON, f"The body is not UTF-8: byte {error.start}.") from None
    except json.JSONDecodeError as error:
        raise Problem(INVALID_JSON, f"{error.msg} at line {error.lineno}, column {error.colno}.") from None
    except _Refusal as error:
        raise Problem(INVALID_JSON, str(error)) from None
    except (RecursionError, ValueError):
        raise Problem(INVALID_JSON, "The body is not valid JSON.") from None
    if b"\\u" in body:
        _check_escapes(value)
    return value


def _check_shape(body: bytes) -> None:
    """Depth and number checks on the body with its strings emptied: one pass in C, whatever the size."""
    bare = _STRING.sub(b'""', body)
    brackets = _NOT_BRACKET.sub(b"", bare)
    deepest = max(accumulate(_STEP[byte] for byte in brackets), default=0)
    if deepest > MAX_DEPTH:
        raise Problem(INVALID_JSON, f"The body is nested more than {MAX_DEPTH} levels deep.")
    for match in _LONG_NUMBER.finditer(bare):
        digits = match.group().lstrip(b"0")
        if len(digits) > 19 or int(digits or b"0") > INT64_MAX:  # noqa: PLR2004  2**63 has 19 digits
            raise Problem(INVALID_JSON, "Integers must fit 64 bits.")
    if _FRACTION.search(bare):
        raise Problem(INVALID_JSON, "Numbers are whole here; write decimals as strings and money in minor units.")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        message = "An object names the same key twice."
        raise _Refusal(message)
    return found


def _no_constant(name: str) -> NoReturn:
    message = f"{name} is not a JSON number."
    raise _Refusal(message)


def _check_escapes(value: Any) -> None:
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            stack.extend(item)
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
        elif isinstance(item, str):
            check_text(item)


def check_text(text: str) -> None:
    """Refuse NUL and lone surrogates (Problem 400); PostgreSQL can store neither."""
    if "\x00" in text:
        raise Problem(INVALID_JSON, "Text may not contain the NUL character.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Problem(INVALID_JSON, "Text may not contain half of a surrogate pair.") from None


def check_target(raw_path: bytes, query: bytes) -> None:
    """Refuse a path or query that is not percent-encoded UTF-8, or that holds a control character (Problem 400)."""
    for part, where in ((raw_path, "path"), (query, "query")):
        if b"%" not in part and part.isascii():
            # The server has refused raw control characters already; nothing can be hidden without an escape.
            continue
        if _BAD_PERCENT.search(part):
            raise Problem(BAD_REQUEST, f"The {where} holds a % that starts no escape.")
        try:
            text = unquote_to_bytes(part).decode()
        except UnicodeDecodeError:
            raise Problem(BAD_REQUEST, f"The {where} is not UTF-8.") from None
        if _CONTROL.search(text):
            raise Problem(BAD_REQUEST, f"The {where} holds a control character.")


def validation_problem(errors: list[Any], prefix: tuple[str, ...] = ("body",)) -> Problem:
    """A 422 from Pydantic's error list, with a pointer to each value and never the value itself."""
    found = [field_error(error, prefix) for error in errors[:50]]
    return Problem(INVALID, found[0].detail if len(found) == 1 else f"{len(errors)} values are not valid.", found)


def field_error(error: Any, prefix: tuple[str, ...] = ()) -> FieldError:
    """One Pydantic error as ours. Messages of our own validators are kept; none of Pydantic's quotes the input."""
    parts = [str(part) for part in error["loc"]]
    where = parts[0] if prefix and parts else ""
    if where in {"query", "path", "header"}:
        pointer = f"?{parts[-1]}" if where == "query" else f"{where}:{parts[-1]}"
    else:
        if where == "body":
            parts = parts[1:]
        # A part between others that begins with a capital is the tag of a union (the name of a class), not a key.
        pointer = pointer_to(*(part for part in parts[:-1] if not part[:1].isupper()), *parts[-1:])
    kind = str(error["type"])
    detail = "This field is not known." if kind == "extra_forbidden" else str(error["msg"])
    return FieldError(pointer, "unknown_field" if kind == "extra_forbidden" else kind, detail)


def pointer_to(*parts: str) -> str:
    """The JSON pointer of a place. A part can be a key that the caller made up: it is kept short and encodable."""
    pointer = "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in parts)
    return pointer[:200].encode("ascii", "backslashreplace").decode()
