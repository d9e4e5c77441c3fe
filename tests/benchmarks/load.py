"""The load generator, a process of its own: HTTP/1.1 over kept connections with little Python per request.

It reads one plan as JSON from stdin and writes what it measured as JSON to stdout:

    {"port", "frames": file of requests, "connections", "seconds" and/or "count", "rate": null or requests per second,
     "warm": seconds that are not measured, "first": index of the first request, "watch": {name: [pid, ...]},
     "trees": {name: pid whose children count too}}

Without a rate each connection sends as soon as its answer is there (closed loop). With a rate requests arrive at random
at that rate whatever the server does, and a latency runs from the moment a request was due (open loop), so a server
that stalls is charged for everybody who waits; beside it stands what it was while the machine ran (`stalls`). The
generator then goes before all else on the machine: it stands for tills, which wait for no processor of ours. With
"patient" a 503 is sent again after a moment. With "follow" it reads a feed from a cursor to its end instead.
"""

import asyncio
import contextlib
import gc
import json
import os
import random
import re
import struct
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import uvloop

from tests.benchmarks import cpu, stalls

_LENGTH = struct.Struct("<I")
_CONTENT_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)
_NEXT = re.compile(rb'"next_cursor": ?"([^"]+)"')
GIVE_UP_SECONDS = 60.0
TICK = 0.001


def write_frames(path: Path, requests: list[bytes]) -> Path:
    """Keep requests in a file that the generator reads: each after its length."""
    path.write_bytes(b"".join(_LENGTH.pack(len(one)) + one for one in requests))
    return path


def read_frames(path: Path) -> Iterator[bytes]:
    """The requests of a file written by `write_frames`."""
    data, place = path.read_bytes(), 0
    while place < len(data):
        (size,) = _LENGTH.unpack_from(data, place)
        yield data[place + 4 : place + 4 + size]
        place += 4 + size


class Connection(asyncio.Protocol):
    """One kept connection with at most one request under way."""

    def __init__(self, load: "Load") -> None:
        self._load = load
        self._parts: list[bytes] = []
        self._missing = -1
        self.due = 0.0
        self.frame = b""
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def send(self, request: bytes, due: float) -> None:
        self.due, self.frame = due, request
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        if self._missing < 0:
            if self._parts:
                data = b"".join(self._parts) + data
                self._parts.clear()
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self._parts.append(data)
                return
            found = _CONTENT_LENGTH.search(data, 0, end)
            self._missing = end + 4 + (int(found[1]) if found else 0)
        self._parts.append(data)
        self._missing -= len(data)
        if self._missing > 0:
            return
        answer = data if len(self._parts) == 1 else b"".join(self._parts)
        self._parts.clear()
        self._missing = -1
        self._load.answered(self, answer)

    def connection_lost(self, exc: Exception | None) -> None:
        self._load.lost(exc)


