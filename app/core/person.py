"""What a room does with the rows that it holds of one person: the engine behind merging two records and undoing it.

Every room that has tables with `customer_id` says in its `person.py` what becomes of each (`HOLDINGS`), and has
functions of fixed names that front rooms call one room after another, the lower rooms first. Rows change hands by being
deleted and inserted: the customer is part of every key.
"""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum
from functools import cache
from typing import Any, Protocol

from sqlalchemy import Executable, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.types import Uuid

from app.core.db import Tx
from app.core.settings import CompanySettings
from app.core.tables import Base

Fields = dict[str, Any]


class Fate(Enum):
    """What becomes of a table's rows when their customer becomes another: why it is so stands where it is said."""

    # The engine moves them.
    MOVES = "moves"
    # The room's own `move` does.
    OWN = "own"
    # They are made again from other rows.
    DERIVED = "derived"
    # They are about the id itself, and stay with it.
    STAYS = "stays"


@dataclass(frozen=True, slots=True)
class Holding:
    """A table that holds rows of customers, and what becomes of them.

    A row is known by its `id`. `follows` are columns that name another record of the person: a row that names one which
    goes back goes back with it, even if it was made later. `clash` is SQL over `mine` and `theirs`, two rows of the
    table: a row of which the other customer has one that it clashes with cannot move; it is kept as an image until the
    merge is undone. `with_parent` is (column, table): what belongs to such a row is kept with it.
    """

    model: type[Base]
    fate: Fate = Fate.MOVES
    follows: tuple[str, ...] = ()
    clash: str = ""
    with_parent: tuple[str, str] | None = None

    @property
    def name(self) -> str:
        """The table's name."""
        return str(self.model.__tablename__)

    @property
    def columns(self) -> list[str]:
        """The names of its columns."""
        return [column.name for column in self.model.__table__.c]


@dataclass(slots=True)
class Kept:
    """What is remembered of one table, so that a merge can be undone.

    `moved` are the ids that changed hands, `dropped` images of rows that could not, `before` and `after` images of what
    was changed in place.
    """

    moved: list[str] = field(default_factory=list)
    dropped: list[Fields] = field(default_factory=list)
    before: Fields = field(default_factory=dict)
    after: Fields = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two values for one thing. `kept` says whose counts from now on, `rule` why; the caller may choose by `path`.

    `group` is the field group of both values, unless `path` is that of an attribute: those know their own.
    """

    path: str
    winner: Any
    loser: Any
    kept: str
    rule: str
    group: str = "basic"


@dataclass(slots=True)
class Trip:
    """One merge (or its undo) on its way through the rooms: what was the loser's becomes the winner's.

    `choices` are what the caller decided: path -> winner or loser. `kept` is by table. On the way back `since` says
    when they were merged.
    """

    winner: uuid.UUID
    loser: uuid.UUID
    today: date
    company: CompanySettings
    choices: Mapping[str, str] = field(default_factory=dict)
    kept: dict[str, Kept] = field(default_factory=dict)
    conflicts: list[Conflict] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    since: datetime | None = None

    def of(self, table: str) -> Kept:
        """What is remembered of a table."""
        return self.kept.setdefault(table, Kept())

    def chosen(self, conflict: Conflict) -> str:
        """Note a conflict; whose value counts."""
        self.conflicts.append(conflict)
        return conflict.kept


class Person(Protocol):
    """A room's `person.py`."""

    @property
    def HOLDINGS(self) -> tuple[Holding, ...]:  # noqa: N802  a module has it as a constant
        """Every table with `customer_id` that the room owns."""

    async def move(self, tx: Tx, trip: Trip) -> None:
        """Make what is the loser's the winner's, noting in the trip what undoing it takes. Both are locked."""

    async def move_back(self, tx: Tx, trip: Trip) -> None:
        """Give back what had moved; what came later stays. Both are locked."""


async def move_rows(tx: Tx, holdings: Sequence[Holding], trip: Trip) -> None:
    """Move the rows of every holding whose fate it is, in one statement: foreign keys are looked at when it ends."""
    moving = tuple(one for one in holdings if one.fate is Fate.MOVES)
    row = (await tx.rows(_away(moving), {"source": trip.loser, "target": trip.winner}))[0]
    for place, holding in enumerate(moving):
        kept = trip.of(holding.name)
        kept.moved += [str(one) for one in row[2 * place] or ()]
        kept.dropped += row[2 * place + 1] or []


async def move_rows_back(tx: Tx, holdings: Sequence[Holding], trip: Trip) -> None:
    """Undo `move_rows`: rows that moved and are still there, with what belongs to them, and those that could not move.

    Of the latter one that somebody else's row has the place of by now stays away: `Trip.lost` names its table.
    """
    moving = tuple(one for one in holdings if one.fate is Fate.MOVES)
    values: Fields = {"source": trip.winner, "target": trip.loser, "all": everything_moved(trip)}
    for holding in moving:
        kept = trip.of(holding.name)
        values[f"moved_{holding.name}"] = [uuid.UUID(one) for one in kept.moved]
        values[f"dropped_{holding.name}"] = kept.dropped
    row = (await tx.rows(_home(moving), values))[0]
    trip.lost += [one.name for place, one in enumerate(moving) if row[place] < len(trip.of(one.name).dropped)]


