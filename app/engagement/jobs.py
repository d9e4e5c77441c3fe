"""The follower: makes tasks of what falls due and of what the feed says, for as long as the worker runs."""

import asyncio

from app.core.jobs import keep_turning
from app.core.services import Services
from app.engagement import commands
from app.engagement.due import Terms
from app.engagement.models import FollowUpState
from app.feed import hot as feed


class Follower:
    """Any number may run, in any process. Killed anywhere it goes on where it stopped."""

    def __init__(self, services: Services) -> None:
        self._db = services.db
        self._terms = Terms(services.settings.company, services.settings.engagement)
        self._pause = services.settings.engagement.poll_seconds

    async def run(self, stop: asyncio.Event) -> None:
        """Look again and again until `stop` is set. Outlives the database's restarts."""
        await keep_turning(self.turn, stop, self._pause, "tasks cannot be made")

    async def turn(self) -> int:
        """Look once; how much there was to look at, of which there may be more."""
        due = await self._db.run(lambda tx: commands.make_due_tasks(tx, self._terms))
        if not await feed.behind(self._db, FollowUpState):
            return due
        return due + await self._db.run(lambda tx: commands.follow(tx, self._terms))
