"""The follower: makes tasks of what falls due and of what the feed says, for as long as the worker runs."""

import asyncio
import logging
from contextlib import suppress

from app.core.jobs import code_of
from app.core.services import Services
from app.engagement import commands
from app.engagement.due import Terms

log = logging.getLogger("clientele.engagement")
LONGEST_BACKOFF = 60.0


class Follower:
    """Any number may run, in any process. Killed anywhere it goes on where it stopped."""

    def __init__(self, services: Services) -> None:
        self._db = services.db
        self._terms = Terms(services.settings.company, services.settings.engagement)
        self._pause = services.settings.engagement.poll_seconds

    async def run(self, stop: asyncio.Event) -> None:
        """Look again and again until `stop` is set. Outlives the database's restarts."""
        pause = self._pause
        while not stop.is_set():
            try:
                pause = 0 if await self.turn() else self._pause
            except Exception as error:  # whatever it was: nobody else makes these tasks
                pause = min(2 * max(pause, self._pause), LONGEST_BACKOFF)
                log.warning("tasks cannot be made; trying again", extra={"code": code_of(error)}, exc_info=True)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause)

    async def turn(self) -> int:
        """Look once; how much there was to look at, of which there may be more."""
        due = await self._db.run(lambda tx: commands.make_due_tasks(tx, self._terms))
        return due + await self._db.run(lambda tx: commands.follow(tx, self._terms))
