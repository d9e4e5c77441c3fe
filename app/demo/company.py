"""The whole company, and the order in which it is written down. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal

from app.demo.accounts import Account, accounts, quarter
from app.demo.businesses import businesses
from app.demo.goods import CATEGORIES, PRODUCTS
from app.demo.order import Order
from app.demo.people import people
from app.demo.places import PLACES
from app.demo.shopping import Deal, deals, receipt

SIZE = 1000
PartKind = Literal["stores", "categories", "products", "customers", "credit", "receivables", "receipts"]


@dataclass(frozen=True, slots=True)
class Part:
    """What is written in one transaction. `credit` and `receivables` hold a list per account, others one list."""

    kind: PartKind
    content: Sequence[Any]

    @property
    def rows(self) -> int:
        """How many records it has."""
        return sum(len(rows) for _, rows in self.content) if self.kind == "receivables" else len(self.content)

    def items(self) -> list[Any]:
        """As they are sent."""
        return [receipt(deal) for deal in self.content] if self.kind == "receipts" else list(self.content)


def parts(order: Order) -> list[Part]:
    """The same parts for the same order, always."""
    traders = list(businesses(order))
    on_account = traders[: order.accounts]
    shoppers = [*people(order), *traders]
    sales = deals(order, shoppers, frozenset(str(one.id) for one in on_account))
    held = accounts(order, on_account, sales)
    return [
        Part("stores", [place.item() for place in PLACES]),
        Part("categories", [{"path": path, "name": name} for path, name in CATEGORIES.items()]),
        Part("products", [product.item() for product in PRODUCTS]),
        *_slices("customers", [shopper.item for shopper in shoppers]),
        Part("credit", [(account.customer, account.terms) for account in held]),
        *_history(order, held, sales),
    ]


def _history(order: Order, held: Sequence[Account], sales: Sequence[Deal]) -> Iterator[Part]:
    """Quarter by quarter, first what was paid and then what it paid for.

    The other way round each account would seem overdue for a moment, and warnings of that moment would be told.
    """
    for number, found in groupby(sales, key=lambda deal: quarter(order, deal.at.date())):
        paid = [(account.customer, account.payments[number]) for account in held if account.payments.get(number)]
        if paid:
            yield Part("receivables", paid)
        yield from _slices("receipts", list(found))


def _slices(kind: PartKind, content: Sequence[Any]) -> Iterator[Part]:
    for start in range(0, len(content), SIZE):
        yield Part(kind, content[start : start + SIZE])
