"""The sweep over all customers, rule by rule, in stretches; and who follows the feed, for what an event brings."""

import asyncio
import uuid
from collections import Counter

from app.core.db import Tx
from app.core.jobs import Handler, RunningJob, Step, keep_turning
from app.core.services import Services
from app.early_warning.opportunities import commands
from app.early_warning.opportunities.models import OpportunityState
from app.early_warning.opportunities.rules import Kind
from app.feed import hot as feed

_START = uuid.UUID(int=0)
POLL_SECONDS = 1.0


async def sweep(services: Services, job: RunningJob) -> None:
    """Judge all customers by the rules of `kinds`. Killed anywhere it goes on; twice it does nothing more."""
    kinds: list[Kind] = list(job.arguments["kinds"])
    if not job.cursor:
        job.cursor = {"kinds": kinds, "after": str(_START)}
    while not job.over:
        await job.step(lambda tx: _stretch(tx, services, job))


async def _stretch(tx: Tx, services: Services, job: RunningJob) -> Step:
    cursor, company = job.cursor, services.settings.company
    kind, *others = cursor["kinds"]
    upto, done = await commands.evaluate_stretch(tx, kind, uuid.UUID(cursor["after"]), company)
    progress = {**job.progress, kind: dict(Counter(job.progress.get(kind, {})) + Counter(done))}
    if upto is None:
        return Step({"kinds": others, "after": str(_START)}, progress, done=not others)
    return Step({**cursor, "after": str(upto)}, progress)


class OpportunityFollower:
    """Any number may run, in any process. Killed anywhere it goes on where it stopped."""

    def __init__(self, services: Services) -> None:
        self._db = services.db
        self._company = services.settings.company

    async def run(self, stop: asyncio.Event) -> None:
        """Look again and again until `stop` is set. Outlives the database's restarts."""
        await keep_turning(self.turn, stop, POLL_SECONDS, "opportunities cannot be judged")

    async def turn(self) -> int:
        """Look once; how many events lay there, of which there may be more."""
        if not await feed.behind(self._db, OpportunityState):
            return 0
        return await self._db.run(lambda tx: commands.follow(tx, self._company))


HANDLERS: dict[str, Handler] = {commands.SWEEP: sweep}
