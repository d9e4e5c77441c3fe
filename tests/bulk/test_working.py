"""The work of an import: exactly once per row whatever is killed, one odd row alone, memory flat."""

from __future__ import annotations

import asyncio
import gc
import os
import random
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from app.bulk import jobs
from app.bulk.kinds import Kind, Results
from app.core.errors import CONFLICT, Overtaken, Problem
from app.core.jobs import claim, run_job
from tests import forked
from tests.bulk.conftest import NDJSON, working


def customers_file(rows: int, bad_every: int = 700) -> tuple[bytes, int]:
    """Customers without any key of their own: one that was written twice would be seen."""
    bad = 0
    lines = [b"display_name,birthday"]
    for number in range(rows):
        if number % bad_every == bad_every - 1:
            lines.append(b"Bad %d,1990-02-30" % number)
            bad += 1
        else:
            lines.append(b'"Name ""%d""",--09-21' % number)
    return b"\n".join(lines), bad


async def written_once(services, rows: int, bad: int) -> None:
    connection = await services.db.connect()
    try:
        found = await connection.fetchrow(
            "SELECT count(*) AS all, count(DISTINCT display_name) AS names, "
            "(SELECT count(*) FROM import_faults) AS faults, (SELECT count(*) FROM import_chunks) AS chunks, "
            "(SELECT count(*) FROM outbox) + (SELECT count(*) FROM events) AS events FROM customers"
        )
    finally:
        await connection.close()
    assert dict(found) == {"all": rows - bad, "names": rows - bad, "faults": bad, "chunks": 0, "events": rows - bad}


@contextmanager
def process(database_url: str, data_dir: Path, *arguments: str) -> Iterator[forked.Process]:
    """The real program on this test's database."""
    environment = {
        **os.environ, "CLIENTELE_DATABASE_URL": database_url, "CLIENTELE_SECRET_KEY": "only for tests",
        "CLIENTELE_JOBS__LEASE_SECONDS": "0.6", "CLIENTELE_JOBS__POLL_SECONDS": "0.02",
    }  # fmt: skip
    with (data_dir / "log").open("ab") as log:
        started = forked.Process([*arguments, "--data-dir", str(data_dir)], environment, stdout=log, stderr=log)
    try:
        yield started
    finally:
        started.kill()
        started.wait()


async def reached(services, rows: int, started: forked.Process) -> None:
    """Return when so many rows are in."""
    connection = await services.db.connect()
    try:
        async with asyncio.timeout(60):
            while (await connection.fetchval("SELECT coalesce(max(rows_read), 0) FROM imports")) < rows:
                assert started.poll() is None, "it ended too early; its log is in the test's folder"
                await asyncio.sleep(0.005)
    finally:
        await connection.close()


async def test_a_killed_worker_loses_and_doubles_nothing(imports, services, database_url, tmp_path):
    """Three workers in a row are killed by SIGKILL in the middle; the fourth ends the import."""
    data, bad = customers_file(6_000)
    import_id = (await imports.send("customers", data)).json()["id"]
    pause = random.Random(7)
    for rows in (1_000, 2_000, 3_000):
        with process(database_url, tmp_path, "worker") as worker:
            await reached(services, rows, worker)
            await asyncio.sleep(pause.uniform(0, 0.1))
            worker.send_signal(signal.SIGKILL)
            worker.wait()
        found = await imports.look(import_id)
        assert found["status"] == "running"
        assert 0 < found["percent"] < 100
    found = await imports.finished(import_id)
    assert found["status"] == "done"
    assert found["rows"] == {"read": 6_000, "created": 6_000 - bad, "updated": 0, "duplicate": 0, "failed": bad}
    await written_once(services, 6_000, bad)


