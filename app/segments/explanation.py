"""Why a customer is in a segment or not: the truth of every condition, its value, and what it is short of. Pure."""

import uuid
from collections.abc import Iterator, Mapping
from collections.abc import Sequence as Many
from datetime import date
from typing import Any

from app.segments import distances
from app.segments.outcomes import Outcome, wire
from app.segments.print import Printer
from app.segments.tree import And, Expr, InSegment, Leaf, Not, Or, Rows, Sequence
from app.segments.walk import is_leaf, is_list

Trees = Mapping[uuid.UUID, Expr]


def leaves(tree: Expr, trees: Trees | None = None) -> Iterator[Leaf]:
    """The conditions that a person is told of, in the order of the text; after a segment's name those of the segment.

    `trees` are those of the segments.
    """
    if isinstance(tree, And | Or):
        for item in tree.items:
            yield from leaves(item, trees)
    elif isinstance(tree, Not):
        yield from leaves(tree.item, trees)
    else:
        yield tree
        inner = _inside(tree, trees or {})
        if inner is not None:
            yield from leaves(inner, trees)


def _inside(leaf: Expr, trees: Trees) -> Expr | None:
    """The question of the segment that a condition names; None of a list, and of any other condition."""
    if not isinstance(leaf, InSegment) or leaf.segment is None or leaf.segment not in trees:
        return None
    inner = trees[leaf.segment]
    return None if is_list(inner, leaf.segment) else inner


def explanation(
    tree: Expr, outcomes: Many[Outcome], printer: Printer, as_of: date, trees: Trees | None = None
) -> dict[str, Any]:
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
        shown = _leaf(node, next(found), printer, as_of)
        inner = _inside(node, trees or {})
        return shown if inner is None else {**shown, "items": [explained(inner)]}

    return explained(tree)


def _leaf(leaf: Leaf, outcome: Outcome, printer: Printer, as_of: date) -> dict[str, Any]:
    assert is_leaf(leaf)  # noqa: S101  the others are combinations
    shown: dict[str, Any] = {"op": "condition", "truth": outcome.truth, "text": printer.text(leaf)}
    if outcome.type is not None:
        shown["value"] = wire(outcome.value, outcome.type)
    if outcome.needed is not None and outcome.type is not None:
        shown["needed"] = wire(outcome.needed, outcome.type)
    distance = None if outcome.truth else distances.short(leaf, outcome, printer, as_of)
    if distance is not None:
        shown["distance"] = distance
    if isinstance(leaf, Rows | Sequence) or outcome.evidence:
        shown["evidence"] = [str(receipt) for receipt in outcome.evidence]
    return shown
