"""Why a customer is in a segment or not: the truth of every condition, its value, and what it is short of. Pure."""

import uuid
from collections.abc import Callable, Iterator
from collections.abc import Sequence as Many
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from app.core.fields import FieldType
from app.segments.print import Printer
from app.segments.tree import And, Compare, Expr, Leaf, Near, Not, Or, Rank, Rows, Sequence
from app.segments.walk import is_leaf


@dataclass(frozen=True, slots=True)
class Outcome:
    """One condition for one customer.

    `value` is what the customer has (null: missing, or nothing to show), `needed` what another term or the cut of a
    ranking demands; `evidence` are ids of receipts, newest first.
    """

    truth: bool
    type: FieldType | None = None
    value: Any = None
    needed: Any = None
    evidence: Many[uuid.UUID] = ()


def leaves(tree: Expr) -> Iterator[Leaf]:
    """The conditions that a person is told of, in the order of the text."""
    if isinstance(tree, And | Or):
        for item in tree.items:
            yield from leaves(item)
    elif isinstance(tree, Not):
        yield from leaves(tree.item)
    else:
        yield tree


def explanation(tree: Expr, outcomes: Many[Outcome], printer: Printer) -> dict[str, Any]:
    """The tree with the truth of every part; `outcomes` are of its `leaves`, in order."""
    found = iter(outcomes)

    def explained(node: Expr) -> dict[str, Any]:
        if isinstance(node, And | Or):
            items = [explained(item) for item in node.items]
            truths = [item["truth"] for item in items]
            return {"op": node.op, "truth": all(truths) if isinstance(node, And) else any(truths), "items": items}
        if isinstance(node, Not):
            item = explained(node.item)
            return {"op": "not", "truth": not item["truth"], "items": [item]}
        return _leaf(node, next(found), printer)

    return explained(tree)


def _leaf(leaf: Leaf, outcome: Outcome, printer: Printer) -> dict[str, Any]:
    assert is_leaf(leaf)  # noqa: S101  the others are combinations
    shown: dict[str, Any] = {"op": "condition", "truth": outcome.truth, "text": printer.text(leaf)}
    if outcome.type is not None:
        shown["value"] = wire(outcome.value, outcome.type)
    if outcome.needed is not None and outcome.type is not None:
        shown["needed"] = wire(outcome.needed, outcome.type)
    distance = None if outcome.truth else short(leaf, outcome, printer)
    if distance is not None:
        shown["distance"] = distance
    if isinstance(leaf, Rows | Sequence) or outcome.evidence:
        shown["evidence"] = [str(receipt) for receipt in outcome.evidence]
    return shown


def wire(value: Any, kind: FieldType) -> dict[str, Any] | None:
    """A value as it stands in a tree, or None when it is missing."""
    if value is None:
        return None
    written = _WRITTEN.get(kind, ("text", str))
    return {written[0]: written[1](value)}


def _amount(value: Any) -> int | str:
    """Minor units; an average can lie between two of them."""
    return int(value) if value == int(value) else plain_number(value)


def plain_number(value: Any) -> str:
    """A number as it is written: no zeros at the end, no exponent."""
    found = Decimal(value).normalize()
    return f"{found + 0:f}" if found else "0"


_WRITTEN: dict[FieldType, tuple[str, Callable[[Any], Any]]] = {
    FieldType.MONEY: ("money", _amount),
    FieldType.NUMBER: ("number", plain_number),
    FieldType.BOOLEAN: ("boolean", bool),
    FieldType.DATE: ("date", date.isoformat),
    FieldType.BIRTHDAY: ("text", lambda key: f"{key // 100:02d}-{key % 100:02d}"),
}


def short(leaf: Leaf, outcome: Outcome, printer: Printer) -> str | None:  # noqa: PLR0911  a line per kind
    """How far from being true a condition is, in words: '38.00 short'; None where that cannot be said."""
    if isinstance(leaf, Rows | Sequence):
        return "there is none" if leaf.op in {"any", "sequence"} else f"{outcome.value} found"
    if outcome.type not in {FieldType.NUMBER, FieldType.MONEY, FieldType.DATE}:
        return None
    if outcome.value is None:
        return "the value is missing"
    if outcome.needed is None:
        return None
    if isinstance(leaf, Near):
        return f"{plain_number(outcome.value - outcome.needed)} km too far"
    if isinstance(leaf, Rank):
        upwards = leaf.end == "top"
    elif isinstance(leaf, Compare) and leaf.comparator in {"<", "<=", ">", ">="}:
        upwards = leaf.comparator in {">", ">="}
    else:
        return None
    return _difference(outcome.value, outcome.needed, outcome.type, printer, upwards=upwards)


def _difference(value: Any, needed: Any, kind: FieldType, printer: Printer, *, upwards: bool) -> str:
    if value == needed:
        return "just at the limit"
    if kind is FieldType.DATE:
        assert isinstance(value, date)  # noqa: S101  the type says so
        days = abs((needed - value).days)
        return f"{days} {'day' if days == 1 else 'days'} too {'early' if upwards else 'late'}"
    gap = abs(Decimal(needed) - Decimal(value))
    amount = printer.money(int(gap.to_integral_value())) if kind is FieldType.MONEY else plain_number(gap)
    return f"{amount} {'short' if upwards else 'over'}"
