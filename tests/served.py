"""The real application as processes: `clientele serve` with its worker and its database, to be killed and restarted.

Only the fixed names of the command line and HTTP are used once it runs: what is tested is what an operator runs. Unless
another program is given, processes are forked from one that has loaded it (see `forked`).
"""

import contextlib
import fcntl
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from app.core.embedded import server as embedded
from tests import forked

CLIENTELE = Path(sys.executable).with_name("clientele")
READY_SECONDS = 60.0
# No test here is about rates, except those that set them back.
UNLIMITED = {
    "CLIENTELE_RATES__STANDARD_PER_SECOND": "1000000",
    "CLIENTELE_RATES__LARGE_PER_SECOND": "1000000",
    "CLIENTELE_RATES__BULK_PER_SECOND": "1000000",
}
# After a kill the server first makes the whole cluster durable. One call for all does what takes seconds file by file.
SYNCED = "\nrecovery_init_sync_method = syncfs\n" if sys.platform == "linux" else ""


class Unanswered(Exception):
    """No answer came. If the request was `sent`, nobody knows whether it took effect."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(type(cause).__name__)
        self.sent = not isinstance(cause, ConnectionRefusedError)


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The decoded body."""
        return json.loads(self.body)


class Line:
    """One keep-alive connection that opens itself again: much cheaper than a full client, for load. Not thread-safe."""

    def __init__(self, port: int, key: str, timeout: float = 60) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
        self._headers = {"Authorization": f"Bearer {key}"}

    def call(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Response:
        """Send and wait. Raises Unanswered. Underscores in header names stand for dashes."""
        given = {**self._headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        if body is not None:
            given.setdefault("Content-Type", "application/json")
        try:
            self._connection.request(method, path, body, given)
            answer = self._connection.getresponse()
            return Response(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise Unanswered(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


class Begun:
    """A data directory as a first start leaves it, with an admin's key: made once a run, copied for each application.

    A database of its own, all migrations and a key take ten seconds; a copy takes a tenth of one.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def copy(self, to: Path) -> str:
        """Fill `to`, an empty directory; the admin's key."""
        self._directory.mkdir(mode=0o755, exist_ok=True)
        with (self._directory / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            kept = self._directory / "data"
            if not kept.exists():
                first = Served(fresh=True)
                try:
                    # What is copied afterwards need not survive a power cut now.
                    with embedded.running(first.data, settings={"fsync": "off"}):
                        first.start()
                        (self._directory / "key").write_text(first.admin)
                        first.terminate()
                    with (first.data / "postgres" / "postgresql.conf").open("a") as own:
                        own.write(SYNCED)
                    _copy(first.data, self._directory / "new")
                finally:
                    first.clear()
                (self._directory / "new").rename(kept)
        _copy(kept, to)
        return (self._directory / "key").read_text()

    def remove(self) -> None:
        """At the end of the run."""
        shutil.rmtree(self._directory, ignore_errors=True)


# Set for a run of tests; else every application begins by itself.
begun: Begun | None = None


class Served:
    """A served application with a data directory of its own, gone when the block ends.

    It begins where a first start leaves it, unless it shall be `fresh`: with nothing at all.
    """

    def __init__(
        self,
        settings: Mapping[str, str] | None = None,
        program: tuple[str, ...] = (),
        *,
        worker: bool = True,
        fresh: bool = False,
    ) -> None:
        self._program, self._worker = program, worker
        self.directory = Path(tempfile.mkdtemp(prefix="clientele-served-")).resolve()
        self.data = self.directory / "data"
        # As root the database runs as a system user, who must be able to enter.
        for folder in (self.directory, self.data):
            folder.mkdir(exist_ok=True)
            folder.chmod(0o755)
        self.port = free_port()
        self.starts: list[float] = []
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith("CLIENTELE_")}
        self._environment |= {**UNLIMITED, **(settings or {})}
        self._process: subprocess.Popen[bytes] | forked.Process | None = None
        self._fresh = fresh

    def __enter__(self) -> Self:
        try:
            if begun is not None and not self._fresh:
                self.admin = begun.copy(self.data)
            self.start()
        except BaseException:
            self.clear()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            if self._process is not None:
                self.terminate()
        finally:
            self.clear()

    # --- the process ---------------------------------------------------------------------------------------------

    @property
    def pid(self) -> int:
        """The API process."""
        assert self._process is not None, "not started"
        return self._process.pid

    def start(self) -> float:
        """Start it and wait until it is ready. Answers the seconds that took."""
        began = time.perf_counter()
        self.launch()
        self.wait_ready()
        self.starts.append(time.perf_counter() - began)
        return self.starts[-1]

    def launch(self) -> None:
        """Start it without waiting."""
        arguments = ["serve", "--data-dir", str(self.data), "--port", str(self.port)]
        if not self._worker:
            arguments.append("--no-worker")
        with (self.directory / "log").open("ab") as log:
            if self._program:
                self._process = subprocess.Popen(
                    [*self._program, *arguments],
                    env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                )  # fmt: skip
            else:
                self._process = forked.Process(arguments, self._environment, stdout=log, stderr=log)

    def wait_ready(self, seconds: float = READY_SECONDS) -> None:
        """Wait for `/readyz`. Raises AssertionError with the end of the log if it ends or takes too long."""
        deadline = time.monotonic() + seconds
        while self.readiness() != 200:
            assert self._process is None or self._process.poll() is None, f"ended at start:\n{self.last_lines()}"
            assert time.monotonic() < deadline, f"not ready after {seconds} s:\n{self.last_lines()}"
            # Each question costs the start that it waits for: a processor is all there is for both.
            time.sleep(0.02)

    def readiness(self) -> int | None:
        """The status of `/readyz`, or None while nobody answers."""
        with self.line("", timeout=5) as line:
            try:
                return line.call("GET", "/readyz").status
            except Unanswered:
                return None

    def kill(self) -> None:
        """SIGKILL to the API process alone. Its worker notices and ends by itself."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._process = None

    def kill_worker(self) -> None:
        """SIGKILL to the worker, if it has started; the API starts it again."""
        for pid in children(self.pid):
            with contextlib.suppress(OSError):
                if is_worker(pid):
                    os.kill(pid, signal.SIGKILL)

    def kill_database(self) -> None:
        """SIGKILL to the PostgreSQL server; its children notice and end. Returns when the API has noticed, too."""
        pid = self._postmaster()
        assert pid is not None, "no database runs"
        os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + 1
        while self.readiness() == 200 and time.monotonic() < deadline:
            time.sleep(0.005)

    def terminate(self, seconds: float = 60) -> tuple[int, float]:
        """SIGTERM. Answers (exit status, seconds that the stop took)."""
        assert self._process is not None
        began = time.perf_counter()
        self._process.send_signal(signal.SIGTERM)
        try:
            status = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"still running {seconds} s after SIGTERM:\n{self.last_lines()}") from None
        self._process = None
        return status, time.perf_counter() - began

    def command(self, *arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        """Run `clientele ... --data-dir` against the same data."""
        given = [*arguments, "--data-dir", str(self.data)]
        if self._program:
            done = subprocess.run(
                [*self._program, *given], env=self._environment, stdin=subprocess.DEVNULL, capture_output=True,
                text=True, check=False, timeout=600,
            )  # fmt: skip
        else:
            done = forked.run(given, self._environment)
        assert done.returncode == 0 or not check, f"{arguments} ended with {done.returncode}:\n{done.stderr[-2000:]}"
        return done

    def last_lines(self, count: int = 30) -> str:
        """The end of what the processes logged."""
        return "\n".join((self.directory / "log").read_text(errors="replace").splitlines()[-count:])

    def errors(self) -> list[str]:
        """Logged lines that tell of an error nobody expected."""
        lines = (self.directory / "log").read_text(errors="replace").splitlines()
        return [line for line in lines if '"level":"error"' in line or '"level":"critical"' in line]

    def resident_bytes(self) -> int:
        """Memory of the API process. Linux only; 0 elsewhere."""
        try:
            pages = Path(f"/proc/{self.pid}/statm").read_text().split()[1]
        except OSError:
            return 0
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    # --- talking to it -------------------------------------------------------------------------------------------

    @cached_property
    def admin(self) -> str:
        """An admin's API key, made on the command line."""
        done = self.command("keys", "create", "--name", "test admin", "--role", "admin")
        return done.stdout.splitlines()[-1]

    def key(self, role: str) -> str:
        """A new API key of a role."""
        with self.line(self.admin) as line:
            answer = line.call("POST", "/v1/api-keys", json.dumps({"name": f"test {role}", "role": role}).encode())
            assert answer.status == 201, answer.body
            return str(answer.json()["key"])

    def line(self, key: str, timeout: float = 60) -> Line:
        """A light connection."""
        return Line(self.port, key, timeout)

    def verify(self) -> str:
        """What `clientele verify` prints; its exit status must be 0."""
        done = self.command("verify", check=False)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        return done.stdout.strip()

    @property
    def dsn(self) -> str:
        """The embedded database's address for asyncpg, while it runs."""
        lines = (self.data / "postgres" / "postmaster.pid").read_text().splitlines()
        return f"postgresql://clientele@/clientele?host={lines[4].strip()}"

    # --- cleaning up ---------------------------------------------------------------------------------------------

    def _postmaster(self) -> int | None:
        try:
            pid = int((self.data / "postgres" / "postmaster.pid").read_text().split()[0])
            command = Path(f"/proc/{pid}/cmdline")
            return pid if not command.exists() or b"postgres" in command.read_bytes() else None
        except (OSError, ValueError, IndexError):
            return None

    def clear(self) -> None:
        """End what a failed test left, and remove every file."""
        if self._process is not None:
            self.kill()
        deadline = time.monotonic() + 30
        # The last user of the database stops it; a worker whose API was killed may be that user.
        while (pid := self._postmaster()) is not None and _lives(pid):
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGQUIT)
                deadline += 30
            time.sleep(0.05)
        cluster = (self.data / "postgres").resolve()
        if cluster.exists() and self.directory not in cluster.parents:
            shutil.rmtree(cluster, ignore_errors=True)
        shutil.rmtree(self.directory, ignore_errors=True)


def _copy(of: Path, to: Path) -> None:
    # With its owners: as root the database belongs to a system user.
    subprocess.run(["cp", "-pR", f"{of}/.", str(to)], check=True, timeout=120)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def children(pid: int) -> list[int]:
    """The child processes of a process. Linux only; none elsewhere."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += [int(word) for word in task.read_text().split()]
    return found


def is_worker(pid: int) -> bool:
    """Whether a process is a worker: forked from its server, or started as one. Raises OSError if it is gone."""
    process = Path(f"/proc/{pid}")
    return process.joinpath("comm").read_text() == "worker\n" or b"\0worker\0" in (process / "cmdline").read_bytes()


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
