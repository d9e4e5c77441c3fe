"""The people who are customers: households that share a phone, and some who were entered twice, among them. Pure."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from random import Random
from typing import Any

from app.demo import habits, names
from app.demo.habits import Habit
from app.demo.names import Name
from app.demo.numbers import Numbers, typed
from app.demo.order import DAYS, Order, identity
from app.demo.places import Place, at_home_in

COUNTRIES, _SHARES = ("CN", "KR", "SG"), (84, 9, 7)
# Language, per hundred people of the country.
_LANGUAGES: dict[str, tuple[tuple[str, ...], tuple[int, ...]]] = {
    "CN": (("zh", "en", "ko"), (95, 3, 2)), "KR": (("ko", "en"), (93, 7)), "SG": (("en", "zh"), (62, 38)),
}  # fmt: skip
LOCALES = {"zh": "zh-Hans", "ko": "ko", "en": "en"}
# The household that the first page of the manual calls.
FAMILY_PHONE, _WIFES_PHONE = "+8613985002046", "+8613885007319"
_FAMILY = (Name("陈建国", "建国", "陈", "Chen Jianguo", "male"), Name("李秀梅", "秀梅", "李", "Li Xiumei", "female"))
# One customer in so many begins a household that shares a phone, or is entered a second time.
_HOUSEHOLD, _TWICE = 16, 40


@dataclass(frozen=True, slots=True)
class Shopper:
    """A customer: what is sent about him, how a till names him, when he comes and what he likes."""

    id: uuid.UUID
    kind: str
    item: dict[str, Any]
    named: dict[str, Any]
    home: Place
    country: str
    habit: Habit
    days: tuple[date, ...]
    # A stream of its own for what he buys.
    seed: str


@dataclass(frozen=True, slots=True)
class _Person:
    """Somebody before he is written down."""

    name: Name
    language: str
    country: str
    home: Place
    phone: str | None
    shared: bool
    primary: bool
    birthday: dict[str, int | None] | None
    # A number of his own besides the one that the household shares.
    own: str | None = None


def people(order: Order) -> Iterator[Shopper]:
    """All of them, in the order in which they are entered."""
    chance = order.chance("people")
    numbers = Numbers(order.chance("numbers"), (FAMILY_PHONE, _WIFES_PHONE))
    for place, name in enumerate(_FAMILY):
        birthday: dict[str, int | None] = {"year": 1962 + place, "month": 5 + place, "day": 12}
        home = at_home_in("CN")[0]
        person = _Person(name, "zh", "CN", home, FAMILY_PHONE, True, place == 0, birthday, (None, _WIFES_PHONE)[place])
        yield _shopper(order, f"family-{place}", person, "regular")
    previous = None
    for number in range(len(_FAMILY), order.people):
        habit = habits.PEOPLE[number % len(habits.PEOPLE)]
        if previous is not None and number % _TWICE == 1:
            yield _again(order, number, previous)
            continue
        person = (
            _of_household(chance, numbers, previous)
            if previous and number % _HOUSEHOLD == 1
            else _somebody(chance, numbers)
        )
        if (number + 1) % _HOUSEHOLD == 1:
            person = replace(person, phone=person.phone or numbers.mobile(person.country), shared=True, primary=True)
        yield _shopper(order, f"person-{number}", person, habit)
        previous = person


def _somebody(chance: Random, numbers: Numbers) -> _Person:
    country = chance.choices(COUNTRIES, _SHARES)[0]
    language = chance.choices(*_LANGUAGES[country])[0]
    stores = at_home_in(country)
    home = chance.choices(stores, [store.share for store in stores])[0]
    phone = numbers.mobile(country) if chance.random() < 0.92 else None
    return _Person(
        names.person(chance, language), language, country, home, phone, False, False, _birthday(chance)
    )  # fmt: skip


def _of_household(chance: Random, numbers: Numbers, other: _Person) -> _Person:
    """A child or partner of the one before, with the same phone and perhaps another besides."""
    family = (other.name.family, (other.name.reading or "").split(" ")[0])
    name = names.person(chance, other.language, family)
    own = numbers.mobile(other.country) if chance.random() < 0.4 else None
    return replace(other, name=name, birthday=_birthday(chance), shared=True, primary=False, own=own)


def _birthday(chance: Random) -> dict[str, int | None] | None:
    drawn = chance.random()
    if drawn < 0.24:
        return None
    if drawn < 0.26:
        # What clerks enter when a field must not be empty.
        return {"year": 1990, "month": 1, "day": 1}
    day = date.fromordinal(chance.randint(date(1948, 1, 1).toordinal(), date(2006, 12, 31).toordinal()))
    return {"year": None if drawn < 0.40 else day.year, "month": day.month, "day": day.day}


def _shopper(order: Order, key: str, person: _Person, habit: Habit) -> Shopper:
    chance = order.chance("person", key)
    visits = tuple(habits.days(order, habit, chance))
    joined = visits[0] if visits else order.day(chance, 0, DAYS - 1)
    crm = f"C-{key}"
    identifiers: list[dict[str, Any]] = [{"kind": "external", "system": "crm", "value": crm}]
    named: dict[str, Any] = {"kind": "external", "system": "crm", "value": crm}
    if person.phone:
        value = typed(chance, person.phone, person.country)
        identifiers.append({"kind": "phone", "value": value, "primary": person.primary or not person.shared})
        if not person.shared:
            named = {"kind": "phone", "value": person.phone}
    if person.own:
        identifiers.append({"kind": "phone", "value": typed(chance, person.own, person.country), "primary": True})
    if chance.random() < 0.8:
        named = {"kind": "card", "value": f"88{chance.randrange(10**4):04}{key.rpartition('-')[2]:0>6}"}
        if key.startswith("family"):
            named["value"] = f"99{key.rpartition('-')[2]:0>10}"
        identifiers.append(named)
    if chance.random() < 0.35:
        identifiers.append({"kind": "email", "value": f"{key}@example.com"})
    item: dict[str, Any] = {
        "id": str(identity(chance, joined)), "kind": "person", "status": "active" if visits else "prospect",
        "display_name": person.name.shown, "given_name": person.name.given, "family_name": person.name.family,
        "reading": person.name.reading, "gender": person.name.gender if chance.random() < 0.9 else None,
        "language": LOCALES[person.language], "home_store": person.home.code,
        "source": chance.choice(("till", "till", "till", "website", "fair", "campaign", "call_centre")),
        "birthday": person.birthday, "identifiers": identifiers, "collected_at": f"{joined}T12:00:00Z",
    }  # fmt: skip
    return Shopper(
        uuid.UUID(item["id"]), "person", item, {"identifier": named}, person.home, person.country, habit, visits, key
    )


def _again(order: Order, number: int, person: _Person) -> Shopper:
    """The same person entered a second time, at a fair, by the reading of the name."""
    shown = person.name.reading or person.name.shown.upper()
    name = person.name._replace(shown=shown)
    found = _shopper(order, f"twice-{number}", replace(person, name=name, shared=True, primary=False, own=None), "once")
    item = {**found.item, "source": "fair", "gender": None}
    item["identifiers"] = [one for one in item["identifiers"] if one["kind"] != "card"]
    crm = {"identifier": item["identifiers"][0]}
    return replace(found, item=item, named=crm)
