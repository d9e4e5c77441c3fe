"""Two questions beside each other: whom only one of them is true of, and whom both."""

import uuid
from dataclasses import dataclass

from sqlalchemy import Uuid, case, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY

from app.core.db import Tx
from app.customers.queries import visible_to
from app.segments.queries.evaluate import Question, matching

SIDES = ("first", "second", "both")


@dataclass(frozen=True, slots=True)
class Part:
    """How many customers, and some of them."""

    count: int
    some: list[uuid.UUID]


@dataclass(frozen=True, slots=True)
class Beside:
    """Whom only the first question is true of, whom only the second, and whom both."""

    first: Part
    second: Part
    both: Part

    @property
    def some(self) -> list[uuid.UUID]:
        """All who are shown."""
        return [*self.first.some, *self.second.some, *self.both.some]


async def beside(tx: Tx, first: Question, second: Question, size: int) -> Beside:
    """Both questions in one statement, with up to `size` customers of each part: the same as long as nobody moves."""
    one, other = (
        matching(each, caller=tx.caller).subquery(name) for each, name in ((first, "first"), (second, "second"))
    )
    side = case((other.c.id.is_(None), "first"), (one.c.id.is_(None), "second"), else_="both")
    joined = one.join(other, one.c.id == other.c.id, full=True)
    found = select(func.coalesce(one.c.id, other.c.id).label("id"), side.label("side")).select_from(joined).cte("found")
    counts = [select(func.count()).where(found.c.side == each).scalar_subquery() for each in SIDES]
    samples = []
    for each in SIDES:
        spread = select(found.c.id).where(found.c.side == each)
        spread = spread.order_by(func.uuid_hash(found.c.id), found.c.id).limit(literal(size))
        samples.append(select(func.array_agg(spread.subquery().c.id, type_=ARRAY(Uuid))).scalar_subquery())
    row = (await tx.rows(select(*counts, *samples)))[0]
    parts = [Part(int(row[place]), list(row[place + len(SIDES)] or ())) for place in range(len(SIDES))]
    return Beside(*parts)


async def population(tx: Tx, question: Question) -> int:
    """How many customers can be in a segment at all, of those whom the caller may know of."""
    rule = question.registry.population
    row = rule.rows()
    return int(
        await tx.scalar(select(func.count()).select_from(row).where(rule.counted(row), visible_to(tx.caller, row)))
    )
