"""The arithmetic of a receipt: what its lines say, in its own currency and in the company's. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from app.core.errors import FieldError
from app.core.types import AMOUNT_MAX
from app.till.schemas import Line, Receipt
from app.till.terms import Exchange


@dataclass(slots=True)
class Sums:
    """Sums over lines, signed: what is given back is negative. Null means that no line says it."""

    gross: int = 0
    discount: int | None = None
    net: int = 0
    tax: int | None = None
    cost: int | None = None
    base_net: int = 0
    base_discount: int | None = None
    base_margin: int | None = None
    base_returns: int = 0


@dataclass(slots=True)
class Counted:
    """One line, signed and in both currencies."""

    quantity: str
    gross: int
    discount: int | None
    net: int
    tax: int | None
    cost: int | None
    base_net: int
    base_discount: int | None
    base_margin: int | None


def counted(receipt: Receipt, exchange: Exchange, errors: list[FieldError]) -> tuple[list[Counted], Sums]:
    """The lines and their sums. What cannot be is added to `errors`.

    Each line is converted and rounded by itself, and everything else is a sum of lines: whatever is added up over
    lines, receipts, days or customers gives the same amount.
    """
    back = receipt.kind == "return"
    lines: list[Counted] = []
    for place, line in enumerate(receipt.lines):
        found = _line_errors(line, f"/lines/{place}", may_be_negative=not back)
        if found:
            errors.extend(found)
            continue
        try:
            lines.append(_counted(line, -1 if back else 1, exchange))
        except OverflowError:
            errors.append(
                FieldError(f"/lines/{place}", "too_large", "In the company's currency the amount is too large.")
            )
    sums = _sums(lines)
    if (
        max(abs(sums.gross), abs(sums.net), abs(sums.base_net), abs(sums.cost or 0), abs(sums.base_margin or 0))
        > AMOUNT_MAX
    ):
        errors.append(FieldError("/lines", "too_large", "The amounts of a receipt are too large in sum."))
    return lines, sums


def on_account(tenders: Iterable[Mapping[str, Any]], exchange: Exchange) -> int:
    """What signed tenders leave owed, in the company's currency. Raises OverflowError if that is more than may be."""
    return exchange.base(sum(tender["amount"] for tender in tenders if tender["kind"] == "on_account"))


def _line_errors(line: Line, pointer: str, *, may_be_negative: bool) -> list[FieldError]:
    gross, discount, net, tax = line.gross, line.discount, line.net, line.tax
    amounts = (gross or 0, discount or 0, net, tax or 0, line.cost or 0)
    least, most = min(amounts), max(amounts)
    minus = line.quantity.startswith("-")
    if least < 0 or minus:
        if not may_be_negative:
            return [FieldError(pointer, "negative", "On a return, quantities and amounts are given as positive.")]
        if most > 0 or not (minus or line.quantity == "0"):
            detail = "Quantity and amounts of a line are negative together or not at all."
            return [FieldError(pointer, "mixed_signs", detail)]
    found = []
    if gross is not None and discount is not None and gross - discount != net:
        found.append(FieldError(f"{pointer}/net", "amounts_disagree", "gross - discount must be net."))
    elif gross is not None and abs(gross) < abs(net):
        found.append(FieldError(f"{pointer}/gross", "amounts_disagree", "gross cannot be less than net."))
    if tax is not None and abs(tax) > abs(net):
        found.append(FieldError(f"{pointer}/tax", "tax_above_net", "tax is the part of net that is tax."))
    return found


def _counted(line: Line, sign: int, exchange: Exchange) -> Counted:
    net, tax, cost = sign * line.net, line.tax, line.cost
    gross, discount = line.gross, line.discount
    if gross is None:
        gross = line.net + (discount or 0)
    elif discount is None:
        discount = gross - line.net
    quantity = line.quantity
    if sign < 0 and quantity != "0":
        quantity = f"-{quantity}"
    base_net, base_margin = exchange.base(net), None
    if cost is not None:
        cost *= sign
        base_margin = base_net - exchange.base(cost)
    if tax is not None:
        tax *= sign
        if base_margin is not None:
            base_margin -= exchange.base(tax)
    if discount is not None:
        discount *= sign
    base_discount = None if discount is None else exchange.base(discount)
    return Counted(quantity, sign * gross, discount, net, tax, cost, base_net, base_discount, base_margin)


def _sums(lines: list[Counted]) -> Sums:
    sums = Sums()
    for line in lines:
        sums.gross += line.gross
        sums.net += line.net
        sums.base_net += line.base_net
        if line.base_net < 0:
            sums.base_returns -= line.base_net
        if line.discount is not None:
            sums.discount = (sums.discount or 0) + line.discount
            sums.base_discount = (sums.base_discount or 0) + (line.base_discount or 0)
        if line.tax is not None:
            sums.tax = (sums.tax or 0) + line.tax
        if line.cost is not None:
            sums.cost = (sums.cost or 0) + line.cost
            sums.base_margin = (sums.base_margin or 0) + (line.base_margin or 0)
    return sums
