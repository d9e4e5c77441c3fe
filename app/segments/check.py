"""Is a tree a question that can be answered? Names, types, operators and limits, against the registry. Pure.

What comes out is the tree as it is stored: amounts are money, segments are ids.
"""

import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any

from app.core.caller import Caller
from app.core.fields import Field, Registry, Spread
from app.segments import grammar
from app.segments.leaves import EVERYBODY, Faults, Found, Leaves
from app.segments.print import Printer
from app.segments.reader import near
from app.segments.tree import (
    Aggregate,
    And,
    Compare,
    Consent,
    Expr,
    InSegment,
    Leaf,
    Moved,
    Naming,
    Not,
    Or,
    Rank,
    Rows,
    Sample,
    Sequence,
    WasIn,
    to_json,
)
from app.segments.values import Before, Last, Next, Node, Span
from app.segments.walk import children, depth, every, is_leaf, is_list, terms, values
from app.segments.windows import days

# The event after which others may be in a list, and those of kept segments.
LIST_CHANGED = "segment.members_changed"
SEGMENT_ENTERED, SEGMENT_LEFT = "segment.entered", "segment.left"


@dataclass(frozen=True, slots=True)
class Known:
    """A saved segment, as another one may refer to it; `since` is the first day of which it is kept who was in it."""

    id: uuid.UUID
    name: str
    tree: Expr
    since: date | None = None


@dataclass(frozen=True)
class World:
    """What a tree is checked against: the registry, the currency's decimals, and the segments that it may refer to.

    `others` are names of saved segments, if it names one that there is not: one of them may be meant. `places` are the
    codes of stores and places that a new question may name; None: it is not looked at. `saved`: the question is one
    that was saved, perhaps when more could be asked.
    """

    registry: Registry
    digits: int
    segments: Mapping[uuid.UUID, Known] = field(default_factory=dict)
    others: Collection[str] = ()
    places: Collection[str] | None = None
    saved: bool = False

    @cached_property
    def ids(self) -> Mapping[str, uuid.UUID]:
        """Segments by name."""
        return {known.name: known.id for known in self.segments.values()}

    @cached_property
    def printer(self) -> Printer:
        """Prints trees of this company."""
        return Printer(self.digits, {known.id: known.name for known in self.segments.values()})


@dataclass(frozen=True, slots=True)
class Checked:
    """A tree that can be answered, and what follows from it.

    `uses` names its fields and collections, `segments` what it refers to directly. `grants` are the pairs of scope and
    field group that a caller needs, `changed_by` the events after which a membership may differ, both with those of
    the segments behind it. `temporal`: time alone can change it. `population_relative`: others' values count.
    `behind` are the segments whose questions it takes to answer it, `past` those whose past it asks about, `unfollowed`
    the fields that may change without an event; `spreads` see `Field`.
    """

    tree: Expr
    uses: frozenset[str]
    segments: frozenset[uuid.UUID]
    grants: frozenset[tuple[str, str]]
    changed_by: frozenset[str]
    temporal: bool
    population_relative: bool
    behind: frozenset[uuid.UUID] = frozenset()
    past: frozenset[uuid.UUID] = frozenset()
    unfollowed: frozenset[str] = frozenset()
    spreads: tuple[Spread, ...] = ()

    @property
    def as_json(self) -> dict[str, Any]:
        """The tree as it is stored."""
        return to_json(self.tree)

    def lacking(self, caller: Caller) -> list[str]:
        """What the caller needs for this and does not hold, in words."""
        # Whoever is told of customers must be allowed to read them, whatever the question.
        scopes = {"customers:read", *(scope for scope, _ in self.grants)}
        lacks = {f"the scope {scope}" for scope in scopes if not caller.may(scope)}
        groups = {group for _, group in self.grants}
        lacks |= {f"the field group {group}" for group in groups - {EVERYBODY} if not caller.sees(group)}
        if caller.limited and EVERYBODY in groups:
            lacks.add("the reach of all customers")
        return sorted(lacks)


def check(
    tree: Expr, world: World, *, from_text: bool = False, own: uuid.UUID | None = None
) -> tuple[Checked | None, Faults]:
    """`tree` as it can be answered, or what is wrong with it.

    `from_text` lets a number stand for an amount of money; `own` is the segment that is to have this tree.
    """
    faults = Faults()
    _limits(tree, faults)
    if faults.all:
        return None, faults
    checker = _Checker(world, faults, from_text=from_text)
    made = checker.expr(tree, (), None)
    if not faults.all:
        _references(made, world, own, faults)
    if not faults.all and len(world.printer.text(made).encode()) > grammar.TEXT_BYTES:
        faults.add((), tree, "", "too_long", f"Written as text it has more than {grammar.TEXT_BYTES} bytes.")
    if faults.all:
        return None, faults
    return _checked(made, checker.found, world), faults


