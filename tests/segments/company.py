"""A small random company: as plain Python for the reference evaluator, and as rows in the database.

Dates gather around an anchor and around leap days, values come from small pools, and many are missing, so that random
questions about it are often true for some customers and not for others.
"""

import random
import uuid
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import insert

from app.catalog.models import Category, Place, Product, Store
from app.core.db import Tx
from app.customers.attributes import PROFILE, Attribute, Type
from app.customers.models import Consent, ContactPolicy, Customer, IdentifierRow
from app.customers.profile import nested
from app.receipts.commands import rebuild
from app.receipts.models import Receipt, ReceiptLine
from tests.segments import accounts, alarms, belongings, dealings, plans
from tests.segments.accounts import AMOUNTS, Account, some_account
from tests.segments.alarms import Alarm
from tests.segments.belongings import POINTS, Belonging, Origins
from tests.segments.dealings import Dealing
from tests.segments.plans import Plans

STORES = ("GY-01", "GY-02", "WEB")
STAFF = ("emp-1", "emp-2", "emp-3")
CITIES = ("Guiyang", "Zunyi", None)
PRODUCTS = ("P1", "P2", "P3", "P4")
BRANDS = {"P1": "Acme", "P2": "Bond", "P3": None}
CATEGORIES = ("garden", "garden/tools", "gardening", "food", "food/tea", None)
FAIR = (26.6, 106.7)
NAMES = ("Wang", "wang", "O'Neil", "50%", "王伟", "a_b", None)
LEAP_DAYS = (date(2024, 2, 28), date(2024, 2, 29), date(2024, 3, 1), date(2023, 2, 28), date(2025, 2, 28))


@dataclass
class Line:
    line: int
    product: str
    category: str | None
    quantity: Decimal
    net: int
    margin: int | None


@dataclass
class Bought:
    id: uuid.UUID
    customer: uuid.UUID
    date: date
    occurred_at: datetime
    store: str
    kind: str
    net: int
    margin: int | None
    discount: int | None
    returned: int
    purpose: str | None
    one_off: bool
    seller: str | None
    voided: bool
    lines: list[Line]


@dataclass
class Decided:
    """A decision, and when: (time, id)."""

    purpose: str
    channel: str
    partner: str | None
    state: str
    key: tuple[datetime, uuid.UUID]


@dataclass
class Stay:
    """A time in a kept segment: from which day (None: it was so at first) and until which (None: it still is)."""

    segment: uuid.UUID
    entered: date | None
    left: date | None

    def covers(self, day: date) -> bool:
        """Whether it was there when a day ended."""
        return (self.entered is None or self.entered <= day) and (self.left is None or day < self.left)


@dataclass
class Person:
    id: uuid.UUID
    kind: str
    status: str
    display_name: str | None
    given_name: str | None
    family_name: str | None
    language: str | None
    gender: str | None
    birth: tuple[int, int, int | None] | None
    home_store: str | None
    account_manager: str | None
    sponsor: str | None
    grade: str | None
    source: str | None
    created_at: datetime
    identifiers: set[str]
    # As it is stored, by paths.
    profile: dict[str, Any]
    account: Account | None = None
    bought: list[Bought] = field(default_factory=list)
    decided: list[Decided] = field(default_factory=list)
    policy: dict[str, Any] | None = None
    contacts: list[tuple[datetime, bool]] = field(default_factory=list)
    dealings: list[Dealing] = field(default_factory=list)
    belongings: list[Belonging] = field(default_factory=list)
    origins: Origins = field(default_factory=Origins)
    plans: Plans = field(default_factory=Plans)
    alarms: list[Alarm] = field(default_factory=list)
    merged_into: uuid.UUID | None = None
    stays: list[Stay] = field(default_factory=list)

    @property
    def counted(self) -> bool:
        return self.kind != "walk_in" and self.status not in ("merged", "erased")


