"""Proof that what is kept per customer equals a recomputation from receipts, and its repair."""

import uuid
from collections.abc import AsyncIterator
from functools import partial

from app.core.caller import SYSTEM
from app.core.db import Database, Tx
from app.receipts import commands, queries
from app.receipts.queries import Difference

# Customers looked at in one statement: few enough to stay far from the statements' time limit.
SLICE = 20_000
# Customers put right in one transaction: a till that meets one of them waits no longer than this takes.
PORTION = 200


async def differences(tx: Tx) -> list[Difference]:
    """Every value that is kept and ought to be another; none when all is well. Changes nothing."""
    found: list[Difference] = []
    for low, high in await queries.slices(tx, SLICE):
        found += await queries.differences(tx, low, high)
    return found


async def check(db: Database, *, repair: bool = False) -> AsyncIterator[list[Difference]]:
    """The differences slice by slice, each in a transaction of its own; with `repair` they are then put right.

    What was put right stays so when a run is interrupted, and tills never wait for more than a portion.
    """
    for low, high in await db.read(SYSTEM, partial(queries.slices, size=SLICE)):
        found = await db.read(SYSTEM, partial(queries.differences, low=low, high=high))
        if found and repair:
            await _put_right(db, {one.customer_id for one in found})
        yield found


async def _put_right(db: Database, customers: set[uuid.UUID]) -> None:
    ids = sorted(customers)
    for start in range(0, len(ids), PORTION):
        await db.run(partial(commands.rebuild, customers=ids[start : start + PORTION]))


async def repair(db: Database) -> int:
    """Put right every customer for whom something differs. Answers how many customers."""
    count = 0
    async for found in check(db, repair=True):
        count += len({one.customer_id for one in found})
    return count
