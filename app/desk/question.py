"""What somebody types to find a customer, taken apart into what the database is asked. Pure.

A question is about a number (four digits or more, hardly any letters beside words such as `tel:` and `ext.`), an e-mail
address (it has an @) or a name, which may be a card of letters and digits. Hits
come in this order, and within a place by how alike they are, then who bought last:

1. `name`, `phone`, `card`, `email`: exactly that, whichever way it is typed; surname first or last
2. `pinyin`, `reading`, `romanised`: the whole name as it is read
3. `name_start`, then `name_part` (a given name, a later word), then readings that begin so
4. of a name typed in characters: `pinyin` of names that sound the same
5. `initials`
6. `email_start`, and fragments of numbers and addresses: the end of a number before its middle
7. `similar_name`: with one slip of the fingers, if there are fewer than FEW others; if there is nobody at all, names
   in Latin letters that look alike
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from string import ascii_lowercase
from typing import Any, Literal, NamedTuple

from pydantic_core import PydanticCustomError

from app.customers import hangul, pinyin
from app.customers.identifiers import normalise
from app.customers.phone import bare, dialled, fold
from app.customers.terms import is_latin, words

DIGITS_MIN = 4
LETTERS_MIN = 2
SPELT_MIN = 4
SLIPS_MAX = 20
EMAIL_MIN = 3
FEW = 5
# After every text that begins with what stands before it, in the order of code points.
LAST = "\U0010ffff"

Kind = Literal["name", "number", "email"]
_EMAIL = re.compile(r"[a-z0-9._+-]+")
_TONE = re.compile(r"(?<=[aeiounvgr])[1-5](?![0-9])")
_BETWEEN = re.compile(r"[\s().+/-]+")
# A trunk zero is dialled before a number but is no part of it; fragments of fewer digits may well begin with a zero.
_NATIONAL_MIN = 7

EXACT, READING, START, PART, SOUNDS, INITIALS, EMAIL_START, SIMILAR = 10, 20, 30, 32, 40, 50, 60, 70


class Probe(NamedTuple):
    """One range of terms: those that are `low`, or with `high` those after it that begin with it."""

    kind: str
    low: str
    high: str | None
    rank: int
    match: str


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of the database. `exact` are identifiers (kind, value); patterns are escaped."""

    kind: Kind
    probes: tuple[Probe, ...] = ()
    spelt: str | None = None
    slips: tuple[str, ...] = ()
    email: str | None = None
    exact: tuple[tuple[str, str], ...] = ()
    first: str | None = None
    within: str | None = None
    letters: bool = False
    card: str | None = None

    def values(self, limit: int) -> dict[str, Any]:
        """The statement's parameters."""
        if self.kind == "name":
            kinds, lows, highs, ranks, matches = (list(column) for column in zip(*self.probes, strict=True))
            return {
                "kinds": kinds, "lows": lows, "highs": highs, "ranks": ranks, "matches": matches, "spelt": self.spelt,
                "slips": list(self.slips),
                "email": self.email, "email_end": self.email + LAST if self.email else None, "card": self.card,
                "limit": limit,
            }  # fmt: skip
        found: dict[str, Any] = {
            "exact_kinds": [kind for kind, _ in self.exact],
            "exact_values": [value for _, value in self.exact],
            "within": self.within,
            "limit": limit,
        }
        if self.kind == "email":
            return {**found, "first": self.first, "first_end": (self.first or "") + LAST}
        return {**found, "first": self.first}


def asked(typed: str, region: str) -> Question:
    """What `typed` asks for; a phone without a country code is read for `region`.

    Raises PydanticCustomError for a text that is too short to be found by an index, or that holds nothing to find.
    """
    text = fold(typed).strip()
    if "@" in text:
        return _about_email(text)
    number, letters, digits = bare(text), _letters(text), _digits(text)
    if letters and dialled(number) and _digits(number) >= (DIGITS_MIN if text[0].isalpha() else _NATIONAL_MIN):
        return _about_number(number, region, letters=False, whole=text)
    if digits and digits >= DIGITS_MIN and letters <= digits and text.isascii():
        return _about_number(text, region, letters=letters > 0, whole=text)
    if digits and not letters:
        raise PydanticCustomError("too_short", "Part of a number has at least 4 digits.")
    asks = _about_name(typed)
    cards = [one.value for one in _identifiers(text, ("card",), region)] if digits else []
    return replace(asks, card=cards[0] if cards else None)


def _letters(text: str) -> int:
    return sum(char.isalpha() for char in text)


def _digits(text: str) -> int:
    return sum(char.isdigit() for char in text)


def _about_number(text: str, region: str, *, letters: bool, whole: str) -> Question:
    """A phone or a part of one; `whole` is all that was typed, which may be a card."""
    phones = () if letters else tuple(_identifiers(text, ("phone",), region))
    exact = [(one.kind, one.value) for one in (*phones, *_identifiers(whole, ("card",), region))]
    plain = _BETWEEN.sub("", text).upper()
    if not letters and len(plain) >= _NATIONAL_MIN:
        plain = plain.lstrip("0") or plain
    like = _escaped(plain)
    return Question("number", exact=tuple(exact), first=f"%{like}", within=f"%{like}%", letters=letters)


