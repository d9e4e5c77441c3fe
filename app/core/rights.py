"""What the rooms hold on a person: how it is shown to that person, and what becomes of it at an erasure.

Each room lists its tables as traces, in `person.py`; this module reads and erases by the list. What a trace keeps is a
ledger: its rows stay, with their amounts, and lose what tells of the person.
"""

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any, Protocol, cast

from pydantic import BaseModel, create_model
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    DateTime,
    Double,
    Numeric,
    Select,
    Table,
    Text,
    Uuid,
    any_,
    bindparam,
    delete,
    func,
    literal,
    not_,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects.postgresql import JSON, JSONB, aggregate_order_by

from app.core.db import Tx
from app.core.documents import json_degrees, json_object, json_time
from app.core.tables import Base
from app.core.types import Answer

# By retention rule, of which customers it still holds something back.
Kept = Mapping[str, AbstractSet[uuid.UUID]]
# (customer, table) -> how many rows went or were cleared.
Gone = Counter[tuple[uuid.UUID, str]]

_IDS = bindparam("customers", type_=ARRAY(Uuid))
# The time of the erasure, for columns that get it.
NOW: ColumnElement[datetime] = bindparam("now", type_=DateTime(timezone=True))


def held_or(column: Any, value: Any) -> ColumnElement[Any]:
    """What a column holds, or `value` if that is nothing: for `Trace.clear`."""
    return func.coalesce(column, value)


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """What one table holds on customers, and what an erasure makes of it.

    `title` heads it on the page. Without `clear` its rows are deleted. With it they stay where `stays` says so (else
    all do), and these columns get these values. `rule` is the retention rule that lets all this wait. `key` is the
    column of the customer, `others` are columns that name one too. Where `mirror` names another customer, that one has
    a row with the same id, which goes too. `hidden` columns tell a person nothing;
    `more` adds members to what is shown. A trace that is not `shown` only erases: another shows the table.
    """

    model: type[Base]
    title: str
    key: str = "customer_id"
    mirror: str | None = None
    others: tuple[str, ...] = ()
    clear: Mapping[str, Any] | None = None
    stays: ColumnElement[bool] | None = None
    rule: str | None = None
    hidden: frozenset[str] = frozenset()
    more: Mapping[str, ColumnElement[Any]] = field(default_factory=dict)
    shown: bool = True

    @property
    def table(self) -> Table:
        """The table itself."""
        return cast("Table", self.model.__table__)

    @property
    def name(self) -> str:
        """Its name, which is that of its section in the export."""
        return str(self.table.name)


class Person(Protocol):
    """A room's `person.py`, as far as a person's rights are concerned.

    It may also have `unsettled(tx, customers)`: codes of reasons why they cannot be erased yet; and
    `give_up(tx, customers)`: what is done instead where an erasure is only repeated, after a restore.
    """

    @property
    def TRACES(self) -> tuple[Trace, ...]:  # noqa: N802  a module has it as a constant
        """Every table that holds something on customers, in the order in which it is erased."""

    async def export(self, tx: Tx, customers: Sequence[uuid.UUID]) -> dict[str, str]:
        """Section -> JSON list of everything that the room holds on one person (by all ids that he ever had)."""

    async def forget(self, tx: Tx, customers: Sequence[uuid.UUID], kept: Kept) -> Gone:
        """Erase customers, but what the retention rules `kept` hold back of some."""


async def export(tx: Tx, traces: Sequence[Trace], customers: Sequence[uuid.UUID]) -> dict[str, str]:
    """All that these tables hold on the customers (one person, and whom it was merged with): section -> JSON list.

    One statement. PostgreSQL writes the JSON: a customer may have many thousands of receipts.
    """
    shown = [trace for trace in traces if trace.shown]
    if not shown:
        return {}
    columns = [sql_cast(_listed(trace), Text).label(trace.name) for trace in shown]
    rows = await tx.rows(select(*columns), {"customers": list(customers)})
    return dict(zip((trace.name for trace in shown), rows[0], strict=True))


