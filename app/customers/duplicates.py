"""Whether two records may be one customer: reasons for and against, each with a stated weight. Pure.

| reason | weight | when |
| --- | --- | --- |
| identifier_refused | 70 | a card, external or chat id of one was given for the other, and refused |
| same_phone_similar_name | 60 | they share a phone or e-mail, and names are the same; 45 if they are similar |
| same_name_and_birthday | 60 | names are the same and birthdays too, with the year; 45 if the names are similar |
| same_address_and_surname | 40 | one street address, and one surname (of businesses: alike names) |
| same_birthday | 15 | birthdays are the same, perhaps one without its year, and no reason above says so |
| different_birthday | -40 | both are known and cannot be the same |
| different_gender | -30 | both are known and differ |
| different_name | -20 | both are known and not even similar |
| family | -40 | they are known as spouses, parent and child, relatives, or one household |

The score is their sum, from 0 to 100; a pair from `THRESHOLD` on is a candidate, and one with a refused identifier
always. What looks made up (`suspect`) counts for nothing. How names are compared: see `likeness`.

Pairs are looked for where something is shared: a phone or e-mail address, a birthday with its year and a reading of the
name, or a street address; not at work or at a store. What more than `BLOCK_MAX` customers share (the phone of a hotel)
tells of nobody in particular, and a birthday that more than `BIRTHDAY_MAX` have is what somebody typed to get on: there
nobody is looked for, so that no value that is shared by many makes pairs by the square of it.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from app.customers.likeness import Likeness, Written, alike, names_of, one_surname, surnames_of

Code = Literal[
    "identifier_refused", "same_phone_similar_name", "same_name_and_birthday", "same_address_and_surname",
    "same_birthday", "different_birthday", "different_gender", "different_name", "family",
]  # fmt: skip
Status = Literal["open", "dismissed", "merged"]
DismissedFor = Literal["family", "other_person", "shared_contact", "test_record", "other"]

# The weight of each reason, and the field group that shows it: it says something of what is in that group.
WEIGHTS: dict[Code, tuple[int, str]] = {
    "identifier_refused": (70, "contact"),
    "same_phone_similar_name": (60, "contact"),
    "same_name_and_birthday": (60, "personal"),
    "same_address_and_surname": (40, "contact"),
    "same_birthday": (15, "personal"),
    "different_birthday": (-40, "personal"),
    "different_gender": (-30, "personal"),
    "different_name": (-20, "personal"),
    "family": (-40, "personal"),
}
# Less, where names are similar and not the same.
SIMILAR_NAME = 45
THRESHOLD = 30
BLOCK_MAX, BIRTHDAY_MAX = 20, 1000
# Relationships of people who share phones, addresses and surnames.
FAMILY = ("household", "spouse", "parent", "child", "relative")

Pair = tuple[uuid.UUID, uuid.UUID]


@dataclass(frozen=True, slots=True)
class Profile:
    """What of a customer is compared. Without made up values; `reached` are its phones and e-mails as `kind value`."""

    id: uuid.UUID
    kind: str
    names: tuple[Written, ...]
    surnames: frozenset[str]
    gender: str | None
    # Month, day, year or None.
    birthday: tuple[int, int, int | None] | None
    reached: frozenset[str]
    addresses: frozenset[str]
    family: frozenset[uuid.UUID]

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Profile":
        """From a row of `queries.duplicates.profiles`."""
        suspect = frozenset(row["suspect"])
        known = row["birth_month"] is not None and "birthday" not in suspect
        return cls(
            id=row["id"],
            kind=row["kind"],
            names=names_of(row, suspect),
            surnames=surnames_of(row, suspect),
            gender=row["gender"],
            birthday=(row["birth_month"], row["birth_day"], row["birth_year"]) if known else None,
            reached=frozenset(row["reached"]),
            addresses=frozenset(row["addresses"]),
            family=frozenset(row["family"]),
        )


@dataclass(frozen=True, slots=True)
class Judgement:
    """The reasons of a pair, the heaviest first, and its score."""

    score: int
    reasons: tuple[tuple[Code, int], ...]

    @property
    def document(self) -> list[dict[str, Any]]:
        """The reasons as they are stored."""
        return [{"code": code, "weight": weight} for code, weight in self.reasons]

    def is_candidate(self) -> bool:
        """Whether somebody should look at the pair."""
        return self.score >= THRESHOLD or any(code == "identifier_refused" for code, _ in self.reasons)


def pair_of(one: uuid.UUID, other: uuid.UUID) -> Pair:
    """Two customers in the order of their ids."""
    return (one, other) if one < other else (other, one)


def judge(one: Profile, other: Profile, *, refused: bool = False) -> Judgement:
    """What speaks for and against two customers being one. A person is never a business: that scores 0."""
    if one.kind != other.kind:
        return Judgement(0, ())
    names = alike(one.names, other.names)
    found = {**_shared(one, other, names), **_against(one, other, names)}
    if refused:
        found["identifier_refused"] = WEIGHTS["identifier_refused"][0]
    reasons = tuple(sorted(found.items(), key=lambda reason: (-reason[1], reason[0])))
    return Judgement(max(0, min(100, sum(found.values()))), reasons)


def _shared(one: Profile, other: Profile, names: Likeness) -> dict[Code, int]:
    found: dict[Code, int] = {}
    if names and one.reached & other.reached:
        found["same_phone_similar_name"] = _named("same_phone_similar_name", names)
    same = _same_birthday(one, other)
    # The same in every part of it, its year too.
    if names and same and one.birthday == other.birthday and one.birthday is not None and one.birthday[2] is not None:
        found["same_name_and_birthday"] = _named("same_name_and_birthday", names)
    elif same:
        found["same_birthday"] = WEIGHTS["same_birthday"][0]
    if one.kind == "person":
        related = names is Likeness.SAME or one_surname(one.surnames, other.surnames)
    else:
        related = bool(names)
    if related and one.addresses & other.addresses:
        found["same_address_and_surname"] = WEIGHTS["same_address_and_surname"][0]
    return found


def _against(one: Profile, other: Profile, names: Likeness) -> dict[Code, int]:
    found: list[Code] = []
    if one.birthday and other.birthday and not _same_birthday(one, other):
        found.append("different_birthday")
    if one.gender and other.gender and one.gender != other.gender:
        found.append("different_gender")
    if one.names and other.names and not names:
        found.append("different_name")
    if other.id in one.family or one.id in other.family:
        found.append("family")
    return {code: WEIGHTS[code][0] for code in found}


def _same_birthday(one: Profile, other: Profile) -> bool:
    if one.birthday is None or other.birthday is None:
        return False
    (month, day, year), (their_month, their_day, their_year) = one.birthday, other.birthday
    return (month, day) == (their_month, their_day) and (year == their_year or None in {year, their_year})


def _named(code: Code, names: Likeness) -> int:
    return WEIGHTS[code][0] if names is Likeness.SAME else SIMILAR_NAME
