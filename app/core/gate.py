"""The input gate: what every body, query and path must satisfy before any handler sees it.

A body is UTF-8 JSON without BOM, duplicate keys, NaN, Infinity, lone surrogates or NUL, with integers within 64 bits,
without fractions (decimals travel as strings) and nested at most 32 levels deep.
"""

import json
import re
from collections.abc import Iterator
from itertools import accumulate
from typing import Any
from urllib.parse import parse_qsl, unquote_to_bytes

from app.core.errors import BAD_REQUEST, INVALID, INVALID_JSON, FieldError, Problem
from app.core.types import INT64_MAX, MAX_DEPTH
from app.core.wording import meant, said

_LONG_NUMBER = re.compile(rb"[0-9]{19,}")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_ONE_KIND = bytes.maketrans(b"{}", b"[]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_BAD_PERCENT = re.compile(rb"%(?![0-9A-Fa-f]{2})")


_TWICE = "An object names the same key twice."
_TOO_LONG = "Integers must fit 64 bits."
_FRACTIONS = "Numbers are whole here: write money in minor units, 250.00 as 25000, and other decimals as text."


class Unfit:
    """Stands where the gate refused a value, with the reason in words for its sender.

    With a `code` it was valid JSON that we do not take: one value is wrong, and not the body.
    """

    __slots__ = ("code", "detail")

    def __init__(self, detail: str, code: str = "") -> None:
        self.detail, self.code = detail, code


def parse_json(body: bytes) -> Any:
    """The value of a JSON body that satisfies the gate.

    Raises Problem saying what is wrong and where: 422 for a number that we do not take, 400 for all else.
    """
    value, doubtful = _parse(body)
    if doubtful and (problem := refusal(value)) is not None:
        raise problem
    return value


def parse_batch(body: bytes) -> tuple[Any, bool]:
    """Like `parse_json` for a body of many items, of which a bad one shall not cost a good one.

    Answers (value, doubtful); if doubtful, ask `refusal` of each item. Raises Problem for what is not JSON at all.
    """
    return _parse(body)


def refusal(value: Any) -> Problem | None:
    """Why the gate refuses a parsed value, or None."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            stack.extend(item)
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
        elif isinstance(item, str):
            detail = text_refusal(item)
            if detail:
                return Problem(INVALID_JSON, detail)
        elif isinstance(item, Unfit):
            # Rare, so the walk keeps no places: a second one finds them.
            return _unfit(value)
    return None


def _unfit(value: Any) -> Problem:
    """What is said of a value that holds something unfit; its places only if every one is a number."""
    found = list(_places(value))
    for _, item in found:
        if not item.code:
            return Problem(INVALID_JSON, item.detail)
    errors = [FieldError(pointer_to(*place), item.code, item.detail) for place, item in found[:50]]
    return Problem(INVALID, "" if len(found) == 1 else f"{len(found)} values are not valid.", errors)


def _places(value: Any, place: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Unfit]]:
    if isinstance(value, Unfit):
        yield place, value
    elif isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _places(item, (*place, str(key)))


def _parse(body: bytes) -> tuple[Any, bool]:
    if not body:
        raise Problem(INVALID_JSON, "The body is empty; JSON is expected.")
    if body.startswith(b"\xef\xbb\xbf"):
        raise Problem(INVALID_JSON, "The body starts with a byte order mark; send UTF-8 without one.")
    doubts: list[Unfit] = []

    def unfit(detail: str, code: str = "") -> Unfit:
        doubts.append(Unfit(detail, code))
        return doubts[-1]

    def unique(pairs: list[tuple[str, Any]]) -> Any:
        found = dict(pairs)
        return found if len(found) == len(pairs) else unfit(_TWICE)

    def integer(text: str) -> Any:
        return int(text) if _fits(text) else unfit(_TOO_LONG, "integer_too_large")

    # The scanner's own integers are much faster than a hook; the hook is there when a long one is.
    long: dict[str, Any] = {"parse_int": integer} if _has_long_number(body) else {}
    try:
        value = json.loads(
            body.decode(), object_pairs_hook=unique, parse_float=lambda _: unfit(_FRACTIONS, "not_whole"),
            parse_constant=lambda name: unfit(f"{name} is not a JSON number."), **long,
        )  # fmt: skip
    except UnicodeDecodeError as error:
        raise Problem(INVALID_JSON, f"The body is not UTF-8: byte {error.start}.") from None
    except json.JSONDecodeError as error:
        raise Problem(INVALID_JSON, f"{error.msg} at line {error.lineno}, column {error.colno}.") from None
    except (RecursionError, ValueError):
        raise Problem(INVALID_JSON, "The body is not valid JSON.") from None
    return value, bool(doubts) or b"\\u" in body


def _has_long_number(body: bytes) -> bool:
    """Whether a number outside strings has 19 digits or more; refuses a body that is nested too deep.

    Looks at the body without its strings: a few passes in C, whatever the size. What is no JSON may be misjudged here,
    and is refused by the parser.
    """
    # Escapes stand in strings only, and are read from the left in pairs, as `replace` does.
    plain = body.replace(rb"\\", b"").replace(rb"\"", b"") if b"\\" in body else body
    bare = b'""'.join(plain.split(b'"')[::2])
    brackets = bare.translate(_ONE_KIND, _NO_BRACKETS)
    for _ in range(MAX_DEPTH):
        # Each pass takes the innermost level away.
        brackets = brackets.replace(b"[]", b"")
    if brackets and _depth(bare) > MAX_DEPTH:
        raise Problem(INVALID_JSON, f"The body is nested more than {MAX_DEPTH} levels deep.")
    return _LONG_NUMBER.search(bare) is not None


def _depth(bare: bytes) -> int:
    brackets = bare.translate(_ONE_KIND, _NO_BRACKETS)
    return max(accumulate(1 if one == ord("[") else -1 for one in brackets), default=0)


def _fits(text: str) -> bool:
    return len(text) <= 20 and abs(int(text)) <= INT64_MAX  # noqa: PLR2004  2**63 has 19 digits, and a sign


def text_refusal(text: str) -> str:
    """Why a text cannot be stored, or nothing: PostgreSQL takes neither NUL nor half of a surrogate pair."""
    if "\x00" in text:
        return "Text may not contain the NUL character."
    try:
        text.encode()
    except UnicodeEncodeError:
        return "Text may not contain half of a surrogate pair."
    return ""


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


def check_names(query: bytes, once: frozenset[str], often: frozenset[str]) -> None:
    """Refuse (Problem 422) a parameter that is not known, or given twice where one value is meant."""
    errors: list[FieldError] = []
    seen: set[str] = set()
    for name, _ in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
        if name not in once and name not in often:
            errors.append(FieldError(f"?{name[:64]}", "unknown_field", "This parameter is not known."))
        elif name in seen and name in once:
            errors.append(FieldError(f"?{name[:64]}", "repeated", "Give each parameter once."))
        seen.add(name)
    if errors:
        detail = errors[0].detail if len(errors) == 1 else f"{len(errors)} parameters are not valid."
        raise Problem(INVALID, detail, errors[:50])


def validation_problem(errors: list[Any], prefix: tuple[str, ...] = ("body",)) -> Problem:
    """A 422 from Pydantic's error list, with a pointer to each value and never the value itself."""
    errors = meant(errors)
    found = [field_error(error, prefix) for error in errors[:50]]
    return Problem(INVALID, found[0].detail if len(found) == 1 else f"{len(errors)} values are not valid.", found)


def field_error(error: Any, prefix: tuple[str, ...] = ()) -> FieldError:
    """One Pydantic error as ours, in the words of `core.wording`, none of which quotes the input."""
    parts = [str(part) for part in error["loc"]]
    where = parts[0] if prefix and parts else ""
    if where in {"query", "path", "header"}:
        pointer = f"?{parts[-1]}" if where == "query" else f"{where}:{parts[-1]}"
    else:
        if where == "body":
            parts = parts[1:]
        # A part between others that begins with a capital is the tag of a union (the name of a class), not a key.
        pointer = pointer_to(*(part for part in parts[:-1] if not part[:1].isupper()), *parts[-1:])
    return FieldError(pointer, *said(error))


def pointer_to(*parts: str) -> str:
    """The JSON pointer of a place. A part can be a key that the caller made up: it is kept short and encodable."""
    pointer = "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in parts)
    return pointer[:200].encode("ascii", "backslashreplace").decode()
