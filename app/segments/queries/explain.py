"""The conditions of a segment for one customer: the compiler's own predicates, with values and evidence beside them."""

import uuid
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Integer, func, literal, select
from sqlalchemy.dialects.postgresql import array

from app.core.db import Tx
from app.core.fields import AGGREGATED, FieldType
from app.customers.queries import visible_to
from app.segments.explanation import leaves
from app.segments.outcomes import Outcome
from app.segments.queries import distance, sequence
from app.segments.queries.bundles import Bundle, selected
from app.segments.queries.compile import Customers
from app.segments.queries.evaluate import Question, only
from app.segments.queries.operands import plain
from app.segments.queries.past import last_moved
from app.segments.queries.predicates import Role
from app.segments.tree import (
    Aggregate,
    Compare,
    Consent,
    FieldTerm,
    InSegment,
    Leaf,
    Moved,
    Near,
    Rank,
    Ratio,
    Rows,
    Sample,
    Sequence,
    WasIn,
)
from app.segments.values import Node

EVIDENCE = 10


@dataclass(frozen=True, slots=True)
class Explained:
    """A customer and a question: whether the customer can be in any segment, is in this one, and every condition."""

    counted: bool
    member: bool
    outcomes: list[Outcome]


@dataclass(frozen=True, slots=True)
class _Shown:
    """What is read for one condition; a constant stands in `fixed`."""

    truth: ColumnElement[Any]
    type: FieldType | None = None
    value: ColumnElement[Any] | None = None
    needed: ColumnElement[Any] | None = None
    fixed: Any = None
    evidence: ColumnElement[Any] | None = None
    more: ColumnElement[Any] | None = None


async def explain(tx: Tx, question: Question, customer: uuid.UUID) -> Explained | None:
    """What is true of one customer; None if there is no such customer."""
    customers = question.customers(only(customer))
    reader = _Reader(question, customers, limited=tx.caller.limited)
    shown = [reader.shown(leaf) for leaf in leaves(question.tree, question.trees)]
    whole = customers.truth(question.tree)
    population = question.registry.population
    columns: list[ColumnElement[Any]] = [population.counted(customers.rows.row), whole]
    places: list[tuple[_Shown, list[int | None]]] = []
    for each in shown:
        at: list[int | None] = []
        for column in (each.truth, each.value, each.needed, each.evidence, each.more):
            at.append(None if column is None else len(columns))
            columns += [] if column is None else [column]
        places.append((each, at))
    labelled = [column.label(f"column_{number}") for number, column in enumerate(columns)]
    one = (*customers.rows.asked.bounds(customers.id), visible_to(tx.caller, customers.rows.row))
    rows = await tx.rows(select(*labelled).select_from(customers.rows.joined).where(*one))
    if not rows:
        return None
    row = rows[0]
    outcomes = [_outcome(each, *(None if place is None else row[place] for place in at)) for each, at in places]
    return Explained(bool(row[0]), bool(row[0] and row[1]), outcomes)


def _outcome(shown: _Shown, truth: Any, value: Any, needed: Any, evidence: Any, more: Any) -> Outcome:
    needed = shown.fixed if needed is None else needed
    return Outcome(bool(truth), shown.type, value, needed, tuple(evidence or ()), more)


