"""Receipts as tills send them."""

import itertools
from typing import Any

_numbers = itertools.count(1)


def line(net: int = 3000, product: str = "P1", **more: Any) -> dict[str, Any]:
    return {"product": product, "category": "c1/c11", "quantity": "1", "net": net, **more}


def receipt(*lines: dict[str, Any], card: str | None = None, **more: Any) -> dict[str, Any]:
    """A sale of one line at noon, of whoever holds `card` (created if nobody does) or of nobody."""
    made = {
        "source": "till",
        "number": f"N{next(_numbers)}",
        "store": "S1",
        "kind": "sale",
        "occurred_at": "2026-03-05T12:00:00+08:00",
        "currency": "CNY",
        "lines": list(lines) or [line()],
        **more,
    }
    if card is not None:
        made |= {"customer": {"identifier": {"kind": "card", "value": card}}, "on_unknown_customer": "create"}
    return made
