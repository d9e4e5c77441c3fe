"""Background jobs: exactly once per step, whatever dies in between."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import replace

import pytest
from sqlalchemy import delete, func, select, text, update

from app.core.caller import SYSTEM
from app.core.errors import CONFLICT, Problem
from app.core.jobs import (
    JobRunner,
    LeaseLost,
    RunningJob,
    Step,
    claim,
    code_of,
    enqueue,
    is_transient,
    requeue,
    run_job,
)
from app.core.models import Job
from app.core.services import Services
from app.core.settings import JobSettings

FAST = JobSettings(lease_seconds=0.6, poll_seconds=0.02, backoff_seconds=0.01, attempts=4)
NEVER = asyncio.Event()


@pytest.fixture
def services(house) -> Services:
    """The application's services with short times."""
    return quick(house.services)


def quick(services: Services, **changed: float) -> Services:
    settings = services.settings.model_copy(update={"jobs": FAST.model_copy(update=changed)})
    return replace(services, settings=settings)


async def add(services: Services, kind: str = "count", **arguments: object) -> uuid.UUID:
    return await services.db.run(lambda tx: enqueue(tx, kind, arguments, SYSTEM.client_id))


async def row(services: Services, job_id: uuid.UUID):
    async def work(tx):
        return (await tx.execute(select(*Job.__table__.c).where(Job.id == job_id))).one()

    return await services.db.run(work)


async def effects(services: Services) -> list[int]:
    """What steps have done: each leaves a job of a kind that nobody runs."""
    statement = select(Job.arguments["n"].as_integer()).where(Job.kind == "effect")
    return sorted(one[0] for one in await services.db.run(lambda tx: tx.rows(statement)))


async def count_to(services: Services, job: RunningJob) -> None:
    """A handler: one effect a step, up to `to`."""
    while (n := job.cursor.get("n", 0)) < job.arguments["to"]:

        async def work(tx, n=n):
            await enqueue(tx, "effect", {"n": n}, job.client_id)
            return Step({"n": n + 1}, {"done": n + 1, "of": job.arguments["to"]})

        await job.step(work)


async def until(condition, seconds: float = 10):
    """Wait until an async condition holds."""
    async with asyncio.timeout(seconds):
        while True:
            if await condition():
                return
            await asyncio.sleep(0.02)


async def run_until_over(services: Services, job_id: uuid.UUID, handlers=None, seconds: float = 10):
    stop = asyncio.Event()
    runner = asyncio.create_task(JobRunner(services, handlers or {"count": count_to}).run(stop))

    async def over():
        return (await row(services, job_id)).status in {"done", "failed"}

    try:
        await until(over, seconds)
    finally:
        stop.set()
        await runner
    return await row(services, job_id)


async def test_a_job_exists_if_its_transaction_commits(services):
    async def refuse(tx):
        await enqueue(tx, "count", {}, SYSTEM.client_id)
        raise Problem(CONFLICT)

    with pytest.raises(Problem):
        await services.db.run(refuse)
    assert await services.db.run(lambda tx: tx.scalar(select(func.count()).select_from(Job))) == 0


async def test_steps_leave_their_effects_cursor_and_progress(services):
    job_id = await add(services, to=5)
    found = await run_until_over(services, job_id)
    assert (found.status, found.error, found.cursor, found.progress) == ("done", None, {"n": 5}, {"done": 5, "of": 5})
    assert found.finished_at is not None
    assert await effects(services) == [0, 1, 2, 3, 4]


async def test_a_step_may_end_the_job_as_failed(services):
    async def refuse(_, job):
        await job.step(lambda _: _step(error="no_such_thing"))

    async def _step(error):
        return Step({}, {}, done=True, error=error)

    found = await run_until_over(services, await add(services, "refuse"), {"refuse": refuse})
    assert (found.status, found.error) == ("failed", "no_such_thing")


async def test_a_failed_step_leaves_nothing(services):
    tries: list[int] = []

    async def third_time(_, job):
        async def work(tx):
            await enqueue(tx, "effect", {"n": len(tries)}, job.client_id)
            tries.append(job.attempts)
            if len(tries) < 3:
                raise ValueError("secret value")
            return Step({}, {}, done=True)

        await job.step(work)

    found = await run_until_over(services, await add(services, "third"), {"third": third_time})
    assert (found.status, found.error, tries) == ("done", None, [1, 2, 3])
    assert await effects(services) == [2]


async def test_a_job_that_never_gets_on_is_given_up(services):
    async def broken(_, job):
        await job.step(_broken)

    async def _broken(_):
        raise ValueError("13800138000")

    found = await run_until_over(services, await add(services, "broken"), {"broken": broken})
    assert (found.status, found.error, found.attempts) == ("failed", "ValueError", FAST.attempts)
    await services.db.run(lambda tx: requeue(tx, found.id))
    again = await row(services, found.id)
    assert (again.status, again.error, again.attempts, again.finished_at) == ("queued", None, 0, None)


