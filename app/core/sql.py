"""Small helpers around SQLAlchemy Core."""

from typing import Any

from sqlalchemy import ColumnElement, Executable, Insert, Select, column, func, literal, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql.selectable import TableValuedAlias
from sqlalchemy.types import TypeEngine


def together(*statements: Insert) -> Executable:
    """One statement that runs several inserts, so that they cost one round trip. Order among them is not defined."""
    outer: Select[Any] = select(literal(1))
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
