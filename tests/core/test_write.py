"""The one write function: commit before the answer, roll back what cannot be answered, retry what may be retried."""

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.core.caller import SYSTEM
from app.core.db import Made
from app.core.errors import Problem
from app.core.idempotency import RequestKey


@pytest.fixture(autouse=True)
async def scratch(house):
    """A table whose constraint is checked only at commit."""
    connection = await asyncpg.connect(house.services.db.dsn)
    await connection.execute(
        "CREATE TABLE scratch (id int PRIMARY KEY, n int CONSTRAINT uq_scratch_n UNIQUE DEFERRABLE INITIALLY DEFERRED)"
    )
    yield connection
    await connection.execute("DROP TABLE scratch")
    await connection.close()


def inserting(identity, number, answer=None):
    async def work(tx):
        await tx.execute(text("INSERT INTO scratch VALUES (:i, :n)"), {"i": identity, "n": number})
        return {"id": identity} if answer is None else answer

    return work


async def test_an_answer_means_that_it_is_committed(house, scratch):
    reply = await house.services.db.write(SYSTEM, inserting(1, 1))
    assert (reply.status, reply.body) == (200, b'{"id":1}')
    assert await scratch.fetchval("SELECT count(*) FROM scratch") == 1


async def test_a_failed_commit_answers_an_error(house, scratch):
    await house.services.db.write(SYSTEM, inserting(1, 1))
    key = RequestKey.of("commit-fails", "POST", "/x", b"")
    with pytest.raises(DBAPIError) as caught:
        await house.services.db.write(SYSTEM, inserting(2, 1), key=key)
    problem = house.services.errors.problem(caught.value)
    assert problem is not None and problem.type.status == 409
    assert await scratch.fetchval("SELECT count(*) FROM scratch") == 1
    assert await scratch.fetchval("SELECT count(*) FROM idempotency_keys") == 0


@pytest.mark.parametrize("answer", [object(), {"a": object()}, {1: {2j}}, {"a": "\ud800"}])
async def test_an_answer_that_cannot_be_serialised_rolls_back(house, scratch, answer):
    with pytest.raises((TypeError, ValueError)):
        await house.services.db.write(SYSTEM, inserting(1, 1, answer))
    assert await scratch.fetchval("SELECT count(*) FROM scratch") == 0


async def test_an_answer_that_cannot_be_stored_rolls_back(house, scratch):
    answer = Made({"ok": True}, 200, {"X": "\x00"})
    with pytest.raises(DBAPIError):
        await house.services.db.write(SYSTEM, inserting(1, 1, answer), key=RequestKey.of("k", "POST", "/", b""))
    assert await scratch.fetchval("SELECT count(*) FROM scratch") == 0


async def test_a_problem_rolls_back(house, scratch):
    async def work(tx):
        await inserting(1, 1)(tx)
        raise Problem(house.services.errors.problem(asyncpg.UniqueViolationError()).type)

    with pytest.raises(Problem):
        await house.services.db.write(SYSTEM, work)
    assert await scratch.fetchval("SELECT count(*) FROM scratch") == 0


async def test_a_deadlock_is_run_again(house, scratch):
    await scratch.execute("INSERT INTO scratch VALUES (1, 1), (2, 2)")
    met = asyncio.Barrier(2)
    runs = 0

    async def cross(tx, first, second):
        nonlocal runs
        runs += 1
        await tx.execute(text("UPDATE scratch SET n = n + 10 WHERE id = :i"), {"i": first})
        if runs <= 2:
            await met.wait()
        await tx.execute(text("UPDATE scratch SET n = n + 10 WHERE id = :i"), {"i": second})

    write = house.services.db.write
    await asyncio.gather(write(SYSTEM, lambda tx: cross(tx, 1, 2)), write(SYSTEM, lambda tx: cross(tx, 2, 1)))
    assert runs == 3
    assert await scratch.fetchval("SELECT sum(n) FROM scratch") == 43


async def test_a_serialisation_failure_gives_up_after_a_few_times(house):
    runs = 0

    async def work(tx):
        nonlocal runs
        runs += 1
        await tx.execute(text("DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '40001'; END $$"))

    with pytest.raises(DBAPIError) as caught:
        await house.services.db.write(SYSTEM, work)
    problem = house.services.errors.problem(caught.value)
    assert runs == 5 and problem is not None
    assert (problem.type.status, problem.type.code) == (503, "busy")
    assert problem.headers == {"Retry-After": "1"}


