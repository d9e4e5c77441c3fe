"""From what a caller sends, text or tree, to a checked question; and from what is wrong with it to a problem. Pure."""

import uuid
from typing import Any

from app.core.caller import Caller
from app.core.errors import FORBIDDEN, FieldError, Problem
from app.core.gate import pointer_to
from app.segments.check import Checked, World, check
from app.segments.grammar import Refused
from app.segments.leaves import Fault
from app.segments.models import INVALID_SEGMENT
from app.segments.parse import parse, says
from app.segments.tree import Expr, Near
from app.segments.values import NamedPlace
from app.segments.walk import every

SHOWN_FAULTS = 20


def of_text(text: str, world: World, own: uuid.UUID | None = None) -> Checked:
    """The question that a text asks. Raises Problem that says where in the text it goes wrong, and what would do."""
    try:
        parsed = parse(text)
    except Refused as refused:
        raise _refused(text, [refused]) from None
    checked, faults = check(parsed.tree, world, from_text=True, own=own)
    if checked is not None:
        return checked
    found = [
        Refused(fault.code, fault.detail, *parsed.place(fault.node, fault.part), near=fault.near)
        for fault in faults.all[:SHOWN_FAULTS]
    ]
    raise _refused(text, found)


def of_tree(tree: Expr, world: World, own: uuid.UUID | None = None) -> Checked:
    """The question that a tree asks. Raises Problem with a pointer to each place that is wrong."""
    checked, faults = check(tree, world, own=own)
    if checked is not None:
        return checked
    errors = [_pointed(fault) for fault in faults.all[:SHOWN_FAULTS]]
    raise Problem(INVALID_SEGMENT, errors[0].detail, errors)


def names_place(given: dict[str, Any]) -> bool:
    """Whether a definition (`text` or `tree`) may name a store or place that somebody is to be near to."""
    if given.get("text") is not None:
        return says(given["text"], "km")
    nodes = every(given["tree"]) if given.get("tree") is not None else ()
    return any(isinstance(node, Near) and isinstance(node.of, NamedPlace) for node in nodes)


def refuse_unless_granted(caller: Caller, checked: Checked) -> None:
    """Raise Problem forbidden unless the caller may use everything that the question uses."""
    lacking = checked.lacking(caller)
    if lacking:
        raise Problem(FORBIDDEN, f"This API key may not ask this: it lacks {', '.join(lacking)}.")


def _pointed(fault: Fault) -> FieldError:
    return FieldError(pointer_to("tree", *(str(part) for part in fault.path)), fault.code, fault.detail)


def _refused(text: str, found: list[Refused]) -> Problem:
    """`places` stand beside `errors`, in the same order."""
    errors, places = [], []
    for each in found:
        line = text.count("\n", 0, each.start) + 1
        column = each.start - (text.rfind("\n", 0, each.start) + 1) + 1
        detail = f"Line {line}, column {column}: {each.detail}"
        errors.append(FieldError("/text", each.code, detail))
        place = {"start": each.start, "end": each.end, "line": line, "column": column}
        places.append({**place, "expected": list(each.expected), "near": each.near})
    return Problem(INVALID_SEGMENT, errors[0].detail, errors, extra={"places": places})
