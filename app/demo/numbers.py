"""Telephone numbers that the numbering plan of their country calls valid, each given once. Pure."""

from random import Random

import phonenumbers

# How the numbers of mobile phones begin, and how many digits follow.
_MOBILE = {
    "CN": (("135", "136", "137", "138", "139", "150", "151", "158", "159", "182", "187", "188"), 8),
    "KR": (tuple(f"10{digit}" for digit in range(2, 10)), 7),
    "SG": (("81", "82", "83", "84", "90", "91", "96", "97", "98"), 6),
}
_CODE = {"CN": "86", "KR": "82", "SG": "65"}


class Numbers:
    """Hands out numbers, none of them twice."""

    def __init__(self, chance: Random, taken: tuple[str, ...] = ()) -> None:
        self._chance = chance
        self._given = set(taken)

    def mobile(self, country: str) -> str:
        """A new number in E.164."""
        starts, digits = _MOBILE[country]
        while True:
            rest = f"{self._chance.randrange(10**digits):0{digits}}"
            number = f"+{_CODE[country]}{self._chance.choice(starts)}{rest}"
            if number not in self._given and phonenumbers.is_valid_number(phonenumbers.parse(number)):
                self._given.add(number)
                return number


def typed(chance: Random, number: str, country: str) -> str:
    """The same number as a person of that country may have typed it."""
    rest = number[1 + len(_CODE[country]) :]
    ways: tuple[str, ...]
    if country == "CN":
        ways = (rest, f"{rest[:3]} {rest[3:7]} {rest[7:]}", f"{rest[:3]}-{rest[3:7]}-{rest[7:]}", number, f"0086{rest}")
    elif country == "KR":
        ways = (f"0{rest[:2]}-{rest[2:6]}-{rest[6:]}", f"0{rest}", number)
    else:
        ways = (f"{rest[:4]} {rest[4:]}", rest, f"+65 {rest[:4]} {rest[4:]}")
    return chance.choice(ways)
