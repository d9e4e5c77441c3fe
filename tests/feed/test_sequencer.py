"""The sequencer: contiguous numbers, one mover at a time, small cost, and no way to lose an event."""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial

import asyncpg
import orjson
import pytest
from sqlalchemy import event

from app.core.settings import FeedSettings, Settings
from app.feed import commands, hot, queries
from app.feed.jobs import Sequencer, sequencer
from app.feed.jobs.sequencer import Settling
from tests.feed.factories import an_event, head, move, page, persistently, put, read_on, until, write, write_in


@pytest.fixture
async def opened(own):
    """Services on a database of their own, with the feed open."""
    await own.db.run(commands.ensure_epoch)
    return own


def running(db, stop, **feed):
    return asyncio.create_task(Sequencer(db, Settings(feed=FeedSettings(**feed))).run(stop))


@contextmanager
def sending(db):
    """A list that grows with every statement on the main pool."""
    sent: list[str] = []

    def note(*seen):
        sent.append(seen[2])

    event.listen(db.engine.sync_engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(db.engine.sync_engine, "before_cursor_execute", note)


async def state(db):
    connection = await asyncpg.connect(db.dsn)
    try:
        return await connection.fetchrow("SELECT * FROM feed_state")
    finally:
        await connection.close()


async def test_a_batch_moves_in_order_and_is_numbered_from_one(opened):
    await write(opened.db, *(an_event(version=number) for number in range(10)))
    assert [await move(opened.db, batch=4) for _ in range(4)] == [4, 4, 2, 0]
    found = await hot.read_page(opened.db, None, None, 100)
    assert found is not None
    assert (found.start, found.seen, found.last) == (0, 10, 10)
    connection = await asyncpg.connect(opened.db.dsn)
    rows = await connection.fetch("SELECT sequence, version FROM events ORDER BY sequence")
    assert [tuple(row) for row in rows] == [(number + 1, number) for number in range(10)]
    assert await connection.fetchval("SELECT count(*) FROM outbox") == 0
    await connection.close()


async def test_a_move_that_is_rolled_back_moves_nothing(opened):
    await write(opened.db, an_event(), an_event())

    async def fail(tx):
        assert await Sequencer(opened.db, opened.settings).move_once(tx) == 2
        raise LookupError

    with pytest.raises(LookupError):
        await opened.db.run(fail)
    assert (await state(opened.db))["last_sequence"] == 0
    assert await move(opened.db) == 2
    assert (await state(opened.db))["last_sequence"] == 2


async def test_while_one_moves_the_others_do_not_wait(opened):
    await write(opened.db, an_event())
    async with opened.db.engine.connect() as first:
        await first.exec_driver_sql("SELECT * FROM feed_state FOR UPDATE")
        began = time.monotonic()
        assert await move(opened.db) == 0
        assert time.monotonic() - began < 2, "sooner than any lock is waited for"
    assert await move(opened.db) == 1


async def test_readers_and_writers_do_not_wait_for_a_move(house, client, start):
    db = house.services.db
    await write(db, an_event())
    async with db.engine.connect() as mover:
        await mover.exec_driver_sql("SELECT * FROM feed_state FOR UPDATE")
        await mover.exec_driver_sql("DELETE FROM outbox")
        async with asyncio.timeout(3):
            await write(db, an_event())
            assert (await page(client, start))["data"] == []


async def test_several_sequencers_make_one_order(opened):
    stop = asyncio.Event()
    tasks = [running(opened.db, stop, poll_busy=0.001, poll_idle=0.002, batch=7) for _ in range(4)]
    for number in range(40):
        await write(opened.db, *(an_event(version=number * 10 + each) for each in range(10)))

    async def all_moved():
        return (await state(opened.db))["last_sequence"] == 400

    await until(all_moved)
    stop.set()
    await asyncio.gather(*tasks)
    connection = await asyncpg.connect(opened.db.dsn)
    rows = await connection.fetch("SELECT sequence, version FROM events ORDER BY sequence")
    await connection.close()
    assert [row["sequence"] for row in rows] == list(range(1, 401))
    assert [row["version"] for row in rows] == list(range(400))


async def test_it_stops_at_once(opened):
    stop = asyncio.Event()
    task = running(opened.db, stop, poll_idle=60)
    await asyncio.sleep(0.2)
    stop.set()
    async with asyncio.timeout(3):
        await task


async def test_an_idle_sequencer_writes_nothing(opened, count_reads):
    """Twenty looks a second must not be twenty commits on a laptop's disk: looks go through the read-only pool."""
    looks = count_reads(opened.db)
    stop = asyncio.Event()
    task = running(opened.db, stop, poll_idle=0.005)

    async def looked():
        return len(looks) > 20

    with sending(opened.db) as sent:
        await until(looked)
        stop.set()
        await task
    assert sent == []


async def test_it_goes_on_after_its_connections_were_cut(house, client, start, sql):
    stop = asyncio.Event()
    task = running(house.services.db, stop)
    await write(house.services.db, an_event(version=1))
    assert len((await page(client, start, wait=5))["data"]) == 1
    for round_ in range(3):
        await sql.fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        await persistently(partial(write, house.services.db, an_event(version=2 + round_)))

    async def arrived():
        return await sql.fetchval("SELECT count(*) FROM outbox") == 0 and not task.done()

    await until(arrived, 10)
    stop.set()
    await task
    assert [event["version"] for event in await read_on(client, start)] == [1, 2, 3, 4]


async def test_time_on_the_feed_never_goes_back(opened):
    """The order by time is the order by sequence, whatever the clock does: partitions drop by time."""
    now = datetime.now(UTC)
    for moment in (now, now + timedelta(hours=2), now - timedelta(days=3), now):
        opened.clock.set(moment)
        await put(opened.db, an_event())
    connection = await asyncpg.connect(opened.db.dsn)
    times = [row[0] for row in await connection.fetch("SELECT recorded_at FROM events ORDER BY sequence")]
    await connection.close()
    assert times == sorted(times)
    assert times == [now, *[now + timedelta(hours=2)] * 3]


async def test_it_says_who_moved_last(opened):
    await put(opened.db, an_event())
    row = await state(opened.db)
    assert ":" in row["leader"]
    assert datetime.now(UTC) - row["changed_at"] < timedelta(minutes=1)


async def test_lag_is_what_waits_and_for_how_long(opened):
    assert await opened.db.run(queries.lag) == queries.Lag(0, 0.0)
    await write(opened.db, *(an_event(occurred_at=datetime(2024, 1, 1, tzinfo=UTC)) for _ in range(3)))
    await asyncio.sleep(0.05)
    lag = await opened.db.run(queries.lag)
    assert lag.waiting == 3
    assert 0.04 < lag.oldest_seconds < 30, "since it was written, not since it happened"
    assert (await queries.probe(opened.db))["feed_waiting"] == 3
    await move(opened.db)
    assert await queries.probe(opened.db) == {"feed_waiting": 0, "feed_oldest_seconds": 0.0}


async def test_lag_is_known_before_the_feed_is_open(own):
    await write(own.db, an_event())
    assert (await own.db.run(queries.lag)).waiting == 1


async def test_moving_is_six_statements_at_most(opened):
    """BEGIN, lock, move, COMMIT: what a batch costs, however large."""
    connection = await asyncpg.connect(opened.db.dsn)
    await write(opened.db, *(an_event() for _ in range(1000)))
    with sending(opened.db) as sent:
        assert await move(opened.db) == 1000
    assert len(sent) == 2
    await connection.close()


# --- the position behind which nothing is looked for ------------------------------------------------------------------


async def test_looks_begin_behind_what_was_moved(opened, monkeypatch):
    monkeypatch.setattr(sequencer, "SETTLE_SECONDS", 0)
    stop = asyncio.Event()
    task = running(opened.db, stop)
    await write(opened.db, *(an_event() for _ in range(50)))

    async def settled():
        return (await state(opened.db))["settled_position"] == 50

    await until(settled)
    await write(opened.db, *(an_event() for _ in range(3)))

    async def moved():
        return (await state(opened.db))["settled_position"] == 53

    await until(moved)
    stop.set()
    await task


async def test_an_open_writer_keeps_its_position_looked_at(opened, monkeypatch):
    """Its row gets a position now and is seen when it commits, after many later ones."""
    monkeypatch.setattr(sequencer, "SETTLE_SECONDS", 0)
    stop = asyncio.Event()
    task = running(opened.db, stop)
    async with opened.db.engine.connect() as slow:
        await write_in(slow, an_event(version=1))
        for number in range(2, 30):
            await write(opened.db, an_event(version=number))
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.3)
        assert (await state(opened.db))["settled_position"] < 1, "position 1 is still to come"
        await slow.commit()

    async def all_moved():
        row = await state(opened.db)
        return row["last_sequence"] == 29 and row["settled_position"] == 29

    await until(all_moved)
    stop.set()
    await task


