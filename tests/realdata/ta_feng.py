"""The Ta-Feng grocery data as receipts, and what a plain loop over the file says of it.

A receipt is what one customer bought on one day. The file's amounts are whole dollars; ours are cents.
"""

import csv
import gc
import io
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson

PATH = Path(__file__).parents[3] / "shared" / "data" / "ta_feng.csv.zip"
FIGURES = (
    "receipts", "occasions", "net", "margin", "returns", "first_purchase_at", "last_purchase_at", "usual_gap_days",
    "last_store",
)  # fmt: skip
SOURCE, STORE, CURRENCY, ZONE = "ta-feng", "TF", "TWD", ZoneInfo("Asia/Taipei")


@dataclass(slots=True)
class Basket:
    """One customer's day: lines (product, category, quantity, cost, net), and what they sum to. Amounts in cents."""

    customer: str
    day: date
    lines: list[tuple[str, str, str, int, int]] = field(default_factory=list)
    cost: int = 0
    net: int = 0

    def add(self, product: str, category: str, quantity: str, cost: int, net: int) -> None:
        """One more line."""
        self.lines.append((product, category, quantity, cost, net))
        self.cost += cost
        self.net += net

    @property
    def moment(self) -> datetime:
        """Noon in Taipei: the file knows days only."""
        return datetime(self.day.year, self.day.month, self.day.day, 12, tzinfo=ZONE)

    def receipt(self) -> dict[str, Any]:
        """As a till would push it."""
        return {
            "source": SOURCE,
            "number": f"{self.day:%Y%m%d}-{self.customer}",
            "store": STORE,
            "till": "1",
            "kind": "sale",
            "occurred_at": self.moment.isoformat(),
            "currency": CURRENCY,
            "customer": {"identifier": {"kind": "card", "value": self.customer}},
            "on_unknown_customer": "create",
            "lines": [
                {"product": product, "category": category, "quantity": quantity, "net": net, "cost": cost}
                for product, category, quantity, cost, net in self.lines
            ],
            "tenders": [{"kind": "cash", "amount": self.net}],
        }


@contextmanager
def _uncollected() -> Iterator[None]:
    """For a million new objects of which none is let go: there is nothing to collect."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@cache
def read(path: Path = PATH) -> list[Basket]:
    """All baskets, in the file's order of days. Read once."""
    baskets: dict[tuple[str, str], Basket] = {}
    with _uncollected(), zipfile.ZipFile(path) as archive, archive.open(archive.namelist()[0]) as raw:
        rows = csv.reader(io.TextIOWrapper(raw, encoding="utf-8-sig", newline=""))
        next(rows)
        for day, customer, _age, _area, subclass, product, quantity, cost, price in rows:
            basket = baskets.get((day, customer))
            if basket is None:
                basket = baskets[day, customer] = Basket(customer, _date(day))
            category = f"{subclass[:3]}/{subclass}"
            basket.add(product, category, quantity, int(cost) * 100, int(price) * 100)
    return list(baskets.values())


def _date(text: str) -> date:
    month, day, year = (int(part) for part in text.split("/"))
    return date(year, month, day)


def bodies(baskets: list[Basket], size: int = 1000) -> list[bytes]:
    """Batches ready to be sent."""
    return [
        orjson.dumps({"items": [basket.receipt() for basket in baskets[start : start + size]]})
        for start in range(0, len(baskets), size)
    ]


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over baskets; amounts in cents."""

    receipts: int
    lines: int
    customers: int
    products: int
    net: int
    cost: int


def totals(baskets: list[Basket]) -> Totals:
    """What the file adds up to."""
    return Totals(
        receipts=len(baskets),
        lines=sum(len(basket.lines) for basket in baskets),
        customers=len({basket.customer for basket in baskets}),
        products=len({line[0] for basket in baskets for line in basket.lines}),
        net=sum(basket.net for basket in baskets),
        cost=sum(basket.cost for basket in baskets),
    )


def figures(baskets: list[Basket]) -> dict[str, dict[str, Any]]:
    """Every customer's figures as the API should answer them, by a plain loop."""
    own: dict[str, list[Basket]] = defaultdict(list)
    for basket in baskets:
        own[basket.customer].append(basket)
    return {customer: _figures(sorted(found, key=lambda basket: basket.day)) for customer, found in own.items()}


def _tenths(days: int, gaps: int) -> float:
    """The mean, rounded to tenths as PostgreSQL rounds: half up."""
    return (days * 20 + gaps) // (gaps * 2) / 10


def _figures(baskets: list[Basket]) -> dict[str, Any]:
    days = [basket.day for basket in baskets]
    gaps = [(later - earlier).days for earlier, later in pairwise(days)]
    net = sum(basket.net for basket in baskets)
    return {
        "receipts": len(baskets),
        "occasions": len(days),
        "net": net,
        "margin": net - sum(basket.cost for basket in baskets),
        "returns": 0,
        "first_purchase_at": baskets[0].moment,
        "last_purchase_at": baskets[-1].moment,
        "usual_gap_days": _tenths(sum(gaps), len(gaps)) if gaps else None,
        "last_store": STORE,
    }
