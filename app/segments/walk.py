"""Walking through trees: what stands inside what, and what a tree refers to. Pure."""

import uuid
from collections.abc import Iterator
from typing import Any

from app.segments.tree import (
    Aggregate,
    And,
    Between,
    Compare,
    Expr,
    FieldTerm,
    InSegment,
    Match,
    Moved,
    Naming,
    Not,
    OneOf,
    Or,
    Rank,
    Ratio,
    Rows,
    Sequence,
    Step,
    WasIn,
)
from app.segments.values import Node


def terms(node: Compare) -> Iterator[tuple[tuple[str, ...], FieldTerm | Aggregate]]:
    """The fields and aggregates that a comparison is made of, each with its path from there."""
    for side, term in (("left", node.left), ("right", node.right)):
        if isinstance(term, Ratio):
            yield (side, "ratio"), term.ratio
            yield (side, "to"), term.to
        elif isinstance(term, FieldTerm | Aggregate):
            yield (side,), term


def children(node: Node) -> Iterator[tuple[tuple[str | int, ...], Expr]]:
    """The predicates directly inside a node, each with its path from there."""
    if isinstance(node, And | Or):
        for index, item in enumerate(node.items):
            yield ("items", index), item
    elif isinstance(node, Not):
        yield ("item",), node.item
    elif isinstance(node, Rank):
        if node.of is not None:
            yield ("of",), node.of
    else:
        yield from _filters(node)


def _filters(node: Node) -> Iterator[tuple[tuple[str | int, ...], Expr]]:
    """What is asked of the rows that a predicate is about."""
    parts: list[tuple[tuple[str | int, ...], Node]] = []
    if isinstance(node, Rows):
        parts = [((), node)]
    elif isinstance(node, Compare):
        parts = list(terms(node))
    elif isinstance(node, Sequence):
        parts = [(("steps", index), step) for index, step in enumerate(node.steps)]
    for path, part in parts:
        if isinstance(part, Rows | Aggregate | Step) and part.where is not None:
            yield (*path, "where"), part.where


def values(node: Node) -> tuple[Any, ...]:
    """The literals directly inside a node."""
    if isinstance(node, OneOf):
        return node.values
    if isinstance(node, Between):
        return node.low, node.high
    if isinstance(node, Match):
        return (node.value,)
    if isinstance(node, Compare) and not isinstance(node.right, FieldTerm | Aggregate | Ratio):
        return (node.right,)
    return ()


def depth(tree: Expr) -> int:
    """How many predicates stand inside each other at the deepest place."""
    return 1 + max((depth(child) for _, child in children(tree)), default=0)


def is_leaf(node: Expr) -> bool:
    """Whether a predicate stands for itself, not for a combination of others."""
    return not isinstance(node, And | Or | Not)


def every(tree: Expr) -> Iterator[Expr]:
    """All predicates of a tree, those inside filters and populations too, parents first."""
    waiting: list[Expr] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += [child for _, child in children(node)]


def segments_of(tree: Expr) -> frozenset[uuid.UUID]:
    """The ids of the segments that a tree refers to."""
    return frozenset(node.segment for node in every(tree) if isinstance(node, Naming) and node.segment is not None)


def past_of(tree: Expr) -> frozenset[uuid.UUID]:
    """The ids of the segments whose past a tree asks about: who came, left, or was in them."""
    return frozenset(
        node.segment for node in every(tree) if isinstance(node, Moved | WasIn) and node.segment is not None
    )


def listed(segment: uuid.UUID) -> InSegment:
    """The tree of a static list: being in it is all that it says."""
    return InSegment(segment=segment)


def is_list(tree: Expr, segment: uuid.UUID) -> bool:
    """Whether a segment that has this tree is a static list."""
    return isinstance(tree, InSegment) and tree.segment == segment
