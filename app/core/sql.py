"""Small helpers around SQLAlchemy Core.

A statement that runs often is built once, by a function with `functools.cache`, and takes its values as parameters:
to build one takes longer than to run it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ARRAY,
    CTE,
    ColumnElement,
    DateTime,
    Executable,
    Insert,
    Select,
    Uuid,
    bindparam,
    column,
    func,
    literal,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql.selectable import TableValuedAlias
from sqlalchemy.types import TypeEngine

# Parameters of statements that are built once: some rows for `recordset`, some ids, the transaction's time.
ROWS = bindparam("rows", type_=JSONB)
IDS = bindparam("ids", type_=ARRAY(Uuid))
NOW = bindparam("now", type_=DateTime(timezone=True))


@dataclass(frozen=True, slots=True)
class Filled:
    """A statement and its parameters this time; what `Tx` runs, alone or `together` with others.

    `parts` are named parts that run beside it, in the order in which they read each other.
    """

    statement: Executable
    values: Mapping[str, Any]
    parts: tuple[CTE, ...] = ()


def together(*statements: Insert | Filled, parts: Sequence[CTE] = ()) -> Filled:
    """One statement that runs several inserts, so that they cost one round trip. Order among them is not defined.

    `parts` are named parts of somebody else's, in the order in which they read each other. It is built once if all its
    statements are; then `parts` must be, too. Raises ValueError if two statements give a parameter different values.
    """
    values: dict[str, Any] = {}
    inner: list[Any] = []
    own = tuple(parts)
    for one in statements:
        if isinstance(one, Filled):
            if any(values.get(name, value) != value for name, value in one.values.items()):
                message = "Two statements give a parameter different values."
                raise ValueError(message)
            values.update(one.values)
            own += one.parts
        inner.append(one.statement if isinstance(one, Filled) else one)
    built = all(isinstance(one, Filled) for one in statements)
    return Filled((_joined if built else _joined.__wrapped__)(tuple(inner), own), values)


@lru_cache(maxsize=256)
def _joined(statements: tuple[Any, ...], parts: tuple[CTE, ...]) -> Executable:
    outer: Select[Any] = select(literal(1)).add_cte(*parts)
    for number, statement in enumerate(statements):
        outer = outer.add_cte(statement.cte(f"part_{number}"))
    return outer


def recordset(rows: Any, name: str, /, **columns: TypeEngine[Any]) -> TableValuedAlias:
    """`jsonb_to_recordset(rows) AS name(columns...)`: any number of rows through one bound value.

    `rows` is a list of plain dicts (or a JSON string), or an expression such as a `bindparam` of type JSONB; the
    statement's text never varies, so it is compiled once.
    """
    document = rows if isinstance(rows, ColumnElement) else literal(rows, JSONB)
    typed = [column(key, kind) for key, kind in columns.items()]
    return func.jsonb_to_recordset(document).table_valued(*typed, name=name).render_derived(name=name, with_types=True)


def allow_loops(*, allowed: bool) -> Select[Any]:
    """Whether PostgreSQL may join in nested loops, for the rest of the transaction or until this is run again.

    It cannot tell how far two UUIDs are apart: of a stretch of ids it expects one customer, and would look through the
    whole stretch again for each. Joins are no loops then, where they need not be.
    """
    return select(func.set_config("enable_nestloop", "on" if allowed else "off", literal(True)))


def id_from(key: str) -> str:
    """SQL of a UUIDv7 whose time is the parameter `id_time` (milliseconds) and whose rest follows from the text `key`.

    For rows that a statement makes by itself, whose number nobody knows before: run again, it makes the same ids.
    """
    time = "lpad(to_hex(CAST(:id_time AS bigint)), 12, '0')"
    dated = f"overlay(md5({key}) PLACING {time} FROM 1 FOR 12)"
    return f"overlay(overlay({dated} PLACING '7' FROM 13 FOR 1) PLACING '8' FROM 17 FOR 1)::uuid"