class _Reader:
    """Finds what to read for a condition."""

    def __init__(self, question: Question, customers: Customers, *, limited: bool) -> None:
        self._limited = limited
        self._question = question
        self._customers = customers
        self._registry = question.registry

    def shown(self, leaf: Leaf) -> _Shown:  # noqa: PLR0911  a line per kind
        """The columns that tell of a condition."""
        truth = self._customers.leaf(leaf, role=Role.EXACT)
        if isinstance(leaf, InSegment | WasIn):
            return _Shown(truth)
        if isinstance(leaf, Moved):
            return _Shown(truth, FieldType.DATE, last_moved(self._customers.id, leaf, self._customers.rows.asked))
        if isinstance(leaf, Sample):
            share = sequence.share(self._customers.id, leaf)
            return _Shown(truth, FieldType.NUMBER, share, fixed=Decimal(leaf.percent))
        if isinstance(leaf, Sequence):
            return self._followed(leaf, truth)
        if isinstance(leaf, Consent):
            return _Shown(truth, FieldType.CHOICE, self._customers.consent(leaf), fixed=leaf.state)
        if isinstance(leaf, Rows):
            bundle = self._customers.bundles.behind(leaf)
            every = None if bundle.where is None else self._number(replace(bundle, where=None))
            return _Shown(truth, FieldType.NUMBER, self._number(bundle), evidence=self._evidence(bundle), more=every)
        if isinstance(leaf, Compare):
            return self._compared(leaf, truth)
        if isinstance(leaf, Near):
            rows = self._customers.rows
            km = distance.kilometres(rows.points(self._registry.fields[leaf.field]), leaf, rows.row)
            return _Shown(truth, FieldType.NUMBER, km, fixed=Decimal(leaf.km))
        kind = self._registry.fields[leaf.field].type
        value = self._customers.operand(leaf.field).full
        # What it takes to be among the first is the value of somebody whom a limited caller may not know.
        if self._limited or not isinstance(leaf, Rank):
            return _Shown(truth, kind, value)
        among = None if leaf.of is None else self._customers.truth(leaf.of)
        return _Shown(truth, kind, value, self._customers.cut(leaf), more=among)

    def _compared(self, leaf: Compare, truth: ColumnElement[Any]) -> _Shown:
        kind, value = self._type(leaf.left), self._customers.term(leaf.left).full
        evidence = None
        parts = (leaf.left.ratio, leaf.left.to) if isinstance(leaf.left, Ratio) else (leaf.left,)
        term = next((one for one in parts if isinstance(one, Aggregate)), None)
        if term is not None:
            evidence = self._evidence(self._customers.bundles.behind(term), term)
        if isinstance(leaf.right, FieldTerm | Aggregate | Ratio):
            needed = self._customers.term(leaf.right).full
            return _Shown(truth, kind, value, needed, evidence=evidence)
        return _Shown(truth, kind, value, fixed=plain(leaf.right), evidence=evidence)

    def _followed(self, leaf: Sequence, truth: ColumnElement[Any]) -> _Shown:
        """How often the sequence begins, and the newest rows that it begins with."""
        starts = self._customers.starts(leaf).subquery()
        number = select(func.count()).select_from(starts).scalar_subquery()
        newest = select(starts.c.id).group_by(starts.c.id)
        newest = newest.order_by(func.max(starts.c.day).desc(), starts.c.id.desc()).limit(EVIDENCE)
        counts = [self._begins(leaf, place) for place in range(1, len(leaf.steps))]
        return _Shown(
            truth, FieldType.NUMBER, number, evidence=func.array(newest.scalar_subquery()), more=array(counts)
        )

    def _begins(self, leaf: Sequence, steps: int) -> ColumnElement[Any]:
        """How often the first steps of a sequence are there."""
        first = self._customers.starts(leaf.model_copy(update={"steps": leaf.steps[:steps]})).subquery()
        return select(func.count()).select_from(first).scalar_subquery()

    def _type(self, term: Node) -> FieldType:
        if isinstance(term, Ratio):
            return FieldType.NUMBER
        if isinstance(term, FieldTerm):
            return self._registry.fields[term.field].type
        assert isinstance(term, Aggregate)  # noqa: S101  the other kind of term
        name, _, field = term.of.partition(".")
        if term.aggregate == "count":
            return FieldType.NUMBER
        assert term.aggregate in AGGREGATED  # noqa: S101  a checked tree
        return self._registry.collections[name].by_name[field].type

    def _number(self, bundle: Bundle) -> ColumnElement[Any]:
        found = selected(self._registry, self._customers.rows.asked, bundle)
        return select(func.count()).select_from(found.rows.joined).where(*found.conditions).scalar_subquery()

    def _evidence(self, bundle: Bundle, term: Aggregate | None = None) -> ColumnElement[Any]:
        """The newest of the rows that count, as the ids of their receipts; for one that is picked, that one."""
        found = selected(self._registry, self._customers.rows.asked, bundle)
        collection = self._registry.collections[bundle.collection]
        proof = collection.evidence(found.rows.row)
        chosen = select(proof.label("id")).where(*found.conditions)
        order = [column.desc() for column in collection.order(found.rows.row)]
        if term is not None and term.aggregate in {"first", "last", "min", "max"}:
            if term.aggregate == "first":
                order = [column.asc() for column in collection.order(found.rows.row)]
            elif term.aggregate in {"min", "max"}:
                value = found.rows.operand(collection.by_name[term.of.partition(".")[2]]).full
                chosen = chosen.where(value.is_not(None))
                order = [value.asc() if term.aggregate == "min" else value.desc(), *order]
            # Only now is everything joined that the value comes from.
            one = chosen.select_from(found.rows.joined).order_by(*order).limit(1)
            return func.array(one.scalar_subquery())
        rows = found.rows
        day = collection.day(rows.row, rows.asked) if collection.day is not None else literal(0, Integer)
        chosen = chosen.select_from(rows.joined).group_by(proof)
        newest = chosen.order_by(func.max(day).desc(), proof.desc()).limit(EVIDENCE)
        return func.array(newest.scalar_subquery())
