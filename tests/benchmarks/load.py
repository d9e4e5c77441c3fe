"""The load generator, a process of its own: HTTP/1.1 over kept connections with little Python per request.

It asks the system for its sockets itself: an event loop took three times as much of the processors that it shares with
what it measures.

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

import contextlib
import gc
import json
import os
import random
import re
import select
import socket
import struct
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.benchmarks import cpu, stalls

_LENGTH = struct.Struct("<I")
_CONTENT_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)
_NEXT = re.compile(rb'"next_cursor": ?"([^"]+)"')
GIVE_UP_SECONDS = 60.0
TICK = 0.001
# How long a refused request waits, in seconds, and at most the generator for whatever else there is.
AGAIN = 0.05
READ = 1 << 16


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


class Line:
    """One kept connection with at most one request under way."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self._parts: list[bytes] = []
        self._missing = -1
        self.due = 0.0
        self.frame = b""
        self.unsent = memoryview(b"")

    def begin(self, request: bytes, due: float) -> bool:
        """Send a request that was due at this moment; whether all of it is on its way."""
        self.due, self.frame, self.unsent = due, request, memoryview(request)
        return self.go_on()

    def go_on(self) -> bool:
        """Send what there is room for now; whether all is on its way."""
        with contextlib.suppress(BlockingIOError):
            self.unsent = self.unsent[self.socket.send(self.unsent) :]
        return not self.unsent

    def answer(self) -> bytes | None:
        """The answer, once all of it has come. Raises ConnectionError if the server ends the connection."""
        data = self.socket.recv(READ)
        if not data:
            raise ConnectionResetError
        if self._missing < 0:
            if self._parts:
                data = b"".join(self._parts) + data
                self._parts.clear()
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self._parts.append(data)
                return None
            found = _CONTENT_LENGTH.search(data, 0, end)
            self._missing = end + 4 + (int(found[1]) if found else 0)
        self._parts.append(data)
        self._missing -= len(data)
        if self._missing > 0:
            return None
        whole = data if len(self._parts) == 1 else b"".join(self._parts)
        self._parts.clear()
        self._missing = -1
        return whole


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
        self.lines = [Line(plan["port"]) for _ in range(min(plan["connections"], self.count or plan["connections"]))]
        self.by_number = {line.socket.fileno(): line for line in self.lines}
        self.unsent: set[int] = set()
        # Refused requests, and when to send them again.
        self.again: deque[tuple[float, Line]] = deque()
        self.free: deque[Line] = deque()
        self.waiting: deque[float] = deque()
        self.closed_loop = plan.get("rate") is None
        self.rate: float = plan.get("rate") or 0.0
        # When the next request falls due, in an open loop.
        self.due = 0.0
        self.measuring = self.over = False

    def answered(self, line: Line, answer: bytes) -> None:
        now = time.perf_counter()
        if answer[9:12] == b"503" and self.plan.get("patient"):
            # As a till does: the same request again, and the time goes on.
            self.refused += 1
            self.again.append((now + AGAIN, line))
            return
        self.done += 1
        if self.measuring:
            self.times.append(now - line.due)
            if not self.closed_loop:
                self.requests.append((line.due, now - line.due))
            self.statuses[answer[9:12].decode()] += 1
        if answer[9:10] != b"2" and not self.trouble:
            self.trouble = answer[:1500].decode("utf-8", "replace")
        if self.closed_loop:
            self.go_on(line, now)
        elif self.waiting:
            self.send(line, self.waiting.popleft())
        else:
            self.free.append(line)
            self.over = self.due >= self.until and self.done == self.sent

    def go_on(self, line: Line, now: float) -> None:
        if now >= self.until or (self.count is not None and self.sent >= self.count):
            self.over = self.done == self.sent
            return
        self.send(line, now)

    def send(self, line: Line, due: float) -> None:
        frame = self.frames[self.next % len(self.frames)]
        self.next += 1
        self.sent += 1
        self.begin(line, frame, due)

    def begin(self, line: Line, frame: bytes, due: float) -> None:
        if not line.begin(frame, due):
            self.unsent.add(line.socket.fileno())

    def fall_due(self, now: float) -> float:
        """Send what is due by now. Answers how many seconds nothing else will be."""
        while self.again and self.again[0][0] <= now:
            _, line = self.again.popleft()
            self.begin(line, line.frame, line.due)
        if self.closed_loop:
            return max(self.again[0][0] - now, 0.0) if self.again else AGAIN
        while self.due <= now and self.due < self.until:
            if self.free:
                # We wake up a tick late, which is not the server's fault; if much later, the machine is too busy.
                self.send(self.free.popleft(), now if now - self.due < 2 * TICK else self.due)
            else:
                self.waiting.append(self.due)
            self.due += random.expovariate(self.rate)
        if self.due >= self.until:
            self.over = self.done == self.sent and not self.waiting
            return 0.0 if self.over else AGAIN
        # Never shorter than a tick: spinning would take the core that the server needs.
        return max(self.due - now, TICK)

    def phase(self, seconds: float) -> None:
        began = time.perf_counter()
        self.until, self.over = began + seconds, False
        self.sent = self.done = 0
        if self.closed_loop:
            for line in self.lines:
                self.go_on(line, began)
        else:
            self.free, self.due = deque(self.lines), began
            self.waiting.clear()
        self.work(self.until + GIVE_UP_SECONDS)

    def work(self, deadline: float) -> None:
        """Send and receive until all is over. Raises TimeoutError at the deadline (monotonic)."""
        numbers = list(self.by_number)
        while not self.over:
            now = time.perf_counter()
            if now > deadline:
                raise TimeoutError
            readable, writable, _ = select.select(numbers, self.unsent, (), self.fall_due(now))
            for number in writable:
                if self.by_number[number].go_on():
                    self.unsent.discard(number)
            for number in readable:
                line = self.by_number[number]
                try:
                    answer = line.answer()
                except ConnectionError as error:
                    self.lost(error)
                    return
                if answer is not None:
                    self.answered(line, answer)

    def lost(self, error: Exception) -> None:
        self.trouble = self.trouble or f"the server closed a connection ({error})"
        self.statuses["lost"] += 1
        self.over = True

    def run(self) -> dict[str, Any]:
        plan = self.plan
        if plan.get("warm"):
            count, self.count = self.count, None
            self.phase(plan["warm"])
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
            self.phase(plan.get("seconds") or 600.0)
            seconds, after = time.perf_counter() - started, cpu.used(watch, trees)
        for line in self.lines:
            line.socket.close()
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

    def answered(self, line: Line, answer: bytes) -> None:
        now = time.perf_counter()
        self.done += 1
        self.times.append(now - line.due)
        self.statuses[answer[9:12].decode()] += 1
        events = answer.count(b'"sequence":')
        self.events += events
        found = _NEXT.search(answer, len(answer) - 2000 if len(answer) > 2000 else 0)
        if answer[9:10] != b"2" or not events or found is None or self.done >= self.pages:
            if answer[9:10] != b"2":
                self.trouble = answer[:1500].decode("utf-8", "replace")
            self.over = True
            return
        self.cursors.append(found[1].decode())
        self.begin(line, (self.head + self.cursors[-1] + self.tail).encode(), now)

    def phase(self, seconds: float) -> None:
        began = time.perf_counter()
        self.begin(self.lines[0], self.plan["first_request"].encode(), began)
        self.work(began + seconds)

    def report(self, seconds: float, spent: dict[str, float]) -> dict[str, Any]:
        return {**super().report(seconds, spent), "events": self.events, "cursors": self.cursors}


def main() -> None:
    """Run the plan on stdin."""
    plan = json.load(sys.stdin)
    random.seed(plan.get("seed", 1))
    json.dump((Follower(plan) if "follow" in plan else Load(plan)).run(), sys.stdout)


if __name__ == "__main__":
    main()
