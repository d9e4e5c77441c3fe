"""What a receipt number stands for: the content of a receipt in one form, and how two contents differ. Pure."""

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
    """The content as JSON: equal bytes for equal receipts, however they were written. See `content_of`."""
    sign = -1 if receipt.kind == "return" else 1
    returns = receipt.returns
    content = (
        receipt.store,
        receipt.till,
        receipt.kind,
        receipt.occurred_at.isoformat(timespec="microseconds")[:-6] + "Z",
        receipt.business_date,
        receipt.currency,
        receipt.rate,
        receipt.seller,
        receipt.promotions or (),
        receipt.purpose,
        receipt.one_off,
        receipt.extensions or {},
        returns and {"number": returns.number, "source": returns.source},
        [{"amount": tender.amount, "kind": tender.kind} for tender in receipt.tenders or ()],
        [
            (
                line.product,
                line.category,
                line.quantity,
                sign * one.gross,
                one.discount and sign * one.discount,
                line.net,
                line.tax,
                line.cost,
                line.original_line,
            )
            for line, one in zip(receipt.lines, lines, strict=True)
        ],
    )
    return orjson.dumps(content, option=orjson.OPT_SORT_KEYS)


def content_of(canonical_form: bytes) -> dict[str, Any]:
    """The content by the names of FIELDS, and each line by those of LINE_FIELDS."""
    content = dict(zip(FIELDS, orjson.loads(canonical_form), strict=True))
    content["lines"] = [dict(zip(LINE_FIELDS, line, strict=True)) for line in content["lines"]]
    return content


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