def _limits(tree: Expr, faults: Faults) -> None:
    nodes = list(every(tree))
    leaves = sum(1 for node in nodes if is_leaf(node))
    if leaves > grammar.LEAVES:
        faults.add((), tree, "", "too_many_conditions", f"A segment may have at most {grammar.LEAVES} conditions.")
    if sum(len(values(node)) for node in nodes) > grammar.VALUES:
        faults.add((), tree, "", "too_many_values", f"A segment may have at most {grammar.VALUES} values.")
    if depth(tree) > grammar.DEPTH:
        faults.add((), tree, "", "too_deep", f"A segment may be nested at most {grammar.DEPTH} levels deep.")


def _references(tree: Expr, world: World, own: uuid.UUID | None, faults: Faults) -> None:
    """Refuse circles, and chains that written out are larger than a question may be."""
    sizes: dict[uuid.UUID, tuple[int, int]] = {}

    def size(each: Expr, above: tuple[uuid.UUID, ...]) -> tuple[int, int]:
        leaves, below = 0, 0
        for node in every(each):
            leaves += is_leaf(node)
            if isinstance(node, Naming) and node.segment is not None:
                more, deeper = of_segment(node.segment, above)
                # A past is looked up, not asked again; a circle there must not be all the same.
                asked = isinstance(node, InSegment)
                leaves, below = leaves + asked * more, max(below, asked * deeper)
        return leaves, below + depth(each)

    def of_segment(known: uuid.UUID, above: tuple[uuid.UUID, ...]) -> tuple[int, int]:
        if known == own or known in above:
            raise _Circle
        if is_list(world.segments[known].tree, known):
            return 0, 0
        if known not in sizes:
            sizes[known] = size(world.segments[known].tree, (*above, known))
        return sizes[known]

    try:
        leaves, levels = size(tree, ())
    except _Circle:
        faults.add((), tree, "", "circle", "The segments refer to each other in a circle.")
        return
    if leaves > grammar.LEAVES_WITH_SEGMENTS or levels > grammar.DEPTH_WITH_SEGMENTS:
        text = "With the segments that it refers to, this asks too much at once: at most {} conditions, {} levels deep."
        detail = text.format(grammar.LEAVES_WITH_SEGMENTS, grammar.DEPTH_WITH_SEGMENTS)
        faults.add((), tree, "", "too_many_conditions", detail)


class _Circle(Exception):
    pass


# What is said of customers, and never of a row of a collection.
_WHOLE_CUSTOMERS = (Rows, Rank, InSegment, Moved, WasIn, Consent, Sample, Sequence)


class _Checker:
    """Walks a tree and builds it anew; `inside` is the collection whose rows the predicate speaks of, if any."""

    def __init__(self, world: World, faults: Faults, *, from_text: bool) -> None:
        self._world = world
        self._faults = faults
        self.found = Found()
        self._leaves = Leaves(
            world.registry, world.digits, faults, self.found, from_text=from_text, places=world.places,
            saved=world.saved,
        )  # fmt: skip

    def expr(self, node: Expr, path: tuple[str | int, ...], inside: str | None) -> Expr:
        if isinstance(node, And | Or):
            items = tuple(self.expr(item, (*path, "items", index), inside) for index, item in enumerate(node.items))
            return node.model_copy(update={"items": items})
        if isinstance(node, Not):
            return node.model_copy(update={"item": self.expr(node.item, (*path, "item"), inside)})
        if inside is not None and isinstance(node, _WHOLE_CUSTOMERS):
            detail = "Inside the filter of a collection only its own fields can be asked about so far."
            self._faults.add(path, node, "", "not_offered", detail)
            return node
        if isinstance(node, Naming):
            return self._of_segment(node, path)
        return self._filters(self._leaves.checked(node, path, inside), path)

    def _filters(self, node: Leaf, path: tuple[str | int, ...]) -> Leaf:
        """The leaf with what stands inside it checked too."""
        for where, child in children(node):
            name = _collection_at(node, where)
            if name is not None and name not in self._world.registry.collections:
                continue
            node = _with(node, where, self.expr(child, (*path, *where), name))
        return node

    def _of_segment(self, node: Naming, path: tuple[str | int, ...]) -> Naming:
        found = node.segment if node.segment in self._world.segments else None
        if node.name is not None:
            found = self._world.ids.get(node.name)
        if found is None:
            meant = None if node.name is None else near(node.name, self._world.others)
            self._faults.add(path, node, "", "unknown_segment", "There is no segment of this name or id.", meant)
            return node
        self.found.segments.add(found)
        (self.found.live if isinstance(node, InSegment) else self.found.past).add(found)
        if isinstance(node, Moved | WasIn):
            self._known_by_then(node, path, self._world.segments[found])
        return node.model_copy(update={"segment": found, "name": None})

    def _known_by_then(self, node: Moved | WasIn, path: tuple[str | int, ...], known: Known) -> None:
        """Whether it is kept who was in the segment, and of that time."""
        if known.since is None:
            detail = "Who was in this segment is not kept; have it kept with materialised, from now on."
            self._faults.add(path, node, "", "not_kept", detail)
            return
        last = node.on if isinstance(node, WasIn) else None
        if isinstance(node, Moved):
            self._leaves.window(node.window, path, node)
            if isinstance(node.window, Span | Before):
                last = days(node.window, known.since).last
        if last is not None and last < known.since:
            detail = f"Who is in this segment is kept since {known.since}; what was before is not known."
            self._faults.add(path, node, "", "before_kept", detail)


