"""The CDNOW purchases as receipts of a till: a music shop's newcomers of early 1997, until the middle of 1998."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from tests.realdata.losses import Trial

DATA = Path(__file__).parents[3] / "shared" / "data"
# The published sample, a tenth of them, and all of them. Of the sample the second column is the customer.
SAMPLE, WHOLE = DATA / "CDNOW_sample.txt", DATA / "CDNOW_master.txt"
STORE, ZONE = "CD", ZoneInfo("America/New_York")
# The end of week 39, and of week 78.
TRIAL = Trial(date(1997, 9, 30), date(1998, 6, 30), "USD", ZONE)


@dataclass(frozen=True, slots=True)
class Purchase:
    """One customer's purchase, the `number`-th of that day; `net` in cents."""

    customer: str
    day: date
    number: int
    net: int

    def receipt(self) -> dict[str, Any]:
        """As a till would push it, at noon: the file knows days only."""
        return {
            "source": "cdnow",
            "number": f"{self.day:%Y%m%d}-{self.customer}-{self.number}",
            "store": STORE,
            "kind": "sale",
            "occurred_at": datetime(self.day.year, self.day.month, self.day.day, 12, tzinfo=ZONE).isoformat(),
            "currency": TRIAL.currency,
            "customer": {"identifier": {"kind": "card", "value": self.customer}},
            "on_unknown_customer": "create",
            "lines": [{"product": "CD", "quantity": "1", "net": self.net}],
            "tenders": [{"kind": "cash", "amount": self.net}],
        }


def read(path: Path) -> list[Purchase]:
    """All purchases, in the file's order."""
    seen: Counter[tuple[str, date]] = Counter()
    found = []
    for line in path.read_text().splitlines():
        *customers, day_text, _cds, dollars = line.split() or [""] * 3
        if not day_text.isdigit():
            continue
        customer, day = customers[-1], date(int(day_text[:4]), int(day_text[4:6]), int(day_text[6:]))
        seen[customer, day] += 1
        found.append(Purchase(customer, day, seen[customer, day], round(float(dollars) * 100)))
    return found


def bodies(purchases: list[Purchase], size: int = 1000) -> list[bytes]:
    """Batches ready to be sent."""
    return [
        orjson.dumps({"items": [one.receipt() for one in purchases[start : start + size]]})
        for start in range(0, len(purchases), size)
    ]
