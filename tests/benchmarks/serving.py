"""Processes of a run: the served application, limit servers, load generators; and the database they share."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.benchmarks import cpu

SECRET = "only for benchmarks"
# The limiter counts every request as always; only its numbers are out of reach.
RATES = {f"CLIENTELE_RATES__{name}_PER_SECOND": "1000000" for name in ("STANDARD", "LARGE", "BULK")}
READY_SECONDS = 60.0


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Served:
    """A server that answers on 127.0.0.1: its port, and the process whose CPU time counts."""

    port: int
    pid: int
    key: str = ""
    ready_seconds: float = 0.0
    _lines: http.client.HTTPConnection | None = field(default=None, repr=False)

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """One request outside of any measurement. Raises RuntimeError for an answer of 400 or above."""
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        given = {"Authorization": f"Bearer {self.key}", **headers}
        if body is not None and not isinstance(body, bytes):
            body = json_bytes(body)
            given.setdefault("Content-Type", "application/json")
        try:
            line.request(method, path, body, given)
            answer = line.getresponse()
            text = answer.read()
        finally:
            line.close()
        if answer.status >= 400:
            message = f"{method} {path}: {answer.status} {text[:1000]!r}"
            raise RuntimeError(message)
        return answer.status, json.loads(text) if text else None

    def frame(self, method: str, target: str, body: bytes = b"", extra: str = "") -> bytes:
        """The bytes of one request, as the load generator sends them."""
        head = f"{method} {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {self.key}\r\n{extra}"
        if body:
            head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        return head.encode() + b"\r\n" + body


@contextmanager
def process(arguments: list[str], log: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process of ours; ended at the end of the block, with what it started."""
    with log.open("ab") as output:
        child = subprocess.Popen(
            [sys.executable, "-m", *arguments], stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            env={**os.environ, **environment},
        )  # fmt: skip
    try:
        yield child
    finally:
        stop(child)


def stop(child: subprocess.Popen[bytes]) -> None:
    """SIGTERM, then SIGKILL after a while, for the process and what is left of its children."""
    below = cpu.children(child.pid)
    child.send_signal(signal.SIGTERM)
    try:
        child.wait(40)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
        for pid in below:
            if cpu.command_line(pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def wait_for(port: int, path: str, child: subprocess.Popen[bytes], log: Path) -> float:
    """Seconds until `path` answers 200. Raises RuntimeError when the process ends or takes too long."""
    began = time.perf_counter()
    while time.perf_counter() < began + READY_SECONDS:
        line = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            line.request("GET", path)
            if line.getresponse().status == 200:
                return time.perf_counter() - began
        except (OSError, http.client.HTTPException):
            pass
        finally:
            line.close()
        if child.poll() is not None:
            break
        time.sleep(0.01)
    message = f"no answer on {path}; the log ends: {log.read_text(errors='replace')[-3000:]}"
    raise RuntimeError(message)


@contextmanager
def application(log: Path, *, url: str = "", data_dir: Path, key: str = "", worker: bool = True) -> Iterator[Served]:
    """`clientele serve` on an outside database (`url`), or with its own in `data_dir`."""
    port, environment = free_port(), dict(RATES)
    if url:
        environment |= {"CLIENTELE_DATABASE_URL": url, "CLIENTELE_SECRET_KEY": SECRET}
    arguments = ["app", "serve", "--data-dir", str(data_dir), "--port", str(port)]
    arguments += [] if worker else ["--no-worker"]
    with process(arguments, log, **environment) as child:
        ready = wait_for(port, "/readyz", child, log)
        yield Served(port, child.pid, key, ready)


@contextmanager
def limit(log: Path, dsn: str, key: str) -> Iterator[Served]:
    """The limit server. It is sent the same headers as ours, and does not read them."""
    port = free_port()
    with process(["tests.benchmarks.limit", "--port", str(port), "--dsn", dsn], log) as child:
        wait_for(port, "/bare?v=1", child, log)
        yield Served(port, child.pid, key)


@dataclass
class Generator:
    """A load generator under way; `result` waits for what it measured."""

    child: subprocess.Popen[bytes]

    def result(self) -> dict[str, Any]:
        output, _ = self.child.communicate(timeout=900)
        if self.child.returncode:
            message = "the load generator failed"
            raise RuntimeError(message)
        found: dict[str, Any] = json.loads(output)
        if found["failed"]:
            message = f"{found['failed']} requests failed: {found['statuses']} {found['trouble']}"
            raise RuntimeError(message)
        return found


def begin(plan: dict[str, Any]) -> Generator:
    """Start a load generator with a plan (see `load`)."""
    command = [sys.executable, "-m", "tests.benchmarks.load"]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin is not None
    child.stdin.write(json.dumps(plan).encode())
    child.stdin.close()
    child.stdin = None
    return Generator(child)


def load(served: Served, frames: Path, *, connections: int = 8, **more: Any) -> dict[str, Any]:
    """Load one server and wait for the result."""
    return begin(plan_for(served, frames, connections=connections, **more)).result()


def plan_for(served: Served, frames: Path, *, connections: int = 8, **more: Any) -> dict[str, Any]:
    """A plan that watches the server's own CPU time."""
    watch = {"server": [served.pid]}
    return {"port": served.port, "frames": str(frames), "connections": connections, "watch": watch, **more}


def json_bytes(value: Any) -> bytes:
    """A body as a client sends it."""
    return json.dumps(value, separators=(",", ":")).encode()
