"""Filling what names are found by, for customers that were there before it was kept. Goes on where it was killed."""

import uuid

from app.core.db import Tx
from app.core.jobs import Handler, RunningJob, Step
from app.core.services import Services
from app.customers import queries
from app.customers.commands import keep_terms

FILL = "customers.fill_search_terms"
# Customers of a step: they stay as they are while their names are read, so the step is short.
SLICE = 500
_START = uuid.UUID(int=0)


async def fill(_: Services, job: RunningJob) -> None:
    """Write the terms of every customer, in the order of ids. What is right already is not written again."""
    while not job.over:
        await job.step(lambda tx: _slice(tx, job))


async def _slice(tx: Tx, job: RunningJob) -> Step:
    after = uuid.UUID(job.cursor["after"]) if job.cursor else _START
    named = await queries.named_after(tx, after, SLICE, lock=True)
    await keep_terms(tx, named)
    progress = {"customers": job.progress.get("customers", 0) + len(named)}
    return Step({"after": str(max(named, default=after))}, progress, done=len(named) < SLICE)


HANDLERS: dict[str, Handler] = {FILL: fill}
