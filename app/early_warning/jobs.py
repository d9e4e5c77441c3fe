"""The sweep, following the feed, and keeping what the clock brings.

The sweep looks at all customers, rule by rule, in stretches. Killed anywhere it goes on; twice it does nothing more.
"""

import asyncio
import uuid
from collections import Counter
from contextlib import suppress
from typing import Any

from app.core.db import Tx
from app.core.errors import Problem
from app.core.jobs import Handler, RunningJob, Step, keep_turning
from app.core.services import Services
from app.early_warning import commands, queries
from app.early_warning.models import WarningFollower, WatchState
from app.early_warning.rules import Kind
from app.feed import hot as feed
from app.segments import definition
from app.segments.asking import Asking
from app.segments.queries import evaluate, saved
from app.value.commands import keep_fits
from app.value.jobs import fits_if_old

_START = uuid.UUID(int=0)


async def sweep(services: Services, job: RunningJob) -> None:
    """Evaluate all customers by the rules of `kinds`, as of the company's day at each step.

    Before that, the models that the rules stand on are fitted anew if they are old, and it is looked up who is in the
    segments that rules are set for.
    """
    kinds: list[Kind] = list(job.arguments["kinds"])
    if not job.cursor:
        day = services.settings.company.today(services.clock.now())
        fits = await fits_if_old(services, day) if "loss" in kinds else {}

        async def kept(tx: Tx) -> Step:
            await keep_fits(tx, day, fits)
            return Step({"kinds": kinds, "members": str(_START), "after": str(_START)}, {"fitted": sorted(fits)})

        await job.step(kept)
    while not job.over:
        await job.step(lambda tx: _stretch(tx, services, job))


async def look_up(services: Services, job: RunningJob) -> None:
    """Look up who is in the segments that rules are set for."""
    while not job.over:
        await job.step(lambda tx: _members(tx, services, job, {"members": str(_START), **job.cursor}))


async def _stretch(tx: Tx, services: Services, job: RunningJob) -> Step:
    cursor = job.cursor
    if "members" in cursor:
        return await _members(tx, services, job, cursor)
    kind, *others = cursor["kinds"]
    company = services.settings.company
    size = cursor.get("size", commands.STRETCH_SIZE)
    upto, done, size = await commands.evaluate_stretch(tx, kind, uuid.UUID(cursor["after"]), company, size)
    progress = {**job.progress, kind: dict(Counter(job.progress.get(kind, {})) + Counter(done))}
    if upto is None:
        return Step({"kinds": others, "after": str(_START)}, progress, done=not others)
    return Step({**cursor, "after": str(upto), "size": size}, progress)


async def _members(tx: Tx, services: Services, job: RunningJob, cursor: dict[str, Any]) -> Step:
    """The members among the next customers; behind the last of them the rest of the job."""
    after, wanted = uuid.UUID(cursor["members"]), await queries.by_segment(tx)
    upto = await queries.stretch_end(tx, after, commands.STRETCH_SIZE) if wanted else None
    if upto is None:
        rest = {name: value for name, value in cursor.items() if name != "members"}
        return Step(rest, job.progress, done=not rest)
    asking, asked = Asking(services), []
    some = await saved.some(tx, wanted)
    world = await asking.world(tx, {}, *some)
    for one in some:
        # Nobody is in a segment that is not there any more, or cannot be answered.
        with suppress(Problem):
            question = asking.question(definition.of_tree(one.tree, world), world, asking.today())
            asked.append((question, wanted.pop(one.id)))
    await evaluate.limited(tx, services.settings.segments.evaluation_seconds * evaluate.AT_ONCE)
    await commands.look_up_members(tx, asked, [one for overrides in wanted.values() for one in overrides], after, upto)
    return Step({**cursor, "members": str(upto)}, job.progress)


class Watcher:
    """Judges anew whoever the feed says something has happened to, for as long as the worker runs.

    Any number may run, in any process. Killed anywhere it goes on where it stopped.
    """

    def __init__(self, services: Services) -> None:
        self._db = services.db
        self._company = services.settings.company
        self._pause = services.settings.warnings.poll_seconds

    async def run(self, stop: asyncio.Event) -> None:
        """Look again and again until `stop` is set. Outlives the database's restarts."""
        await keep_turning(self.turn, stop, self._pause, "warnings cannot be followed")

    async def turn(self) -> int:
        """Look once; how many events there were to look at, of which there may be more."""
        if not await feed.behind(self._db, WatchState):
            return 0
        return await self._db.run(lambda tx: commands.watch(tx, self._company))


class Keeper:
    """Does what is due: wakes, escalates, and says which promises were broken.

    Any number may run, in any process. Killed anywhere it goes on where it stopped.
    """

    def __init__(self, services: Services) -> None:
        self._db = services.db
        self._company = services.settings.company
        self._pause = services.settings.warnings.clock_seconds

    async def run(self, stop: asyncio.Event) -> None:
        """Look again and again until `stop` is set. Outlives the database's restarts."""
        await keep_turning(self.turn, stop, self._pause, "warnings cannot be kept")

    async def turn(self) -> int:
        """Look once; how much there was to look at, of which there may be more."""
        # Before anything escalates it goes to whom it belongs.
        found = 0
        if await feed.behind(self._db, WarningFollower):
            found = await self._db.run(commands.follow_managers)
        found += await self._db.run(commands.wake)
        found += await self._db.run(lambda tx: commands.end_promises(tx, self._company))
        return found + await self._db.run(commands.escalate)


HANDLERS: dict[str, Handler] = {commands.SWEEP: sweep, commands.MEMBERS: look_up}
