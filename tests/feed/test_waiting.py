"""Long polls: woken at once, ended in time, cheap while they wait, and deaf to nothing."""

from __future__ import annotations

import asyncio
import time
from functools import partial

import pytest

from app.core.migrate import upgrade
from app.feed import hot, waiter
from app.feed.jobs import Sequencer
from app.feed.reading import follow
from app.feed.schemas import ChangesQuery
from app.feed.waiter import FeedWaiter
from tests.feed.conftest import opened
from tests.feed.factories import (
    an_event,
    head,
    move,
    page,
    persistently,
    put,
    readers_waiting,
    waiter_of,
    write,
)

SOON = 3.0


async def later(coroutine, seconds=0.2):
    await asyncio.sleep(seconds)
    await coroutine


@pytest.fixture
async def sequencer(house):
    """The sequencer, running as in the worker."""
    stop = asyncio.Event()
    task = asyncio.create_task(Sequencer(house.services.db, house.services.settings).run(stop))
    yield
    stop.set()
    await task


async def test_a_waiting_reader_is_woken_by_what_is_written(house, client, start, sequencer):
    began = time.monotonic()
    writing = asyncio.create_task(later(write(house.services.db, an_event(version=5))))
    found = await page(client, start, wait=20)
    took = time.monotonic() - began
    await writing
    assert [event["version"] for event in found["data"]] == [5]
    assert 0.2 <= took < 0.2 + SOON


async def test_an_event_that_is_there_is_not_waited_for(house, client, start):
    await put(house.services.db, an_event())
    began = time.monotonic()
    assert len((await page(client, start, wait=20))["data"]) == 1
    assert time.monotonic() - began < SOON


async def test_waiting_ends_with_an_empty_page(house, client, start):
    began = time.monotonic()
    found = await page(client, start, wait=1)
    assert 1.0 <= time.monotonic() - began < 1.0 + SOON
    assert found == {"data": [], "next_cursor": start, "has_more": False}


async def test_without_wait_nobody_waits(house, client, start):
    began = time.monotonic()
    assert (await page(client, start))["data"] == []
    assert time.monotonic() - began < SOON


async def test_a_reader_with_a_filter_sleeps_through_other_types(house, client, start, count_reads, sequencer):
    seen = count_reads(house.services.db)
    reading = asyncio.create_task(page(client, start, wait=20, types="store.updated"))
    await readers_waiting(house.services, 1)
    for _ in range(3):
        await write(house.services.db, an_event("receipt.recorded"), an_event("customer.created"))
        await asyncio.sleep(0.1)
    assert not reading.done()
    pages = [query for query in seen if "row_to_json" in query]
    assert len(pages) == 1, "looked once, when it came"
    await write(house.services.db, an_event("customer.created"), an_event("store.updated", 8))
    async with asyncio.timeout(SOON):
        found = await reading
    assert [event["version"] for event in found["data"]] == [8]


async def test_a_filter_that_matches_nothing_leaves_the_cursor_at_the_end(house, client, start, sequencer):
    writing = asyncio.create_task(later(write(house.services.db, an_event("receipt.recorded"))))
    found = await page(client, start, wait=1, types="store.updated")
    await writing
    assert found["data"] == []
    assert found["next_cursor"] == await head(house.services)
    assert found["next_cursor"] != start


async def test_many_wait_and_hold_no_connection(house, client, start):
    """Far more readers wait than there are connections, while others are answered."""
    many = 10 * house.services.settings.pool.hot
    reading = [asyncio.create_task(page(client, start, wait=20)) for _ in range(many)]
    await readers_waiting(house.services, many)
    began = time.monotonic()
    assert (await page(client, start))["data"] == []
    assert time.monotonic() - began < SOON
    await put(house.services.db, an_event(version=3))
    async with asyncio.timeout(5):
        pages = await asyncio.gather(*reading)
    assert all(found == pages[0] and found["data"][0]["version"] == 3 for found in pages)
    assert not house.services.feed._waiting


