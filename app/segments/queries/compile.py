"""Tree -> SQL: one compiler for the set and for one customer."""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    Date,
    FromClause,
    Select,
    Text,
    Uuid,
    and_,
    case,
    false,
    func,
    literal,
    select,
    true,
)  # fmt: skip
from sqlalchemy.dialects.postgresql import aggregate_order_by

from app.core.fields import Evaluation, Registry
from app.segments.models import SegmentMember
from app.segments.queries import past, sequence
from app.segments.queries.bundles import Bundle, Bundles
from app.segments.queries.operands import Operand, Rowset
from app.segments.queries.predicates import Predicates, Role, decided, element
from app.segments.tree import (
    Aggregate,
    And,
    Consent,
    Expr,
    InSegment,
    Leaf,
    Moved,
    Not,
    Or,
    Rank,
    Rows,
    Sample,
    Sequence,
    WasIn,
)
from app.segments.values import Node
from app.segments.walk import is_list

Trees = Mapping[uuid.UUID, Expr]


class Customers(Predicates):
    """Predicates about customers, with everything they need joined to the table of customers."""

    def __init__(self, registry: Registry, trees: Trees, asked: Evaluation, tree: Expr) -> None:
        super().__init__(registry.fields, Rowset(registry.population.rows(), asked))
        self._registry = registry
        self._trees = trees
        self.id = registry.population.id(self.rows.row)
        self.bundles = Bundles(registry, asked, self._about_customers(tree))
        self._joined: dict[Bundle, FromClause] = {}
        self._picked: dict[Aggregate, FromClause | None] = {}
        self._decided: dict[tuple[str, str], FromClause] = {}
        self._rankings: dict[Rank, CTE] = {}
        self._placed: dict[Rank, FromClause] = {}

    @property
    def counted(self) -> ColumnElement[bool]:
        """Whether a customer can be in a segment at all, and is asked about."""
        return and_(self._registry.population.counted(self.rows.row), *self.rows.asked.bounds(self.id))

    def leaf(self, leaf: Leaf, *, role: Role) -> ColumnElement[bool]:  # noqa: PLR0911  a line per kind
        """A predicate that is no combination of others."""
        if isinstance(leaf, Rows):
            return self._rows(leaf, role=role)
        if isinstance(leaf, InSegment):
            assert leaf.segment is not None  # noqa: S101  a checked tree refers by id
            tree = self._trees[leaf.segment]
            return self._listed(leaf.segment) if is_list(tree, leaf.segment) else self.truth(tree, role=role)
        if isinstance(leaf, Moved | WasIn):
            return past.true_of(self.id, leaf, self.rows.asked)
        if isinstance(leaf, Rank):
            return self._rank(leaf, role=role)
        if isinstance(leaf, Consent):
            found = self.consent(leaf) == literal(leaf.state, Text)
            return decided(found, missing=False, role=role)
        if isinstance(leaf, Sample):
            return sequence.chosen(self.id, leaf)
        if isinstance(leaf, Sequence):
            starts = self.starts(leaf)
            return self.id.in_(starts.with_only_columns(starts.selected_columns.customer_id))
        return super().leaf(leaf, role=role)

    def starts(self, leaf: Sequence) -> Select[Any]:
        """(customer_id, id) of the rows that a sequence begins with."""
        return sequence.starts(self._registry, self.rows.asked, leaf)

    def term(self, given: Node) -> Operand:
        """The value of a term; an aggregate is joined as one value per customer."""
        term = self.bundles.aggregate(given)
        if term is None:
            return super().term(given)
        picked = self._picked_value(term)
        if picked is not None:
            return Operand(picked, picked)
        bundle, column = self.bundles.value(term)
        relation = self._relation(bundle)
        raw, nothing = relation.c[column], relation.c.customer_id.is_(None)
        if term.aggregate == "count":
            return Operand(raw, func.coalesce(raw, 0), 0)
        if term.aggregate == "sum":
            # The sum of nothing is zero; the sum of values of which none is known is missing.
            return Operand(raw, case((nothing, 0), else_=raw), 0)
        return Operand(raw, raw)

    def consent(self, leaf: Consent) -> ColumnElement[str]:
        """The state of the decision that counts; null without any."""
        key = (leaf.purpose, leaf.channel)
        if key not in self._decided:
            relation = self._registry.consents.relation(*key, self.rows.asked)
            self._decided[key] = relation
            self.rows.join(relation, relation.c.customer_id == self.id)
        state: ColumnElement[str] = self._decided[key].c.state
        return state

    def cut(self, leaf: Rank) -> ColumnElement[Any]:
        """The value that the last of the highest (lowest) has; null when nobody has a value."""
        value = self._ranking(leaf).c.value
        order = value.desc() if leaf.end == "top" else value.asc()
        ordered: Any = func.array_agg(aggregate_order_by(value, order))
        count = func.count(value)
        # In the top 20 % is who has fewer than 20 % of them above: the last of them stands at the rounded-up place.
        place: Any = (count * leaf.size + 99) // 100 if leaf.unit == "percent" else func.least(count, leaf.size)
        return select(element(ordered, place)).scalar_subquery()

    def _ranking(self, leaf: Rank) -> CTE:
        """(customer_id, value) of all who are ranked. Read twice, so worked out once: for the cut, and for each one."""
        if leaf not in self._rankings:
            everybody = replace(self.rows.asked, within=None)
            inner = Customers(self._registry, self._trees, everybody, leaf.of if leaf.of is not None else leaf)
            value = inner.operand(leaf.field).full
            conditions = [inner.counted, value.is_not(None)]
            if leaf.of is not None:
                conditions.append(inner.truth(leaf.of, role=Role.WHOLE))
            ranked = select(inner.id.label("customer_id"), value.label("value")).select_from(inner.rows.joined)
            self._rankings[leaf] = ranked.where(*conditions).cte()
        return self._rankings[leaf]

    def _rank(self, leaf: Rank, *, role: Role) -> ColumnElement[bool]:
        if leaf not in self._placed:
            place = self._ranking(leaf).alias()
            self._placed[leaf] = place
            self.rows.join(place, place.c.customer_id == self.id)
        value, cut = self._placed[leaf].c.value, self.cut(leaf)
        found = value >= cut if leaf.end == "top" else value <= cut
        return decided(found, missing=False, role=role)

    def _rows(self, leaf: Rows, *, role: Role) -> ColumnElement[bool]:
        """any: there is such a row; none: there is not; all: there is none of the contrary."""
        seen = self.bundles.seen(self.bundles.presence(leaf))
        if seen is not None:
            wider, column, first = seen
            found = func.coalesce(self._relation(wider).c[column] >= literal(first, Date), false())
            return found if leaf.op == "any" else ~found
        if role is Role.WHOLE:
            rows = self.bundles.rows_of_one(self.bundles.presence(leaf), self.id, self.rows.row)
            return rows.exists() if leaf.op == "any" else ~rows.exists()
        present = self._relation(self.bundles.presence(leaf)).c.customer_id
        return present.is_not(None) if leaf.op == "any" else present.is_(None)

    def _listed(self, segment: uuid.UUID) -> ColumnElement[bool]:
        """Whether the customer was put into a list."""
        row = SegmentMember.__table__.alias()
        customer = row.c.customer_id
        mine = (row.c.segment_id == literal(segment, Uuid), *self.rows.asked.bounds(customer))
        return self.id.in_(select(customer).where(*mine))

    def _picked_value(self, term: Aggregate) -> ColumnElement[Any] | None:
        if term not in self._picked:
            relation = self.bundles.picked(term, self.id, self.rows.row)
            self._picked[term] = relation
            if relation is not None:
                self.rows.join(relation, true())
        found = self._picked[term]
        return None if found is None else found.c.value

    def _relation(self, bundle: Bundle) -> FromClause:
        if bundle not in self._joined:
            relation = self.bundles.relation(bundle)
            self._joined[bundle] = relation
            self.rows.join(relation, relation.c.customer_id == self.id)
        return self._joined[bundle]

    def _about_customers(self, tree: Expr) -> Iterator[Expr]:
        """The predicates about customers of a tree and of the segments behind it, without those of populations."""
        waiting = [tree]
        while waiting:
            node = waiting.pop()
            if isinstance(node, And | Or):
                waiting += node.items
            elif isinstance(node, Not):
                waiting.append(node.item)
            elif isinstance(node, InSegment) and node.segment is not None:
                inner = self._trees[node.segment]
                waiting += [] if is_list(inner, node.segment) else [inner]
            elif isinstance(node, Rank) and node.of is not None:
                waiting.append(node.of)
            else:
                yield node