@dataclass
class Company:
    stores: dict[str, dict[str, Any]]
    people: list[Person]

    async def insert(self, tx: Tx) -> None:
        """Write everything, and derive figures as the service does."""
        now = datetime(2023, 1, 1, tzinfo=UTC)
        stamps = {"version": 1, "created_at": now, "updated_at": now}
        more = {"time_zone": "Asia/Shanghai", "currency": "CNY", "phone_region": "CN"}
        await tx.execute(
            insert(Store), [{"code": code, "name": code, **of, **more, **stamps} for code, of in self.stores.items()]
        )
        fair = {"code": "FAIR", "latitude": FAIR[0], "longitude": FAIR[1], **stamps}
        await tx.execute(insert(Place), [fair])
        await tx.execute(insert(Category), [{"path": "food", "name": None, "parent": None}])
        await tx.execute(insert(Product), [{"code": code, "brand": brand, **stamps} for code, brand in BRANDS.items()])
        await tx.execute(insert(Customer), [_customer(person) for person in self.people])
        held = [_identifier(person, kind) for person in self.people for kind in sorted(person.identifiers)]
        await tx.execute(insert(IdentifierRow), held) if held else None
        wishes = [{"customer_id": one.id, "version": 1, "updated_at": now, **one.policy}
                  for one in self.people if one.policy is not None]  # fmt: skip
        await tx.execute(insert(ContactPolicy), wishes) if wishes else None
        decided = [_consent(person, one) for person in self.people for one in person.decided]
        await tx.execute(insert(Consent), decided) if decided else None
        await accounts.write(tx, self.people)
        bought = [one for person in self.people for one in person.bought]
        await tx.execute(insert(Receipt), [_receipt(one) for one in bought])
        await tx.execute(insert(ReceiptLine), [_line(one, line) for one in bought for line in one.lines])
        await rebuild(tx, [person.id for person in self.people])
        await dealings.write(tx, [one for person in self.people for one in person.dealings])
        await belongings.write(tx, self.people)
        await plans.write(tx, self.people)
        await alarms.write(tx, self.people)


def make(seed: int, anchor: date, *, people: int = 9, receipts: int = 45) -> Company:
    """The company of a seed."""
    chance = random.Random(seed)
    kinds = ("own", "dealer", "online")
    stores = {
        code: {"kind": chance.choice(kinds), "city": chance.choice(CITIES), "region": chance.choice(["south", None])}
        for code in STORES
    }
    for of in stores.values():
        spot: Any = chance.choice((*POINTS, (None, None)))
        of["latitude"], of["longitude"] = spot
    made = Company(stores, [_person(chance, number) for number in range(people)])
    for _ in range(receipts):
        # Some buy often, the last never.
        buyer = made.people[int((people - 1) * chance.random() ** 1.5)]
        buyer.bought.append(_bought(chance, buyer.id, anchor))
    for person in made.people:
        _wishes(chance, person, anchor)
        if person.kind != "walk_in" and chance.random() < 0.5:
            person.account = some_account(chance, anchor)
    for _ in range(receipts):
        one = made.people[int((people - 1) * chance.random())]
        one.dealings.append(dealings.dealing(chance, one.id, anchor, STORES))
    belongings.give(chance, made.people, anchor)
    plans.give(chance, made.people, anchor)
    alarms.give(made.people, anchor)
    return made


def _wishes(chance: random.Random, person: Person, anchor: date) -> None:
    """Decisions (often at the same moment), a policy, and contacts around the anchor, near midnight as well."""

    def moment() -> datetime:
        day = anchor - timedelta(days=chance.choice([-2, -1, 0, 0, 1, 2, 7, 30, 31]))
        return datetime(day.year, day.month, day.day, chance.choice([3, 15, 16, 23]), tzinfo=UTC)

    for _ in range(chance.choice([0, 1, 3, 8])):
        key = (moment(), uuid.UUID(int=chance.getrandbits(128)))
        channel, partner = chance.choice(["any", "sms", "email"]), chance.choice([None, None, "acme"])
        purpose, state = (
            chance.choice(["marketing", "survey"]),
            chance.choice(["granted", "granted", "denied", "withdrawn"]),
        )
        person.decided.append(Decided(purpose, channel, partner, state, key))
    if chance.random() < 0.7:
        person.policy = {
            "do_not_call": chance.random() < 0.3,
            "preferred_channel": chance.choice(["phone", "email", None]),
            "wanted_days": chance.choice([None, 1, 7, 30]),
        }
    person.contacts = [(moment(), chance.random() < 0.6) for _ in range(chance.choice([0, 0, 1, 3]))]