async def test_a_long_read_does_not_make_the_sequencer_slow(opened, monkeypatch):
    """A dump keeps every dead row of the outbox; a look must not walk over them. By pages read, not by time."""
    connection = await asyncpg.connect(opened.db.dsn)
    reader = await asyncpg.connect(opened.db.dsn)
    transaction = reader.transaction(isolation="repeatable_read")
    await transaction.start()
    await reader.fetchval("SELECT count(*) FROM outbox")
    await connection.execute(
        "INSERT INTO outbox (customer_id, id, type, subject, occurred_at, data) SELECT gen_random_uuid(), uuidv7(),"
        " 'receipt.recorded', g, now(), '{}' FROM generate_series(1, 20000) g"
    )
    while await move(opened.db):
        pass

    async def pages():
        lines = await connection.fetch(
            "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + hot._UNMOVED.text, *hot._UNMOVED.arguments({})
        )
        return orjson.loads(lines[0][0])[0]["Plan"]["Shared Hit Blocks"]

    walked = await pages()
    monkeypatch.setattr(sequencer, "SETTLE_SECONDS", 0)
    one = Sequencer(opened.db, opened.settings)
    one._settling.moved(20000)
    await one._settle()
    assert (await state(opened.db))["settled_position"] == 20000
    assert walked > 100
    assert await pages() < 30
    await transaction.rollback()
    await reader.close()
    await connection.close()