async def test_a_worker_that_is_told_to_stop_hands_over_at_once(imports, services, database_url, tmp_path):
    data, bad = customers_file(5_000)
    import_id = (await imports.send("customers", data)).json()["id"]
    with process(database_url, tmp_path, "worker") as worker:
        await reached(services, 2_000, worker)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(20) == 0
    job = await imports.client.get(f"/v1/jobs/{import_id}")
    assert (job.json()["status"], job.json()["error"]) == ("queued", None)
    assert (await imports.finished(import_id))["rows"]["failed"] == bad
    await written_once(services, 5_000, bad)


async def test_any_batch_may_be_the_last_before_a_crash(imports, services, kinds):
    """The process dies after reading, while writing, after writing: each time another goes on from the last commit."""
    data, bad = customers_file(6_500, bad_every=650)
    import_id = (await imports.send("customers", data)).json()["id"]
    calls = 0

    async def dying(tx, services, checked) -> Results:
        nonlocal calls
        calls += 1
        if calls % 3 == 1:
            raise asyncio.CancelledError
        found = await kinds["customers"].write(tx, services, checked)
        if calls % 3 == 2:
            raise asyncio.CancelledError
        return found

    frail = {**kinds, "customers": replace(kinds["customers"], write=dying)}
    for _ in range(30):
        job = await claim(services.db, ["import"], services.settings.jobs, asyncio.Event())
        if job is None:
            if (await imports.look(import_id))["status"] == "done":
                break
            await asyncio.sleep(0.1)
            continue
        try:
            await run_job(services, jobs.handlers(frail)["import"], job)
        except asyncio.CancelledError:
            await job.give_back(attempts=0)
    found = await imports.look(import_id)
    assert found["rows"] == {"read": 6_500, "created": 6_500 - bad, "updated": 0, "duplicate": 0, "failed": bad}
    assert calls > 14
    await written_once(services, 6_500, bad)


def odd(kinds, name: str, behaviour) -> dict[str, Kind]:
    """The kinds, with one whose writing meets `behaviour(tx, codes)` before it."""

    async def write(tx, services, checked) -> Results:
        await behaviour(tx, [item["code"] for _, item in checked.valid])
        return await kinds[name].write(tx, services, checked)

    return {**kinds, name: replace(kinds[name], write=write)}


async def finished_with(imports, kinds, import_id: str):
    imports.kinds = kinds
    return await imports.finished(import_id)


@pytest.mark.parametrize("how", ["value", "problem", "bug"])
async def test_a_row_that_upsets_the_statement_fails_alone(imports, services, kinds, count, how):
    """Whatever slips through the checks of one row: an error of the database, a refusal, a mistake of ours."""

    async def upset(tx, codes):
        if "P333" in codes:
            if how == "value":
                await tx.execute(text("SELECT 1 / 0"))
            raise Problem(CONFLICT, "It contradicts.") if how == "problem" else KeyError("secret")

    sent = await imports.send("products", "code\n" + "".join(f"P{n}\n" for n in range(700)))
    found = await finished_with(imports, odd(kinds, "products", upset), sent.json()["id"])
    assert found["rows"] == {"read": 700, "created": 699, "updated": 0, "duplicate": 0, "failed": 1}
    [error] = await imports.errors(found["id"])
    expected = {"value": "invalid_input", "problem": "conflict", "bug": "internal_error"}[how]
    assert (error["line"], error["code"], error["key"]) == (335, expected, "P333")
    assert "secret" not in str(error)
    assert await count("products") == 699


async def test_what_others_change_meanwhile_costs_no_row(imports, kinds):
    meanwhile = iter(range(3))

    async def overtaken(tx, codes):
        if next(meanwhile, None) is not None:
            raise Overtaken

    sent = await imports.send("products", "code\nP1\n")
    found = await finished_with(imports, odd(kinds, "products", overtaken), sent.json()["id"])
    assert found["rows"] == {"read": 1, "created": 1, "updated": 0, "duplicate": 0, "failed": 0}


