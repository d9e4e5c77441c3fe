"""What a customer's names are found by: terms for every way in which people type a name. Pure.

| kind | term | for 王小明 | for José García |
| --- | --- | --- | --- |
| name | the name as one word: no case, accents or spaces | 王小明 | josegarcia |
| part | the same from a later character or word on | 小明, 明 | garcia |
| pinyin | the reading | wangxiaoming | |
| pinyin_part | the reading of the given name | xiaoming | |
| reading | the reading that somebody has entered | | |
| romanised | the key of a Korean name in Latin letters (see `hangul`) | | |
| romanised_part | the same of the given name | | |
| initials | first letters of syllables or words; of hangul also its first consonants | wxm | jg |

Terms in Latin letters hold a to z and digits alone, so finding them depends on no locale of the database.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from app.customers import hangul, pinyin

KINDS = ("name", "part", "pinyin", "pinyin_part", "reading", "romanised", "romanised_part", "initials")
# Fields of a customer that terms are made of. All but the first are shown to those who see personal data alone.
NAMED = ("display_name", "given_name", "family_name", "reading")
TERM_MAX = 64
# A name has so many terms at most: the parts of a company's long name are the first to go.
TERMS_MAX = 24

_LETTERS = {"ø": "o", "œ": "oe", "æ": "ae", "đ": "d", "ð": "d", "ł": "l", "ħ": "h", "\u0131": "i", "þ": "th", "ŋ": "n"}
_UMLAUTS = {"ä": "ae", "ö": "oe", "ü": "ue"}
_WORD = re.compile(r"[^\W_]+")
_APOSTROPHES = re.compile(r"['\u2018\u2019\u02bc\u00b4`]")
# Accents for which there is no letter with them.
_MARKS = re.compile("[\u0300-\u036f]+")
# Hangul letters that stand alone, as a keyboard writes them, become the consonants that syllables begin with.
_ALONE = re.compile(r"[\u3131-\u3163\uff00-\uffef]+")


class Term(NamedTuple):
    """A term of a customer; `personal`: only those who see personal data may find by it."""

    kind: str
    term: str
    personal: bool = False


def words(text: str) -> list[str]:
    """The words of a text as they are compared: no case, no accents, nothing but letters and digits."""
    return [_folded(word) for word in _WORD.findall(_written(text))]


def _written(text: str) -> str:
    text = _ALONE.sub(lambda found: unicodedata.normalize("NFKC", found[0]), _APOSTROPHES.sub("", text))
    return _MARKS.sub("", unicodedata.normalize("NFC", text)).casefold()


@lru_cache(maxsize=16_384)
def _folded(word: str) -> str:
    if word.isascii():
        return word
    return unicodedata.normalize("NFC", "".join(_base(char) for char in word))


def _base(char: str) -> str:
    if char in _LETTERS:
        return _LETTERS[char]
    first = unicodedata.normalize("NFKD", char)
    # Accents go from Latin, Greek and Cyrillic letters; in other scripts a mark is part of the letter.
    return first[0] if first[0] < "\u0590" and len(first) > 1 else char


def is_latin(word: str) -> bool:
    """Whether a word of `words` is in Latin letters and digits."""
    return word.isascii()


def terms_of(fields: Mapping[str, Any]) -> list[Term]:
    """The terms of a customer's names, each once, in order. A walk-in has none.

    Of what `display_name` does not show, every term is personal.
    """
    if fields.get("kind") == "walk_in":
        return []
    found: dict[tuple[str, str], bool] = {}

    def add(terms: Iterable[tuple[str, str]], *, personal: bool) -> None:
        for kind, term in terms:
            if term and len(found) < 2 * TERMS_MAX:
                found.setdefault((kind, term[:TERM_MAX]), personal)

    add(_of_name(fields.get("display_name") or ""), personal=False)
    add(_of_name(in_order(fields.get("family_name") or "", fields.get("given_name") or "")), personal=True)
    reading = words(fields.get("reading") or "")
    if reading:
        add([("reading", "".join(reading)), ("reading", "".join(reading[1:]))], personal=True)
    return sorted(Term(kind, term, personal) for (kind, term), personal in found.items())


def in_order(family: str, given: str) -> str:
    """Family and given name in the order of their script: surname first in Chinese and Korean."""
    if family and any(pinyin.is_han(char) or hangul.is_hangul(char) for char in family):
        return family + given
    return f"{given} {family}"


def _of_name(name: str) -> list[tuple[str, str]]:
    name = name.strip()
    if not name:
        return []
    found = words(name)
    whole = "".join(found)
    if not whole:
        return []
    if pinyin.is_han(whole):
        terms = _of_han(whole)
    elif all(map(hangul.is_hangul, whole)):
        terms = _of_hangul(whole)
    else:
        terms = _of_words(name, found)
    return terms[:TERMS_MAX]


def _of_han(whole: str) -> list[tuple[str, str]]:
    read = pinyin.syllables(whole)
    terms = [("name", whole), *(("pinyin", one) for one in pinyin.variants(read))]
    if len(whole) <= pinyin.PERSONAL_MAX:
        surname, _ = pinyin.split(whole)
        terms += [("pinyin_part", one) for one in pinyin.variants(read[len(surname) :])]
    terms.append(("initials", "".join(one[:1] for one in read)))
    return terms + [("part", whole[start:]) for start in range(1, len(whole))]


def _of_hangul(whole: str) -> list[tuple[str, str]]:
    key, given = hangul.name_keys(whole)
    read = hangul.romanised(whole[:1])[:1] + "".join(hangul.romanised(char)[:1] for char in whole[1:])
    terms = [("name", whole), ("romanised", key), ("romanised_part", given)]
    terms += [("initials", hangul.leads(whole)), ("initials", read)]
    return terms + [("part", whole[start:]) for start in range(1, len(whole))]


def _of_words(name: str, found: list[str]) -> list[tuple[str, str]]:
    terms = [("name", "".join(found))]
    spelt = words("".join(_UMLAUTS.get(char, char) for char in _written(name)))
    if spelt != found:
        terms += [("name", "".join(spelt)), *(("part", "".join(spelt[start:])) for start in range(1, len(spelt)))]
    if len(found) > 2:  # noqa: PLR2004
        terms.append(("part", found[0] + found[-1]))
    if len(found) > 1:
        terms.append(("initials", "".join(word[0] for word in found)))
    for start in range(1, len(found)):
        terms.append(("part", "".join(found[start:])))
    # Chinese among other words: 张伟 (Tom), ABC贸易有限公司.
    for run in re.findall(r"[\u3400-\u9fff]{2,}", name):
        terms += [one for one in _of_han(run) if one[0] != "name"] + [("part", run)]
    for run in re.findall(r"[\uac00-\ud7a3]{2,}", name):
        terms += [one for one in _of_hangul(run) if one[0] != "name"] + [("part", run)]
    return terms
