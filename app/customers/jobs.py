"""Filling what names are found by, and looking for duplicates. Killed anywhere, each goes on where it stopped."""

import asyncio
import uuid

from app.core.db import Tx
from app.core.jobs import Handler, RunningJob, Step, keep_turning
from app.core.services import Services
from app.customers import pinyin, queries
from app.customers.commands import duplicates, keep_terms
from app.customers.models import DuplicateState
from app.customers.queries.duplicates import PASSES, look
from app.feed import hot as feed

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


async def sweep(_: Services, job: RunningJob) -> None:
    """Look for duplicates among everybody: one pass for each kind of thing that two may share, value by value."""
    await asyncio.to_thread(pinyin.load)
    while not job.over:
        await job.step(lambda tx: _look(tx, job))


async def _look(tx: Tx, job: RunningJob) -> Step:
    """One look of a pass. Progress: pairs judged, found, changed, withdrawn; values that too many share (`large`)."""
    name = job.cursor.get("pass", PASSES[0])
    seen = await look(tx, name, job.cursor.get("after"))
    done = await duplicates.find(tx, seen.pairs)
    counts = {"judged": len(seen.pairs), "large": seen.large, **done}
    progress = {**dict.fromkeys(("judged", "found", "changed", "withdrawn", "large"), 0), **job.progress}
    progress = {name: progress[name] + counts.get(name, 0) for name in progress}
    if seen.after is not None:
        return Step({"pass": name, "after": seen.after}, progress)
    following = PASSES[PASSES.index(name) + 1 :]
    # Where a pass stands is a value that customers share: of a sweep that is over none is kept.
    return Step({"pass": following[0] if following else name}, progress, done=not following)


class DuplicateFinder:
    """Looks for duplicates of whoever the feed says has changed, for as long as the worker runs.

    Any number may run, in any process. A cursor over the feed is simpler than a job per change: every write is on the
    feed already, a burst of them is looked at together, and what was missed while no worker ran is caught up.
    """

    def __init__(self, services: Services) -> None:
        self._db = services.db
        self._pause = services.settings.duplicates.poll_seconds

    async def run(self, stop: asyncio.Event) -> None:
        """Look again and again until `stop` is set. Outlives the database's restarts."""
        await asyncio.to_thread(pinyin.load)
        await keep_turning(self.turn, stop, self._pause, "duplicates cannot be looked for")

    async def turn(self) -> int:
        """Look once; how many events there were to look at, of which there may be more."""
        if not await feed.behind(self._db, DuplicateState):
            return 0
        return await self._db.run(duplicates.follow)


HANDLERS: dict[str, Handler] = {FILL: fill, duplicates.SWEEP: sweep}
