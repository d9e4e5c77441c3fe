"""Bringing the server up, joining one that runs, and shutting it down. Callers hold the data directory's lock."""

import contextlib
import logging
import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from app.core.embedded import sockets, tuning, wire
from app.core.embedded.binaries import Binaries
from app.core.embedded.place import Place
from app.core.embedded.processes import PidFile, end_orphans, pid_file, serves, title
from app.core.embedded.unavailable import EmbeddedUnavailable

DATABASE = "clientele"

_logger = logging.getLogger(__name__)

START_SECONDS = 120.0
_ORPHAN_SECONDS = 30.0
_ORPHAN_PATIENCE = 5.0
_POLL_SECONDS = 0.02
_LOG_BYTES = 16 * 1024 * 1024
# Fast shutdown: ends the sessions and writes a checkpoint. Then immediate: the next start recovers from the log.
_STOP_SIGNALS = ((signal.SIGINT, 60.0), (signal.SIGQUIT, 10.0))
# The kernel's own check that no process of a killed server is left; the server's messages are in English (LC_ALL=C).
_ORPHANS_LEFT = "pre-existing shared memory block"
_RUNS = {wire.FINE, wire.FULL}


@dataclass(frozen=True)
class Launch:
    """All it takes to start the server of a place."""

    place: Place
    binaries: Binaries
    settings: Mapping[str, str]

    @property
    def log(self) -> Path:
        """The server's log, beside the cluster in the data directory."""
        return self.place.home / "postgres.log"


def ensure_up(launch: Launch) -> Path:
    """Start the server, or join the one that runs; the folder of its socket, once it takes connections."""
    began = time.monotonic()
    cluster = launch.place.cluster
    child: subprocess.Popen[bytes] | None = None
    spawned: Future[tuple[int, subprocess.Popen[bytes]]] | None = None
    mark = 0
    try:
        while time.monotonic() < began + START_SECONDS:
            found = pid_file(cluster)
            code = _state(launch, found)
            if code in _RUNS and found is not None and found.socket_directory is not None:
                return found.socket_directory
            if child is not None and child.poll() is not None:
                _wait_for_orphans(launch, mark, time.monotonic() - began)
                child = None
            if code == wire.SILENT and child is None and not (found and serves(found.pid, cluster)):
                # In a thread, which Ctrl-C does not reach: a server that has just been started is never lost sight of.
                spawned = Future()
                threading.Thread(target=_spawn_into, args=(spawned, launch, found), name="embedded-start").start()
                mark, child = spawned.result()
            time.sleep(_POLL_SECONDS)
    except KeyboardInterrupt:
        # Nobody waits for it any more, and nobody else could have joined it.
        if spawned is not None and spawned.exception() is None:
            _give_up(spawned.result()[1])
        raise
    message = f"PostgreSQL in {cluster} is not ready after {START_SECONDS:.0f} seconds; start again to keep waiting."
    raise EmbeddedUnavailable(message + _last_lines(launch.log, mark))


def _give_up(child: subprocess.Popen[bytes]) -> None:
    for number, seconds in _STOP_SIGNALS:
        child.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(seconds)
            return


def shut_down(cluster: Path) -> None:
    """End the server with a clean shutdown, or if that takes too long, with one that the next start recovers from."""
    found = pid_file(cluster)
    if found is None:
        return
    for number, seconds in _STOP_SIGNALS:
        if not serves(found.pid, cluster):
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(found.pid, number)
        deadline = time.monotonic() + seconds
        while serves(found.pid, cluster) and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
    if serves(found.pid, cluster):
        _logger.error("the embedded database did not stop and is left running")


def _state(launch: Launch, found: PidFile | None) -> str:
    """Ask how the server is, an SQLSTATE. Where only the database is missing, make it."""
    folder = found.socket_directory if found else None
    if folder is None or not sockets.trusted(folder, launch.place.cluster, launch.place.account):
        return wire.SILENT
    answer = wire.ask(folder, DATABASE)
    if answer.code == wire.NO_DATABASE:
        answer = wire.ask(folder, "postgres", f"CREATE DATABASE {DATABASE}", timeout=START_SECONDS)
    if answer.code not in {*_RUNS, wire.SILENT, wire.NOT_YET, wire.DUPLICATE_DATABASE}:
        raise EmbeddedUnavailable(f"PostgreSQL in {launch.place.cluster} refuses: {answer.text} ({answer.code}).")
    return answer.code


def _spawn_into(spawned: "Future[tuple[int, subprocess.Popen[bytes]]]", launch: Launch, stale: PidFile | None) -> None:
    try:
        spawned.set_result(_spawn(launch, stale))
    except Exception as error:  # noqa: BLE001  it is raised where the result is asked for
        spawned.set_exception(error)


def _spawn(launch: Launch, stale: PidFile | None) -> tuple[int, subprocess.Popen[bytes]]:
    """Start the server; where its lines begin in the log, and its process."""
    cluster, account = launch.place.cluster, launch.place.account
    folder = sockets.choose(cluster, account)
    for name in (wire.SOCKET_NAME, f"{wire.SOCKET_NAME}.lock"):
        (folder / name).unlink(missing_ok=True)
    command = [launch.binaries.program("postgres"), "-D", str(cluster)]
    command += tuning.options(folder, title(cluster), launch.settings)
    # PostgreSQL believes a stale pid file if that pid is alive again and of the same user. We know better, and this is
    # how its own pg_ctl says so; deleting the file would also delete its proof that no orphans are left.
    environment = {"PG_GRANDPARENT_PID": str(stale.pid)} if stale else {}
    with contextlib.suppress(FileNotFoundError):
        if launch.log.stat().st_size > _LOG_BYTES:
            launch.log.replace(launch.log.with_suffix(".log.1"))
    log = os.open(launch.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        mark = os.fstat(log).st_size
        child = account.launch(command, log, environment)
    finally:
        os.close(log)
    # Whenever it ends, somebody must collect it, or it stays as a zombie for as long as we live.
    threading.Thread(target=child.wait, name="embedded-postgres", daemon=True).start()
    return mark, child


def _wait_for_orphans(launch: Launch, mark: int, waited: float) -> None:
    """After a server ended at once: return to try again if orphans of a killed server blocked it, else raise."""
    lines = _last_lines(launch.log, mark)
    if _ORPHANS_LEFT not in lines or waited > _ORPHAN_SECONDS:
        raise EmbeddedUnavailable(f"PostgreSQL did not start in {launch.place.cluster}.{lines}")
    number = signal.SIGQUIT if waited < _ORPHAN_PATIENCE else signal.SIGKILL
    end_orphans(launch.place.cluster, launch.place.account.uid, number)
    time.sleep(10 * _POLL_SECONDS)


def _last_lines(log: Path, mark: int) -> str:
    try:
        with log.open("rb") as file:
            file.seek(max(mark, file.seek(0, os.SEEK_END) - 2000))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    return f" Its log ends: {' | '.join(lines[-4:])}" if lines else ""
