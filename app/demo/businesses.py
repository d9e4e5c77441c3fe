"""The businesses that are customers; the first of them, dealers and others, buy on account. Pure."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from app.demo import habits, names
from app.demo.habits import Habit
from app.demo.numbers import Numbers, typed
from app.demo.order import DAYS, Order, identity
from app.demo.people import COUNTRIES, LOCALES, Shopper
from app.demo.places import at_home_in

# The dealer that the first page of the manual asks about: the same in every company.
DEALER_ID = uuid.UUID("018cc251-f400-7a3e-8d51-7b0c46a1f2e9")
DEALER_NAME = "贵阳花溪园艺经销部"


@dataclass(frozen=True, slots=True)
class _Business:
    """A business before it is written down."""

    number: int
    name: str
    language: str
    country: str
    habit: Habit


def businesses(order: Order) -> Iterator[Shopper]:
    """All of them, those with an account first."""
    numbers = Numbers(order.chance("business numbers"))
    for number in range(order.businesses):
        chance = order.chance("business", number)
        on_account = number < order.accounts
        country = "CN" if on_account else chance.choices(COUNTRIES, (84, 9, 7))[0]
        language = {"CN": "zh", "KR": "ko", "SG": "en"}[country]
        # Every other one with an account is a dealer who buys to sell again.
        if number % 2 == 0 and on_account:
            name = DEALER_NAME if number == 0 else f"{names.business(chance, language)[:-2]}经销部"
            habit: Habit = "dealer"
        else:
            name = names.business(chance, language)
            habit = "regular" if on_account else habits.BUSINESSES[number % len(habits.BUSINESSES)]
        yield _shopper(order, _Business(number, name, language, country, habit), numbers)


def _shopper(order: Order, one: _Business, numbers: Numbers) -> Shopper:
    chance = order.chance("business", one.number, "record")
    visits = tuple(habits.days(order, one.habit, chance))
    joined = visits[0] if visits else date.fromordinal(order.since.toordinal() + chance.randrange(DAYS))
    made = identity(chance, joined)
    stores = [store for store in at_home_in(one.country) if store.kind != "online"]
    home = stores[0] if one.number == 0 else chance.choices(stores, [store.share for store in stores])[0]
    crm = {"kind": "external", "system": "crm", "value": f"B-{one.number}"}
    phone = numbers.mobile(one.country)
    item: dict[str, Any] = {
        "id": str(DEALER_ID if one.number == 0 else made), "kind": "business",
        "status": "active" if visits else "prospect", "display_name": one.name,
        "language": LOCALES[one.language], "home_store": home.code,
        "source": chance.choice(("fair", "visit", "website")),
        "identifiers": [
            crm,
            {"kind": "phone", "value": typed(chance, phone, one.country), "primary": True},
            {"kind": "email", "value": f"office-{one.number}@example.com"},
        ],
        "collected_at": f"{joined}T12:00:00Z",
    }  # fmt: skip
    key = f"business-{one.number}"
    return Shopper(
        uuid.UUID(item["id"]), "business", item, {"identifier": crm}, home, one.country, one.habit, visits, key
    )