async def forget(tx: Tx, traces: Sequence[Trace], customers: Sequence[uuid.UUID], kept: Kept) -> Gone:
    """Erase customers from these tables, but what the retention rules `kept` hold back of some.

    A row that names several of them counts for the first, in the order given. A fixed few statements per table, however
    many customers. Their rows in `customers` are locked. Repeating it changes nothing.
    """
    gone: Gone = Counter()
    place = {one: number for number, one in enumerate(customers)}
    for trace in traces:
        back = kept.get(trace.rule, frozenset()) if trace.rule is not None else frozenset()
        some = [one for one in customers if one not in back]
        for statement in _erasing(trace) if some else ():
            for named in await tx.rows(statement, {"customers": some, "now": tx.now}):
                first = min((place[one] for one in named if one in place), default=0)
                gone[customers[first], trace.name] += 1
    return gone


def _erasing(trace: Trace) -> list[Any]:
    table = trace.table
    mine = _mine(trace)
    naming = (trace.key, *trace.others, *([trace.mirror] if trace.mirror is not None else ()))
    returned = [table.c[name] for name in naming]
    if trace.clear is None:
        gone = mine if trace.stays is None else mine & not_(trace.stays)
        return [delete(table).where(gone).returning(*returned)]
    statements: list[Any] = []
    if trace.stays is not None:
        statements.append(delete(table).where(mine, not_(trace.stays)).returning(*returned))
    if trace.clear:
        values = {name: _value(table, name, value) for name, value in trace.clear.items()}
        # What depends on the row itself (a version) says nothing of whether it was cleared before.
        plain = [name for name, value in trace.clear.items() if not isinstance(value, ColumnElement)]
        changed = or_(*(table.c[name].is_distinct_from(values[name]) for name in plain))
        statements.append(update(table).where(mine, changed).values(values).returning(*returned))
    return statements


def _value(table: Table, name: str, value: Any) -> Any:
    if isinstance(value, ColumnElement):
        return value
    kind = table.c[name].type
    return sql_cast(None, kind) if value is None else sql_cast(value, kind)


def _mine(trace: Trace) -> ColumnElement[bool]:
    table = trace.table
    mine = or_(*(table.c[name] == any_(_IDS) for name in (trace.key, *trace.others)))
    if trace.mirror is None:
        return mine
    side = table.alias("side")
    sides = select(side.c[trace.mirror], side.c.id).where(side.c[trace.key] == any_(_IDS))
    return mine | tuple_(table.c[trace.key], table.c.id).in_(sides)


@cache
def _shown_columns(model: type[Base], hidden: frozenset[str]) -> tuple[Any, ...]:
    return tuple(column for column in model.__table__.c if column.name not in hidden)


def _listed(trace: Trace) -> Any:
    members: dict[str, Any] = {
        column.name: _written(column) for column in _shown_columns(trace.model, trace.hidden)
    } | dict(trace.more)
    order = [column for column in trace.table.primary_key.columns if column.name != trace.key]
    one = json_object(**members)
    listed = func.json_agg(aggregate_order_by(one, *(order or trace.table.primary_key.columns)), type_=JSON)
    found: Select[Any] = select(func.coalesce(listed, literal([], JSON))).where(trace.table.c[trace.key] == any_(_IDS))
    return found.scalar_subquery()


def _written(column: Any) -> Any:
    if isinstance(column.type, DateTime):
        return json_time(column)
    if isinstance(column.type, Double):
        return json_degrees(column)
    if isinstance(column.type, Numeric):
        return sql_cast(func.trim_scale(column), Text)
    return column


_PLAIN: dict[Any, Any] = {Decimal: str}


@cache
def row_schema(trace: Trace) -> type[BaseModel]:
    """The wire type of a row of a trace in the export, made from the columns of its table."""
    fields: dict[str, Any] = {}
    for column in _shown_columns(trace.model, trace.hidden):
        kind = _python_type(column)
        fields[column.name] = (kind | None if column.nullable else kind, ...)
    for name in trace.more:
        fields[name] = (str | None, ...)
    made: type[BaseModel] = create_model(
        f"Exported{trace.model.__name__}", __base__=Answer, __doc__=f"{trace.title}.", **fields
    )
    return made


def _python_type(column: Any) -> Any:
    if isinstance(column.type, ARRAY):
        return list[_scalar(column.type.item_type)]  # type: ignore[misc]
    return _scalar(column.type)


def _scalar(kind: Any) -> Any:
    if isinstance(kind, JSON | JSONB):
        return Any
    if isinstance(kind, Double):
        return str
    found = kind.python_type
    return found if found in {uuid.UUID, datetime, date, int, bool, float} else _PLAIN.get(found, str)
