"""What customers buy, bring back and exchange, as receipts of the stores' tills. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Any

from app.demo.goods import PRODUCTS, Product, under
from app.demo.numbers import Numbers
from app.demo.order import Order
from app.demo.people import Shopper
from app.demo.places import ONLINE, PLACES, Place, at_home_in, local, rate
from app.demo.promotions import running

OPENS, CLOSES = 9 * 3600, 21 * 3600
TASTES = (
    under("tea", "teaware"), under("garden"), under("food", "kitchen/tools"), under("garden", "tea/green"),
    under("kitchen", "teaware"), under("gifts", "tea"),
)  # fmt: skip
_TENDERS = ("wallet", "wallet", "wallet", "card", "cash", "cash")
_PURPOSES = ("gift", "banquet", "own_use")
# Percent of sales: brought back in part, exchanged, in another store than the usual one, bought online.
_RETURNED, _EXCHANGED, _ELSEWHERE, _ONLINE = 4.0, 1.0, 9, 8


@dataclass(frozen=True, slots=True)
class Piece:
    """A line: how many of a product, at what price each, in minor units of the store's currency."""

    product: Product
    quantity: int
    price: int
    off: int = 0
    original: int | None = None


@dataclass(slots=True)
class Deal:
    """A receipt on its way; its number follows from when it was written, among all others of its store and day."""

    at: datetime
    place: Place
    buyer: Shopper | None
    kind: str
    pieces: list[Piece]
    tender: str
    named: dict[str, Any] | None = None
    promotion: str | None = None
    purpose: str | None = None
    one_off: bool = False
    original: "Deal | None" = None
    number: str = ""

    @property
    def net(self) -> int:
        """What it comes to, as it is written on it."""
        return sum(_amounts(self.place, piece)[2] for piece in self.pieces)


def deals(order: Order, shoppers: Iterable[Shopper], accounts: frozenset[str]) -> list[Deal]:
    """Every receipt of the company's history in the order of time, numbered. `accounts`: who buys on account."""
    found = [deal for shopper in shoppers for deal in _of(order, shopper, on_account=str(shopper.id) in accounts)]
    found += _strangers(order, len(found))
    found.sort(key=lambda deal: (deal.at, deal.place.code, deal.net))
    last: dict[tuple[str, date], int] = {}
    for deal in found:
        day = (deal.place.code, deal.at.date())
        last[day] = last.get(day, 0) + 1
        deal.number = f"{deal.place.code}-{deal.at:%Y%m%d}-{last[day]:04}"
    return found


def _of(order: Order, shopper: Shopper, *, on_account: bool) -> Iterator[Deal]:
    """One customer's receipts."""
    chance = order.chance("shopping", shopper.seed)
    taste = chance.choice(TASTES)
    for day in shopper.days:
        sale = _sale(chance, shopper, day, taste)
        if on_account:
            sale.tender = "on_account"
        yield sale
        drawn = chance.random() * 100
        back = _back(chance, sale, exchange=drawn >= _RETURNED) if drawn < _RETURNED + _EXCHANGED else None
        if back is not None and back.at.date() < order.until:
            yield back


def _sale(chance: Random, shopper: Shopper, day: date, taste: tuple[Product, ...]) -> Deal:
    place = _place(chance, shopper)
    promotion = running(day) if shopper.kind == "person" and chance.random() < 0.7 else None
    off = promotion[1] if promotion else 0
    if shopper.habit == "dealer":
        off, least, most, lines = 25, 8, 40, chance.randint(3, 6)
    elif shopper.kind == "business":
        off, least, most, lines = 8, 2, 12, chance.randint(2, 5)
    else:
        least, most, lines = 1, 2, chance.choice((1, 1, 2, 2, 3, 4))
    # What is bought once in a lifetime is not what distorts the picture later.
    one_off = shopper.kind == "person" and chance.random() < 0.004
    chosen = {_product(chance, taste) for _ in range(lines)}
    pieces = [
        Piece(one, chance.randint(least, most) * (20 if one_off else 1), local(place, one.price), off)
        for one in sorted(chosen, key=lambda one: one.code)
    ]
    purpose = "resale" if shopper.habit == "dealer" else chance.choice(_PURPOSES) if chance.random() < 0.12 else None
    return Deal(
        _moment(chance, place, day), place, shopper, "sale", pieces, chance.choice(_TENDERS), shopper.named,
        promotion[0] if promotion else None, "banquet" if one_off else purpose, one_off,
    )  # fmt: skip


