"""Partitions: made ahead, dropped when over; readers that come too late are told to resync."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError

from app.core.errors import Problem, database_error
from app.feed import commands, queries
from app.feed.cursor import write_cursor
from app.feed.hot import Found
from app.feed.jobs import keep_partitions
from app.feed.reading import follow
from app.feed.schemas import ChangesQuery
from tests.feed.factories import an_event, head, put

KEEP = 30


@pytest.fixture
async def opened(own):
    """Services on a database of their own, on the first of November, with the feed open."""
    at(own, datetime(2026, 11, 1, 12, tzinfo=UTC))
    await own.db.run(commands.ensure_epoch)
    return own


@pytest.fixture
async def look(opened):
    connection = await asyncpg.connect(opened.db.dsn)
    yield connection
    await connection.close()


def at(services, moment):
    services.clock.set(moment)


async def keep(services):
    await services.db.run(lambda tx: keep_partitions(tx, KEEP))


def state_of(error):
    found = database_error(error)
    return found[0] if found else repr(error)


async def partitions(look):
    rows = await look.fetch(
        "SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid"
        " WHERE inhparent = 'events'::regclass ORDER BY 1"
    )
    return [row[0] for row in rows]


async def where(look):
    rows = await look.fetch("SELECT tableoid::regclass::text FROM events ORDER BY sequence")
    return [row[0] for row in rows]


async def test_months_are_made_ahead_once(opened, look):
    await keep(opened)
    made = ["events_2026_11", "events_2026_12", "events_2027_01", "events_default"]
    assert await partitions(look) == made
    await keep(opened)
    assert await partitions(look) == made


async def test_events_go_to_their_month(opened, look):
    await keep(opened)
    for day in (datetime(2026, 11, 30, 23, 59, 59, 999999, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)):
        at(opened, day)
        await put(opened.db, an_event())
    assert await where(look) == ["events_2026_11", "events_2026_12"]


async def test_moving_never_fails_for_want_of_a_partition(opened, look):
    await put(opened.db, an_event())
    at(opened, datetime(2031, 5, 1, tzinfo=UTC))
    await put(opened.db, an_event())
    assert await where(look) == ["events_default", "events_default"]


async def test_a_month_that_began_in_the_default_partition_stays_there(opened, look):
    await put(opened.db, *(an_event() for _ in range(3)))
    before = await follow(opened, ChangesQuery())
    await keep(opened)
    assert await partitions(look) == ["events_2026_12", "events_2027_01", "events_default"]
    assert await where(look) == ["events_default"] * 3
    assert await follow(opened, ChangesQuery()) == before


async def test_a_reader_reads_over_nothing_while_months_are_made(opened):
    """Found: a first worker moved what it had recorded into its month; a reader of that moment never saw the events."""
    await put(opened.db, *(an_event() for _ in range(3)))
    reading: asyncio.Task[Found] | None = None

    async def make_and_wait(tx):
        nonlocal reading
        await keep_partitions(tx, KEEP)
        reading = asyncio.create_task(follow(opened, ChangesQuery()))
        await asyncio.sleep(0.2)

    await opened.db.run(make_and_wait)
    assert reading is not None
    found = await reading
    assert (found.count, found.seen) == (3, 3)


async def test_whole_months_drop_when_their_last_day_is_kept_long_enough(opened, look):
    await keep(opened)
    await put(opened.db, *(an_event() for _ in range(3)))
    at(opened, datetime(2026, 12, 15, tzinfo=UTC))
    await put(opened.db, an_event())
    for moment, left in (
        (datetime(2026, 12, 30, 23, 59, tzinfo=UTC), 4),
        (datetime(2026, 12, 31, tzinfo=UTC), 1),
    ):
        at(opened, moment)
        await keep(opened)
        assert await look.fetchval("SELECT count(*) FROM events") == left
    assert "events_2026_11" not in await partitions(look)
    assert await look.fetchval("SELECT oldest_sequence FROM feed_state") == 4


async def test_a_reader_that_comes_too_late_has_to_resync(opened, look):
    await keep(opened)
    epoch = (await opened.db.run(queries.head))[0]
    await put(opened.db, *(an_event(version=number) for number in (1, 2, 3)))
    at(opened, datetime(2026, 12, 15, tzinfo=UTC))
    await put(opened.db, an_event(version=4))
    at(opened, datetime(2027, 1, 2, tzinfo=UTC))
    await keep(opened)
    for sequence in (0, 1, 2):
        with pytest.raises(Problem) as caught:
            await follow(opened, ChangesQuery(after=write_cursor(opened.cursors, epoch, sequence)))
        assert caught.value.type.code == "cursor_gone"
    just_in_time = await follow(opened, ChangesQuery(after=write_cursor(opened.cursors, epoch, 3)))
    assert (just_in_time.count, just_in_time.seen) == (1, 4)
    from_the_oldest = await follow(opened, ChangesQuery())
    assert (from_the_oldest.start, from_the_oldest.count) == (3, 1)


async def test_when_everything_is_gone_a_reader_at_the_end_goes_on(opened, look):
    await keep(opened)
    await put(opened.db, an_event(), an_event())
    cursor = await head(opened)
    at(opened, datetime(2027, 6, 1, tzinfo=UTC))
    await keep(opened)
    assert await look.fetchval("SELECT count(*) FROM events") == 0
    assert (await follow(opened, ChangesQuery(after=cursor))).count == 0
    assert (await follow(opened, ChangesQuery())).count == 0
    await put(opened.db, an_event())
    assert (await follow(opened, ChangesQuery(after=cursor))).seen == 3


async def test_strays_without_a_partition_drop_too(opened, look):
    await put(opened.db, an_event())
    at(opened, datetime(2027, 3, 10, tzinfo=UTC))
    await keep(opened)
    await put(opened.db, an_event())
    assert await where(look) == ["events_2027_03"]
    assert await look.fetchval("SELECT oldest_sequence FROM feed_state") == 2


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (datetime(2026, 12, 31, 23, 59, tzinfo=UTC), ["events_2026_12", "events_2027_01", "events_2027_02"]),
        (datetime(2027, 1, 31, tzinfo=UTC), ["events_2027_01", "events_2027_02", "events_2027_03"]),
        (datetime(2028, 2, 29, tzinfo=UTC), ["events_2028_02", "events_2028_03", "events_2028_04"]),
    ],
)
async def test_months_of_every_length(opened, look, now, expected):
    at(opened, now)
    await keep(opened)
    assert await partitions(look) == [*expected, "events_default"]


async def test_two_housekeepers_do_the_work_once(opened, look):
    results = await asyncio.gather(*(keep(opened) for _ in range(4)), return_exceptions=True)
    # One that had to wait for longer than it may gives up and comes again later.
    assert {state_of(result) for result in results if result is not None} <= {"55P03"}
    assert None in results
    await put(opened.db, an_event())
    assert await where(look) == ["events_2026_11"]


async def test_a_long_read_makes_it_give_up_soon_and_leaves_all_as_it_was(opened, look):
    """Behind a waiting ALTER TABLE every reader would wait too."""
    await keep(opened)
    await put(opened.db, an_event())
    before = await partitions(look)
    at(opened, datetime(2027, 2, 15, tzinfo=UTC))
    async with look.transaction():
        await look.fetchval("SELECT count(*) FROM events")
        began = asyncio.get_running_loop().time()
        with pytest.raises(DBAPIError) as caught:
            await keep(opened)
        assert state_of(caught.value) == "55P03"
        assert asyncio.get_running_loop().time() - began < 2
    assert await partitions(look) == before
    await keep(opened)
    assert "events_2026_11" not in await partitions(look)


async def test_readers_do_not_notice_months_coming_and_going(opened, look):
    """Plans that the pools have prepared are made anew."""
    await keep(opened)
    await put(opened.db, an_event(version=1))
    for month in range(1, 8):
        at(opened, datetime(2026, 12, 1, tzinfo=UTC) + timedelta(days=31 * month))
        await keep(opened)
        await put(opened.db, an_event(version=month))
        found = await follow(opened, ChangesQuery())
        assert f'"version":{month}' in found.documents


async def test_before_the_feed_is_open_there_is_nothing_to_keep(own):
    await keep(own)
    connection = await asyncpg.connect(own.db.dsn)
    assert await partitions(connection) == ["events_default"]
    await connection.close()
