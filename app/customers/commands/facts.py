"""Writing down where values came from: one statement for any number of customers, beside the one that changes them."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Date,
    DateTime,
    Insert,
    Text,
    Update,
    Uuid,
    and_,
    bindparam,
    case,
    func,
    literal,
    null,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.types import TypeEngine

from app.core.db import Tx
from app.core.sql import ROWS, Filled, recordset
from app.customers.models import Fact, IdentifierRow
from app.customers.provenance import Origin

_ROW: dict[str, TypeEngine[Any]] = {
    "customer_id": Uuid(), "path": Text(), "channel": Text(), "collector": Text(), "store": Text(),
    "collected_at": DateTime(timezone=True), "licence_end": Date(), "previous": JSONB(), "confirms": Boolean(),
    "gone": Boolean(),
}  # fmt: skip
_ORIGIN = ("channel", "collector", "store", "collected_at")
_CONFIRMED = {"confirmed_at": "collected_at", "confirmed_by": "collector", "confirmed_store": "store"}
_KEPT = ("customer_id", "path", *_ORIGIN, "licence_end", "previous")
_SAID: dict[str, TypeEngine[Any]] = {
    "kind": Text(), "value": Text(), "customer_id": Uuid(), "channel": Text(), "collector": Text(), "store": Text(),
    "collected_at": DateTime(timezone=True), "licence_end": Date(), "timed": Boolean(),
}  # fmt: skip


def noted(rows: Sequence[Mapping[str, Any]]) -> Filled:
    """One INSERT of rows of `provenance.fact_rows`; their customers are locked or new. Nothing is executed here.

    A row that confirms does with the fact what `confirmed` says.
    """
    return Filled(_noting(), {"noted_rows": [*rows]})


@cache
def _noting() -> Insert:
    given = recordset(bindparam("noted_rows", type_=JSONB), "noted", **_ROW)
    values = select(
        *(given.c[name] for name in _KEPT),
        *(case((given.c.confirms, given.c[source])).label(name) for name, source in _CONFIRMED.items()),
        case((given.c.gone, given.c.collected_at)).label("retired_at"),
    )
    made = insert(Fact).from_select([*_KEPT, *_CONFIRMED, "retired_at"], values)
    new, confirms = made.excluded, made.excluded.confirmed_at.is_not(None)
    kept = {**confirmed(Fact, new), "previous": Fact.previous, "retired_at": Fact.retired_at}
    return made.on_conflict_do_update(
        index_elements=["customer_id", "path"],
        set_={name: case((confirms, value), else_=new[name]) for name, value in kept.items()},
    )


def confirmed(table: Any, given: Any) -> dict[str, ColumnElement[Any]]:
    """What to set in a row when the same value was collected again: `given` has the columns of an origin.

    Where the value came from stays; when it was last confirmed, by whom and for which store moves, and a longer licence
    counts. But what was rented and is collected again without a licence is the collector's own from then on.
    """
    collected = func.coalesce(table.collected_at, table.created_at) if table is IdentifierRow else table.collected_at
    rented = table.licence_end.is_not(None)
    own = and_(rented, given.licence_end.is_(None), given.collected_at >= collected)
    values: dict[str, ColumnElement[Any]] = {
        name: case((own, getattr(given, name)), else_=getattr(table, name)) for name in _ORIGIN
    }
    # An own value is not rented because a list has it too.
    longest = case((rented, func.greatest(table.licence_end, given.licence_end)))
    values["licence_end"] = case((own, null()), else_=longest)
    earlier = table.confirmed_at > given.collected_at
    for name, source in _CONFIRMED.items():
        values[name] = case((own, null()), (earlier, getattr(table, name)), else_=getattr(given, source))
    return values


class Said:
    """The origin of one write as bound columns, for `confirmed`."""

    def __init__(self, source: Origin, when: Any) -> None:
        self.channel, self.collector = literal(source.channel, Text), literal(source.collector, Text)
        self.store, self.licence_end = literal(source.store, Text), literal(source.licence_end, Date)
        self.collected_at = literal(when, DateTime(timezone=True))


async def confirm_identifiers(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    """Note that phones and e-mail addresses of locked customers were collected again.

    What is not `timed` was only sent along: it ends a licence and confirms nothing.
    """
    if rows:
        await tx.execute(_confirming(), {"rows": [*rows]})


@cache
def _confirming() -> Update:
    given, row = recordset(ROWS, "given", **_SAID), IdentifierRow
    same = and_(row.kind == given.c.kind, row.value == given.c.value, row.customer_id == given.c.customer_id)
    ends = and_(row.licence_end.is_not(None), given.c.licence_end.is_(None))
    return update(row).where(same, given.c.timed | ends).values(confirmed(row, given.c))
