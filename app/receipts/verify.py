"""Proof that what is kept per customer equals a recomputation from receipts, and its repair."""

from app.core.db import Tx
from app.receipts import commands, queries
from app.receipts.queries import Difference

# Customers looked at in one statement: few enough to stay far from the statements' time limit.
SLICE = 20_000


async def differences(tx: Tx) -> list[Difference]:
    """Every value that is kept and ought to be another; none when all is well. Changes nothing."""
    found: list[Difference] = []
    for low, high in await queries.slices(tx, SLICE):
        found += await queries.differences(tx, low, high)
    return found


async def repair(tx: Tx) -> int:
    """Put right every customer for whom something differs. Answers how many customers."""
    count = 0
    for low, high in await queries.slices(tx, SLICE):
        wrong = {one.customer_id for one in await queries.differences(tx, low, high)}
        if wrong:
            await commands.rebuild(tx, wrong)
            count += len(wrong)
    return count
