"""Proof that customers are found by what their names say now, and its repair."""

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass

from app.core.db import Tx
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


async def differences(tx: Tx) -> list[Difference]:
    """Every customer whose kept terms ought to be others; none when all is well. Changes nothing."""
    return [one async for slice_ in _slices(tx) for one in slice_]


async def repair(tx: Tx) -> int:
    """Write the terms of every customer for whom they differ. Answers how many customers."""
    count = 0
    async for wrong in _slices(tx, lock=True):
        names = await queries.names_of(tx, [one.customer_id for one in wrong])
        await keep_terms(tx, {one.customer_id: names.get(one.customer_id, {}) for one in wrong})
        count += len(wrong)
    return count


async def _slices(tx: Tx, *, lock: bool = False) -> AsyncIterator[list[Difference]]:
    after = START
    while after != END:
        named = await queries.named_after(tx, after, SLICE, lock=lock)
        upto = max(named) if len(named) == SLICE else END
        kept = await queries.search_terms(tx, after, upto)
        found = []
        for customer in sorted({*named, *kept}):
            wanted = set(terms_of(named[customer])) if customer in named else set[Term]()
            held = set(kept.get(customer, ()))
            if wanted != held:
                found.append(Difference(customer, len(wanted - held), len(held - wanted)))
        yield found
        after = upto
