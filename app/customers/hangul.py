"""Hangul read in Latin letters, and one key for the many ways in which Korean names are spelt in them. Pure.

Letters follow the Revised Romanisation (Ministry of Culture and Tourism, Notification 2000-8), syllable by syllable, as
names are written. In passports and on cards people spell as they like (Kim, Gim; Lee, Yi, Rhee; Young, Yeong), so what
is searched is a key under which the usual spellings of one name are the same.
"""

import re
import unicodedata

_FIRST, _LAST = 0xAC00, 0xD7A3
_LEADS = ("g", "kk", "n", "d", "tt", "r", "m", "b", "pp", "s", "ss", "", "j", "jj", "ch", "k", "t", "p", "h")
_VOWELS = (
    "a", "ae", "ya", "yae", "eo", "e", "yeo", "ye", "o", "wa", "wae", "oe", "yo", "u", "wo", "we", "wi", "yu", "eu",
    "ui", "i",
)  # fmt: skip
_TAILS = (
    "", "k", "k", "k", "n", "n", "n", "t", "l", "k", "m", "l", "l", "l", "p", "l", "m", "p", "p", "t", "t", "ng", "t",
    "t", "k", "t", "p", "t",
)  # fmt: skip

LONG_SURNAMES = frozenset({"남궁", "황보", "제갈", "사공", "선우", "서문", "독고", "동방"})

# Surnames whose usual spelling in Latin letters is another name in the system's letters.
_USUAL = {"이": "lee", "노": "noh", "류": "ryu", "유": "yoo", "림": "lim", "임": "lim", "리": "lee"}

# Spellings of one sound become one, in this order; what is on the right is no spelling, only a key.
_SAME = tuple(
    (re.compile(pattern), key)
    for pattern, key in (
        ("^(?:lee|rhee|rhie|yee|yi|(?:ri|li|i)(?![aeouy]))", "i"), ("^[rl][iy]m", "im"),
        ("^(?:no|ro)h?(?![aeiouy])", "no"), ("^[rl]y", "y"), ("(?<=[aeo])h(?=[^aeiouy]|$)", ""), ("^par(?=k)", "pa"),
        ("ch", "j"), ("sh(?=[iy])", "s"), ("ck", "k"), ("kw", "gw"),
        # Where English ears hear one vowel there are several: eo, o, u and eu are not told apart.
        ("eui", "i"), ("y(?:eo|ou|oo|u|o)", "yu"), ("eu|eo|ou|oo|wo+|wu|o(?![eiy])|u(?!i)", "u"),
        ("ui|ee|yi", "i"), ("ae|ai|ay|o[eiy]|we", "e"),
        ("g", "k"), ("d", "t"), ("b", "p"), ("r", "l"), ("v", "p"),
        (r"(.)\1+", r"\1"),
    )
)  # fmt: skip


def is_hangul(char: str) -> bool:
    """Whether it is a whole syllable."""
    return _FIRST <= ord(char) <= _LAST


def is_lead(char: str) -> bool:
    """Whether it is a consonant alone, as NFKC writes those of a keyboard."""
    return 0x1100 <= ord(char) <= 0x1112  # noqa: PLR2004  the block's leading consonants


def romanised(text: str) -> str:
    """Syllables in Latin letters; other characters are left out."""
    return "".join(_syllable(char) for char in text if is_hangul(char))


def _syllable(char: str) -> str:
    lead, rest = divmod(ord(char) - _FIRST, 588)
    vowel, tail = divmod(rest, 28)
    return _LEADS[lead] + _VOWELS[vowel] + _TAILS[tail]


def leads(text: str) -> str:
    """The consonants that the syllables begin with, as people type them for short (ㄱㅁㅈ for 김민준)."""
    return "".join(unicodedata.normalize("NFD", char)[0] for char in text if is_hangul(char))


def split(name: str) -> tuple[str, str]:
    """(surname, given name) of a name in syllables."""
    size = 2 if name[:2] in LONG_SURNAMES and len(name) > 2 else 1  # noqa: PLR2004
    return name[:size], name[size:]


def name_keys(name: str) -> tuple[str, str]:
    """The keys of a whole name and of its given name."""
    surname, given = split(name)
    return key(_USUAL.get(surname, romanised(surname)) + romanised(given)), key(romanised(given))


def key(latin: str) -> str:
    """The key of a spelling in lower-case Latin letters without spaces."""
    for pattern, same in _SAME:
        latin = pattern.sub(same, latin)
    return latin
