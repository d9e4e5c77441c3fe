"""Receipts as tills send them."""

import itertools
from typing import Any

_numbers = itertools.count(1)


def line(net: int = 3000, product: str = "P1", **more: Any) -> dict[str, Any]:
    """A line of one piece."""
    return {"product": product, "category": "c1/c11", "quantity": "1", "net": net, **more}


def receipt(*lines: dict[str, Any], card: str | None = None, **more: Any) -> dict[str, Any]:
    """A sale of one line at noon, of whoever holds `card` (created if nobody does) or of nobody."""
    made: dict[str, Any] = {
        "source": "till",
        "number": f"N{next(_numbers)}",
        "store": "S1",
        "kind": "sale",
        "occurred_at": "2026-03-05T12:00:00+08:00",
        "currency": "CNY",
        "lines": list(lines) or [line()],
    }
    if card is not None:
        made |= {"customer": named("card", card), "on_unknown_customer": "create"}
    return made | more


def named(kind: str, value: str, system: str | None = None) -> dict[str, Any]:
    """A customer as a till names one."""
    identifier = {"kind": kind, "value": value}
    return {"identifier": identifier | ({"system": system} if system else {})}


def returned(original: dict[str, Any], *lines: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A return of these lines of a receipt."""
    returns = {"source": original["source"], "number": original["number"]}
    return receipt(*lines, kind="return", returns=returns, **more)