async def image(tx: Tx, model: type[Base], customer: uuid.UUID) -> Fields | None:
    """The one row that a table has of a customer, as JSON."""
    found: Fields | None = await tx.scalar(
        text(f"SELECT to_jsonb(one) FROM {model.__tablename__} one WHERE customer_id = :customer"),
        {"customer": customer},
    )
    return found


async def put_image(tx: Tx, model: type[Base], customer: uuid.UUID, row: Fields | None) -> None:
    """Make an image the one row that a table has of a customer; None for no row."""
    await tx.execute(text(f"DELETE FROM {model.__tablename__} WHERE customer_id = :customer"), {"customer": customer})
    if row is not None:
        await put_images(tx, model, [{**row, "customer_id": str(customer)}])


async def put_images(tx: Tx, model: type[Base], rows: Sequence[Fields]) -> None:
    """Write rows from their images."""
    made = (
        f"INSERT INTO {model.__tablename__} SELECT * FROM jsonb_populate_recordset(NULL::{model.__tablename__}, :rows)"
    )
    await tx.execute(text(made).bindparams(bindparam("rows", type_=JSONB)), {"rows": [*rows]})


async def move_one(tx: Tx, model: type[Base], trip: Trip, both: Callable[[Fields, Fields], Fields]) -> None:
    """Move the one row that a table may have of a customer; `both` answers what counts if each has one."""
    winner, loser = await image(tx, model, trip.winner), await image(tx, model, trip.loser)
    if loser is None:
        return
    after = {**loser, "customer_id": str(trip.winner)} if winner is None else both(winner, loser)
    kept = trip.of(model.__tablename__)
    kept.before, kept.after = {"winner": winner, "loser": loser}, {"winner": after}
    await put_image(tx, model, trip.loser, None)
    if after != winner:
        await put_image(tx, model, trip.winner, after)


async def move_one_back(tx: Tx, model: type[Base], trip: Trip) -> None:
    """Undo `move_one`: the winner keeps what was changed since."""
    kept = trip.of(model.__tablename__)
    if not kept.before:
        return
    if await image(tx, model, trip.winner) == kept.after["winner"]:
        await put_image(tx, model, trip.winner, kept.before["winner"])
    await put_image(tx, model, trip.loser, kept.before["loser"])


def everything_moved(trip: Trip) -> list[uuid.UUID]:
    """The ids of all records that a merge moved, of all rooms."""
    return sorted({uuid.UUID(one) for kept in trip.kept.values() for one in kept.moved})


@cache
def _away(holdings: tuple[Holding, ...]) -> Executable:
    parts, answers = [], []
    for one in holdings:
        name, columns = one.name, _others(one)
        stays = "false"
        if one.clash:
            parts.append(
                f"stays_{name} AS MATERIALIZED (SELECT mine.id FROM {name} mine WHERE mine.customer_id = :source"
                f" AND EXISTS (SELECT FROM {name} theirs WHERE theirs.customer_id = :target AND {one.clash}))"
            )
            stays = f"gone.id IN (SELECT id FROM stays_{name})"
        elif one.with_parent is not None:
            column, parent = one.with_parent
            stays = f"gone.{column} IN (SELECT id FROM stays_{parent})"
        parts.append(f"gone_{name} AS (DELETE FROM {name} WHERE customer_id = :source RETURNING *)")
        parts.append(
            f"put_{name} AS (INSERT INTO {name} (customer_id, {columns})"
            f" SELECT :target, {columns} FROM gone_{name} gone WHERE NOT ({stays}))"
        )
        ids = f"(SELECT array_agg(gone.id) FROM gone_{name} gone WHERE NOT ({stays}))"
        answers += [
            ids if "id" in one.columns else "CAST(NULL AS uuid[])",
            f"(SELECT jsonb_agg(to_jsonb(gone)) FROM gone_{name} gone WHERE {stays})",
        ]
    return _two_ids(f"WITH {', '.join(parts)} SELECT {', '.join(answers)}")


@cache
def _home(holdings: tuple[Holding, ...]) -> Executable:
    parts, bound = [], [bindparam("all", type_=ARRAY(Uuid))]
    for one in holdings:
        name, columns = one.name, _others(one)
        which = [f"{column} = ANY (:all)" for column in one.follows]
        if "id" in one.columns:
            which.append(f"id = ANY (:moved_{name})")
            bound.append(bindparam(f"moved_{name}", type_=ARRAY(Uuid)))
        bound.append(bindparam(f"dropped_{name}", type_=JSONB))
        mine = f"customer_id = :source AND ({' OR '.join(which)})"
        images = f"SELECT * FROM jsonb_populate_recordset(NULL::{name}, :dropped_{name})"
        parts += [
            f"gone_{name} AS (DELETE FROM {name} WHERE {mine} RETURNING *)",
            f"put_{name} AS (INSERT INTO {name} (customer_id, {columns}) SELECT :target, {columns} FROM gone_{name})",
            f"again_{name} AS (INSERT INTO {name} {images} ON CONFLICT DO NOTHING RETURNING 1)",
        ]
    counts = ", ".join(f"(SELECT count(*) FROM again_{one.name})" for one in holdings)
    return _two_ids(f"WITH {', '.join(parts)} SELECT {counts}", *bound)


def _two_ids(sql: str, *bound: Any) -> Executable:
    used = [one for one in bound if f":{one.key}" in sql]
    return text(sql).bindparams(bindparam("source", type_=Uuid), bindparam("target", type_=Uuid), *used)


def _others(holding: Holding) -> str:
    return ", ".join(name for name in holding.columns if name != "customer_id")
