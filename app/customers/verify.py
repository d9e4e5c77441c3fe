"""Proof that customers are found by what their names say now, and its repair."""

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial

from app.core.caller import SYSTEM
from app.core.db import Database, Tx
from app.customers import queries
from app.customers.commands import keep_terms
from app.customers.terms import Term, terms_of

# Customers looked at in one statement.
SLICE = 1000
START = uuid.UUID(int=0)
END = uuid.UUID(int=2**128 - 1)


@dataclass(frozen=True, slots=True)
class Difference:
    """A customer whose terms are not those of its names (or of whom only terms are left). Says no name."""

    customer_id: uuid.UUID
    missing: int
    extra: int

    def __str__(self) -> str:
        return f"{self.customer_id} search terms: {self.missing} missing, {self.extra} too many"


async def check(db: Database, *, repair: bool = False) -> AsyncIterator[list[Difference]]:
    """The differences slice by slice, each in a transaction of its own; with `repair` they are put right in it.

    What was put right stays so when a run is interrupted.
    """
    after = START
    while after != END:
        work = partial(_slice, after=after, repair=repair)
        found, after = await (db.run(work) if repair else db.read(SYSTEM, work))
        yield found


async def _slice(tx: Tx, after: uuid.UUID, *, repair: bool) -> tuple[list[Difference], uuid.UUID]:
    """The differences of the customers behind `after`, and the last one looked at."""
    named = await queries.named_after(tx, after, SLICE, lock=repair)
    upto = max(named) if len(named) == SLICE else END
    kept = await queries.search_terms(tx, after, upto)
    found = []
    for customer in sorted({*named, *kept}):
        wanted = set(terms_of(named[customer])) if customer in named else set[Term]()
        held = set(kept.get(customer, ()))
        if wanted != held:
            found.append(Difference(customer, len(wanted - held), len(held - wanted)))
    if repair and found:
        await keep_terms(tx, {one.customer_id: named.get(one.customer_id, {}) for one in found})
    return found, upto
