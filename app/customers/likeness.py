"""Whether two names may be one: in the same script or another one, in another order, or mistyped. Pure.

| names | | why |
| --- | --- | --- |
| José García, garcia jose | same | case, accents and the order of words do not count |
| 王芳, Wang Fang, Fang Wang | same | one of them is how the other is read (pinyin) |
| 김민준, Kim Min-jun, Gim Minjun | same | usual spellings have one key (see `hangul`) |
| 张伟, 張偉, 章伟 | similar | read alike: another way of writing, or heard and not seen |
| 이지우, 리지우 | similar | one key |
| Katharina Schmidt, Katarina Schmid | similar | half of their trigrams are the same (`SIMILAR`) |
| José García, José Luis García | similar | first and last word are the same |
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Any

from app.customers import hangul, pinyin
from app.customers.terms import in_order, words

# Of all trigrams of two names so many are in both: pg_trgm's measure, which search uses too, at a stricter limit.
SIMILAR = 0.5
# Trigrams of shorter names are too few to tell anything.
_SHORTEST = 5


class Likeness(IntEnum):
    """How much two names are alike."""

    NONE = 0
    SIMILAR = 1
    SAME = 2


@dataclass(frozen=True, slots=True)
class Written:
    """A name as it is compared. `read` are its readings in pinyin, `key` is that of a Korean name; else empty."""

    whole: str
    words: tuple[str, ...]
    read: frozenset[str] = frozenset()
    key: str = ""

    @property
    def spelt(self) -> bool:
        """Whether it is written in letters, so that it may be how somebody else's name is read."""
        return not self.read and not self.key


def names_of(fields: Mapping[str, Any], suspect: Iterable[str] = ()) -> tuple[Written, ...]:
    """The names of a customer, each once; what looks made up is none."""
    sound = {name: None if name in suspect else fields[name] for name in ("display_name", "given_name", "family_name")}
    # A family name alone is no name to compare.
    family, given = sound["family_name"], sound["given_name"]
    joined = in_order(family, given) if family and given else ""
    found = (written(name) for name in (sound["display_name"], joined, fields["reading"]) if name)
    return tuple(dict.fromkeys(name for name in found if name.whole))


@lru_cache(maxsize=16_384)
def written(name: str) -> Written:
    """A name, as it is compared."""
    parts = tuple(words(name))
    whole = "".join(parts)
    if pinyin.is_han(whole):
        return Written(whole, parts, frozenset(pinyin.variants(pinyin.syllables(whole))))
    if whole and all(map(hangul.is_hangul, whole)):
        return Written(whole, parts, key=hangul.name_keys(whole)[0])
    return Written(whole, parts)


def alike(some: Iterable[Written], others: Iterable[Written]) -> Likeness:
    """How much the names of two customers are alike: by the two that are most."""
    found = Likeness.NONE
    theirs = tuple(others)
    for one in some:
        for other in theirs:
            found = max(found, _alike(one, other))
            if found is Likeness.SAME:
                return found
    return found


def _alike(one: Written, other: Written) -> Likeness:
    if one.whole == other.whole:
        return Likeness.SAME
    if one.spelt and other.spelt:
        return _spelt_alike(one, other)
    if one.spelt or other.spelt:
        spelt, read = (one, other) if one.spelt else (other, one)
        orders = {spelt.whole, "".join(spelt.words[-1:] + spelt.words[:-1])}
        same = orders & read.read or (read.key and any(hangul.key(order) == read.key for order in orders))
        return Likeness.SAME if same else Likeness.NONE
    similar = one.read & other.read or (one.key and one.key == other.key)
    return Likeness.SIMILAR if similar else Likeness.NONE


def _spelt_alike(one: Written, other: Written) -> Likeness:
    if sorted(one.words) == sorted(other.words):
        return Likeness.SAME
    outer = [(name.words[0], name.words[-1]) for name in (one, other)]
    if min(len(one.words), len(other.words)) > 1 and outer[0] == outer[1]:
        return Likeness.SIMILAR
    if min(len(one.whole), len(other.whole)) < _SHORTEST:
        return Likeness.NONE
    return Likeness.SIMILAR if similarity(one.whole, other.whole) >= SIMILAR else Likeness.NONE


def similarity(one: str, other: str) -> float:
    """The share of the trigrams of two words that both have, as pg_trgm counts it: 0 to 1."""
    some, others = _trigrams(one), _trigrams(other)
    return len(some & others) / len(some | others)


def _trigrams(word: str) -> set[str]:
    padded = f"  {word} "
    return {padded[start : start + 3] for start in range(len(padded) - 2)}


def surnames_of(fields: Mapping[str, Any], suspect: Iterable[str] = ()) -> frozenset[str]:
    """What a person's surname may be, in each script that it can be told in: 王, latin:wang; 김, korean:kim.

    Of a name in letters alone it is the last word, and also the first if there are two: Wang Fang, Anna Smith.
    """
    given, shown = fields["family_name"], fields["display_name"]
    if given and "family_name" not in suspect:
        return _surname("".join(words(given)))
    if not shown or "display_name" in suspect:
        return frozenset()
    parts = words(shown)
    whole = "".join(parts)
    if pinyin.is_han(whole) and len(whole) <= pinyin.PERSONAL_MAX:
        return _surname(pinyin.split(whole)[0])
    if whole and all(map(hangul.is_hangul, whole)):
        return _surname(hangul.split(whole)[0])
    last = _surname(parts[-1]) if len(parts) > 1 else frozenset[str]()
    # As a first word it can only be how a Chinese or Korean surname is written in letters.
    first = frozenset({f"first:{parts[0]}"}) if len(parts) == 2 else frozenset[str]()  # noqa: PLR2004
    return last | first


def _surname(name: str) -> frozenset[str]:
    if not name:
        return frozenset()
    if pinyin.is_han(name):
        read = pinyin.variants(pinyin.syllables(name))
        return frozenset({name, *(f"read:{one}" for one in read)})
    if all(map(hangul.is_hangul, name)):
        return frozenset({name, f"korean:{hangul.name_keys(name)[0]}"})
    return frozenset({name})


def one_surname(some: frozenset[str], others: frozenset[str]) -> bool:
    """Whether two people may have one surname."""
    shared = any(not name.startswith("first:") for name in some & others)
    return shared or _read_as(some, others) or _read_as(others, some)


def _read_as(some: frozenset[str], others: frozenset[str]) -> bool:
    """Whether a surname of `some`, in letters, is how one of `others` is read."""
    spelt = {name.removeprefix("first:") for name in some if ":" not in name or name.startswith("first:")}
    latin = [name for name in spelt if name.isascii()]
    return any(f"read:{name}" in others or f"korean:{hangul.key(name)}" in others for name in latin)
