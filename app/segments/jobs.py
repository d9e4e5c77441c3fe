"""The work of an export: who is in it is written down once, then their rows, portion by portion.

Each portion is written in one transaction with the job's cursor, so a job that is killed anywhere goes on where the
last one ended. The memory is that of one portion.
"""

import zlib
from datetime import timedelta

from app.core.db import Tx
from app.core.errors import Problem
from app.core.jobs import Handler, RunningJob, Step
from app.core.services import Services
from app.segments import columns
from app.segments.asking import Asking
from app.segments.commands import exports as commands
from app.segments.queries import evaluate, exports
from app.segments.queries.columns import values

GONE = "gone"


async def export(services: Services, job: RunningJob) -> None:
    """Write the file of a segment's members."""
    work = Writing(services, job)
    while not job.over:
        await job.step(work.step)


HANDLERS: dict[str, Handler] = {commands.EXPORT: export}


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
            total = await commands.choose(tx, job.id, evaluate.matching(question, caller=found.caller))
            return Step({"next": 0}, {"rows": 0, "of": total})
        number: int = job.cursor["next"]
        ids = await exports.portion(tx, job.id, number)
        if ids is None:
            await commands.finish(tx, job.id, tx.now + timedelta(days=settings.export_days))
            return Step(job.cursor, job.progress, done=True)
        fields = [world.registry.fields[name] for name in found.columns]
        members = await values(tx, question, fields, ids)
        written = columns.lines(found.format, fields, members)
        if number == 0:
            written = columns.header(found.format, fields) + written
        await commands.keep(tx, job.id, number, zlib.compress(written, 1), len(written), len(members))
        progress = {"rows": found.rows + len(members), "of": found.total}
        return Step({"next": number + 1}, progress)
