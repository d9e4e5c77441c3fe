"""Counts what a request costs on the wire to PostgreSQL: a relay stands between the server and its database."""

import asyncio
import statistics
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from tests.benchmarks.bench import Bench

SOCKET = ".s.PGSQL.5432"
# Begin and end of a transaction are round trips, and no statements.
_FRAME = (b"BEGIN", b"COMMIT", b"ROLLBACK", b"START")
WARM = 5


@dataclass
class Counts:
    """Messages seen so far: executed statements, and round trips (a Sync or a simple query each)."""

    statements: int = 0
    trips: int = 0
    texts: list[str] = field(default_factory=list)

    def see(self, kind: bytes, body: bytes) -> None:
        """Count one message from the server's side."""
        if kind == b"E":
            self.statements += 1
        elif kind == b"S":
            self.trips += 1
        elif kind == b"Q":
            self.trips += 1
            if not body.lstrip().upper().startswith(_FRAME):
                self.statements += 1


@dataclass(frozen=True)
class Found:
    """Medians per request."""

    statements: float
    trips: float


async def _relay(target: Path, counts: Counts, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    upstream, up = await asyncio.open_unix_connection(str(target))

    async def back() -> None:
        while chunk := await upstream.read(65536):
            writer.write(chunk)
        writer.close()

    task = asyncio.create_task(back())
    try:
        first = await reader.readexactly(4)
        up.write(first + await reader.readexactly(struct.unpack("!I", first)[0] - 4))
        while True:
            head = await reader.readexactly(5)
            body = await reader.readexactly(struct.unpack("!I", head[1:])[0] - 4)
            counts.see(head[:1], body)
            up.write(head + body)
    except (asyncio.IncompleteReadError, ConnectionError):
        up.close()
    finally:
        await asyncio.wait([task], timeout=1)


@contextmanager
def relay(url: str, folder: Path) -> Iterator[tuple[str, Counts]]:
    """(the address of a relay to `url`, what it counts)."""
    parts = urlsplit(url)
    target = Path(parse_qs(parts.query)["host"][0]) / SOCKET
    counts, ready, over = Counts(), threading.Event(), threading.Event()

    async def serve() -> None:
        handler = lambda reader, writer: _relay(target, counts, reader, writer)  # noqa: E731
        server = await asyncio.start_unix_server(handler, str(folder / SOCKET))
        ready.set()
        await asyncio.to_thread(over.wait)
        server.close()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    ready.wait(10)
    try:
        yield url.replace(parts.query, f"host={quote(str(folder), safe='/')}"), counts
    finally:
        over.set()
        thread.join(5)
        (folder / SOCKET).unlink(missing_ok=True)


def counted(bench: Bench, requests: list[tuple[str, str, Any]]) -> Found:
    """What one of these requests costs; the first few are not counted, and the median hides background work."""
    statements, trips = [], []
    with (
        relay(bench.big.url, bench.scratch) as (url, counts),
        bench.application(bench.big, worker=False, url=url) as served,
    ):
        for place, (method, path, body) in enumerate(requests):
            before = (counts.statements, counts.trips)
            served.request(method, path, body)
            if place >= WARM:
                statements.append(counts.statements - before[0])
                trips.append(counts.trips - before[1])
    return Found(statistics.median(statements), statistics.median(trips))
