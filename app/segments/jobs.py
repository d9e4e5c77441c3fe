"""Following the memberships of kept segments for as long as the worker runs, and writing files of members.

A file is a job: who is in it is written down once, then their rows, portion by portion. Each portion is written in one
transaction with the job's cursor, so a job that is killed anywhere goes on where the last one ended. The memory is that
of one portion.
"""

import asyncio
import logging
import time
import uuid
import zlib
from datetime import timedelta

from app.core.caller import SYSTEM
from app.core.db import Tx
from app.core.errors import Problem
from app.core.jobs import Handler, RunningJob, Step, code_of, is_transient, keep_turning
from app.core.services import Services
from app.segments import columns, commands
from app.segments.asking import Asking
from app.segments.commands import exports as exporting
from app.segments.commands.keeping import Refreshed
from app.segments.queries import evaluate, exports, happened
from app.segments.queries.columns import values

log = logging.getLogger("clientele.segments")
# After everybody was asked about, so many times as long is left to others.
REST = 4
# A segment that could not be refreshed waits so long.
AGAIN_SECONDS = 60.0


class Keeper:
    """Any number may run, in any process: one segment is followed by one at a time. Killed anywhere it goes on.

    Who changed is looked at as the feed tells of it; everybody when a question changed, when others' values count, and
    when a day begins for the company.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._asking = Asking(services)
        self._settings = services.settings.segments
        self._not_before: dict[uuid.UUID, float] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Look again and again until `stop` is set. Outlives the database's restarts."""
        await keep_turning(self.turn, stop, self._settings.poll_seconds, "kept segments cannot be refreshed")

    async def turn(self) -> int:
        """Look once at every kept segment that something may have happened to; how many have more to do at once."""
        db, today = self._services.db, self._asking.today()
        waiting = await db.read(SYSTEM, lambda tx: happened.waiting(tx, today))
        more = 0
        for segment in waiting:
            if self._not_before.get(segment, 0) <= time.monotonic():
                more += await self._one(segment)
        return more

    async def _one(self, segment: uuid.UUID) -> bool:
        began = time.monotonic()
        try:
            done = await self._services.db.run(lambda tx: refreshed(tx, self._asking, segment))
        except Exception as error:
            if is_transient(error):
                raise
            # The others are not to wait for this one, which may be too dear or ask for what is no more.
            self._not_before[segment] = time.monotonic() + AGAIN_SECONDS
            extra = {"segment": str(segment), "code": code_of(error)}
            log.warning("a kept segment could not be refreshed; trying again", extra=extra, exc_info=True)
            return False
        if done.whole:
            self._not_before[segment] = time.monotonic() + REST * (time.monotonic() - began)
        return done.more


async def refreshed(tx: Tx, asking: Asking, segment: uuid.UUID) -> Refreshed:
    """Do what there is to do about one kept segment, or some of it, unless another worker is at it.

    Raises Problem if its question cannot be answered any more; it then stays as it was.
    """
    row = await commands.held_row(tx, segment)
    if row is None:
        return Refreshed()
    if row.since is None and await commands.clear(tx, row):
        return Refreshed(more=True)
    if not row.wanted:
        return Refreshed()
    _, world, checked = await asking.posed(tx, segment)
    question = asking.question(checked, world, asking.today())
    return await commands.refresh(tx, row, checked, question, asking.refresh_seconds)


GONE = "gone"


async def export(services: Services, job: RunningJob) -> None:
    """Write the file of a segment's members."""
    work = Writing(services, job)
    while not job.over:
        await job.step(work.step)


HANDLERS: dict[str, Handler] = {exporting.EXPORT: export}


class Writing:
    """One file. A step may run twice (a deadlock), so it touches the database alone."""

    def __init__(self, services: Services, job: RunningJob) -> None:
        self._services = services
        self._job = job

    async def step(self, tx: Tx) -> Step:
        """Choose who is in the file, or write its next portion."""
        job, settings = self._job, self._services.settings.segments
        # An erasure that meets the file waits for this step, or this step for the erasure.
        found = await exports.one(tx, job.id) if await exports.held(tx, job.id) else None
        if found is None:
            return Step(job.cursor, job.progress, done=True, error=GONE)
        await evaluate.limited(tx, settings.evaluation_seconds)
        asking = Asking(self._services)
        try:
            question, world = await asking.exported(tx, found)
        except Problem as problem:
            # Something that it asks about is not there any more.
            return Step(job.cursor, job.progress, done=True, error=problem.type.code)
        if not job.cursor:
            total = await exporting.choose(tx, job.id, evaluate.matching(question, caller=found.caller))
            return Step({"next": 0}, {"rows": 0, "of": total})
        number: int = job.cursor["next"]
        ids = await exports.portion(tx, job.id, number)
        if ids is None:
            await exporting.finish(tx, job.id, tx.now + timedelta(days=settings.export_days))
            return Step(job.cursor, job.progress, done=True)
        fields = [world.registry.fields[name] for name in found.columns]
        members = await values(tx, question, fields, ids)
        written = columns.lines(found.format, fields, members)
        if number == 0:
            written = columns.header(found.format, fields) + written
        await exporting.keep(tx, job.id, number, zlib.compress(written, 1), len(written), len(members))
        progress = {"rows": found.rows + len(members), "of": found.total}
        return Step({"next": number + 1}, progress)