async def test_a_step_forward_gives_new_attempts(services):
    async def every_other(_, job):
        """Fails before each step, many more times than attempts are allowed."""
        n = job.cursor.get("n", 0)
        if job.attempts == 1 and n:
            raise ValueError

        async def work(_):
            return Step({"n": n + 1}, {}, done=n == 3 * FAST.attempts)

        await job.step(work)
        if not job.over:
            raise ValueError

    found = await run_until_over(services, await add(services, "odd"), {"odd": every_other}, 20)
    assert (found.status, found.cursor) == ("done", {"n": 3 * FAST.attempts + 1})


async def test_a_job_that_ends_its_process_again_and_again_is_given_up(services):
    job_id = await add(services, to=1)
    for attempt in range(FAST.attempts):
        job = await claim(services.db, ["count"], FAST, NEVER)
        assert job is not None
        assert job.attempts == attempt + 1
        await expire(services, job_id)
    assert await claim(services.db, ["count"], FAST, NEVER) is None
    found = await row(services, job_id)
    assert (found.status, found.error) == ("failed", "no_progress")


async def expire(services: Services, job_id: uuid.UUID) -> None:
    past = func.now() - text("interval '1 second'")
    await services.db.run(lambda tx: tx.execute(update(Job).where(Job.id == job_id).values(leased_until=past)))


async def test_only_known_kinds_that_are_due_are_claimed(services):
    await add(services, "other")
    later = await add(services, "count", to=1)
    soon = func.now() + text("interval '1 hour'")
    await services.db.run(lambda tx: tx.execute(update(Job).where(Job.id == later).values(run_after=soon)))
    assert await claim(services.db, ["count"], FAST, NEVER) is None
    assert await claim(services.db, [], FAST, NEVER) is None


async def test_a_look_at_a_queue_with_nothing_due_begins_no_transaction(services, statements):
    await services.db.run(lambda tx: tx.execute(delete(Job)))
    later = await add(services)
    soon = func.now() + text("interval '1 hour'")
    await services.db.run(lambda tx: tx.execute(update(Job).where(Job.id == later).values(run_after=soon)))
    stop, begun = asyncio.Event(), asyncio.Event()

    async def begin(_services, _job):
        begun.set()

    with statements() as sent:
        running = asyncio.create_task(JobRunner(services, {"count": begin}).run(stop))
        await asyncio.sleep(0.2)
        assert sent == []
        assert not begun.is_set()
        await add(services)
        await asyncio.wait_for(begun.wait(), 5)
        assert sent
    stop.set()
    await running


async def test_a_job_is_claimed_once(services):
    wanted = {await add(services, to=1) for _ in range(5)}
    found = await asyncio.gather(*(claim(services.db, ["count"], FAST, NEVER) for _ in range(8)))
    rest = [await claim(services.db, ["count"], FAST, NEVER) for _ in range(6)]
    held = [job.id for job in [*found, *rest] if job is not None]
    assert len(held) == 5
    assert set(held) == wanted


async def test_a_named_job_can_be_claimed(services):
    await add(services, to=1)
    second = await add(services, to=1)
    job = await claim(services.db, ["count"], FAST, NEVER, second)
    assert job is not None
    assert job.id == second
    assert await claim(services.db, ["count"], FAST, NEVER, second) is None


async def test_who_lost_the_lease_writes_nothing(services):
    job_id = await add(services, to=3)
    first = await claim(services.db, ["count"], FAST, NEVER)
    assert first is not None
    await asyncio.sleep(FAST.lease_seconds + 0.1)
    second = await claim(services.db, ["count"], FAST, NEVER)
    assert second is not None
    assert second.id == job_id
    with pytest.raises(LeaseLost):
        await count_to(services, first)
    with pytest.raises(LeaseLost):
        await first.renew()
    await first.give_back(attempts=0)
    assert await effects(services) == []
    await run_job(services, count_to, second)
    assert await effects(services) == [0, 1, 2]
    assert (await row(services, job_id)).status == "done"


async def test_a_long_pause_between_steps_keeps_the_lease(services):
    async def slow(_, job):
        await asyncio.sleep(3 * FAST.lease_seconds)

    others = []

    async def try_to_take():
        while True:
            others.append(await claim(services.db, ["slow"], FAST, NEVER))
            await asyncio.sleep(0.05)

    job_id = await add(services, "slow")
    job = await claim(services.db, ["slow"], FAST, NEVER)
    assert job is not None
    thief = asyncio.create_task(try_to_take())
    await run_job(services, slow, job)
    thief.cancel()
    assert len(others) > 10
    assert set(others) == {None}
    assert (await row(services, job_id)).status == "done"


async def test_a_long_step_keeps_the_lease(services):
    async def slow(_, job):
        async def work(tx):
            await tx.execute(text(f"SELECT pg_sleep({2 * FAST.lease_seconds})"))
            return Step({}, {}, done=True)

        await job.step(work)

    await add(services, "slow")
    job = await claim(services.db, ["slow"], FAST, NEVER)
    assert job is not None
    running = asyncio.create_task(run_job(services, slow, job))
    await asyncio.sleep(1.5 * FAST.lease_seconds)
    assert await claim(services.db, ["slow"], FAST, NEVER) is None
    await running
    assert (await row(services, job.id)).status == "done"


