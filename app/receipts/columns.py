"""Rows for PostgreSQL as one array literal per column: any number of rows in a fixed number of bound values.

Reading literals costs the database half of what reading the same rows as JSON does, and a process that hands finished
text on spends nothing on it. Pure.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Any, cast

Spec = Sequence[tuple[str, str]]

# A receipt as it is handed to `commands.write_receipts`. `content_hash` is in hexadecimal; `given_date` is the business
# date if the till gave one; `promotions` is itself an array literal, `tenders` and `extensions` are JSON.
RECEIPT: Spec = (
    ("id", "uuid"), ("source", "text"), ("number", "text"), ("content_hash", "text"), ("store", "text"),
    ("till", "text"), ("kind", "text"), ("occurred_at", "timestamptz"), ("given_date", "date"), ("currency", "text"),
    ("rate", "numeric"), ("seller", "text"), ("purpose", "text"), ("one_off", "boolean"), ("returns_source", "text"),
    ("returns_number", "text"), ("promotions", "text"), ("tenders", "text"), ("extensions", "text"),
    ("gross", "bigint"), ("discount", "bigint"), ("net", "bigint"), ("tax", "bigint"), ("cost", "bigint"),
    ("base_net", "bigint"), ("base_discount", "bigint"), ("base_margin", "bigint"), ("base_returns", "bigint"),
)  # fmt: skip

# A line. `receipt` is the place of its receipt among the receipts, from 1.
LINE: Spec = (
    ("receipt", "int"), ("line", "int"), ("product", "text"), ("category", "text"), ("quantity", "numeric"),
    ("gross", "bigint"), ("discount", "bigint"), ("net", "bigint"), ("tax", "bigint"), ("cost", "bigint"),
    ("base_net", "bigint"), ("base_margin", "bigint"), ("original_line", "int"),
)  # fmt: skip


def plain_array(values: Iterable[object]) -> str:
    """An array literal of numbers, dates, times, ids or booleans; None becomes NULL. Never for text from outside."""
    given = tuple(values)
    if None in given:
        return "{" + ",".join(["NULL" if value is None else str(value) for value in given]) + "}"
    return "{" + ",".join(map(str, given)) + "}"


def text_array(values: Iterable[str | None]) -> str:
    """An array literal of any text; None becomes NULL."""
    given = tuple(values)
    if None not in given:
        # Most text needs no escape, and one look at all of it together tells.
        joined = '","'.join(cast("tuple[str, ...]", given))
        if given and "\\" not in joined and joined.count('"') == 2 * len(given) - 2:
            return '{"' + joined + '"}'
    return "{" + ",".join(["NULL" if value is None else _quoted(value) for value in given]) + "}"


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def literals(spec: Spec, rows: Sequence[Sequence[Any]]) -> dict[str, str]:
    """Rows in the order of `spec` as one literal per column."""
    columns: Iterable[Sequence[Any]] = zip(*rows, strict=True) if rows else ([] for _ in spec)
    return {
        name: (text_array if kind == "text" else plain_array)(values)
        for (name, kind), values in zip(spec, columns, strict=True)
    }


class Rows(Enum):
    """How many rows a source has, as far as the planner needs to know: a plan is made once and used for ever."""

    ONE = 1
    FEW = 10
    MANY = 1000


def source(spec: Spec, name: str, rows: Rows) -> str:
    """SQL of a row source `name` over the literals of `spec`, bound as `name_column`; `place` numbers its rows from 1.

    Without a hint the planner takes an array that it does not see for ten rows: too many for a plan of one receipt,
    which it would then make anew each time, and too few for joins by hash.
    """
    casts = [(column, f"CAST(CAST(:{name}_{column} AS text) AS {kind}[])") for column, kind in spec]
    if rows is Rows.ONE:
        return f"(SELECT 1 AS place, {', '.join(f'({cast})[1] AS {column}' for column, cast in casts)}) AS {name}"
    names = ", ".join(column for column, _ in casts)
    arrays = ", ".join(f"unnest({cast})" for _, cast in casts)
    if rows is Rows.FEW:
        return f"ROWS FROM ({arrays}) WITH ORDINALITY AS {name}({names}, place)"
    return f"ROWS FROM (generate_series(1, CAST(:{name}_count AS int)), {arrays}) AS {name}(place, {names})"


def bound(name: str, columns: Mapping[str, str], count: int, rows: Rows) -> dict[str, Any]:
    """The values that `source` of the same `name` and `rows` needs."""
    values: dict[str, Any] = {f"{name}_{column}": literal for column, literal in columns.items()}
    return {**values, f"{name}_count": count} if rows is Rows.MANY else values
