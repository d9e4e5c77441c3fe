"""A cursor over tokens, and how it refuses: what the parser's rules are written with. Pure."""

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice
from typing import Any, NoReturn, TypeVar

from pydantic import ValidationError

from app.core.wording import said
from app.segments import grammar
from app.segments.grammar import Refused, Token
from app.segments.tree import ROWS_MAX
from app.segments.values import Node

N = TypeVar("N", bound=Node)
# A name is compared with so many others: it takes some 20 microseconds each, and nobody else is answered meanwhile.
COMPARED = 300
# For the first few unknown names it is said what may have been meant.
MEANT = 20

# What the tree's own checks say of JSON, said of a text.
_IN_WORDS = {
    "invalid_decimal": "A number has at most 15 digits before the point and 6 after it.",
    "string_too_long": f"Text in quotes has at most {grammar.STRING_LENGTH} characters.",
    "invalid_date": "There is no such date.",
    "less_than_equal": f"This number is too large; at most {ROWS_MAX} customers can be asked for.",
    "greater_than_equal": "Write a whole number from 1.",
    "too_long": "These are too many.",
}


def near(name: str, known: Iterable[str]) -> str | None:
    """The known name that `name` was probably meant to be; of very many, only those that look alike are compared."""
    some = list(known)
    if len(some) > COMPARED:
        alike = (one for one in some if one[:1].lower() == name[:1].lower() and abs(len(one) - len(name)) <= 1)
        some = list(islice(alike, COMPARED))
    found = get_close_matches(name, sorted(some), n=1, cutoff=0.6)
    return found[0] if found else None


class Reader:
    """Tokens one by one; `places` keeps where each node stands, by (id of the node, part of it)."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._index = 0
        self._depth = 0
        self.places: dict[tuple[int, str], tuple[int, int]] = {}

    @property
    def now(self) -> Token:
        return self._tokens[self._index]

    @property
    def following(self) -> Token:
        return self._tokens[min(self._index + 1, len(self._tokens) - 1)]

    def take(self) -> Token:
        token = self.now
        if token.kind != "end":
            self._index += 1
        return token

    def at(self, *values: str) -> bool:
        """Whether the next token is one of these words or signs."""
        return self.now.kind in {"word", "symbol"} and self.now.value in values

    def skip(self, *values: str) -> bool:
        """Take the next tokens if they are exactly these words or signs."""
        ahead = self._tokens[self._index : self._index + len(values)]
        if [token.value for token in ahead if token.kind in {"word", "symbol"}] != list(values):
            return False
        self._index += len(values)
        return True

    def need(self, *values: str) -> None:
        for value in values:
            if not self.skip(value):
                self.refuse((value,))

    def refuse(self, expected: tuple[str, ...], code: str = "syntax", detail: str = "") -> NoReturn:
        token = self.now
        before = self._tokens[max(self._index - 1, 0)]
        if token.kind == "number" and before.kind == "word" and before.end == token.start:
            # GY-01 is read as a field and a number.
            detail = "Text is written in quotes, as in 'GY-01'."
            raise Refused("bare_word", detail, before.start, token.end, expected=("a value",))
        listed = ", ".join(expected[:-1]) + " or " + expected[-1] if len(expected) > 1 else "".join(expected)
        found = near(token.value, (word for word in expected if word.isalpha())) if token.kind == "word" else None
        where = "The text ends too early" if token.kind == "end" else "This was not expected"
        raise Refused(code, detail or f"{where}: {listed} should stand here.", token.start, token.end,
                      expected=expected, near=found)  # fmt: skip

    def later(self, name: str) -> NoReturn:
        self.refuse((), "not_offered", f"{name} is part of the language but not offered yet.")

    def deeper(self) -> None:
        self._depth += 1
        if self._depth > grammar.DEPTH:
            self.refuse((), "too_deep", f"A segment may be nested at most {grammar.DEPTH} levels deep.")

    def node(self, kind: type[N], start: Token, /, **values: Any) -> N:
        """A node, and its place in the text."""
        end = self._tokens[max(self._index - 1, 0)].end
        try:
            made = kind(**values)
        except ValidationError as error:
            first = error.errors()[0]
            code, detail = said(first)
            raise Refused(code, _IN_WORDS.get(code, detail), start.start, end) from None
        self.places[id(made), ""] = (start.start, end)
        return made
