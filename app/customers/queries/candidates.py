"""Duplicate candidates as the caller may see them: what a customer is shown of is what its field groups show."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Select,
    Text,
    and_,
    cast,
    column,
    func,
    literal,
    or_,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import JSON, JSONB, aggregate_order_by

from app.core.caller import Caller
from app.core.db import Tx
from app.core.documents import Sections, json_object, json_time
from app.customers.duplicates import WEIGHTS
from app.customers.models import Customer, DuplicateCandidate
from app.customers.queries.reach import visible_to
from app.customers.queries.reading import members

# What is shown of each of the two: enough to tell them apart, and their version for what is done next.
SHOWN = (
    "id", "kind", "status", "display_name", "home_store", "given_name", "family_name", "reading", "gender", "birthday",
    "identifiers", "version", "created_at",
)  # fmt: skip
_ROW = DuplicateCandidate
# (score, id), the customers of the pair, its JSON.
Found = tuple[tuple[int, uuid.UUID], tuple[uuid.UUID, uuid.UUID], str]


@dataclass(frozen=True, slots=True)
class Filter:
    """Which pairs to list. `store`: of customers with this home store. `status` may be `all`."""

    status: str = "open"
    customer_id: uuid.UUID | None = None
    min_score: int = 0
    store: str | None = None


async def page(tx: Tx, wanted: Filter, *, after: Sequence[Any] | None, limit: int) -> list[Found]:
    """Up to `limit` pairs after the key `after` (score, id), the best first."""
    found = _select(tx.caller)
    if wanted.customer_id is None:
        found = found.where(_ROW.customer_id < _ROW.other)
    else:
        found = found.where(_ROW.customer_id == wanted.customer_id)
    if wanted.status != "all":
        found = found.where(_ROW.status == wanted.status)
    if wanted.min_score:
        found = found.where(_ROW.score >= wanted.min_score)
    if wanted.store is not None:
        found = found.where(or_(*(_is(side, Customer.home_store == wanted.store) for side in _SIDES)))
    if after is not None:
        key = tuple_(literal(int(after[0])), literal(uuid.UUID(after[1])))
        found = found.where(tuple_(_ROW.score, _ROW.id) < key)
    rows = await tx.page(found.order_by(_ROW.score.desc(), _ROW.id.desc()).limit(limit))
    return [((row.score, row.id), (row.customer_id, row.other), row.document) for row in rows]


async def one(tx: Tx, pair_id: uuid.UUID) -> tuple[str, int, tuple[uuid.UUID, uuid.UUID]] | None:
    """(JSON, version, customers) of a pair."""
    found = _select(tx.caller).where(_ROW.id == pair_id, _ROW.customer_id < _ROW.other)
    rows = await tx.rows(found)
    return (rows[0].document, rows[0].version, (rows[0].customer_id, rows[0].other)) if rows else None


_SIDES = (_ROW.customer_id, _ROW.other)


def _is(side: Any, condition: ColumnElement[bool]) -> ColumnElement[bool]:
    return select(Customer.id).where(Customer.id == side, condition).correlate(_ROW).exists()


def _select(caller: Caller) -> Select[Any]:
    """A pair of which the caller may not see both customers is absent."""
    shown = _document(caller.field_groups).label("document")
    seen = (_is(side, visible_to(caller)) for side in _SIDES)
    return select(_ROW.score, _ROW.id, _ROW.customer_id, _ROW.other, _ROW.version, shown).where(and_(*seen))


@lru_cache(maxsize=64)
def _document(groups: frozenset[str]) -> ColumnElement[Any]:
    first, second = func.least(*_SIDES), func.greatest(*_SIDES)
    shown: dict[str, Any] = {"id": _ROW.id, "score": _ROW.score, "status": _ROW.status, "reasons": _reasons(groups)}
    shown["customers"] = func.json_build_array(_customer(groups, first), _customer(groups, second), type_=JSON)
    if "contact" in groups:
        shown["refused"] = _ROW.refused
    shown |= {"found_at": json_time(_ROW.found_at), "changed_at": json_time(_ROW.changed_at)}
    shown |= {"decided_at": json_time(_ROW.decided_at), "decided_by": _ROW.decided_by}
    shown["dismissed_for"] = _ROW.dismissed_for
    if "personal" in groups:
        shown["note"] = _ROW.note
    return cast(json_object(**shown, version=_ROW.version), Text)


def _reasons(groups: frozenset[str]) -> ColumnElement[Any]:
    """The reasons that say nothing of what these groups do not show."""
    codes = literal([code for code, (_, group) in WEIGHTS.items() if group in groups], ARRAY(Text))
    elements = func.jsonb_array_elements(_ROW.reasons)
    each = elements.table_valued(column("value", JSONB), with_ordinality="place", name="reason").render_derived()
    listed = func.json_agg(aggregate_order_by(each.c.value, each.c.place), type_=JSON)
    kept = select(listed).where(each.c.value["code"].astext == func.any(codes)).correlate(_ROW)
    return func.coalesce(kept.scalar_subquery(), literal([], JSON))


def _customer(groups: frozenset[str], side: ColumnElement[Any]) -> ColumnElement[Any]:
    shown = members(groups, Sections())
    document = json_object(**{name: shown[name] for name in SHOWN if name in shown})
    return select(document).where(Customer.id == side).correlate(_ROW).scalar_subquery()
