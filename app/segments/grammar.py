"""The words of the language, its limits, and the tokens that a text is made of. Pure.

The grammar never grows with the company's data: fields and collections come from the registry. What the grammar has and
the service does not answer yet is listed here, so that a text that uses it is told so by name.
"""

import re
from dataclasses import dataclass
from typing import Literal, NoReturn

TEXT_BYTES = 8 * 1024
DEPTH = 8
LEAVES = 50
# With the segments that it refers to written out in place of their names.
LEAVES_WITH_SEGMENTS = 200
DEPTH_WITH_SEGMENTS = 32
VALUES = 500
STEPS_MAX = 6
# No two places are further apart.
KM_MAX = 20_040
STRING_LENGTH = 200
WORD_LENGTH = 100

# What a saved segment is: a question, or a list of customers who were put into it.
QUESTION, LIST = "question", "list"

UNITS = ("days", "weeks", "months", "years")
MOST = {"days": 36_500, "weeks": 5_200, "months": 1_200, "years": 100}
AGGREGATES = ("count", "sum", "avg", "min", "max", "first", "last")
QUANTIFIERS = ("any", "none", "all")
CONSENT, RATIO, SAMPLE, SEQUENCE = "consent", "ratio", "sample", "sequence"
ENTERED, LEFT, WAS_IN = "entered", "left", "was"
COMPARATORS = ("=", "!=", "<", "<=", ">", ">=")

# Collections of rooms that are not there yet.
LATER_COLLECTIONS = frozenset({"points", "offers"})

# What starts a predicate of the grammar that is not answered yet, and how it is called.
LATER = {
    "similar": "similar to segment",
    "bought": "bought like",
}

WORDS = frozenset({
    "and", "or", "not", "in", "between", "is", "missing", "contains", "starts", "with", "under", "anniversary", "top",
    "bottom", "customers", "of", "within", "km", "segment", "on", "to", "like", "seed", "then", "distinct", "where",
    "during", "next", "from", "before", "after", "including", "true", "false",
    CONSENT, RATIO, SAMPLE, SEQUENCE, ENTERED, LEFT, WAS_IN, *AGGREGATES, *QUANTIFIERS, *LATER, *UNITS,
})  # fmt: skip
# No field may be called so: a bare word is always a field. Unit and aggregate names are plain where they stand.
_PLAIN = frozenset({"segment", "customers", "top", "bottom", "km", "seed", "like", "on", "of", "with", "distinct"})
RESERVED = WORDS - {*UNITS, *_PLAIN}

Kind = Literal["word", "number", "date", "string", "symbol", "end"]


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of text: `value` is the word in lower case, the string without its quotes, or the piece as it stands."""

    kind: Kind
    value: str
    start: int
    end: int


class Refused(Exception):
    """A text or tree that means nothing here: why, where in the text (characters from 0), and what would do."""

    def __init__(
        self, code: str, detail: str, start: int, end: int, *, expected: tuple[str, ...] = (), near: str | None = None
    ) -> None:
        super().__init__(detail)
        self.code, self.detail, self.start, self.end = code, detail, start, end
        self.expected, self.near = expected, near


_SPACE = re.compile(r"[ \t\r\n]+")
_TOKEN = re.compile(
    r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2}(?![0-9A-Za-z_.-]))"
    r"|(?P<number>-?[0-9]+(?:\.[0-9]+)?(?![0-9A-Za-z_.]))"
    r"|(?P<word>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*(?![A-Za-z0-9_.]))"
    r"|(?P<string>'(?:[^']|'')*')"
    r"|(?P<wrong>==|<>|&&?|\|\|?)"
    r"|(?P<symbol><=|>=|!=|[=<>(),%])"
)
# Keyboards for Chinese, Japanese and Korean write signs, digits and spaces in full width; quotes stay what they are.
_NARROW = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F) if code not in {0xFF02, 0xFF07}}
_NARROW |= {0x3000: 0x20, 0xA0: 0x20}
_QUOTES = frozenset('"\u2018\u2019\u201c\u201d\uff02\uff07\u300c\u300d')
_MEANT = {"==": "=", "<>": "!=", "&": "and", "&&": "and", "|": "or", "||": "or"}


def tokens(text: str) -> list[Token]:
    """The pieces of `text`, the last of kind `end`. Raises Refused for what is no piece of the language."""
    if len(text.encode("utf-8", "replace")) > TEXT_BYTES:
        raise Refused("too_long", f"A segment's text may have at most {TEXT_BYTES} bytes.", 0, len(text))
    plain, place, found = text.translate(_NARROW), 0, list[Token]()
    while True:
        space = _SPACE.match(plain, place)
        place = space.end() if space else place
        if place >= len(plain):
            found.append(Token("end", "", place, place))
            return found
        match = _TOKEN.match(plain, place)
        if match is None:
            _refuse_character(plain, place)
        kind, end = match.lastgroup, match.end()
        if kind == "wrong":
            meant = _MEANT[match.group()]
            raise Refused("syntax", f"Write {meant} here.", place, end, expected=(meant,), near=meant)
        if kind == "string":
            # From the text as it was typed: what stands between quotes is never folded.
            found.append(Token("string", text[place + 1 : end - 1].replace("''", "'"), place, end))
        elif kind == "word":
            found.append(_word(match.group(), place, end))
        elif kind == "number":
            found.append(Token("number", match.group(), place, end))
        elif kind == "date":
            found.append(Token("date", match.group(), place, end))
        else:
            found.append(Token("symbol", match.group(), place, end))
        place = end


def _word(word: str, start: int, end: int) -> Token:
    if len(word) > WORD_LENGTH:
        raise Refused("too_long", f"A name has at most {WORD_LENGTH} characters.", start, end)
    return Token("word", word.lower(), start, end)


def _refuse_character(text: str, place: int) -> NoReturn:
    character = text[place]
    if character == "'":
        raise Refused("open_string", "This text in quotes has no closing quote.", place, len(text), expected=("'",))
    if character in _QUOTES:
        raise Refused("quotes", "Write text in straight single quotes: 'GY-01'.", place, place + 1, expected=("'",))
    if character.isdigit() or (character == "-" and text[place + 1 : place + 2].isdigit()):
        raise Refused("number", "Write a number as 12 or 0.5 and a date as 2026-11-21.", place, place + 1)
    raise Refused("syntax", "This character has no meaning here.", place, place + 1)
