"""The input gate: what it refuses, with which words, and what it must let through."""

import json
from datetime import date
from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from pydantic.json_schema import SkipJsonSchema

from app.core.errors import Problem
from app.core.gate import check_target, field_error, parse_json, pointer_to, validation_problem
from app.core.wording import Written

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
    ("body", "found"),
    [
        (b'{"a":9223372036854775808}', [("/a", "integer_too_large")]),
        (b"[" + b"9" * 5000 + b"]", [("/0", "integer_too_large")]),
        (b"1.5", [("", "not_whole")]),
        (b'{"a":1e2}', [("/a", "not_whole")]),
        (b'{"a":1E400}', [("/a", "not_whole")]),
        (
            b'{"lines":[{"net":1},{"net":250.00,"a/b":1.5}],"tax":-9999999999999999999}',
            [("/lines/1/net", "not_whole"), ("/lines/1/a~1b", "not_whole"), ("/tax", "integer_too_large")],
        ),
    ],
)
def test_a_number_that_we_do_not_take_is_a_wrong_value_and_has_a_place(body, found):
    with pytest.raises(Problem) as caught:
        parse_json(body)
    problem = caught.value
    assert (problem.type.status, problem.type.code) == (422, "invalid_input")
    assert [(error.pointer, error.code) for error in problem.errors] == found
    assert problem.detail == (problem.errors[0].detail if len(found) == 1 else f"{len(found)} values are not valid.")


def test_what_is_no_json_goes_before_a_number():
    with pytest.raises(Problem) as caught:
        parse_json(b'{"a":1.5,"b":NaN}')
    assert caught.value.type.status == 400


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
    assert status in {400, 422}


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
    assert error.detail == "These are too few: at least 1 must be given."


def test_the_words_are_ours():
    """Every kind of error that a model can give, as the framework has it and as its sender reads it."""

    class Sent(BaseModel):
        one: dict[str, int] = {}
        pick: Literal["a", "b"] = "a"
        day: date | None = None
        inner: Listed | None = None

    with pytest.raises(ValidationError) as refused:
        Sent.model_validate({"one": [], "pick": "c", "day": "2026-02-30", "inner": 1})
    found = [field_error(one) for one in refused.value.errors()]
    assert [(one.pointer, one.code, one.detail) for one in found] == [
        ("/one", "object_type", "An object is expected, with its fields by name."),
        ("/pick", "unknown_value", "One of these is expected: 'a' or 'b'."),
        ("/day", "invalid_date", "There is no such day; write a date as YYYY-MM-DD."),
        ("/inner", "object_type", "An object is expected, with its fields by name."),
    ]


def test_a_format_says_how_it_is_written():
    adapter = TypeAdapter(Annotated[str, Field(pattern="^[a-z]{2}$", examples=["zh"]), Written("Two letters.")])
    assert adapter.json_schema() == {"type": "string", "pattern": "^[a-z]{2}$", "examples": ["zh"]}
    for wrong in ("ZH", 7):
        with pytest.raises(ValidationError) as refused:
            adapter.validate_python(wrong)
        error = field_error(refused.value.errors()[0])
        assert (error.code, error.detail) == ("invalid_format", "Two letters.")


def test_where_null_may_stand_only_what_is_wrong_is_told():
    class Inner(BaseModel):
        name: Annotated[str, Field(min_length=1)]

    class Sent(BaseModel):
        text: Annotated[str, Field(max_length=3)] | SkipJsonSchema[None] = None
        inner: Inner | SkipJsonSchema[None] = None
        many: list[Inner] | SkipJsonSchema[None] = None

    with pytest.raises(ValidationError) as refused:
        Sent.model_validate({"text": "long", "inner": {"name": ""}, "many": [{"name": "a"}, 5]})
    problem = validation_problem([{**one, "loc": ("body", *one["loc"])} for one in refused.value.errors()])
    assert [(one.pointer, one.code) for one in problem.errors] == [
        ("/text", "string_too_long"), ("/inner/name", "string_too_short"), ("/many/1", "object_type"),
    ]  # fmt: skip
