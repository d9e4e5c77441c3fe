"""SIGTERM under load: what was begun is answered, nothing is lost, and a start is ready only when migrated."""

import asyncio
import os
import random
import time
from pathlib import Path

import asyncpg
import pytest

from app.core.migrate import revisions
from app.core.offload import NICENESS
from tests.reckoning import check, say
from tests.served import Served, children
from tests.tills import Log, open_stores, pushing

# `limits.stop_seconds` for requests, and the worker's own end. Orchestrators wait 30 s before they kill.
STOP_SECONDS = 30.0


def test_two_stops_lose_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    _story(2, capsys)


@pytest.mark.proof
def test_a_hundred_stops_lose_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    _story(100, capsys)


def _story(stops: int, capsys: pytest.CaptureFixture[str]) -> None:
    began, chance = time.perf_counter(), random.Random(11)
    with Served() as served:
        open_stores(served)
        log, took = Log(), []
        with pushing(served, served.key("pos"), log):
            for _ in range(stops):
                time.sleep(chance.uniform(0.05, 0.8))
                status, seconds = served.terminate()
                assert status == 0, served.last_lines()
                took.append(seconds)
                served.start()
        assert max(took) < STOP_SECONDS
        compared = check(served, log)
        assert not [status for status in log.statuses if status >= 500], log.statuses
        assert served.errors() == []
        assert log.outcomes["created"] > stops, "the tills hardly pushed: the test shows nothing"
    say(
        capsys,
        f"{stops} stops, {compared}, answers {dict(log.statuses)}; "
        f"longest stop {max(took):.2f} s; {time.perf_counter() - began:.0f} s",
    )


def test_a_new_database_is_ready_only_when_migrated() -> None:
    """From the first moment on `/readyz` says either nothing, or 503, or the truth."""
    head = revisions()[-1]
    with Served(fresh=True) as served:
        # `start` has polled since the first moment, and the first 200 ended it.
        open_stores(served)
        names = {Path(f"/proc/{pid}/comm").read_text(): pid for pid in children(served.pid)}
        assert "worker\n" in names, "the worker is forked from the server"
        niceness = [os.getpriority(os.PRIO_PROCESS, pid) for pid in (served.pid, names["worker\n"])]
        assert niceness == [niceness[0], niceness[0] + NICENESS], "requests go before what the worker does"
        with served.line("") as line:
            assert line.call("GET", "/readyz").json()["revision"] == head
            asyncio.run(_say(served.dsn, "20000101_00_unknown"))
            assert line.call("GET", "/readyz").status == 200, (
                "a newer version than ours made it, and keeps ours working"
            )
            asyncio.run(_say(served.dsn, "20261121_01_core"))
            answer = line.call("GET", "/readyz")
            assert answer.status == 503 and answer.headers["content-type"] == "application/problem+json"
            asyncio.run(_say(served.dsn, str(head)))
            assert line.call("GET", "/readyz").status == 200
        served.terminate()
        assert not (served.data / "postgres" / "postmaster.pid").exists(), "the database stops with its last user"


async def _say(dsn: str, revision: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("UPDATE alembic_version SET version_num = $1", revision)
    finally:
        await connection.close()