def _collection_at(node: Leaf, path: tuple[str | int, ...]) -> str | None:
    """The collection whose rows a predicate inside a leaf speaks of; None where it speaks of customers."""
    if isinstance(node, Rows):
        return node.collection
    if isinstance(node, Sequence):
        return node.steps[int(path[1])].collection
    if isinstance(node, Compare):
        aggregate = dict(terms(node))[tuple(str(part) for part in path[:-1])]
        return aggregate.of.partition(".")[0] if isinstance(aggregate, Aggregate) else None
    return None


def _with(node: Any, path: tuple[str | int, ...], child: Expr) -> Any:
    """The node with another predicate at a place inside it."""
    if not path:
        return child
    name, *rest = path
    if isinstance(node, tuple):
        place = int(name)
        return (*node[:place], _with(node[place], tuple(rest), child), *node[place + 1 :])
    return node.model_copy(update={str(name): _with(getattr(node, str(name)), tuple(rest), child)})


def _checked(tree: Expr, found: Found, world: World) -> Checked:
    """What follows from the tree and from the segments behind it."""
    whole = _Whole(
        [tree], list(found.fields), set(found.grants), set(found.changed_by), set(found.past), set(found.spreads)
    )
    behind = whole.add_behind(found, world)
    if whole.past:
        whole.changed_by |= {SEGMENT_ENTERED, SEGMENT_LEFT}
    return Checked(
        tree=tree,
        uses=frozenset(found.uses),
        segments=frozenset(found.segments),
        grants=frozenset(whole.grants),
        changed_by=frozenset(whole.changed_by),
        temporal=_temporal(whole.trees, whole.fields),
        population_relative=any(isinstance(node, Rank) for each in whole.trees for node in every(each)),
        behind=behind,
        past=frozenset(whole.past),
        unfollowed=frozenset(each.name for each in whole.fields if not each.followed),
        spreads=tuple(whole.spreads),
    )


@dataclass(slots=True)
class _Whole:
    """A tree with those of the segments that it takes to answer it."""

    trees: list[Expr]
    fields: list[Field]
    grants: set[tuple[str, str]]
    changed_by: set[str]
    past: set[uuid.UUID]
    spreads: set[Spread]

    def add_behind(self, found: Found, world: World) -> frozenset[uuid.UUID]:
        """Add what follows from the segments behind; which they are. Of whose past is asked, the grants alone count."""
        waiting = _named(found, asked=True)
        seen: dict[uuid.UUID, bool] = {}
        while waiting:
            each, asked = waiting.pop()
            if each in seen and seen[each] >= asked:
                continue
            seen[each] = asked
            tree = world.segments[each].tree
            if is_list(tree, each):
                self.changed_by |= {LIST_CHANGED} if asked else set()
                continue
            inner = _Checker(world, Faults(), from_text=False)
            inner.expr(tree, (), None)
            self.grants |= inner.found.grants
            if asked:
                self.trees.append(tree)
                self.fields += inner.found.fields
                self.changed_by |= inner.found.changed_by
                self.past |= inner.found.past
                self.spreads |= inner.found.spreads
            waiting += _named(inner.found, asked=asked)
        return frozenset(each for each, asked in seen.items() if asked)


def _named(found: Found, *, asked: bool) -> list[tuple[uuid.UUID, bool]]:
    """The segments that were named, each with whether its question is asked; a segment may be named in both ways."""
    live = [(each, asked) for each in found.live]
    return [*live, *((each, False) for each in found.past)]


def _temporal(trees: Iterable[Expr], fields: Iterable[Field]) -> bool:
    return any(each.temporal for each in fields) or any(
        isinstance(window, Last | Next) for tree in trees for node in every(tree) for window in _windows(node)
    )


def _windows(node: Node) -> Iterable[Node | None]:
    if isinstance(node, Compare):
        return [term.window for _, term in terms(node) if isinstance(term, Aggregate)]
    return [getattr(node, "window", None)]
