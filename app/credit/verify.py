"""Proof that the ledgers agree with themselves. What does not is for a person to look at: nothing is put right."""

from collections.abc import AsyncIterator
from functools import partial

from app.core.caller import SYSTEM
from app.core.db import Database
from app.credit import queries
from app.receipts.queries import slices

# Customers looked at in one statement: few enough to stay far from the statements' time limit.
SLICE = 20_000


async def check(db: Database) -> AsyncIterator[list[str]]:
    """What is wrong in the ledgers, slice by slice, each in a transaction of its own."""
    for low, high in await db.read(SYSTEM, partial(slices, size=SLICE)):
        yield await db.read(SYSTEM, partial(queries.differences, low=low, high=high))
