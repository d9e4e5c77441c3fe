"""How Chinese names are read: pinyin without tones, with the readings that characters have as surnames. Pure.

Readings are pypinyin's. It is loaded when a Chinese name is first met (a quarter of a second; `load` brings it sooner),
and what it says of a character is kept, so that a batch of names costs a few microseconds each.
"""

import importlib
import re
import unicodedata
from functools import cache, lru_cache
from itertools import product
from typing import Any

# Most given names are one or two characters, and no phrases: read character by character. Longer names are companies'.
PERSONAL_MAX = 4
VARIANTS_MAX = 4

# Characters that are read otherwise when they are a surname.
SURNAMES = {
    "单": "shan", "單": "shan", "曾": "zeng", "解": "xie", "仇": "qiu", "区": "ou", "區": "ou", "查": "zha",
    "朴": "piao", "盖": "ge", "蓋": "ge", "任": "ren", "缪": "miao", "繆": "miao", "翟": "zhai", "乐": "yue",
    "樂": "yue", "尉": "wei", "宓": "mi", "洗": "xian", "冼": "xian", "员": "yun", "員": "yun", "贠": "yun",
    "郇": "xun",
    "种": "chong", "種": "chong", "秘": "bi", "折": "she", "黑": "he", "纪": "ji", "紀": "ji", "宁": "ning",
    "甯": "ning", "华": "hua", "華": "hua", "燕": "yan", "应": "ying", "應": "ying", "葛": "ge", "过": "guo",
    "過": "guo", "哈": "ha", "那": "na", "能": "nai", "逄": "pang", "繁": "po", "曲": "qu", "阚": "kan", "闞": "kan",
    "沈": "shen", "石": "shi", "覃": "qin", "召": "shao", "相": "xiang", "幸": "xing", "於": "yu", "祭": "zhai",
    "褚": "chu", "晁": "chao", "车": "che", "車": "che", "都": "du", "会": "gui", "隗": "wei", "佴": "nai",
    "万": "wan", "朱": "zhu", "薄": "bo", "卜": "bu", "鲍": "bao", "句": "gou", "艾": "ai", "撒": "sa", "洪": "hong",
    "牟": "mou", "长": "chang", "占": "zhan", "臧": "zang", "俞": "yu", "么": "yao", "阙": "que", "行": "xing",
}  # fmt: skip
LONG_SURNAMES = {
    "欧阳": "ou yang", "歐陽": "ou yang", "司马": "si ma", "司馬": "si ma", "上官": "shang guan", "诸葛": "zhu ge",
    "諸葛": "zhu ge", "尉迟": "yu chi", "尉遲": "yu chi", "万俟": "mo qi", "長孫": "zhang sun", "长孙": "zhang sun",
    "东方": "dong fang", "東方": "dong fang", "皇甫": "huang fu", "令狐": "ling hu", "慕容": "mu rong",
    "宇文": "yu wen", "司徒": "si tu", "司空": "si kong", "夏侯": "xia hou", "公孙": "gong sun", "公孫": "gong sun",
    "轩辕": "xuan yuan", "端木": "duan mu", "独孤": "du gu", "獨孤": "du gu", "澹台": "tan tai", "濮阳": "pu yang",
    "淳于": "chun yu", "单于": "chan yu", "申屠": "shen tu", "鲜于": "xian yu", "呼延": "hu yan", "南宫": "nan gong",
    "南宮": "nan gong", "西门": "xi men", "西門": "xi men", "闻人": "wen ren", "钟离": "zhong li", "鍾離": "zhong li",
    "赫连": "he lian", "宗政": "zong zheng", "太史": "tai shi", "拓跋": "tuo ba", "完颜": "wan yan",
}  # fmt: skip

_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f]+")


def is_han(text: str) -> bool:
    """Whether it is all Chinese characters."""
    return _HAN.fullmatch(text) is not None


@cache
def load() -> Any:
    """The library of readings. Callers who must not wait call this in a thread before."""
    return importlib.import_module("pypinyin")


def split(name: str) -> tuple[str, str]:
    """(surname, given name) of a person's name in characters."""
    size = 2 if name[:2] in LONG_SURNAMES and len(name) > 2 else 1  # noqa: PLR2004
    return name[:size], name[size:]


@lru_cache(maxsize=65_536)
def syllables(name: str) -> tuple[str, ...]:
    """The reading of each character, without tones; `lü` is `lv`. A character without a reading reads as nothing."""
    if len(name) > PERSONAL_MAX:
        return tuple(_plain(one) for one in load().lazy_pinyin(name, errors=lambda chars: [""] * len(chars)))
    surname, given = split(name)
    if surname in LONG_SURNAMES:
        read: tuple[str, ...] = tuple(LONG_SURNAMES[surname].split())
    else:
        read = tuple(SURNAMES.get(char) or _character(char) for char in surname)
    return read + tuple(_character(char) for char in given)


def variants(read: tuple[str, ...]) -> list[str]:
    """Syllables as one word, and as people without an ü on their keyboard write it: lv, lu, lyu."""
    ways = [_ways(one) for one in read]
    if not any("v" in one for one in read):
        return ["".join(read)]
    found = ("".join(way) for way in product(*ways))
    return list(dict.fromkeys(word for word, _ in zip(found, range(VARIANTS_MAX), strict=False)))


def _ways(syllable: str) -> tuple[str, ...]:
    if "v" not in syllable:
        return (syllable,)
    return syllable, syllable.replace("v", "u"), syllable.replace("v", "yu")


@lru_cache(maxsize=65_536)
def _character(char: str) -> str:
    found: list[str] = load().lazy_pinyin(char, errors="ignore")
    return _plain(found[0]) if found else ""


def _plain(syllable: str) -> str:
    marked = unicodedata.normalize("NFD", syllable.lower())
    return "".join(char for char in marked if "a" <= char <= "z")
