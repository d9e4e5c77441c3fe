"""Who follows the feed while the worker runs: what there is to look at, and what it costs when there is nothing."""

from __future__ import annotations

import pytest
from sqlalchemy import delete

from app.customers.jobs import DuplicateFinder
from app.early_warning.jobs import Watcher
from app.early_warning.opportunities.jobs import OpportunityFollower
from app.feed import commands, hot
from app.feed.models import FeedPlace
from tests.feed.factories import an_event, put
from tests.feed.test_sequencer import sending

PLACES = sorted(FeedPlace.__subclasses__(), key=lambda place: place.__name__)
FOLLOWERS = (Watcher, OpportunityFollower, DuplicateFinder)


@pytest.fixture
async def opened(own):
    """Services on a database of their own, with the feed open and nobody following it."""

    async def begin(tx):
        await commands.ensure_epoch(tx)
        for place in PLACES:
            await tx.execute(delete(place))

    await own.db.run(begin)
    return own


async def next_of(services, place):
    async def work(tx):
        found = await commands.next_stretch(tx, place, 10)
        if found is not None:
            await commands.come_to(tx, place, found[1])
        return found

    return await services.db.run(work)


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
async def test_a_follower_is_behind_until_it_has_looked(opened, place):
    assert await hot.behind(opened.db, place), "its place is still to be noted"
    assert await next_of(opened, place) is None
    assert not await hot.behind(opened.db, place)
    await put(opened.db, an_event(), an_event())
    assert await hot.behind(opened.db, place)
    after, upto = await next_of(opened, place)
    assert upto - after == 2
    assert not await hot.behind(opened.db, place)


async def test_before_the_feed_is_open_nobody_is_behind(own):
    assert [await hot.behind(own.db, place) for place in PLACES] == [False] * len(PLACES)


@pytest.mark.parametrize("kind", FOLLOWERS, ids=lambda kind: kind.__module__)
async def test_a_look_at_a_feed_that_stands_still_begins_no_transaction(opened, kind):
    follower = kind(opened)
    await put(opened.db, an_event())
    assert await follower.turn() == 0, "it only notes where the feed stands"
    with sending(opened.db) as sent:
        assert await follower.turn() == 0
    assert sent == []
    await put(opened.db, an_event())
    with sending(opened.db) as sent:
        assert await follower.turn() == 1
    assert sent