def _about_email(text: str) -> Question:
    part = "".join(text.split()).casefold()
    if len(part.replace("@", "")) < EMAIL_MIN:
        raise PydanticCustomError("too_short", "Part of an e-mail address has at least 3 characters beside the @.")
    exact = [(one.kind, one.value) for one in _identifiers(part, ("email",), "")]
    return Question("email", exact=tuple(exact), first=part, within=f"%{_escaped(part)}%")


def _identifiers(text: str, kinds: tuple[str, ...], region: str) -> Iterator[Any]:
    for kind in kinds:
        try:
            yield normalise(kind, text, None, region)
        except PydanticCustomError:
            continue


def _escaped(text: str) -> str:
    return re.sub(r"([\\%_])", r"\\\1", text)


def _about_name(typed: str) -> Question:
    found = words(typed)
    whole = "".join(found)
    if not whole:
        raise PydanticCustomError("nothing_to_find", "There is no letter and no digit to look for.")
    if is_latin(whole):
        if len(whole) < LETTERS_MIN:
            raise PydanticCustomError("too_short", "A name in Latin letters is searched by at least 2 letters.")
        return _latin(found, typed)
    if all(map(hangul.is_lead, whole)):
        return Question("name", tuple(_both("initials", whole, INITIALS, "initials", "initials")))
    probes = [*_both("name", whole, EXACT, "name", "name_start"), *_both("part", whole, PART, "name_part", "name_part")]
    read = "".join(word if is_latin(word) else "".join(pinyin.syllables(word)) for word in _runs(whole))
    if pinyin.is_han(whole) and len(whole) > 1:
        probes.append(Probe("pinyin", read, None, SOUNDS, "pinyin"))
        probes += [Probe(kind, read, None, SOUNDS + 1, "pinyin") for kind in ("reading", "name")]
    elif read and is_latin(read) and any(map(pinyin.is_han, whole)):
        probes += _both("pinyin", read, READING, "pinyin", "pinyin")
    if all(map(hangul.is_hangul, whole)) and len(whole) > 1:
        probes.append(Probe("romanised", hangul.name_keys(whole)[0], None, SOUNDS, "romanised"))
    return Question("name", tuple(probes))


def _runs(whole: str) -> list[str]:
    return re.findall(r"[\x00-\x7f]+|[^\x00-\x7f]+", whole)


def _latin(found: list[str], typed: str) -> Question:
    whole = "".join(found)
    ways = {whole: 0}
    toneless = _TONE.sub("", " ".join(found)).split()
    ways.setdefault("".join(toneless), 0)
    if len(toneless) > 1:
        # Given name first where the surname is, and the other way round.
        ways.setdefault("".join([toneless[-1], *toneless[:-1]]), 1)
        ways.setdefault("".join([*toneless[1:], toneless[0]]), 1)
    probes: list[Probe] = []
    for way, later in ways.items():
        probes += _both("name", way, EXACT + later, "name", "name_start")
        probes += _both("part", way, PART + later, "name_part", "name_part")
        probes += _both("pinyin", way, READING + later, "pinyin", "pinyin")
        probes += _both("reading", way, READING + later, "reading", "reading")
        probes += _both("pinyin_part", way, PART + 2 + later, "pinyin", "pinyin")
        key = hangul.key(way)
        if len(key) > 1:
            probes += _both("romanised", key, READING + 2 + later, "romanised", "romanised")
            probes += _both("romanised_part", key, PART + 4 + later, "romanised", "romanised")
    probes += _both("initials", whole, INITIALS, "initials", "initials")
    email = "".join(typed.split()).casefold()
    plain = "".join(toneless)
    return Question(
        "name",
        tuple(dict.fromkeys(probes)),
        spelt=plain if len(plain) >= SPELT_MIN else None,
        slips=tuple(_slips(plain)) if len(plain) >= SPELT_MIN else (),
        email=email if len(email) >= EMAIL_MIN and _EMAIL.fullmatch(email) else None,
    )


def _slips(word: str) -> Iterator[str]:
    """Every word that `word` may be with one slip: two letters exchanged, one too many, one missing, one wrong.

    Some 54 for each letter, and looked up as they are: what that costs does not grow with the number of customers, as
    comparing trigrams does, of which all pinyin is made of the same few.
    """
    cuts = [(word[:at], word[at:]) for at in range(len(word) + 1)]
    found = {left + right[1] + right[0] + right[2:] for left, right in cuts if len(right) > 1}
    found |= {left + right[1:] for left, right in cuts if right}
    if len(word) <= SLIPS_MAX:
        found |= {left + letter + right for left, right in cuts for letter in ascii_lowercase}
        found |= {left + letter + right[1:] for left, right in cuts if right for letter in ascii_lowercase}
    yield from sorted(found - {word})


def _both(kind: str, term: str, rank: int, match: str, start: str) -> list[Probe]:
    """A term, and what begins with it: a whole name or its reading comes before any that only begin so."""
    begins = {EXACT: START, READING: START + 4}.get(rank // 10 * 10, rank + 6 if rank < SOUNDS else rank + 1)
    if rank < START:
        begins += rank % 10
    return [Probe(kind, term, None, rank, match), Probe(kind, term, term + LAST, begins, start)]