async def test_reads_cannot_write(house):
    with pytest.raises(DBAPIError, match="read-only"):
        await house.services.db.read(SYSTEM, inserting(1, 1))


async def test_the_hot_pool_cannot_write(house):
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        await house.services.db.hot.fetchval("INSERT INTO scratch VALUES (1, 1) RETURNING 1")


async def test_business_time_comes_from_the_clock(house):
    moment = datetime(2020, 2, 29, 12, tzinfo=UTC)
    house.services.clock.set(moment)
    assert await house.services.db.run(_now) == moment
    house.services.clock.advance(timedelta(days=1))
    assert (await house.services.db.run(_now)).isoformat() == "2020-03-01T12:00:00+00:00"


async def _now(tx):
    return tx.now


@pytest.mark.parametrize(
    ("sql", "status"),
    [
        ("SELECT pg_sleep(2)", 503),
        ("SELECT 1/0", 422),
        ("SELECT 'x'::int", 422),
        ("SELECT 99999999999::int", 422),
        ("SELECT '2026-02-30'::date", 422),
        ("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '54000'; END $$", 422),
        ("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '53300'; END $$", 503),
        ("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '57P01'; END $$", 503),
        ("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '23505'; END $$", 409),
        ("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '55P03'; END $$", 503),
    ],
)
async def test_the_sqlstate_map(house, sql, status):
    async def work(tx):
        await tx.execute(text("SET LOCAL statement_timeout = '300ms'"))
        await tx.execute(text(sql))

    with pytest.raises(DBAPIError) as caught:
        await house.services.db.write(SYSTEM, work)
    problem = house.services.errors.problem(caught.value)
    assert problem is not None
    assert problem.type.status == status


async def test_a_lost_connection_is_503(house):
    async def work(tx):
        await tx.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    with pytest.raises(DBAPIError) as caught:
        await house.services.db.write(SYSTEM, work)
    problem = house.services.errors.problem(caught.value)
    assert problem is not None and problem.type.status == 503


async def test_a_connection_that_died_in_the_pool_costs_no_request(house, scratch):
    """After the database was restarted the pool holds dead connections; the work then runs again on a fresh one."""
    await house.services.db.write(SYSTEM, inserting(1, 1))
    await scratch.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        " AND datname = current_database() AND application_name = 'clientele'"
    )
    await asyncio.sleep(0.2)
    reply = await house.services.db.write(SYSTEM, inserting(2, 2))
    assert reply.status == 200
    assert await scratch.fetchval("SELECT count(*) FROM scratch") == 2


async def test_connections_that_died_in_the_pool_cost_no_read(house, scratch):
    """Found: reads answered 503, one for each dead connection; only writes began again."""

    async def ask(tx):
        await asyncio.sleep(0.05)
        return await tx.scalar(text("SELECT pg_backend_pid()"))

    async def together():
        return await asyncio.gather(*(house.services.db.read(SYSTEM, ask) for _ in range(5)))

    pids = set(await together())
    for pause in (0.2, 0):
        await scratch.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
            " AND datname = current_database() AND application_name = 'clientele'"
        )
        await asyncio.sleep(pause)
        found = set(await together())
        assert found.isdisjoint(pids)
        pids = found


async def test_a_stream_begins_on_a_living_connection(house, scratch):
    """Nothing that was streamed can be taken back, so a dead connection must be known before."""
    async with house.services.db.reading(SYSTEM) as tx:
        await tx.scalar(text("SELECT 1"))
    await scratch.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        " AND datname = current_database() AND application_name = 'clientele'"
    )
    await asyncio.sleep(0.2)
    async with house.services.db.reading(SYSTEM) as tx:
        assert await tx.scalar(text("SELECT 1")) == 1


async def test_a_read_that_loses_its_connection_half_way_begins_again(house):
    begun = []

    async def ask(tx):
        begun.append(tx)
        if len(begun) == 1:
            await tx.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
        return await tx.scalar(text("SELECT 2"))

    assert await house.services.db.read(SYSTEM, ask) == 2
    assert len(begun) == 2
