"""What whoever wrote a question may not have meant, told from the question and a look at some customers. Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from app.core.fields import Field, Registry
from app.segments import windows
from app.segments.check import Checked
from app.segments.print import Printer
from app.segments.reader import MEANT, near
from app.segments.tree import Aggregate, And, Compare, Expr, FieldTerm, InSegment, Match, Not, OneOf, Or, Rank, Rows
from app.segments.tree import Sequence as Steps
from app.segments.values import Node, TextValue
from app.segments.walk import every, terms, values

# A field that is missing for so many of those looked at is worth a warning.
OFTEN_PERCENT = 80
# From so many customers on it says something that all of them, or none, are alike.
ENOUGH = 20
# Where the possible values of a field are listed, and what one of them is called.
LISTED = {"/v1/stores": "store", "/v1/products": "product", "/v1/categories": "category"}


class Looked(NamedTuple):
    """What a look at some customers has shown.

    How many they were, of how many percent of them each field is missing, and of how many each condition is true.
    """

    customers: int
    missing: Mapping[str, int]
    true: Sequence[int]


class Said(NamedTuple):
    """A value of a list of the catalog: where it is listed, and whether what is below it counts."""

    where: str
    value: str
    below: bool


def conditions(tree: Expr) -> list[Expr]:
    """The parts of a question that are looked at one by one, but for what costs as much as the whole."""
    parts = list(tree.items) if isinstance(tree, And | Or) else []
    return [part for part in parts if not any(isinstance(node, Rank | InSegment) for node in every(part))]


def asked_of(node: Expr, inside: str | None = None) -> Iterator[tuple[str | None, Expr]]:
    """Every condition, with the collection of whose rows it speaks (None: of customers)."""
    if isinstance(node, And | Or):
        for item in node.items:
            yield from asked_of(item, inside)
        return
    if isinstance(node, Not):
        yield from asked_of(node.item, inside)
        return
    yield inside, node
    for where, collection in _filters(node):
        yield from asked_of(where, collection)


def _filters(node: Expr) -> Iterator[tuple[Expr, str | None]]:
    """What stands inside a condition, with the collection of whose rows that speaks."""
    if isinstance(node, Rows) and node.where is not None:
        yield node.where, node.collection
    elif isinstance(node, Compare):
        for _, term in terms(node):
            if isinstance(term, Aggregate) and term.where is not None:
                yield term.where, term.of.partition(".")[0]
    elif isinstance(node, Steps):
        for step in node.steps:
            if step.where is not None:
                yield step.where, step.collection
    elif isinstance(node, Rank) and node.of is not None:
        yield node.of, None


def said(tree: Expr, registry: Registry) -> list[Said]:
    """The values that a question names and that the catalog lists."""
    found = []
    for inside, leaf in asked_of(tree):
        field = _field(leaf, inside, registry)
        if field is None or field.values_at not in LISTED:
            continue
        below = isinstance(leaf, Match)
        if isinstance(leaf, Match) and leaf.op != "under":
            continue
        found += [Said(field.values_at or "", one.text, below) for one in values(leaf) if isinstance(one, TextValue)]
    return list(dict.fromkeys(found))


def _field(leaf: Node, inside: str | None, registry: Registry) -> Field | None:
    name = getattr(leaf, "field", None)
    if isinstance(leaf, Compare):
        left = leaf.left
        if isinstance(left, Aggregate) and left.aggregate in {"first", "last"}:
            inside, _, name = left.of.partition(".")
        elif isinstance(left, FieldTerm):
            name = left.field
    if not isinstance(leaf, Compare | OneOf | Match) or name is None:
        return None
    known = registry.collections[inside].by_name if inside is not None else registry.fields
    return known.get(name)


def warnings(
    question: Expr, checked: Checked, as_of: date, count: int, everybody: int, looked: Looked | None, printer: Printer
) -> list[dict[str, Any]]:
    """What there is to say of a question that is true of `count` of `everybody`."""
    found: list[dict[str, Any]] = []
    for name, percent in (looked.missing if looked is not None else {}).items():
        detail = f"The field {name} is missing for {percent} % of the customers looked at (at most a thousand)."
        found.append({"code": "often_missing", "detail": detail})
    if count == 0:
        found.append({"code": "nobody", "detail": "It is true of nobody."})
    elif count == everybody >= ENOUGH:
        found.append({"code": "everybody", "detail": "It is true of every customer."})
    if looked is not None and looked.customers >= ENOUGH:
        found += _alike(question, looked, printer, nobody=count == 0)
    found += _ahead(question, as_of, printer)
    if checked.population_relative:
        detail = "Who is in it depends on others: a customer can leave without having changed."
        found.append({"code": "population_relative", "detail": detail})
    return found


def _alike(question: Expr, looked: Looked, printer: Printer, *, nobody: bool) -> Iterator[dict[str, Any]]:
    """Conditions that make no difference, and of those that must all be true which one shuts everybody out."""
    number = looked.customers
    for part, true in zip(conditions(question), looked.true, strict=True):
        if true == number:
            way = "it shuts nobody out" if isinstance(question, And) else "the others make no difference"
            detail = f"This is true of all {number} customers looked at: {way}."
            yield {"code": "always_true", "detail": detail, "condition": printer.text(part)}
        elif true == 0 and (nobody or isinstance(question, Or)):
            detail = f"This is true of none of the {number} customers looked at."
            yield {"code": "never_true", "detail": detail, "condition": printer.text(part)}


def _ahead(question: Expr, as_of: date, printer: Printer) -> Iterator[dict[str, Any]]:
    """Windows in the future over rows, which have happened."""
    for _, leaf in asked_of(question):
        parts: list[Any] = [leaf] if isinstance(leaf, Rows | Steps) else []
        if isinstance(leaf, Compare):
            parts = [term for _, term in terms(leaf) if isinstance(term, Aggregate)]
        for part in parts:
            first = None if part.window is None else windows.days(part.window, as_of).first
            if first is not None and first >= as_of and part.window.key in {"next", "from", "after"}:
                detail = f"This window begins on {first.isoformat()}: no row lies after the day that is asked for."
                yield {"code": "window_in_future", "detail": detail, "condition": printer.text(leaf)}


def unlisted(some: Sequence[Said], known: Collection[str]) -> Iterator[dict[str, Any]]:
    """That the catalog does not list some values; `known` are values that it lists."""
    for place, one in enumerate(some):
        yield _unlisted(one, near(one.value, known) if place < MEANT else None)


def _unlisted(one: Said, meant: str | None) -> dict[str, Any]:
    what = LISTED[one.where]
    hint = f" Did you mean {meant}?" if meant else ""
    return {
        "code": "unknown_value",
        "detail": f"There is no {what} of this name.{hint}",
        "value": one.value,
        "near": meant,
    }
