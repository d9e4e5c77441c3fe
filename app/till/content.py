"""What a receipt number stands for: the content of a receipt in one canonical form, and how two contents differ. Pure."""

from typing import Any

import orjson

from app.till.lines import Counted
from app.till.schemas import Receipt

# Everything that is stored of a receipt, except whose it is. An answer's document has the same names.
FIELDS = (
    "store", "till", "kind", "occurred_at", "business_date", "currency", "rate", "seller", "promotions", "purpose",
    "one_off", "extensions", "returns", "tenders", "lines",
)  # fmt: skip
LINE_FIELDS = ("product", "category", "quantity", "gross", "discount", "net", "tax", "cost", "original_line")
DIFFERENCES_MAX = 20


def canonical(receipt: Receipt, lines: list[Counted]) -> bytes:
    """The content as JSON with sorted keys: equal bytes for equal receipts, however they were written."""
    sign = -1 if receipt.kind == "return" else 1
    return orjson.dumps(
        {
            "store": receipt.store,
            "till": receipt.till,
            "kind": receipt.kind,
            "occurred_at": receipt.occurred_at.isoformat(timespec="microseconds")[:-6] + "Z",
            "business_date": receipt.business_date,
            "currency": receipt.currency,
            "rate": receipt.rate,
            "seller": receipt.seller,
            "promotions": receipt.promotions or [],
            "purpose": receipt.purpose,
            "one_off": receipt.one_off,
            "extensions": receipt.extensions or {},
            "returns": None if receipt.returns is None else dict(receipt.returns),
            "tenders": [dict(tender) for tender in receipt.tenders or ()],
            "lines": [
                {
                    "product": line.product,
                    "category": line.category,
                    "quantity": line.quantity,
                    "gross": sign * amounts.gross,
                    "discount": None if amounts.discount is None else sign * amounts.discount,
                    "net": line.net,
                    "tax": line.tax,
                    "cost": line.cost,
                    "original_line": line.original_line,
                }
                for line, amounts in zip(receipt.lines, lines, strict=True)
            ],
        },
        option=orjson.OPT_SORT_KEYS,
    )


def differences(ours: dict[str, Any], theirs: dict[str, Any]) -> list[dict[str, Any]]:
    """What differs between the stored and the sent content, as {pointer, ours, theirs}; at most twenty.

    What the till left to us (`business_date`, a line's category) does not differ. Values of free content are not told.
    """
    found: list[dict[str, Any]] = []
    for name in FIELDS:
        mine, sent = ours.get(name), theirs.get(name)
        if mine == sent or (name == "business_date" and sent is None):
            continue
        if name in {"extensions", "seller"}:
            found.append({"pointer": f"/{name}"})
        elif name != "lines":
            found.append({"pointer": f"/{name}", "ours": mine, "theirs": sent})
        elif len(mine or ()) != len(sent or ()):
            found.append({"pointer": "/lines", "ours": len(mine or ()), "theirs": len(sent or ())})
        else:
            found += _of_lines(mine or [], sent or [])
    return found[:DIFFERENCES_MAX]


def _of_lines(ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"pointer": f"/lines/{place}/{name}", "ours": mine.get(name), "theirs": sent.get(name)}
        for place, (mine, sent) in enumerate(zip(ours, theirs, strict=True))
        for name in LINE_FIELDS
        if mine.get(name) != sent.get(name) and not (name == "category" and sent.get(name) is None)
    ]