class Load:
    """Sends the plan's requests and keeps the times of their answers."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self.plan = plan
        self.frames = list(read_frames(Path(plan["frames"]))) if plan.get("frames") else []
        self.next = plan.get("first", 0)
        self.count = plan.get("count")
        self.until = 0.0
        self.times: list[float] = []
        self.requests: list[tuple[float, float]] = []
        self.statuses: Counter[str] = Counter()
        self.trouble = ""
        self.sent = self.done = self.refused = 0
        self.free: deque[Connection] = deque()
        self.waiting: deque[float] = deque()
        self.over = asyncio.Event()
        self.closed_loop = plan.get("rate") is None
        self.measuring = self.arriving = self.finished = False

    def answered(self, connection: Connection, answer: bytes) -> None:
        now = time.perf_counter()
        if answer[9:12] == b"503" and self.plan.get("patient"):
            # As a till does: the same request again, and the time goes on.
            self.refused += 1
            asyncio.get_running_loop().call_later(0.05, connection.send, connection.frame, connection.due)
            return
        self.done += 1
        if self.measuring:
            self.times.append(now - connection.due)
            if not self.closed_loop:
                self.requests.append((connection.due, now - connection.due))
            self.statuses[answer[9:12].decode()] += 1
        if answer[9:10] != b"2" and not self.trouble:
            self.trouble = answer[:1500].decode("utf-8", "replace")
        if self.closed_loop:
            self.go_on(connection, now)
        elif self.waiting:
            self.send(connection, self.waiting.popleft())
        else:
            self.free.append(connection)
            if not self.arriving and self.done == self.sent:
                self.over.set()

    def go_on(self, connection: Connection, now: float) -> None:
        if now >= self.until or (self.count is not None and self.sent >= self.count):
            if self.done == self.sent:
                self.over.set()
            return
        self.send(connection, now)

    def send(self, connection: Connection, due: float) -> None:
        frame = self.frames[self.next % len(self.frames)]
        self.next += 1
        self.sent += 1
        connection.send(frame, due)

    def lost(self, error: Exception | None) -> None:
        if not self.finished:
            self.trouble = self.trouble or f"the server closed a connection ({error})"
            self.statuses["lost"] += 1
            self.finished = True
            self.over.set()

    async def arrivals(self, rate: float) -> None:
        """Requests fall due at random moments, at `rate` on average."""
        self.arriving, due = True, time.perf_counter()
        while due < self.until and not self.finished:
            now = time.perf_counter()
            if due > now:
                # Never shorter than a tick: spinning would take the core that the server needs.
                await asyncio.sleep(max(due - now, TICK))
                now = time.perf_counter()
            while due <= now and due < self.until:
                if self.free:
                    # We wake up a tick late, which is not the server's fault; if much later, the machine is too busy.
                    self.send(self.free.popleft(), now if now - due < 2 * TICK else due)
                else:
                    self.waiting.append(due)
                due += random.expovariate(rate)
        self.arriving = False
        if self.done == self.sent and not self.waiting:
            self.over.set()

    async def phase(self, connections: list[Connection], seconds: float) -> None:
        self.over.clear()
        self.until = time.perf_counter() + seconds
        self.sent = self.done = 0
        if self.closed_loop:
            for connection in connections:
                self.go_on(connection, time.perf_counter())
            await asyncio.wait_for(self.over.wait(), seconds + GIVE_UP_SECONDS)
            return
        self.free = deque(connections)
        self.waiting.clear()
        await self.arrivals(self.plan["rate"])
        await asyncio.wait_for(self.over.wait(), GIVE_UP_SECONDS)

    async def run(self) -> dict[str, Any]:
        plan, loop = self.plan, asyncio.get_running_loop()
        made = [
            await loop.create_connection(lambda: Connection(self), "127.0.0.1", plan["port"])
            for _ in range(min(plan["connections"], plan.get("count") or plan["connections"]))
        ]
        connections = [protocol for _, protocol in made]
        if plan.get("warm"):
            count, self.count = self.count, None
            await self.phase(connections, plan["warm"])
            self.count = count
        gc.collect()
        gc.freeze()
        gc.disable()
        self.measuring = True
        watch, trees = plan.get("watch", {}), plan.get("trees", {})
        if not self.closed_loop:
            with contextlib.suppress(PermissionError):
                os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
        with stalls.watched(needed=not self.closed_loop) as moments:
            before, started = cpu.used(watch, trees), time.perf_counter()
            await self.phase(connections, plan.get("seconds") or 600.0)
            seconds, after = time.perf_counter() - started, cpu.used(watch, trees)
        self.finished = True
        for transport, _ in made:
            transport.close()
        found = self.report(seconds, {name: after[name] - before[name] for name in after})
        return found if self.closed_loop else found | self.while_running(moments, seconds)

    def while_running(self, moments: stalls.Moments, seconds: float) -> dict[str, Any]:
        """`p99_running`: of what no moment touched in which the machine stood still; `still`: their share of time."""
        times = sorted(stalls.outside(self.requests, moments)) or [0.0]
        still = sum(end - begin for begin, end in moments) / seconds / len(os.sched_getaffinity(0))
        return {"p99_running": times[int(len(times) * 0.99)] * 1000, "still": still}

    def report(self, seconds: float, spent: dict[str, float]) -> dict[str, Any]:
        times, count = sorted(self.times), max(len(self.times), 1)
        at = {
            name: times[min(int(len(times) * part), len(times) - 1)] * 1000 if times else None
            for name, part in (("p50", 0.5), ("p99", 0.99), ("max", 1.0))
        }
        good = sum(number for status, number in self.statuses.items() if status.startswith("2"))
        return {
            "requests": len(times),
            "failed": sum(self.statuses.values()) - good,
            "seconds": seconds,
            "rate": len(times) / seconds,
            **at,
            "cpu": spent,
            "cpu_us": {name: used * 1e6 / count for name, used in spent.items()},
            "statuses": dict(self.statuses),
            "refused": self.refused,
            "trouble": self.trouble,
        }


class Follower(Load):
    """Reads a feed page by page from a cursor to its end; keeps the cursors it met."""

    def __init__(self, plan: dict[str, Any]) -> None:
        super().__init__(plan)
        self.head, self.tail = plan["follow"]
        self.cursors: list[str] = []
        self.events = 0
        self.pages = plan.get("pages", 10**9)
        self.until = float("inf")

    def answered(self, connection: Connection, answer: bytes) -> None:
        now = time.perf_counter()
        self.done += 1
        self.times.append(now - connection.due)
        self.statuses[answer[9:12].decode()] += 1
        events = answer.count(b'"sequence":')
        self.events += events
        found = _NEXT.search(answer, len(answer) - 2000 if len(answer) > 2000 else 0)
        if answer[9:10] != b"2" or not events or found is None or self.done >= self.pages:
            if answer[9:10] != b"2":
                self.trouble = answer[:1500].decode("utf-8", "replace")
            self.over.set()
            return
        self.cursors.append(found[1].decode())
        connection.send((self.head + self.cursors[-1] + self.tail).encode(), now)

    async def phase(self, connections: list[Connection], seconds: float) -> None:
        connections[0].send(self.plan["first_request"].encode(), time.perf_counter())
        await asyncio.wait_for(self.over.wait(), seconds)

    def report(self, seconds: float, spent: dict[str, float]) -> dict[str, Any]:
        return {**super().report(seconds, spent), "events": self.events, "cursors": self.cursors}


def main() -> None:
    """Run the plan on stdin."""
    plan = json.load(sys.stdin)
    random.seed(plan.get("seed", 1))

    async def work() -> dict[str, Any]:
        return await (Follower(plan) if "follow" in plan else Load(plan)).run()

    json.dump(uvloop.run(work()), sys.stdout)


if __name__ == "__main__":
    main()
