"""The embedded server started, joined, shared, killed and recovered."""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import threading
import time

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from app.core.embedded.accounts import chosen
from app.core.embedded.processes import serves
from app.core.embedded.server import running, start, stop
from tests.core.embedded.tools import (
    LIGHT,
    PROGRAM,
    process,
    query,
    ready,
    serving,
    wait_until,
)


def test_first_start_and_url(home):
    with running(home) as server:
        assert query(server, "SELECT 1") == 1
        shown = {name: query(server, f"SHOW {name}") for name in ("fsync", "synchronous_commit", "data_checksums")}
        assert set(shown.values()) == {"on"}
        assert query(server, "SHOW server_encoding") == "UTF8" and query(server, "SHOW listen_addresses") == ""
        assert query(server, "SELECT datlocale FROM pg_database WHERE datname = 'clientele'") == "C.UTF-8"

        async def through_sqlalchemy():
            engine = create_async_engine(server.database_url("postgres"))
            async with engine.connect() as connection:
                name = await connection.scalar(text("SELECT current_database()"))
            await engine.dispose()
            return name

        assert asyncio.run(through_sqlalchemy()) == "postgres"
        assert server.url == server.database_url("clientele")


@pytest.mark.usefixtures("made")
def test_names_in_chinese_have_trigrams(home):
    with running(home, settings=LIGHT) as server:
        query(server, "CREATE EXTENSION pg_trgm")
        assert len(query(server, "SELECT show_trgm('张小明')")) == 4


@pytest.mark.usefixtures("made")
def test_restart_keeps_data(home):
    with running(home, settings=LIGHT) as server:
        query(server, "CREATE TABLE kept AS SELECT 7 AS n")
        first = serving(server.directory)
    assert serving(server.directory) is None
    with running(home, settings=LIGHT) as server:
        assert serving(server.directory) != first
        assert query(server, "SELECT n FROM kept") == 7


@pytest.mark.usefixtures("made")
def test_each_start_needs_its_stop(home):
    server = start(home, settings=LIGHT)
    assert start(home) == server
    stop(server)
    assert query(server, "SELECT 1") == 1
    stop(server)
    stop(server)
    assert serving(server.directory) is None


@pytest.mark.usefixtures("filled")
def test_process_is_killed_and_its_server_joined(home):
    with process(home) as child:
        ready(child)
        pid = serving(home / "postgres")
        child.kill()
        child.wait()
    with running(home) as server:
        assert serving(server.directory) == pid
        assert query(server, "SHOW fsync") == "off"
    assert serving(server.directory) is None


@pytest.mark.usefixtures("made")
def test_server_is_killed_and_recovers(home):
    with running(home, settings=LIGHT) as server:
        query(server, "CREATE TABLE kept AS SELECT 7 AS n")
        pid = serving(server.directory)
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not serves(pid, server.directory))
        assert start(home, settings=LIGHT) == server
        assert query(server, "SELECT n FROM kept") == 7
        stop(server)
    assert serving(server.directory) is None


@pytest.mark.usefixtures("made")
def test_server_is_killed_while_a_query_runs(home):
    """A backend that computes does not notice the death of its server, and must not keep the next one from starting."""
    with running(home, settings=LIGHT) as server:

        def compute():
            with contextlib.suppress(OSError, asyncpg.PostgresError):
                query(server, "SELECT count(*) FROM generate_series(1, 10000000000)")

        thread = threading.Thread(target=compute)
        thread.start()
        busy = "SELECT pid FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT count(*) FROM gen%'"
        wait_until(lambda: query(server, busy))
        os.kill(serving(server.directory), signal.SIGKILL)
        start(home, settings=LIGHT)
        assert query(server, "SELECT 1") == 1
        stop(server)
        thread.join(20)
        assert not thread.is_alive()


def test_two_processes_share(home):
    with process(home) as first, process(home) as second:
        ready(first)
        ready(second)
        cluster = (home / "postgres").resolve()
        pid = serving(cluster)
        first.communicate("")
        assert first.returncode == 0 and serving(cluster) == pid
        second.communicate("")
        assert second.returncode == 0 and serving(cluster) is None


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.usefixtures("made")
def test_forked_child_is_no_user(home):
    with running(home, settings=LIGHT) as server:
        if (child := os.fork()) == 0:
            stop(server)
            os._exit(0)
        os.waitpid(child, 0)
        assert query(server, "SELECT 1") == 1


@pytest.mark.usefixtures("filled")
def test_forked_child_holds_no_lock(home):
    forking = PROGRAM.replace('print("ready"', "import os, time; print(os.fork() or time.sleep(60)")
    with process(home, forking) as parent:
        child = int(parent.stdout.readline())
        parent.kill()
        parent.wait()
        with running(home) as server:
            assert query(server, "SELECT 1") == 1
        os.kill(child, signal.SIGKILL)
        assert serving(server.directory) is None, "the child's copies of the files kept them locked"


@pytest.mark.usefixtures("made")
def test_data_directory_is_removed_under_the_server(home):
    """What another process starts at the same path is not ours to stop."""
    with running(home, settings=LIGHT) as server:
        gone = serving(server.directory)
        shutil.rmtree(home)
        home.mkdir()
        with process(home) as other:
            ready(other)
            pid = serving(server.directory)
            stop(server)
            assert pid != gone and serving(server.directory) == pid
            other.communicate("")
            assert serving(server.directory) is None
        # It would notice within a minute by itself that its files are gone.
        os.kill(gone, signal.SIGQUIT)


def test_killed_while_it_makes_the_database(home):
    for delay in (0.25, 0.45, 0.65):
        with process(home) as child:
            time.sleep(delay)
            child.kill()
    with running(home, settings=LIGHT) as server:
        assert query(server, "SELECT 1") == 1
    assert {path.name for path in home.iterdir()} == {"postgres", "postgres.lock", "postgres.log", "postgres.users"}


@pytest.mark.usefixtures("made")
def test_pid_that_belongs_to_somebody_else_now(home):
    with running(home, settings=LIGHT) as server:
        left = (server.directory / "postmaster.pid").read_text().splitlines()
    # The same user's, as PostgreSQL takes any process of another user for a sign that the file is stale.
    with chosen().launch(["/bin/sleep", "60"], subprocess.DEVNULL) as other:
        try:
            left[0] = str(other.pid)
            (server.directory / "postmaster.pid").write_text("\n".join(left) + "\n")
            chosen().give(server.directory / "postmaster.pid")
            with running(home, settings=LIGHT) as server:
                assert query(server, "SELECT 1") == 1
            assert other.poll() is None
        finally:
            other.kill()
