"""Handing many customers over, in portions. Killed anywhere it goes on, and nothing is done twice."""

import uuid

from app.core.db import Tx
from app.core.errors import Problem
from app.core.jobs import Handler, RunningJob, Step
from app.core.services import Services
from app.office.choosing import read
from app.office.commands import handing_over


async def hand_over(services: Services, job: RunningJob) -> None:
    """Hand over the customers of a handover, on behalf of who asked for it."""
    caller, choice = read(job.arguments["caller"]), job.arguments["choice"]

    async def work(tx: Tx) -> Step:
        after = uuid.UUID(job.cursor["after"]) if job.cursor else None
        try:
            upto, done = await handing_over.portion(tx, services, job.id, choice, after)
        except Problem as problem:
            # Its segment is gone, or may not be asked any more: trying again does not help.
            return Step(job.cursor, job.progress, done=True, error=problem.type.code)
        progress = {name: job.progress.get(name, 0) + number for name, number in done.items()}
        return Step({"after": str(upto or after or job.id)}, progress, done=upto is None)

    while not job.over:
        await job.step(work, caller)


HANDLERS: dict[str, Handler] = {handing_over.HANDOVER: hand_over}
