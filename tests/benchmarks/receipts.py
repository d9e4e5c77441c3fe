"""Receipts for the push measurements: as tills send them, to customers spread over the whole database."""

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.benchmarks.data import Size
from tests.benchmarks.lookups import card, phone


class Tills:
    """Makes receipts of one run; numbers never repeat within it, and `source` keeps runs apart."""

    def __init__(self, size: Size, source: str, seed: int = 1) -> None:
        self._size = size
        self._source = source
        self._chooser = random.Random(f"{source} {seed}")
        self._made = 0
        self._now = datetime.now(UTC) - timedelta(minutes=5)

    def receipt(self, lines: int = 3) -> dict[str, Any]:
        """One sale. Of a hundred buyers 80 show a card, 15 tell a phone, 3 are new and 2 are nobody's customer."""
        choose, size = self._chooser, self._size
        self._made += 1
        items = [self._line() for _ in range(lines)]
        store = choose.randint(1, size.stores)
        # One in twenty comes late, from a till that was offline.
        late = timedelta(hours=choose.randint(1, 200)) if choose.random() < 0.05 else timedelta()
        return {
            "source": self._source,
            "number": f"S{store:03d}-{self._made:08d}",
            "store": f"S{store:03d}",
            "till": str(choose.randint(1, 6)),
            "kind": "sale",
            "occurred_at": (self._now - late - timedelta(seconds=choose.randint(0, 3600))).isoformat(
                timespec="seconds"
            ),
            "currency": "CNY",
            "seller": f"emp-{choose.randint(1, 999)}",
            "customer": self._customer(),
            "on_unknown_customer": "create",
            "lines": items,
            "tenders": [{"kind": "cash", "amount": sum(line["net"] for line in items)}],
        }

    def batch(self, count: int = 1000) -> bytes:
        """The body of one batch."""
        return json.dumps({"items": [self.receipt() for _ in range(count)]}, separators=(",", ":")).encode()

    def _line(self) -> dict[str, Any]:
        number = 1 + int(self._chooser.random() ** 2 * self._size.products) % self._size.products
        category = f"c{1 + number % 20:02d}/{1 + number // 20 % 10:02d}"
        quantity, price = self._chooser.randint(1, 3), 100 * (5 + number % 300)
        gross = price * quantity
        discount = gross // 10 if self._chooser.random() < 0.25 else 0
        return {
            "product": f"P{number:06d}", "category": category, "quantity": str(quantity), "gross": gross,
            "discount": discount, "net": gross - discount, "tax": (gross - discount) // 10, "cost": gross * 7 // 10,
        }  # fmt: skip

    def _customer(self) -> dict[str, Any] | None:
        kind, number = self._chooser.random(), self._chooser.randint(1, self._size.customers)
        if kind < 0.80:
            return {"identifier": {"kind": "card", "value": card(number)}}
        if kind < 0.95:
            # Not of a family: whose phone is shared is nobody's alone, and the receipt would go to the walk-in.
            number = number // 25 * 25 + 5
            return {"identifier": {"kind": "phone", "value": phone(min(number, self._size.customers))}}
        if kind < 0.98:
            return {"identifier": {"kind": "card", "value": f"{self._source.upper()}-{self._made}"}}
        return None