async def test_an_event_where_none_could_be_is_found_all_the_same(opened, monkeypatch):
    """Somebody set the sequence back by hand. It must not cost an event."""
    monkeypatch.setattr(sequencer, "STRANDED_SECONDS", 0)
    await opened.db.run(lambda tx: commands.settle(tx, 1000))
    await write(opened.db, an_event())
    assert await hot.unmoved(opened.db) == (False, True)
    assert await hot.stranded(opened.db)
    stop = asyncio.Event()
    task = running(opened.db, stop)

    async def moved():
        return (await state(opened.db))["last_sequence"] == 1

    await until(moved)
    stop.set()
    await task


def test_a_position_is_free_when_those_who_wrote_then_are_gone():
    settling = Settling()
    pending = [settling.pending]
    settling.moved(10)
    assert settling.free(frozenset({"a", "b"})) is None
    settling.moved(20)
    assert settling.free(frozenset({"b", "c"})) is None, "b may hold a position under 10"
    assert settling.free(frozenset({"c", "d"})) == 10, "c came later and can only hold higher ones"
    settling.done(10)
    pending.append(settling.pending)
    assert settling.free(frozenset()) == 20
    settling.done(20)
    pending.append(settling.pending)
    assert pending == [False, True, False]


async def test_the_feed_goes_on_where_it_was_after_every_sequencer_was_away(house, client, start):
    """Nobody moves for a while; writers do not care, and nothing is lost."""
    await write(house.services.db, *(an_event(version=number) for number in range(5)))
    assert (await page(client, start))["data"] == []
    assert start == await head(house.services)
    stop = asyncio.Event()
    task = running(house.services.db, stop)
    found = await page(client, start, wait=5)
    assert [event["version"] for event in found["data"]] == list(range(5))
    stop.set()
    await task