async def test_a_mistake_in_every_row_is_tried_again_and_costs_no_row(imports, kinds):
    """A fault of the code or of the moment, not of the rows: the job waits and goes on when it is mended."""
    calls = 0

    async def broken(tx, codes):
        nonlocal calls
        calls += 1
        if calls < 30:
            raise KeyError("secret")

    sent = await imports.send("products", "code\nA\nB\nC\nD\n")
    found = await finished_with(imports, odd(kinds, "products", broken), sent.json()["id"])
    assert (found["status"], found["rows"]["created"], found["rows"]["failed"]) == ("done", 4, 0)
    assert calls > 30


async def test_locked_rows_are_waited_for_and_cost_no_row(imports, services, kinds):
    """Somebody holds a row for longer than the lock limit."""
    await imports.run("products", "code\nA\n")
    sent = await imports.send("products", "code,name\nA,new\nB,b\n")
    holder = await services.db.connect()
    try:
        transaction = holder.transaction()
        await transaction.start()
        await holder.execute("SELECT 1 FROM products WHERE code = 'A' FOR UPDATE")
        async with working(services, kinds):
            await asyncio.sleep(services.settings.limits.lock_seconds + 0.5)
            assert (await imports.look(sent.json()["id"]))["rows"]["read"] == 0
            await transaction.rollback()
            found = await imports.finished(sent.json()["id"])
    finally:
        await holder.close()
    assert found["rows"] == {"read": 2, "created": 1, "updated": 1, "duplicate": 0, "failed": 0}


async def test_imports_beside_each_other(imports, services, kinds):
    """Files with the same records in other orders, taken in by several workers at once."""
    codes = [f"P{number}" for number in range(1500)]
    sent = []
    for seed in range(4):
        random.Random(seed).shuffle(codes)
        body = "code,name\n" + "".join(f"{code},n{seed}\n" for code in codes)
        sent.append((await imports.send("products", body)).json()["id"])
    async with working(services, kinds), working(services, kinds):
        found = [await imports.finished(one) for one in sent]
    assert [one["status"] for one in found] == ["done"] * 4
    assert sum(one["rows"]["created"] for one in found) == 1500
    assert sum(one["rows"]["updated"] for one in found) == 4500
    assert sum(one["rows"]["failed"] for one in found) == 0


async def test_progress_is_told_while_it_runs(imports, services, kinds):
    data, _ = customers_file(5_000)
    sent = (await imports.send("customers", data)).json()
    seen = []
    async with working(services, kinds), asyncio.timeout(60):
        while True:
            found = await imports.look(sent["id"])
            job = (await imports.client.get(found["job"])).json()
            seen.append((found["status"], found["percent"], found["rows"]["read"], job["progress"].get("offset", 0)))
            if found["status"] == "done":
                break
            await asyncio.sleep(0.01)
    assert seen == sorted(seen, key=lambda one: one[1:])
    assert len({percent for _, percent, _, _ in seen}) >= 3
    assert seen[-1] == ("done", 100, 5_000, len(data))


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def test_memory_does_not_grow_with_the_file(imports, services, kinds):
    await memory_stays(imports, services, kinds, 20_000)


@pytest.mark.proof
async def test_memory_does_not_grow_with_a_long_file(imports, services, kinds):
    await memory_stays(imports, services, kinds, 200_000)


async def memory_stays(imports, services, kinds, rows: int) -> None:
    """Ten times the rows, the same memory: at most a kilobyte a row, and in fact nearly nothing."""

    async def most(rows: int) -> int:
        body = b"".join(b'{"code":"P%d","name":"%b"}\n' % (number % 500, b"n" * 150) for number in range(rows))
        import_id = (await imports.send("products", body, NDJSON)).json()["id"]
        del body
        gc.collect()
        start, peak = resident_bytes(), 0
        async with working(services, kinds), asyncio.timeout(600):
            while (await imports.look(import_id))["status"] != "done":
                peak = max(peak, resident_bytes() - start)
                await asyncio.sleep(0.01)
        return peak

    await most(rows // 10)
    assert await most(rows) < min(rows, 40_000) * 1024
