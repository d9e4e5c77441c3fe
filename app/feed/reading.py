"""Following the feed: one page, after waiting for it if it would be empty."""

import asyncio

from app.core.errors import UNAVAILABLE, Problem
from app.core.services import Services
from app.feed import commands, hot
from app.feed.cursor import gone, read_cursor
from app.feed.hot import Found
from app.feed.schemas import ChangesQuery

# A reader that is woken looks no more often than this, whatever the signal says.
BREATH_SECONDS = 0.02


async def follow(services: Services, asked: ChangesQuery) -> Found:
    """The page that `asked` wants; empty only when nothing came within `asked.wait` seconds.

    Raises Problem invalid_cursor, or cursor_gone when the reader has to resync.
    """
    epoch, after = (None, None) if asked.after is None else read_cursor(services.cursors, asked.after)
    types = None if asked.types is None else frozenset(asked.types)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + asked.wait
    waiting = asked.wait > 0
    while True:
        found = await _page(services, after, asked.types, asked.limit)
        if epoch is not None and epoch != found.epoch:
            raise gone("The database was restored after this cursor was given.")
        if found.start > found.last:
            raise gone("This cursor lies behind the newest event.")
        if found.start < found.oldest - 1:
            raise gone("The events after this cursor are no longer kept.")
        if found.count or found.more or not waiting:
            return found
        epoch, after = found.epoch, found.seen
        since = loop.time()
        waiting = await services.feed.wait_beyond(after, deadline - since, types)
        if waiting:
            await asyncio.sleep(max(0.0, BREATH_SECONDS - (loop.time() - since)))


async def _page(services: Services, after: int | None, types: list[str] | None, limit: int) -> Found:
    found = await hot.read_page(services.db, after, types, limit)
    if found is None:
        # The database was restored, or nobody has opened the feed in it: whoever notices first begins the epoch.
        await services.db.run(commands.ensure_epoch)
        found = await hot.read_page(services.db, after, types, limit)
    if found is None:
        raise Problem(UNAVAILABLE, "The feed is being opened.", headers={"Retry-After": "1"})
    return found
