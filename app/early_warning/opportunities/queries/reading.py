"""Reading opportunities and rules, and what the feed says of whom."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    DateTime,
    FromClause,
    Select,
    Uuid,
    and_,
    any_,
    func,
    literal,
    select,
    true,
    tuple_,
    union_all,
)
from sqlalchemy.dialects.postgresql import JSON, aggregate_order_by

from app.core.db import Tx
from app.core.documents import json_object, json_time
from app.customers.models import Customer
from app.customers.queries import reached
from app.customers.queries.contact import wishes
from app.early_warning.opportunities.models import Opportunity, OpportunityRule
from app.early_warning.opportunities.queries.judging import CONCERNS
from app.early_warning.opportunities.rules import KINDS, Kind, shown
from app.early_warning.queries import happened

# How many of them a card shows.
CARD_MAX = 5
_NAMES = (
    "id", "customer_id", "kind", "subject", "status", "priority", "value", "evidence", "outcome", "note", "opened_at",
    "changed_at", "closed_at", "closed_by", "expires_on", "version",
)  # fmt: skip
_TABLE = Opportunity.__table__
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Filter:
    """Which opportunities: of a status (or `all`), kind, owner, customer, home store."""

    status: str = "open"
    kind: str | None = None
    owner: str | None = None
    customer_id: uuid.UUID | None = None
    store: str | None = None


def _known(tx: Tx, table: FromClause = _TABLE) -> list[ColumnElement[bool]]:
    return [reached(tx.caller, table.c.customer_id), _seen(tx.caller.field_groups, table)]


def _seen(groups: frozenset[str], table: FromClause) -> ColumnElement[bool]:
    """Those of the kinds that these field groups show."""
    return and_(true(), *(table.c.kind != kind for kind in KINDS if kind not in shown(groups)))


def _owner() -> ColumnElement[Any]:
    """Whose it is, over the opportunities joined to their customers."""
    return func.coalesce(_TABLE.c.owner, Customer.account_manager)


def _wanted(wanted: Filter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.status != "all":
        found.append(_TABLE.c.status == wanted.status)
    if wanted.kind is not None:
        found.append(_TABLE.c.kind == wanted.kind)
    if wanted.customer_id is not None:
        found.append(_TABLE.c.customer_id == wanted.customer_id)
    if wanted.owner is not None:
        found.append(_owner() == wanted.owner)
    if wanted.store is not None:
        found.append(Customer.home_store == wanted.store)
    return found


def _rows() -> Select[Any]:
    columns = (*(_TABLE.c[name] for name in _NAMES), _owner().label("owner"), Customer.home_store.label("store"))
    joined = _TABLE.join(Customer.__table__, Customer.id == _TABLE.c.customer_id)
    return select(*columns, wishes(_TABLE.c.customer_id).label("wishes")).select_from(joined)


async def page(tx: Tx, wanted: Filter, *, after: Sequence[Any] | None, limit: int) -> list[Row]:
    """Up to `limit` opportunities after the key `after`: [priority, id] of open ones, else [id]; newest first."""
    statement = _rows().where(*_known(tx), *_wanted(wanted)).limit(limit)
    if wanted.status == "open":
        key = (_TABLE.c.priority, _TABLE.c.id)
        statement = statement.order_by(*(column.desc() for column in key))
        if after is not None:
            statement = statement.where(tuple_(*key) < tuple_(literal(int(after[0])), literal(uuid.UUID(after[1]))))
    else:
        statement = statement.order_by(_TABLE.c.id.desc())
        if after is not None:
            statement = statement.where(_TABLE.c.id < uuid.UUID(after[0]))
    return [row._mapping for row in await tx.page(statement)]  # noqa: SLF001  the documented way to a row's names


async def counts(tx: Tx, wanted: Filter) -> dict[str, list[dict[str, Any]]]:
    """How many there are: of each kind, owner and store (null: nobody's), the most first; one statement."""
    joined = _TABLE.join(Customer.__table__, Customer.id == _TABLE.c.customer_id)
    columns = (_TABLE.c.kind.label("kind"), _owner().label("owner"), Customer.home_store.label("store"))
    base = select(*columns).select_from(joined).where(*_known(tx), *_wanted(wanted)).cte("counted")
    each = (
        select(literal(name).label("by"), base.c[name].label("name"), func.count().label("count")).group_by(
            base.c[name]
        )
        for name in ("kind", "owner", "store")
    )
    found: dict[str, list[dict[str, Any]]] = {"kind": [], "owner": [], "store": []}
    for row in await tx.rows(union_all(*each)):
        found[row[0]].append({row[0]: row[1], "count": row[2]})
    for name, rows in found.items():
        rows.sort(key=lambda one, name=name: (-one["count"], one[name] or ""))  # type: ignore[misc]
    return found


async def opportunities(tx: Tx, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Row]:
    """Those of these opportunities that the caller knows of."""
    rows = await tx.rows(_rows().where(_TABLE.c.id == any_(literal(list(ids), ARRAY(Uuid))), *_known(tx)))
    return {row.id: row._mapping for row in rows}  # noqa: SLF001  (same)


async def held(tx: Tx, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Any]:
    """The same rows, without their customers' wishes, locked in the order of ids. Their customers are locked."""
    listed = _TABLE.c.id == any_(literal(sorted(ids), ARRAY(Uuid)))
    found = select(*_TABLE.c).where(listed, *_known(tx)).order_by(_TABLE.c.customer_id, _TABLE.c.id)
    return {row.id: row for row in await tx.rows(found.with_for_update(of=Opportunity))}


async def customers_of(tx: Tx, ids: Sequence[uuid.UUID]) -> set[uuid.UUID]:
    """Whom these opportunities are about, as far as the caller knows of them."""
    listed = _TABLE.c.id == any_(literal(list(ids), ARRAY(Uuid)))
    return {row[0] for row in await tx.rows(select(_TABLE.c.customer_id).where(listed, *_known(tx)))}


def live(customer: ColumnElement[Any], groups: frozenset[str]) -> ColumnElement[Any]:
    """A JSON list of what is open of the customer in this column, the most pressing first; for `documents.document`."""
    table = _TABLE.alias("opportunity")
    who = Customer.__table__.alias("opportunity_customer")
    columns = (*(table.c[name] for name in _NAMES), func.coalesce(table.c.owner, who.c.account_manager).label("owner"))
    mine = (table.c.customer_id == customer, table.c.status == "open", _seen(groups, table))
    first = select(*columns, who.c.home_store.label("store")).join(who, who.c.id == table.c.customer_id).where(*mine)
    order = (table.c.priority.desc(), table.c.id.desc())
    found = first.order_by(*order).limit(CARD_MAX).correlate_except(table, who).lateral("open_opportunities")
    names = {str(column.name): json_time(column) if isinstance(column.type, DateTime) else column for column in found.c}
    one = json_object(**names, wishes=wishes(found.c.customer_id))
    listed = func.json_agg(aggregate_order_by(one, found.c.priority.desc(), found.c.id.desc()), type_=JSON)
    return func.coalesce(select(listed).scalar_subquery(), literal([], JSON))


async def rules(tx: Tx) -> dict[str, tuple[dict[str, Any], int, datetime]]:
    """(what was set, version, when) of the rules that are not wholly as usual, by kind."""
    found = await tx.rows(select(*OpportunityRule.__table__.c))
    return {row.kind: (row.settings, row.version, row.updated_at) for row in found}


async def concerned(tx: Tx, after: int, upto: int) -> dict[Kind, list[uuid.UUID]]:
    """Whom the events between two places of the feed concern, by kind of opportunity."""
    found: dict[Kind, set[uuid.UUID]] = {}
    for event, customers in (await happened(tx, after, upto, list(CONCERNS))).items():
        for concern in CONCERNS[event]:
            found.setdefault(concern, set()).update(customers)
    if "due_to_rebuy" in found:
        # A receipt ends what was due. What it begins is due days later, and every line of a customer is a lot to read.
        found["due_to_rebuy"] = await _with_open(tx, "due_to_rebuy", found["due_to_rebuy"])
    return {kind: sorted(found[kind]) for kind in KINDS if found.get(kind)}


async def _with_open(tx: Tx, kind: Kind, customers: set[uuid.UUID]) -> set[uuid.UUID]:
    mine = _TABLE.c.customer_id == any_(literal(sorted(customers), ARRAY(Uuid)))
    rows = await tx.rows(select(_TABLE.c.customer_id).where(mine, _TABLE.c.kind == kind, _TABLE.c.status == "open"))
    return {row[0] for row in rows}