async def test_a_lost_lease_stops_the_handler(services):
    reached = []

    async def slow(_, job):
        await asyncio.sleep(5)
        reached.append(job)

    job_id = await add(services, "slow")
    job = await claim(services.db, ["slow"], FAST, NEVER)
    assert job is not None
    taken = func.now() + text("interval '1 minute'")
    await services.db.run(lambda tx: tx.execute(update(Job).where(Job.id == job_id).values(leased_until=taken)))
    with pytest.raises(LeaseLost):
        await run_job(services, slow, job)
    assert not reached


async def test_a_stop_ends_at_a_step_and_another_goes_on_at_once(services):
    stop, job_id = asyncio.Event(), await add(services, to=6)

    async def stopping(services, job):
        while (n := job.cursor.get("n", 0)) < 6:

            async def work(tx, n=n):
                await enqueue(tx, "effect", {"n": n}, job.client_id)
                if n == 2:
                    stop.set()
                return Step({"n": n + 1}, {})

            await job.step(work)

    await JobRunner(services, {"count": stopping}).run(stop)
    found = await row(services, job_id)
    assert (found.status, found.cursor, found.leased_until) == ("queued", {"n": 3}, None)
    assert (await run_until_over(services, job_id)).status == "done"
    assert await effects(services) == [0, 1, 2, 3, 4, 5]


async def test_a_cancelled_process_gives_its_job_back(services):
    async def endless(_, job):
        await asyncio.sleep(60)

    job_id = await add(services, "endless")
    runner = asyncio.create_task(JobRunner(services, {"endless": endless}).run(asyncio.Event()))

    async def running():
        return (await row(services, job_id)).status == "running"

    await until(running)
    runner.cancel()
    with pytest.raises(asyncio.CancelledError):
        await runner
    assert (await row(services, job_id)).status == "queued"


async def test_several_runners_share_the_work_without_doubling(services):
    jobs = [await add(services, to=3) for _ in range(12)]
    stop = asyncio.Event()
    runners = [asyncio.create_task(JobRunner(services, {"count": count_to}).run(stop)) for _ in range(3)]

    async def all_done():
        return {(await row(services, job_id)).status for job_id in jobs} == {"done"}

    await until(all_done, 20)
    stop.set()
    await asyncio.gather(*runners)
    assert await effects(services) == sorted([0, 1, 2] * 12)


async def test_one_sweep_at_a_time_and_others_beside_it(services):
    """What looks at everybody must not take every slot, and what somebody waits for does not wait for it."""
    running: set[str] = set()
    met: set[frozenset[str]] = set()
    begun, beside = asyncio.Event(), asyncio.Event()

    def noted(kind, ends):
        async def work(_, job):
            running.add(kind)
            met.add(frozenset(running))
            await ends()
            met.add(frozenset(running))
            running.discard(kind)

        return work

    async def swept():
        begun.set()
        await beside.wait()

    async def asked():
        await begun.wait()
        met.add(frozenset(running))
        beside.set()

    ends = {"first": swept, "second": swept, "asked": asked}
    kinds = {kind: noted(kind, end) for kind, end in ends.items()}
    ids = [await add(services, kind) for kind in kinds]
    stop = asyncio.Event()
    runner = asyncio.create_task(JobRunner(services, kinds, sweeps={"first", "second"}).run(stop))

    async def all_done():
        return {(await row(services, job_id)).status for job_id in ids} == {"done"}

    await until(all_done)
    stop.set()
    await runner
    assert frozenset({"first", "asked"}) in met or frozenset({"second", "asked"}) in met
    assert not [both for both in met if both >= {"first", "second"}]


async def test_connections_cut_in_the_middle_lose_and_double_nothing(services):
    """The server ends every connection again and again, inside steps too, as a restart would."""
    services = quick(services, attempts=1000)
    job_id, stop = await add(services, to=60), asyncio.Event()
    runner = asyncio.create_task(JobRunner(services, {"count": count_to}).run(stop))
    cutter = await services.db.connect()
    cuts = 0
    try:
        async with asyncio.timeout(60):
            while (status := await cutter.fetchval("SELECT status FROM jobs WHERE id = $1", job_id)) != "done":
                assert status in {"queued", "running"}
                if cuts < 8:
                    cuts += await cutter.fetchval(
                        "SELECT count(pg_terminate_backend(pid)) > 0 FROM pg_stat_activity "
                        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                    )
                    # Long enough for some steps, and waiting jobs need not wait their five seconds here.
                    await asyncio.sleep(0.05)
                    await cutter.execute(
                        "UPDATE jobs SET run_after = now() WHERE id = $1 AND status = 'queued'", job_id
                    )
                await asyncio.sleep(0.01)
    finally:
        stop.set()
        await cutter.close()
        await runner
        await services.db.engine.dispose()
    assert cuts == 8
    assert await effects(services) == list(range(60))


def test_words_for_errors_quote_nothing():
    assert code_of(ValueError("13800138000")) == "ValueError"
    assert code_of(Problem(CONFLICT, "13800138000")) == "conflict"
    assert not is_transient(ValueError())
    assert is_transient(ConnectionResetError())