async def test_a_reader_that_goes_away_is_forgotten(house, client, start):
    reading = asyncio.create_task(page(client, start, wait=20))
    await readers_waiting(house.services, 1)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert not house.services.feed._waiting


async def test_an_event_between_looking_and_waiting_is_not_slept_through(house, start, monkeypatch):
    """The reader has seen an empty page; before it waits, an event comes and its word has long been spoken."""
    services, looked = house.services, hot.read_page

    async def slow(*arguments):
        found = await looked(*arguments)
        if found is not None and not found.count:
            await put(services.db, an_event(version=4))
            await asyncio.sleep(0.1)
        return found

    monkeypatch.setattr(hot, "read_page", slow)
    async with asyncio.timeout(SOON):
        found = await follow(services, ChangesQuery(after=start, wait=20))
    assert found.count == 1


async def test_listening_goes_on_after_the_connection_was_cut(house, client, start, sql):
    reading = asyncio.create_task(page(client, start, wait=20))
    await readers_waiting(house.services, 1)
    cut = await sql.fetchval(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    assert cut >= 1
    await persistently(partial(put, house.services.db, an_event(version=6)))
    async with asyncio.timeout(5):
        found = await reading
    assert [event["version"] for event in found["data"]] == [6]
    again = asyncio.create_task(page(client, found["next_cursor"], wait=20))
    await readers_waiting(house.services, 1)
    await put(house.services.db, an_event(version=7))
    async with asyncio.timeout(SOON):
        assert [event["version"] for event in (await again)["data"]] == [7]


async def test_a_lost_word_is_made_up_for(own, monkeypatch):
    monkeypatch.setattr(waiter, "POLL_SECONDS", 0.2)
    monkeypatch.setattr(FeedWaiter, "_hear", lambda *_: None)
    await own.feed.start()
    reading = asyncio.create_task(follow(own, ChangesQuery(wait=20)))
    await readers_waiting(own, 1)
    await put(own.db, an_event())
    async with asyncio.timeout(SOON):
        assert (await reading).count == 1


async def test_a_signal_that_never_sleeps_costs_little(own, monkeypatch, count_reads):
    """Should the process believe in events that are not there, its readers must not spin."""
    await own.feed.start()
    own.feed._newest = 10**9
    seen = count_reads(own.db)
    assert (await follow(own, ChangesQuery(wait=1))).count == 0
    assert len(seen) <= 60


async def test_a_stop_lets_everybody_go_and_nobody_in(own):
    await own.feed.start()
    reading = [asyncio.create_task(follow(own, ChangesQuery(wait=30))) for _ in range(5)]
    await readers_waiting(own, 5)
    own.feed.release()
    async with asyncio.timeout(SOON):
        assert [found.count for found in await asyncio.gather(*reading)] == [0] * 5
        assert (await follow(own, ChangesQuery(wait=30))).count == 0


async def test_the_process_starts_without_the_database_and_finds_it_later(empty_url, settings, monkeypatch):
    """No tables yet: the API starts, answers a problem, and listens as soon as the migration is through."""
    monkeypatch.setattr(waiter, "RETRY_SECONDS", 0.1)
    async with opened(empty_url, settings) as services:
        await waiter_of(services).start()
        with pytest.raises(Exception, match="feed_state"):
            await follow(services, ChangesQuery())
        await upgrade(empty_url)
        assert (await follow(services, ChangesQuery())).count == 0
        reading = asyncio.create_task(follow(services, ChangesQuery(wait=20)))
        await readers_waiting(services, 1)
        await put(services.db, an_event())
        async with asyncio.timeout(SOON):
            assert (await reading).count == 1


async def test_one_word_per_batch(house, start, sql):
    heard: list[str] = []
    await sql.add_listener("clientele_feed", lambda *word: heard.append(word[-1]))
    await write(house.services.db, *(an_event("receipt.recorded") for _ in range(40)), an_event("store.updated"))
    assert await move(house.services.db) == 41
    assert await move(house.services.db) == 0
    await sql.execute("SELECT 1")
    last = await sql.fetchval("SELECT last_sequence FROM feed_state")
    assert heard == [f"{last} receipt.recorded store.updated"]
