"""Key people, relationships, contacts made and where facts came from: of the random company, and as rows."""

import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, insert, select, text

from app.core.caller import FIELD_GROUPS
from app.core.db import Tx
from app.customers.completeness import Known, judge, weighted
from app.customers.models import Address, Contact, ContactMade, Customer, Fact, Relationship

ZONE = ZoneInfo("Asia/Shanghai")
# So many with one birthday look made up: few enough for a company of nine.
SHARED_BIRTHDAY = 2
LICENCES = (None, None, None, date(2024, 2, 28), date(2024, 2, 29), date(2025, 2, 27), date(2030, 1, 1))
# Around Guiyang, on both sides of the line where the date changes, and near a pole.
POINTS = (
    (26.647, 106.63), (26.65, 106.64), (26.5783, 106.7135), (27.7, 106.93), (0.0, 179.99), (0.01, -179.98),
    (89.99, 10.0), (89.98, -170.0), (-26.647, -73.37),
)  # fmt: skip
_ZERO = {"recorded_by": uuid.UUID(int=0), "version": 1}


@dataclass
class Belonging:
    """A row of one of these collections; `other` is the other customer of a relationship."""

    collection: str
    id: uuid.UUID
    key: tuple[Any, ...]
    columns: dict[str, Any]
    day: date | None = None
    other: Any = None

    def value(self, name: str, _: dict[str, dict[str, Any]], today: date) -> Any:  # noqa: PLR0911  a line per kind
        """The value of a field; None is missing."""
        if name.startswith("other."):
            return getattr(self.other, name[6:])
        if name in {"date", "collected"}:
            moment: datetime = self.columns["at" if name == "date" else "collected_at"]
            return moment.astimezone(ZONE).date()
        if name == "birthday":
            birth = tuple(self.columns[f"birth_{part}"] for part in ("month", "day", "year"))
            return None if birth[0] is None else birth
        if name == "likes":
            return ", ".join(self.columns["likes"]) or None
        if name == "location":
            return point_of(self.columns)
        if name == "usable":
            return self.columns["licence_end"] is None or self.columns["licence_end"] >= today
        if name.startswith("has_"):
            return bool(self.columns["phones"] if name == "has_phone" else self.columns["email"])
        return self.columns[name]


def point_of(row: dict[str, Any]) -> list[tuple[float, float]] | None:
    """The places where it lies: one, or not known."""
    return None if row["latitude"] is None else [(row["latitude"], row["longitude"])]


@dataclass
class Origins:
    """What of a customer looks made up, and until when what may be used.

    `licences` are by path of a value, `places` those of the addresses, `reached` whether a phone or e-mail looks made
    up, and its licence.
    """

    suspect: list[str] = field(default_factory=list)
    licences: dict[str, date | None] = field(default_factory=dict)
    places: list[date | None] = field(default_factory=list)
    reached: dict[str, tuple[bool, date | None]] = field(default_factory=dict)


def origins(chance: random.Random, values: Sequence[str], reached: Sequence[str]) -> Origins:
    """Origins of a customer with values at these paths, and these kinds of identifiers."""
    return Origins(
        sorted(path for path in values if chance.random() < 0.15),
        {path: chance.choice(LICENCES) for path in values if chance.random() < 0.7},
        [chance.choice(LICENCES) for _ in range(chance.choice([0, 1, 2]))],
        {kind: (chance.random() < 0.2, chance.choice(LICENCES)) for kind in reached},
    )


def values_of(person: Any) -> list[str]:
    """The paths at which a customer has a value."""
    own = [
        name for name in ("display_name", "given_name", "family_name", "gender", "language") if getattr(person, name)
    ]
    return [*own, *(["birthday"] if person.birth else []), *person.profile]


def completeness(person: Any, people: Sequence[Any], today: date) -> int:
    """The score, by what the answer about one customer reckons it with."""
    origin: Origins = person.origins
    known, suspect, ended = set(values_of(person)), set(origin.suspect), dict[str, date]()
    for path, end in origin.licences.items():
        if end is not None:
            ended[path] = end
    if person.birth and sum(1 for one in people if one.birth == person.birth) >= SHARED_BIRTHDAY:
        suspect.add("birthday")
    if origin.places:
        known.add("address")
        if None not in origin.places:
            ended["address"] = max(end for end in origin.places if end is not None)
    for kind, (made_up, end) in origin.reached.items():
        known.add(kind)
        suspect |= {kind} if made_up else set()
        if end is not None:
            ended[kind] = end
    what = Known(person.kind, frozenset(known), frozenset(suspect), {}, ended)
    counted = weighted({}, person.kind)
    return int(judge(what, counted, frozenset(FIELD_GROUPS), datetime(2026, 1, 1, tzinfo=UTC), today)["score"])