def _place(chance: Random, shopper: Shopper) -> Place:
    drawn = chance.randrange(100)
    if shopper.country != "CN" or drawn >= _ELSEWHERE + _ONLINE:
        return shopper.home
    return ONLINE if drawn < _ONLINE else chance.choice(at_home_in("CN"))


def _product(chance: Random, taste: tuple[Product, ...]) -> Product:
    return chance.choice(taste if chance.random() < 0.8 else PRODUCTS)


def _moment(chance: Random, place: Place, day: date) -> datetime:
    second = chance.randrange(0 if place.kind == "online" else OPENS, 86_400 if place.kind == "online" else CLOSES)
    return datetime.combine(day, time(), place.zone) + timedelta(seconds=second)


def _back(chance: Random, sale: Deal, *, exchange: bool) -> Deal:
    """Part of one line of a sale comes back some days later, for money or for something else."""
    line = chance.randrange(len(sale.pieces))
    bought = sale.pieces[line]
    given = replace(bought, quantity=max(1, bought.quantity // 3), original=line + 1)
    at = _moment(chance, sale.place, sale.at.date() + timedelta(days=chance.randint(1, 14)))
    common = replace(sale, at=at, original=sale, promotion=None, purpose=None, one_off=False)
    if not exchange:
        return replace(common, kind="return", pieces=[given])
    other = _product(chance, PRODUCTS)
    taken = Piece(other, 1, local(sale.place, other.price))
    return replace(common, pieces=[replace(given, quantity=-given.quantity), taken])


def _strangers(order: Order, count: int) -> Iterator[Deal]:
    """Receipts without a customer, and of people whom the till writes down by their number alone."""
    chance, numbers = order.chance("strangers"), Numbers(order.chance("strangers", "numbers"))
    for place in range(count // 25):
        store = chance.choice(PLACES)
        pieces = [Piece(one, 1, local(store, one.price)) for one in chance.sample(PRODUCTS, chance.randint(1, 2))]
        at = _moment(chance, store, order.day(chance, 0, (order.until - order.since).days - 1))
        known = {"identifier": {"kind": "phone", "value": numbers.mobile(store.country)}} if place % 30 == 0 else None
        yield Deal(at, store, None, "sale", pieces, chance.choice(_TENDERS), known)


def _amounts(place: Place, piece: Piece) -> tuple[int, int, int, int, int]:
    """(gross, discount, net, tax, cost) of a line, in the store's currency."""
    gross = piece.quantity * piece.price
    discount = gross * piece.off // 100 if gross > 0 else -(-gross * piece.off // 100)
    net = gross - discount
    tax = round(net * place.tax_percent / (100 + place.tax_percent))
    return gross, discount, net, tax, piece.quantity * local(place, piece.product.cost)


def receipt(deal: Deal) -> dict[str, Any]:
    """A receipt as a till sends it."""
    lines, net = [], 0
    for piece in deal.pieces:
        gross, discount, amount, tax, cost = _amounts(deal.place, piece)
        net += amount
        line: dict[str, Any] = {
            "product": piece.product.code, "category": piece.product.category, "quantity": str(piece.quantity),
            "gross": gross, "discount": discount, "net": amount, "tax": tax, "cost": cost,
        }  # fmt: skip
        if piece.original is not None:
            line["original_line"] = piece.original
        lines.append(line)
    found: dict[str, Any] = {
        "source": "till", "number": deal.number, "store": deal.place.code, "kind": deal.kind,
        "occurred_at": deal.at.isoformat(), "business_date": deal.at.date().isoformat(),
        "currency": deal.place.currency, "seller": f"{deal.place.code}-E{deal.at.toordinal() % 4 + 1}",
        "lines": lines, "tenders": [{"kind": deal.tender, "amount": net}] if net else None, "one_off": deal.one_off,
        "promotions": [deal.promotion] if deal.promotion else None, "purpose": deal.purpose,
        "rate": rate(deal.place, deal.at.date()), "customer": deal.named, "on_unknown_customer": "create",
    }  # fmt: skip
    if deal.place.kind != "online":
        found["till"] = f"{deal.place.code}-T{1 + deal.at.minute % 2}"
    if deal.original is not None:
        found["returns"] = {"source": "till", "number": deal.original.number}
    return found
