"""Answering a segment: who, how many, a page, a sample, and what it would cost to ask."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import orjson
from sqlalchemy import (
    ClauseElement,
    ColumnElement,
    Executable,
    Select,
    Uuid,
    any_,
    case,
    func,
    literal,
    select,
    true,
)  # fmt: skip
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.compiler import compiles

from app.core.caller import SYSTEM, Caller
from app.core.db import Tx
from app.core.errors import database_error
from app.core.fields import Evaluation, Registry
from app.core.sql import allow_loops
from app.customers.queries import visible_to
from app.segments.queries.compile import Customers, Trees
from app.segments.queries.predicates import Role
from app.segments.tree import Expr

# A page is looked for among this many customers first, and then among more and more.
# Questions about one customer that share a statement.
AT_ONCE = 10
FIRST_STRETCH = 5_000
STRETCH_GROWTH = 8
# Customers among whom it is seen how often a field is missing, and whether a condition makes a difference.
LOOKED_AT = 1_000
LOOK_SECONDS = 2.0
# What PostgreSQL says when a statement has taken too long.
_CANCELLED = "57014"


@dataclass(frozen=True, slots=True)
class Question:
    """A checked tree, with all that it takes to answer it: `trees` are those of the segments behind it."""

    registry: Registry
    tree: Expr
    as_of: date
    zone: str
    trees: Trees = field(default_factory=dict)
    # What `matching` made of it, by caller. A copy for another day or tree begins without.
    made: dict[Caller, Select[Any]] = field(default_factory=dict, init=False, compare=False)

    def asked(self, within: Any = None) -> Evaluation:
        """The circumstances of one evaluation, of all customers or of some."""
        return Evaluation(self.as_of, self.zone, within)

    def customers(self, within: Any = None) -> Customers:
        """The compiler for this tree."""
        return Customers(self.registry, self.trees, self.asked(within), self.tree)

    def of(self, tree: Expr) -> "Question":
        """The same circumstances for another tree."""
        return replace(self, tree=tree)


async def limited(tx: Tx, seconds: float) -> None:
    """Bound every further statement of this transaction, and have each planned for the very values it is sent."""
    values = {"statement_timeout": f"{int(seconds * 1000)}ms", "plan_cache_mode": "force_custom_plan"}
    await tx.execute(select(*(func.set_config(name, value, True) for name, value in values.items())))


def matching(question: Question, within: Any = None, caller: Caller = SYSTEM) -> Select[Any]:
    """SELECT of the ids of the customers of whom the question is true, and of whom the caller may know.

    The question itself is about everybody: who belongs to the tenth that bought most does so among all. Made once for a
    caller who asks about everybody, as it is first asked what the answer would cost.
    """
    if within is None:
        if caller not in question.made:
            question.made[caller] = _matching(question, None, caller)
        return question.made[caller]
    return _matching(question, within, caller)


def _matching(question: Question, within: Any, caller: Caller) -> Select[Any]:
    customers = question.customers(within)
    truth = customers.truth(question.tree, role=Role.WHOLE)
    found = select(customers.id.label("id")).select_from(customers.rows.joined).where(customers.counted, truth)
    return found.where(visible_to(caller, customers.rows.row)) if caller.limited else found


async def count(tx: Tx, question: Question) -> int:
    """How many customers it is true of."""
    found = matching(question, caller=tx.caller).subquery()
    return int(await tx.scalar(select(func.count()).select_from(found)))


async def sampled(tx: Tx, question: Question, size: int) -> tuple[int, list[uuid.UUID]]:
    """How many, and up to `size` of them, spread over all and the same as long as nobody comes or goes."""
    found = matching(question, caller=tx.caller).cte("found")
    spread = select(found.c.id).order_by(func.uuid_hash(found.c.id), found.c.id).limit(size).subquery()
    some = select(func.array_agg(spread.c.id, type_=ARRAY(Uuid))).scalar_subquery()
    number = select(func.count()).select_from(found).scalar_subquery()
    row = (await tx.rows(select(number, some)))[0]
    return int(row[0]), list(row[1] or ())


async def page(tx: Tx, question: Question, *, after: uuid.UUID | None, limit: int) -> list[uuid.UUID]:
    """Up to `limit` customers in the order of ids, after `after`.

    Looks at one stretch of ids after another, each longer than the last, so that a page costs what its members cost and
    a rare segment costs no more than twice a count.
    """
    found: list[uuid.UUID] = []
    low, stretch, more = after, FIRST_STRETCH, True
    while more and len(found) < limit:
        high = await _end(tx, question, low, stretch)
        more = high is not None
        statement = matching(question, _between(low, high), tx.caller).order_by("id").limit(limit - len(found))
        await tx.execute(allow_loops(allowed=low is None))
        found += [row[0] for row in await tx.rows(statement)]
        low, stretch = high, stretch * STRETCH_GROWTH
    await tx.execute(allow_loops(allowed=True))
    return found


async def _end(tx: Tx, question: Question, low: uuid.UUID | None, stretch: int) -> uuid.UUID | None:
    """The id that so many customers after `low` end with, or None if there are fewer."""
    population = question.registry.population
    row = population.rows()
    customer = population.id(row)
    statement = select(customer).select_from(row).order_by(customer).offset(stretch - 1).limit(1)
    if low is not None:
        statement = statement.where(customer > literal(low, Uuid))
    found: uuid.UUID | None = await tx.scalar(statement)
    return found


def _between(low: uuid.UUID | None, high: uuid.UUID | None) -> Any:
    def within(customer: ColumnElement[uuid.UUID]) -> ColumnElement[bool]:
        above = true() if low is None else customer > literal(low, Uuid)
        return above if high is None else above & (customer <= literal(high, Uuid))

    return None if low is None and high is None else within


async def look(
    tx: Tx, question: Question, fields: Sequence[str], conditions: Sequence[Expr]
) -> tuple[int, dict[str, int], list[int]] | None:
    """A look at the first `LOOKED_AT` customers whom the caller reaches, which are enough.

    How many they are, of how many percent each field is missing, and of how many each condition is true. None when it
    takes longer than `LOOK_SECONDS`: nobody waits for it.
    """
    population = question.registry.population
    row = population.rows()
    first = select(population.id(row)).where(population.counted(row), visible_to(tx.caller, row)).limit(LOOKED_AT)
    some = literal([one[0] for one in await tx.rows(first)], ARRAY(Uuid))
    customers = question.customers(lambda column: column == any_(some))
    shares = [func.avg(case((customers.operand(name).full.is_(None), 100), else_=0)) for name in fields]
    holds = [func.count().filter(customers.truth(one)) for one in conditions]
    statement = select(func.count(), *shares, *holds).select_from(customers.rows.joined).where(customers.counted)
    try:
        async with tx.connection.begin_nested():
            await limited(tx, LOOK_SECONDS)
            found = (await tx.rows(statement))[0]
    except DBAPIError as error:
        if (database_error(error) or ("",))[0] != _CANCELLED:
            raise
        return None
    missing = {name: int(share) for name, share in zip(fields, found[1:], strict=False) if share is not None}
    return int(found[0]), missing, [int(one) for one in found[1 + len(fields) :]]


class _Plan(Executable, ClauseElement):
    """EXPLAIN of a statement, with its values bound as they would be."""

    inherit_cache = False

    def __init__(self, statement: ClauseElement) -> None:
        self.statement = statement


@compiles(_Plan)
def _plan(plan: _Plan, compiler: Any, **more: Any) -> str:
    return f"EXPLAIN (FORMAT JSON) {compiler.process(plan.statement, **more)}"


class Analysed(_Plan):
    """The same after running it: what was done, and what was read."""

    inherit_cache = False


@compiles(Analysed)
def _analysed(plan: _Plan, compiler: Any, **more: Any) -> str:
    return f"EXPLAIN (ANALYZE, BUFFERS) {compiler.process(plan.statement, **more)}"


async def cost(tx: Tx, question: Question) -> float:
    """What the planner thinks that answering costs, in its own units: reading one page in sequence is 1."""
    found: Any = await tx.scalar(
        _Plan(select(func.count()).select_from(matching(question, caller=tx.caller).subquery()))
    )
    plan = orjson.loads(found) if isinstance(found, str) else found
    return float(plan[0]["Plan"]["Total Cost"])


async def held(tx: Tx, questions: Sequence[Question], customer: uuid.UUID) -> list[bool]:
    """Which of the questions are true of one customer, some in each statement."""
    found: list[bool] = []
    for first in range(0, len(questions), AT_ONCE):
        some = questions[first : first + AT_ONCE]
        rows = await tx.rows(select(*(matching(question, only(customer), tx.caller).exists() for question in some)))
        found += rows[0]
    return found


def only(customer: uuid.UUID) -> Any:
    """Narrows an evaluation to one customer."""
    return lambda column: column == literal(customer, Uuid)