def give(chance: random.Random, people: Sequence[Any], anchor: date) -> None:
    """Give each of the people some of everything."""
    for person in people:
        person.belongings += [_key_person(chance, anchor) for _ in range(chance.choice([0, 0, 1, 3]))]
        person.belongings += [_made(chance, at, reached) for at, reached in person.contacts]
        others = [one for one in people if one is not person]
        for other, kind in zip(chance.sample(others, 2), ("referrer", "colleague"), strict=True):
            if chance.random() < 0.5:
                person.belongings.append(_related(chance, other, kind))
        person.origins = origins(chance, values_of(person), sorted(person.identifiers & {"phone", "email"}))
        person.belongings += [_address(chance, end) for end in person.origins.places]


def _address(chance: random.Random, end: date | None) -> Belonging:
    stamps, one = _stamps(chance), uuid.UUID(int=chance.getrandbits(128))
    columns = {
        **stamps, **dict(zip(("latitude", "longitude"), chance.choice((*POINTS, (None, None))), strict=True)),
        "kind": chance.choice(["home", "work"]), "country": "CN", "region": chance.choice(["south", None]),
        "city": chance.choice(["Guiyang", None]), "district": chance.choice(["Huaxi", None]),
        "postcode": chance.choice(["550002", None]), "licence_end": end, "channel": "staff", "collector": "emp-1",
        "collected_at": stamps["created_at"] + timedelta(hours=chance.choice([0, 12])),
    }  # fmt: skip
    return Belonging("addresses", one, (stamps["created_at"], one), columns)


def _stamps(chance: random.Random) -> dict[str, Any]:
    at = datetime(2024, 2, 27, 17, 30, tzinfo=UTC) + timedelta(days=chance.randint(-2, 2))
    return {"version": 1, "created_at": at, "updated_at": at}


def _key_person(chance: random.Random, anchor: date) -> Belonging:
    birth = chance.choice([(None, None, None), (2, 29, 1984), (2, 28, None), (anchor.month, anchor.day, None)])
    stamps, one = _stamps(chance), uuid.UUID(int=chance.getrandbits(128))
    columns = {
        **stamps, **dict(zip(("birth_month", "birth_day", "birth_year"), birth, strict=True)),
        "role": chance.choice(["key_person", "buyer"]), "title": chance.choice(["Director", None]),
        "authority": chance.choice(["decides", "uses", None]), "standing": chance.choice(["a_b", None]),
        "name": chance.choice(["Wang", "O'Neil", None]), "likes": chance.choice([[], ["tea"], ["50%", "tea"]]),
        "phones": chance.choice([[], ["1"]]), "email": chance.choice(["a@b.example", None]),
        "collected_at": stamps["created_at"] + timedelta(hours=chance.choice([0, 12])), "channel": "staff",
        "collector": "emp-1",
    }  # fmt: skip
    return Belonging("contacts", one, (stamps["created_at"], one), columns)


def _made(chance: random.Random, at: datetime, reached: bool) -> Belonging:
    one = uuid.UUID(int=chance.getrandbits(128))
    columns = {
        "at": at, "recorded_at": at, "recorded_by": uuid.UUID(int=0), "reached": reached,
        "channel": chance.choice(["phone", "sms", "store"]), "agent": chance.choice(["emp-1", "emp-2", None]),
    }  # fmt: skip
    return Belonging("contact_log", one, (at, one), columns, at.astimezone(ZONE).date())


def _related(chance: random.Random, other: Any, kind: str) -> Belonging:
    stamps, one = _stamps(chance), uuid.UUID(int=chance.getrandbits(128))
    since = chance.choice([None, date(2024, 2, 29), date(2025, 2, 28)])
    columns = {**stamps, "kind": kind, "other": other.id, "since": since}
    return Belonging("relationships", one, (stamps["created_at"], one), columns, other=other)


async def write(tx: Tx, people: Sequence[Any]) -> None:
    """Write them, where facts came from as well, and let the database count its customers."""
    models: dict[str, Any] = {
        "addresses": Address,
        "contacts": Contact,
        "relationships": Relationship,
        "contact_log": ContactMade,
    }
    for name, model in models.items():
        rows = [
            {"customer_id": person.id, "id": one.id, **one.columns}
            for person in people for one in person.belongings if one.collection == name
        ]  # fmt: skip
        if rows:
            await tx.execute(insert(model), rows)
    at = datetime(2023, 1, 1, tzinfo=UTC)
    source = {"collected_at": at, "channel": "staff", "collector": "emp-1"}
    facts = [
        {"customer_id": person.id, "path": path, "licence_end": end, **source}
        for person in people for path, end in person.origins.licences.items()
    ]  # fmt: skip
    if facts:
        await tx.execute(insert(Fact), facts)
    await tx.execute(text("ANALYZE customers"))
    assert await tx.scalar(select(func.count()).select_from(Customer)) == len(people)
