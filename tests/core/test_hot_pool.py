"""The pool of hot reads: nobody overtakes, nothing is lost, and what breaks is replaced."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from app.core.hot_pool import HotPool

PID = "SELECT pg_backend_pid()"


class Opener:
    """Connects to the tests' database; counts, and fails when told to."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self.opened: list[asyncpg.Connection] = []
        self.failing = False

    async def __call__(self) -> asyncpg.Connection:
        await asyncio.sleep(0)
        if self.failing:
            raise ConnectionRefusedError
        self.opened.append(await asyncpg.connect(self.dsn))
        return self.opened[-1]


@pytest.fixture
async def opener(house):
    made = Opener(house.services.db.dsn)
    yield made
    for connection in made.opened:
        connection.terminate()


async def test_a_connection_is_used_again(opener):
    pool = HotPool(3, opener)
    await pool.open()
    assert len({await pool.fetchval(PID) for _ in range(5)}) == 1
    assert (len(opener.opened), pool.in_use) == (1, 0)
    assert (await pool.fetchrow("SELECT 1 AS one"))["one"] == 1
    assert [row[0] for row in await pool.fetch("SELECT generate_series($1::int, 3)", 2)] == [2, 3]


async def test_there_are_never_more_than_its_size_and_the_first_come_is_the_first_served(opener):
    pool, order = HotPool(2, opener), []

    async def read(number):
        await pool.fetchval("SELECT pg_sleep(0.02)")
        order.append(number)

    await asyncio.gather(*(read(number) for number in range(12)))
    assert len(opener.opened) == 2
    pairs = [{order[place], order[place + 1]} for place in range(0, 12, 2)]
    assert pairs == [{place, place + 1} for place in range(0, 12, 2)]
    assert pool.in_use == 0


async def test_an_error_of_the_statement_keeps_the_connection(opener):
    pool = HotPool(1, opener)
    with pytest.raises(asyncpg.DivisionByZeroError):
        await pool.fetchval("SELECT 1 / 0")
    with pytest.raises(asyncpg.DataError):
        await pool.fetchval("SELECT $1::int", "no number")
    assert await pool.fetchval("SELECT 1") == 1
    assert (len(opener.opened), pool.in_use) == (1, 0)


async def test_a_lost_connection_is_replaced(opener, house):
    pool = HotPool(1, opener)
    pid = await pool.fetchval(PID)
    assert await house.services.db.hot.fetchval("SELECT pg_terminate_backend($1, 5000)", pid)
    await until(opener.opened[0].is_closed)
    assert await pool.fetchval(PID) != pid, "that it ended while it lay there is nobody's trouble"
    with pytest.raises((asyncpg.PostgresError, OSError)):
        await pool.fetchval("SELECT pg_terminate_backend(pg_backend_pid(), 5000)")
    assert await pool.fetchval("SELECT 1") == 1
    assert (len(opener.opened), pool.in_use) == (3, 0)


async def test_who_gives_up_leaves_no_gap(opener):
    pool = HotPool(1, opener)
    reading = asyncio.create_task(pool.fetchval("SELECT pg_sleep(30)"))
    await until(lambda: opener.opened and pool.in_use == 1)
    waiting = [asyncio.create_task(pool.fetchval("SELECT $1::int", number)) for number in range(4)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    waiting[2].cancel()
    reading.cancel()
    found = await asyncio.wait_for(asyncio.gather(*waiting, reading, return_exceptions=True), 10)
    assert [found[1], found[3]] == [1, 3]
    assert [type(found[place]) for place in (0, 2, 4)] == [asyncio.CancelledError] * 3
    assert (len(opener.opened), pool.in_use) == (2, 0), "who left in the middle of an answer leaves no connection"


async def test_who_is_cancelled_just_as_its_turn_comes_passes_it_on(opener):
    pool = HotPool(1, opener)
    connection = await pool._take()
    waiting = [asyncio.create_task(pool.fetchval("SELECT $1::int", number)) for number in range(2)]
    await asyncio.sleep(0)
    pool._give(connection)
    waiting[0].cancel()
    found = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 10)
    assert isinstance(found[0], asyncio.CancelledError)
    assert found[1] == 1
    assert (len(opener.opened), pool.in_use) == (1, 0)


async def test_while_the_database_is_away_each_is_told_and_none_waits(opener):
    pool, opener.failing = HotPool(2, opener), True
    found = await asyncio.wait_for(asyncio.gather(*(pool.fetchval(PID) for _ in range(7)), return_exceptions=True), 10)
    assert [type(one) for one in found] == [ConnectionRefusedError] * 7
    opener.failing = False
    assert await pool.fetchval("SELECT 1") == 1
    assert pool.in_use == 0


async def test_a_closed_pool_reads_no_more_and_keeps_nobody_waiting(opener):
    pool = HotPool(1, opener)
    reading = asyncio.create_task(pool.fetchval("SELECT 1 FROM pg_sleep(0.05)"))
    await until(lambda: opener.opened and pool.in_use == 1)
    waiting = [asyncio.create_task(pool.fetchval("SELECT 1")) for _ in range(3)]
    await asyncio.sleep(0)
    await pool.close()
    found = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 5)
    assert [type(one) for one in found] == [asyncpg.InterfaceError] * 3
    assert await reading == 1
    assert opener.opened[0].is_closed()
    with pytest.raises(asyncpg.InterfaceError):
        await pool.fetchval("SELECT 1")


async def until(true, seconds=5.0):
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110  what it waits for has no event
            await asyncio.sleep(0.005)
