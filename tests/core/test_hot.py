"""What hot routes use instead of the framework: query strings, compiled SQL, OpenAPI operations."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Annotated

import pytest
from pydantic import BaseModel, BeforeValidator, Field
from sqlalchemy import (
    ARRAY,
    BigInteger,
    DateTime,
    Integer,
    Text,
    Uuid,
    bindparam,
    cast,
    func,
    literal,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB

from app.core.documents import json_object
from app.core.errors import Problem
from app.core.hot import compiled, operation, parse_query
from app.core.types import Answer, Moment, Wire


class Asked(Wire):
    """A query with one parameter of each kind."""

    text: str | None = Field(default=None, max_length=10, description="Some text.")
    number: int = Field(default=5, ge=1, le=9)
    flag: bool = False
    since: Moment | None = None
    words: Annotated[list[str], BeforeValidator(lambda value: value.split(","))] | None = None


class Needed(Wire):
    """A query with a parameter that must be given."""

    phone: str


def refusal(query, model=Asked):
    with pytest.raises(Problem) as caught:
        parse_query(model, query)
    problem = caught.value.as_dict()
    assert problem["status"] == 422
    return [(error["pointer"], error["code"]) for error in problem.get("errors", [])]


# --- query strings ----------------------------------------------------------------------------------------------------


def test_no_query_is_the_defaults():
    assert parse_query(Asked, b"") == Asked()


def test_every_kind_of_value():
    asked = parse_query(Asked, b"text=a%20b&number=7&flag=true&since=2026-11-21T12:30:00%2B08:00&words=x,y")
    assert (asked.text, asked.number, asked.flag, asked.words) == ("a b", 7, True, ["x", "y"])
    assert asked.since == datetime(2026, 11, 21, 4, 30, tzinfo=UTC)


def test_encodings():
    assert parse_query(Asked, b"text=1%2B2").text == "1+2"
    assert parse_query(Asked, b"text=1+2").text == "1 2"
    assert parse_query(Asked, b"text=%E8%8C%B6").text == "茶"
    assert parse_query(Asked, b"te%78t=a").text == "a"
    assert parse_query(Asked, b"&&text=a&").text == "a"
    assert parse_query(Asked, b"text=").text == ""
    assert parse_query(Asked, b"text=a;number=2").text == "a;number=2"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (b"txt=a", [("?txt", "unknown_field")]),
        (b"Text=a", [("?Text", "unknown_field")]),
        (b"=a", [("?", "unknown_field")]),
        (b"text", []),
        (b"number=0", [("?number", "greater_than_equal")]),
        (b"number=1e1", [("?number", "int_parsing")]),
        (b"number=0x1", [("?number", "int_parsing")]),
        (b"number=\xd9\xa1", [("?number", "int_parsing")]),
        (b"number=null", [("?number", "int_parsing")]),
        (b"flag=perhaps", [("?flag", "bool_parsing")]),
        (b"text=12345678901", [("?text", "string_too_long")]),
        (b"since=yesterday", [("?since", "invalid_time")]),
        (b"since=2026-11-21", [("?since", "invalid_time")]),
        (b"text=a&text=a", [("?text", "repeated")]),
        (b"a=1&text=a&a=2", [("?a", "repeated")]),
        (b"number=0&flag=x", [("?number", "greater_than_equal"), ("?flag", "bool_parsing")]),
    ],
)
def test_what_is_wrong_is_named(query, expected):
    if expected:
        assert refusal(query) == expected
    else:
        assert parse_query(Asked, query).text == ""


def test_a_parameter_that_must_be_given():
    assert refusal(b"", Needed) == [("?phone", "missing")]
    assert parse_query(Needed, b"phone=1").phone == "1"


def test_hundreds_of_parameters_are_refused_before_they_are_looked_at():
    assert refusal(b"&".join(b"a%d=1" % number for number in range(200))) == []


def test_a_refusal_never_repeats_the_value():
    with pytest.raises(Problem) as caught:
        parse_query(Asked, b"number=13812345678&text=13812345678123")
    assert "13812345678" not in str(caught.value.as_dict())


def test_a_name_that_somebody_made_up_is_cut():
    ((pointer, _),) = refusal(("x" * 500 + "=1").encode())
    assert len(pointer) < 80
    ((pointer, _),) = refusal("茶=1&茶=1".encode())
    assert len(pointer) < 80


# --- SQL --------------------------------------------------------------------------------------------------------------


async def run(house, statement, **values):
    sql = compiled(statement)
    return await house.services.db.hot.fetchrow(sql.text, *sql.arguments(values))


async def test_parameters_and_constants_find_their_places(house):
    statement = select(
        bindparam("a", type_=BigInteger),
        literal(10) + bindparam("b", type_=Integer),
        literal("it's"),
        bindparam("a", type_=BigInteger) * 2,
    )
    assert tuple(await run(house, statement, b=1, a=2**40)) == (2**40, 11, "it's", 2**41)


async def test_every_type_that_the_driver_knows(house):
    name, moment = uuid.uuid4(), datetime(2026, 11, 21, 4, 30, 0, 1, tzinfo=UTC)
    statement = select(
        bindparam("id", type_=Uuid),
        literal(name, Uuid),
        bindparam("at", type_=DateTime(timezone=True)),
        func.cardinality(bindparam("words", type_=ARRAY(Text))),
        literal({"a": [1]}, JSONB),
        bindparam("nothing", type_=Text),
    )
    row = await run(house, statement, id=name, at=moment, words=["a", "b"], nothing=None)
    assert tuple(row) == (name, name, moment, 2, '{"a": [1]}', None)


async def test_names_inside_json_are_written_into_the_text(house):
    """`json_object` leaves its keys for the execution; asyncpg must find them written out."""
    statement = select(cast(json_object(id=bindparam("id", type_=Integer), name=literal("x")), Text))
    assert compiled(statement).names.count("id") == 1
    assert (await run(house, statement, id=1))[0] == '{"id" : 1, "name" : "x"}'


async def test_lists_of_constants_are_written_out(house):
    values = select(func.generate_series(1, 10).label("n")).subquery()
    statement = select(func.count()).select_from(values).where(values.c.n.in_([2, 3, 99]))
    assert (await run(house, statement))[0] == 2


def test_the_same_statement_compiles_to_the_same_text():
    assert compiled(select(bindparam("a", type_=Integer))) == compiled(select(bindparam("a", type_=Integer)))


def test_a_forgotten_value_is_noticed():
    sql = compiled(select(bindparam("a", type_=Integer), bindparam("b", type_=Integer)))
    assert sql.names == ("a", "b")
    with pytest.raises(KeyError):
        sql.arguments({"a": 1})


# --- OpenAPI ----------------------------------------------------------------------------------------------------------


class Inner(Answer):
    """Inside."""

    id: uuid.UUID


class Outer(Answer):
    """Outside."""

    data: list[Inner]


class Body(BaseModel):
    """Sent."""

    phone: str


def test_an_operation_is_written_as_the_framework_writes_it():
    made = operation("find_things", "Find things", tag="things", description="How.", query=Asked, answer=Outer)()
    assert (made["operationId"], made["tags"], made["summary"]) == ("find_things", ["things"], "Find things")
    assert made["description"] == "How."
    parameters = {parameter["name"]: parameter for parameter in made["parameters"]}
    assert parameters["text"] == {
        "name": "text",
        "in": "query",
        "required": False,
        "description": "Some text.",
        "schema": {"type": "string", "maxLength": 10, "title": "Text"},
    }
    assert parameters["number"]["schema"]["default"] == 5
    assert parameters["words"]["schema"]["type"] == "array"
    assert parameters["words"]["explode"] is False
    assert "requestBody" not in made
    assert made["responses"]["200"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Outer"}
    assert set(made["x-schemas"]) == {"Outer", "Inner"}
    assert made["x-schemas"]["Outer"]["properties"]["data"]["items"] == {"$ref": "#/components/schemas/Inner"}


def test_an_operation_with_a_body():
    made = operation("find_thing", "Find a thing", tag="things", body=Body, answer=Outer)()
    assert "parameters" not in made
    assert made["requestBody"]["required"] is True
    assert made["requestBody"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Body"}
    assert set(made["x-schemas"]) == {"Outer", "Inner", "Body"}


def test_a_parameter_that_must_be_given_is_marked():
    (parameter,) = operation("find", "Find", tag="things", query=Needed, answer=Outer)()["parameters"]
    assert parameter["required"] is True