def _consent(person: Person, one: Decided) -> dict[str, Any]:
    return {
        "customer_id": person.id, "id": one.key[1], "decided_at": one.key[0], "recorded_at": one.key[0],
        "recorded_by": uuid.UUID(int=0), "purpose": one.purpose, "channel": one.channel, "partner": one.partner,
        "state": one.state, "source": "till", "proof": None,
    }  # fmt: skip


def _person(chance: random.Random, number: int) -> Person:
    kind = "walk_in" if number == 0 else chance.choice(["person", "person", "business"])
    status = chance.choice(["active"] * 4 + ["prospect", "dormant", "lost"]) if number != 1 else "merged"
    birth = None
    if chance.random() < 0.75:
        day = chance.choice([*LEAP_DAYS, date(2024, 12, 31), date(2024, 1, 1), date(2024, 6, 15)])
        birth = (day.month, day.day, chance.choice([None, 1960, 1984, 2000, 2023]))
    return Person(
        id=uuid.UUID(int=chance.getrandbits(128)),
        kind=kind,
        status="active" if kind == "walk_in" else status,
        display_name=chance.choice(NAMES),
        given_name=chance.choice(NAMES),
        family_name=chance.choice(NAMES),
        language=chance.choice(["zh", "en", None]),
        gender=chance.choice(["female", "male", None]),
        birth=birth,
        home_store=chance.choice([*STORES, None]),
        account_manager=chance.choice([*STAFF, None]),
        sponsor=chance.choice([*STAFF, None]),
        grade=chance.choice(["A", "B", None]),
        source=chance.choice(["till", "web", None]),
        # Some in the last hours of a day in UTC, which are the next day in the company's zone.
        created_at=datetime(2024, 2, 27, 17, 30, tzinfo=UTC) + timedelta(days=chance.randint(-3, 3)),
        identifiers={kind for kind in ("phone", "email", "card") if chance.random() < 0.5},
        profile={one.path: _known(chance, one) for one in PROFILE if chance.random() < 0.6},
    )


def _known(chance: random.Random, one: Attribute) -> Any:
    words = [name for name in NAMES if name]
    return {
        Type.TEXT: chance.choice(words), Type.TAGS: chance.sample(words, chance.randint(1, 2)),
        Type.CHOICE: chance.choice(one.choices or ("",)), Type.INTEGER: chance.choice([0, 1, 2, 3, 30]),
        Type.MONEY: chance.choice(AMOUNTS), Type.DATE: chance.choice(LEAP_DAYS).isoformat(),
        Type.BOOLEAN: chance.random() < 0.5, Type.MEMBERS: [{"relation": "child"}] * chance.randint(1, 3),
    }[one.type]  # fmt: skip


def _bought(chance: random.Random, customer: uuid.UUID, anchor: date) -> Bought:
    near = chance.choice([0, 0, 1, 1, 2, 6, 7, 13, 29, 30, 31, 89, 90, 91, 364, 365, 366, 400])
    day = anchor - timedelta(days=near) if chance.random() < 0.9 else anchor + timedelta(days=chance.randint(1, 3))
    back = chance.random() < 0.2
    lines = [_bought_line(chance, number, back=back) for number in range(1, chance.randint(1, 3) + 1)]
    net = sum(line.net for line in lines)
    known = [line.margin for line in lines if line.margin is not None]
    return Bought(
        id=uuid.UUID(int=chance.getrandbits(128)),
        customer=customer,
        date=day,
        occurred_at=datetime(day.year, day.month, day.day, chance.choice([1, 5]), tzinfo=UTC),
        store=chance.choice(STORES),
        kind="return" if back else "sale",
        net=net,
        margin=sum(known) if known else None,
        discount=chance.choice([None, 0, 100]),
        returned=-net if back else 0,
        purpose=chance.choice(["gift", "own_use", None]),
        one_off=chance.random() < 0.2,
        seller=chance.choice(["emp-1", "emp-2", None]),
        voided=chance.random() < 0.15,
        lines=lines,
    )


