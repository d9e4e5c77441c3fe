"""Rows as array literals: whatever the text, PostgreSQL reads back what was given."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from app.core.caller import SYSTEM
from app.receipts.columns import Rows, bound, literals, plain_array, source, text_array

SPEC = (("word", "text"), ("amount", "bigint"), ("part", "numeric"))

AWKWARD = [
    "plain", "", " ", "NULL", "null", '"', '""', "\\", '\\"', "{", "}", "{a,b}", "a,b", "a\nb", "\t", "'", "é",
    "\U0001f600", '","', '"},{"', "\\\\", ",", 'x"y\\z', "\u2028",
]  # fmt: skip


@pytest.fixture
def read(house):
    """What PostgreSQL makes of rows."""

    async def run(rows, kind):
        sql = text(f"SELECT place, word, amount, part FROM {source(SPEC, 'given', kind)} ORDER BY place")
        values = bound("given", literals(SPEC, rows), len(rows), kind)
        found = await house.services.db.read(SYSTEM, lambda tx: tx.rows(sql, values))
        return [tuple(row) for row in found]

    return run


@pytest.mark.parametrize("kind", [Rows.FEW, Rows.MANY])
async def test_any_text_is_read_back(read, kind):
    rows: list[tuple[Any, Any, Any]] = [(word, place, str(place / 4)) for place, word in enumerate(AWKWARD)]
    rows += [(None, None, None), ("a", None, "1"), (None, 5, None)]
    wanted = [
        (place, word, amount, None if part is None else Decimal(part))
        for place, (word, amount, part) in enumerate(rows, 1)
    ]
    assert await read(rows, kind) == wanted


@pytest.mark.parametrize("word", [*AWKWARD, None])
async def test_one_row(read, word):
    assert await read([(word, -7, "0.5")], Rows.ONE) == [(1, word, -7, Decimal("0.5"))]


async def test_no_rows(read):
    assert await read([], Rows.FEW) == []
    assert await read([], Rows.MANY) == []


@pytest.mark.parametrize("word", AWKWARD)
async def test_one_awkward_among_plain_ones(read, word):
    """The quick way for text without escapes must notice a single one that needs them."""
    rows = [("a", 1, "1"), (word, 2, "2"), ("b", 3, "3")]
    assert [row[1] for row in await read(rows, Rows.MANY)] == ["a", word, "b"]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.none() | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))))
def test_literals_are_well_formed(words):
    """A reader of the literal's grammar finds the words again."""
    assert parsed(text_array(words)) == words


def parsed(literal: str) -> list[str | None]:
    """A plain reading of an array literal, one character at a time."""
    assert literal[0] == "{" and literal[-1] == "}"
    found: list[str | None] = []
    place = 1
    while place < len(literal) - 1:
        if literal[place] == ",":
            place += 1
        elif literal[place] == '"':
            word, place = "", place + 1
            while literal[place] != '"':
                place += literal[place] == "\\"
                word += literal[place]
                place += 1
            found.append(word)
            place += 1
        else:
            assert literal.startswith("NULL", place)
            found.append(None)
            place += 4
    return found


def test_plain_arrays():
    assert plain_array([]) == "{}"
    assert plain_array([1, None, -3]) == "{1,NULL,-3}"
    assert plain_array([True, False]) == "{True,False}"
    assert plain_array(iter(["2026-03-05"])) == "{2026-03-05}"


def test_only_many_tell_their_number():
    columns = literals(SPEC, [("a", 1, "1")])
    assert "given_count" not in bound("given", columns, 1, Rows.ONE) | bound("given", columns, 1, Rows.FEW)
    assert bound("given", columns, 1, Rows.MANY)["given_count"] == 1
