"""Receipts, as short as they may be."""

import itertools
from typing import Any

_numbers = itertools.count(1)


def line(net: int = 1000, product: str = "P1", quantity: str = "1", **more: Any) -> dict[str, Any]:
    return {"product": product, "quantity": quantity, "net": net, "category": "c", **more}


def receipt(*lines: dict[str, Any], card: str | None = "A", **more: Any) -> dict[str, Any]:
    """A sale at noon of the 5th of March."""
    made: dict[str, Any] = {
        "source": "till",
        "number": f"R{next(_numbers)}",
        "store": "S1",
        "kind": "sale",
        "occurred_at": "2026-03-05T04:00:00Z",
        "currency": "CNY",
        "lines": list(lines) or [line()],
        "on_unknown_customer": "create",
    }
    if card is not None:
        made["customer"] = {"identifier": {"kind": "card", "value": card}}
    return made | more


def back(original: dict[str, Any], *lines: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A return that refers to a receipt."""
    returns = {"source": original["source"], "number": original["number"]}
    return receipt(*lines, kind="return", returns=returns, **more)
