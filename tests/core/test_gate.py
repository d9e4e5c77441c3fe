"""The input gate: what it refuses, with which words, and what it must let through."""

import json
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, ValidationError

from app.core.errors import Problem
from app.core.gate import check_target, field_error, parse_json, pointer_to

REFUSED: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "empty"),
    "byte order mark": (b'\xef\xbb\xbf{"a":1}', "byte order mark"),
    "not UTF-8": (b'{"a":"\xff"}', "not UTF-8"),
    "UTF-8 of a surrogate": (b'{"a":"\xed\xa0\x80"}', "not UTF-8"),
    "overlong UTF-8": (b'{"a":"\xc0\x80"}', "not UTF-8"),
    "UTF-16": ("{}".encode("utf-16-le"), "line 1"),
    "duplicate key": (b'{"a":1,"a":2}', "same key twice"),
    "duplicate key far inside": (b'{"x":[{"y":{"b":1,"b":1}}]}', "same key twice"),
    "duplicate key by escape": (b'{"a":1,"\\u0061":2}', "same key twice"),
    "NaN": (b'{"a":NaN}', "NaN"),
    "Infinity": (b'{"a":Infinity}', "Infinity"),
    "minus Infinity": (b'{"a":-Infinity}', "-Infinity"),
    "lone surrogate": (b'{"a":"\\ud800"}', "surrogate"),
    "lone surrogate in a key": (b'{"\\udfff":1}', "surrogate"),
    "NUL escape": (b'{"a":"x\\u0000y"}', "NUL"),
    "NUL escape in a key": (b'{"\\u0000":1}', "NUL"),
    "raw NUL": (b'{"a":"\x00"}', "control character"),
    "raw newline in a string": (b'{"a":"\n"}', "control character"),
    "integer over 64 bits": (b'{"a":9223372036854775808}', "64 bits"),
    "integer far over": (b"[" + b"9" * 5000 + b"]", "64 bits"),
    "fraction": (b'{"a":1.5}', "decimals as strings"),
    "exponent": (b'{"a":1e2}', "decimals as strings"),
    "big exponent": (b'{"a":1E400}', "decimals as strings"),
    "33 levels": (b"[" * 33 + b"]" * 33, "32 levels"),
    "a hundred thousand levels": (b'{"a":' * 100_000, "32 levels"),
    "not closed": (b'{"a":1', "line 1"),
    "trailing comma": (b'{"a":1,}', "line 1"),
    "two values": (b"{} {}", "Extra data"),
    "single quotes": (b"{'a':1}", "line 1"),
    "comment": (b'{"a":1/*x*/}', "line 1"),
    "leading zero": (b'{"a":01}', "line 1"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refuses_with_a_reason(name):
    body, words = REFUSED[name]
    with pytest.raises(Problem) as caught:
        parse_json(body)
    assert caught.value.type.status == 400
    assert words in caught.value.detail


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a":"1.5 [[[ 99999999999999999999"}', {"a": "1.5 [[[ 99999999999999999999"}),
        (b'{"a":"\\"[{"}', {"a": '"[{'}),
        (b'{"a":"\\\\","b":1}', {"a": "\\", "b": 1}),
        (b"[" * 32 + b"]" * 32, json.loads("[" * 32 + "]" * 32)),
        (b'{"a":9223372036854775807}', {"a": 2**63 - 1}),
        (b'{"a":"\\ud83d\\ude00"}', {"a": "😀"}),
        ('{"a":"张伟 김민준"}'.encode(), {"a": "张伟 김민준"}),
        (b"null", None),
    ],
)
def test_lets_honest_json_through(body, value):
    assert parse_json(body) == value


texts = st.text(st.characters(codec="utf-8", exclude_characters="\x00"))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63) + 1, 2**63 - 1) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner),
    max_leaves=20,
)


@given(json_values, st.booleans())
def test_every_value_without_fractions_survives(value, ascii_only):
    text = json.dumps(value, ensure_ascii=ascii_only)
    assert parse_json(text.encode()) == value


@given(st.binary(max_size=200))
def test_random_bytes_are_refused_or_parsed_never_an_error(body):
    try:
        parsed = parse_json(body)
    except Problem as problem:
        status = problem.type.status
    else:
        status = 400
        assert json.loads(body) == parsed
    assert status == 400


@pytest.mark.parametrize("part", [b"a%00", b"a%0a", b"%7f", b"%c2%85", b"%ff", b"%", b"%g1", b"%ed%a0%80"])
def test_targets_with_hidden_bytes_are_refused(part):
    with pytest.raises(Problem):
        check_target(b"/v1/" + part, b"")
    with pytest.raises(Problem):
        check_target(b"/v1/x", b"q=" + part)


def test_a_plain_target_passes():
    check_target(b"/v1/stores/%E5%BC%A0", b"phone=%2B8613812345678&q=a+b")


def test_a_pointer_is_escaped_short_and_encodable():
    assert pointer_to("a/b", "~", "0") == "/a~1b/~0/0"
    assert pointer_to("x" * 5000).isascii()
    assert len(pointer_to("\ud800" * 300)) < 2000


class Listed(BaseModel):
    lines: Annotated[list[int], Field(min_length=1)]


def test_what_is_wrong_is_said_to_its_sender():
    with pytest.raises(ValidationError) as refused:
        Listed.model_validate({"lines": []})
    error = field_error(refused.value.errors()[0])
    assert (error.pointer, error.code) == ("/lines", "too_short")
    assert error.detail == "List should have at least 1 item, not 0"
