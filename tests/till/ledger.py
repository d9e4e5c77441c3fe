"""A plain-Python twin of what is kept per customer: it knows the receipts and loops over them."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import text

from app.core.db import Tx

ZONES = {"S1": "Asia/Shanghai", "S2": "Asia/Shanghai", "NY": "America/New_York"}
Rows = dict[Any, dict[str, Any]]


@dataclass
class Entry:
    """A receipt as sent, whose it is (a card, or None for nobody), and whether it still counts."""

    sent: dict[str, Any]
    owner: str | None
    void: bool = False
    id: str = ""

    @property
    def sign(self) -> int:
        return -1 if self.sent["kind"] == "return" else 1

    @property
    def net(self) -> int:
        return self.sign * sum(one["net"] for one in self.sent["lines"])

    @property
    def margin(self) -> int | None:
        known = [
            one["net"] - one.get("tax", 0) - one["cost"] for one in self.sent["lines"] if one.get("cost") is not None
        ]
        return self.sign * sum(known) if known else None

    @property
    def discount(self) -> int:
        given = (one["gross"] - one["net"] if "gross" in one else one.get("discount", 0) for one in self.sent["lines"])
        return self.sign * sum(given)

    @property
    def returns(self) -> int:
        return sum(max(0, -self.sign * one["net"]) for one in self.sent["lines"])

    @property
    def at(self) -> datetime:
        return datetime.fromisoformat(self.sent["occurred_at"])

    @property
    def day(self) -> date:
        given = self.sent.get("business_date")
        return date.fromisoformat(given) if given else self.at.astimezone(ZoneInfo(ZONES[self.sent["store"]])).date()

    @property
    def is_purchase(self) -> bool:
        return self.sent["kind"] == "sale" and self.net > 0


@dataclass
class Ledger:
    """Every receipt that was pushed, by number."""

    entries: dict[str, Entry] = field(default_factory=dict)

    def counted(self) -> dict[str, list[Entry]]:
        """By card, what counts."""
        found = defaultdict(list)
        for one in self.entries.values():
            if one.owner is not None and not one.void:
                found[one.owner].append(one)
        return found

    def days(self) -> Rows:
        by_day = defaultdict(list)
        for card, entries in self.counted().items():
            for one in entries:
                by_day[card, one.day].append(one)
        return {key: sums(entries) for key, entries in by_day.items()}

    def categories(self) -> Rows:
        found: Rows = defaultdict(lambda: {"net": 0, "lines": 0})
        for card, entries in self.counted().items():
            for entry in entries:
                for one in entry.sent["lines"]:
                    if one.get("category"):
                        row = found[card, one["category"]]
                        row["net"] += entry.sign * one["net"]
                        row["lines"] += 1
        return dict(found)

    def figures(self) -> Rows:
        days, categories = self.days(), self.categories()
        return {
            card: sums(entries) | rhythm(card, days) | favourite(card, categories)
            for card, entries in self.counted().items()
        }


def sums(entries: list[Entry]) -> dict[str, Any]:
    margins = [one.margin for one in entries if one.margin is not None]
    bought = [one for one in entries if one.is_purchase]
    last = max(((one.at, one.sent["store"]) for one in bought), default=None)
    return {
        "receipts": len(entries),
        "net": sum(one.net for one in entries),
        "costed": len(margins),
        "margin": sum(margins) if margins else None,
        "discount": sum(one.discount for one in entries),
        "returns": sum(one.returns for one in entries),
        "first_purchase_at": min((one.at for one in bought), default=None),
        "last_purchase_at": last and last[0],
        "last_store": last and last[1],
    }


def rhythm(card: str, days: Rows) -> dict[str, Any]:
    occasions = sorted(day for (owner, day), row in days.items() if owner == card and row["net"] > 0)
    gaps = [(later - earlier) // timedelta(days=1) for earlier, later in zip(occasions, occasions[1:], strict=False)]
    return {
        "occasions": len(occasions),
        "gap_sum": sum(gaps),
        "gap_square_sum": sum(gap * gap for gap in gaps),
        "first_occasion": occasions[0] if occasions else None,
        "last_occasion": occasions[-1] if occasions else None,
    }


def favourite(card: str, categories: Rows) -> dict[str, Any]:
    spent = sorted(
        (-row["net"], category) for (owner, category), row in categories.items() if owner == card and row["net"] > 0
    )
    return {"favourite_category": spent[0][1] if spent else None}


async def kept(tx: Tx, table: str, *key: str) -> Rows:
    """The rows of a table per customer, with the card in place of the customer's id."""
    names = ", ".join(["i.value AS card", *(f"t.{one}" for one in key)])
    rows = await tx.rows(
        text(
            f"SELECT {names}, to_jsonb(t) - 'customer_id' AS row, t.* FROM {table} t"
            " LEFT JOIN identifiers i ON i.customer_id = t.customer_id AND i.kind = 'card'"
        )
    )
    found: Rows = {}
    for row in rows:
        values = {name: getattr(row, name) for name in row.row if name not in key}
        found[(row.card, *(getattr(row, one) for one in key)) if key else row.card] = values
    return found


async def compare(tx: Tx, ledger: Ledger) -> None:
    """Assert that what is kept equals the ledger's plain loops."""
    assert await kept(tx, "customer_days", "business_date") == ledger.days()
    assert await kept(tx, "customer_categories", "category") == ledger.categories()
    assert await kept(tx, "customer_figures") == ledger.figures()