def _bought_line(chance: random.Random, number: int, *, back: bool) -> Line:
    net = chance.choice(AMOUNTS)
    margin = chance.choice([None, net // 2, -net])
    quantity = Decimal(chance.choice(["1", "2", "0.25"]))
    if back:
        net, margin, quantity = -net, None if margin is None else -margin, -quantity
    return Line(number, chance.choice(PRODUCTS), chance.choice(CATEGORIES), quantity, net, margin)


def some_stays(chance: random.Random, segment: uuid.UUID, anchor: date) -> list[Stay]:
    """Times in a kept segment around the anchor: one may begin and end on one day, two never overlap."""
    days = sorted(anchor - timedelta(days=chance.choice([-1, 0, 1, 2, 7, 30, 31, 365])) for _ in range(6))
    turns = days[chance.randint(0, 6) :]
    if chance.random() < 0.3:
        return [Stay(segment, None, turns[0] if turns else None)]
    return [Stay(segment, turns[i], turns[i + 1] if i + 1 < len(turns) else None) for i in range(0, len(turns), 2)]


def stay_row(customer: uuid.UUID, stay: Stay) -> dict[str, Any]:
    """The row of a stay."""

    def moment(day: date | None) -> datetime | None:
        return None if day is None else datetime(day.year, day.month, day.day, 4, tzinfo=UTC)

    return {
        "customer_id": customer, "id": uuid.uuid4(), "segment_id": stay.segment, "entered_on": stay.entered,
        "entered_at": moment(stay.entered), "left_on": stay.left, "left_at": moment(stay.left),
    }  # fmt: skip


def _customer(person: Person) -> dict[str, Any]:
    month, day, year = person.birth or (None, None, None)
    names = ("id", "kind", "status", "display_name", "given_name", "family_name", "language", "gender", "home_store",
             "account_manager", "sponsor", "grade", "source", "created_at", "merged_into")  # fmt: skip
    row = {name: getattr(person, name) for name in names}
    birthday = {"birth_month": month, "birth_day": day, "birth_year": year}
    return {**row, **birthday, "version": 1, "updated_at": person.created_at, "profile": nested(person.profile),
            "collected": {}, "suspect": person.origins.suspect}  # fmt: skip


def _identifier(person: Person, kind: str) -> dict[str, Any]:
    value = f"{kind}-{person.id}"
    suspect, end = person.origins.reached.get(kind, (False, None))
    more = {"exclusive": kind == "card", "is_primary": False, "created_at": person.created_at, "suspect": suspect,
            "licence_end": end}  # fmt: skip
    return {"kind": kind, "value": value, "typed": value, "customer_id": person.id, "id": uuid.uuid4(), **more}


def _receipt(one: Bought) -> dict[str, Any]:
    return {
        "customer_id": one.customer, "id": one.id, "occurred_at": one.occurred_at, "recorded_at": one.occurred_at,
        "voided_at": one.occurred_at if one.voided else None, "gross": one.net, "discount": one.discount,
        "net": one.net, "base_net": one.net, "base_discount": one.discount, "base_margin": one.margin,
        "base_returns": one.returned, "business_date": one.date, "one_off": one.one_off, "source": "till",
        "number": str(one.id), "store": one.store,
        "till": "1", "kind": one.kind, "currency": "CNY", "seller": one.seller, "purpose": one.purpose,
        "promotions": [], "flags": [], "tenders": [], "extensions": {},
    }  # fmt: skip


def _line(one: Bought, line: Line) -> dict[str, Any]:
    return {
        "customer_id": one.customer, "receipt_id": one.id, "gross": line.net, "net": line.net, "base_net": line.net,
        "base_margin": line.margin, "business_date": one.date, "line": line.line, "quantity": line.quantity,
        "product": line.product, "category": line.category,
    }  # fmt: skip
