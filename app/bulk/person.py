"""What imports hold on a person: files that are not in yet. What is kept of others quotes nobody."""

import uuid
from collections.abc import Sequence

from app.bulk import commands, queries
from app.bulk.mentions import marks
from app.core import rights
from app.core.db import Tx
from app.core.rights import Trace
from app.customers.queries.person import spelt

TRACES: tuple[Trace, ...] = ()


async def export(tx: Tx, customers: Sequence[uuid.UUID]) -> dict[str, str]:
    """Nothing: what is in a file is shown when it is in."""
    return await rights.export(tx, TRACES, customers)


async def forget(tx: Tx, customers: Sequence[uuid.UUID], kept: rights.Kept) -> rights.Gone:
    """Nothing: files that are not in yet are waited for, or given up."""
    return await rights.forget(tx, TRACES, customers, kept)


async def unsettled(tx: Tx, customers: Sequence[uuid.UUID]) -> list[str]:
    """A file that is not in yet would bring the customer back, or lie there with the numbers."""
    found = await queries.mentioning(tx, marks(await spelt(tx, customers)))
    return ["unfinished_import"] if found else []


async def give_up(tx: Tx, customers: Sequence[uuid.UUID]) -> None:
    """End imports that speak of the customers: what was restored is not waited for."""
    found = await queries.mentioning(tx, marks(await spelt(tx, customers)))
    if found:
        await commands.give_up(tx, found)
