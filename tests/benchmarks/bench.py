"""What the measurements share: the databases, durations, frames of requests, and figures over turns."""

import random
import statistics
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.core.embedded.server import EmbeddedServer
from tests.benchmarks import data, serving
from tests.benchmarks.load import write_frames
from tests.benchmarks.serving import Served

FRAMES = 20_000
# A p99 needs thousands of requests: so many times as long as a closed loop.
HALF = 7


@dataclass
class Bench:
    """One run: where its databases live, how long it measures, and how big things are."""

    directory: Path
    server: EmbeddedServer
    scratch: Path
    seconds: float = 3.0
    turns: int = 3
    customers: int = 1_000_000
    receipts: int = 10_000_000
    batches: int = 20
    events: int = 1_000_000
    import_rows: int = 100_000
    _filled: dict[str, data.Filled] = field(default_factory=dict)

    @property
    def log(self) -> Path:
        """Where servers write what they have to say."""
        return self.scratch / "servers.log"

    def database(self, customers: int) -> data.Filled:
        """A database with so many customers, and receipts in proportion, built if it is not there."""
        name = f"bench_{customers}"
        if name not in self._filled:
            size = data.Size(customers, max(customers * self.receipts // self.customers, 1))
            self._filled[name] = data.build(self.server, self.directory, name, size)
        return self._filled[name]

    @property
    def big(self) -> data.Filled:
        """The database that budgets speak of."""
        return self.database(self.customers)

    def postmaster(self) -> int:
        """The process whose children are the database's."""
        return int((self.server.directory / "postmaster.pid").read_text(encoding="ascii").split()[0])

    def application(self, filled: data.Filled, *, worker: bool = True, url: str = "") -> AbstractContextManager[Served]:
        """`clientele serve` on one of the databases."""
        url = url or filled.url
        return serving.application(self.log, url=url, data_dir=self.scratch, key=filled.key, worker=worker)

    @contextmanager
    def both(self, *, worker: bool = True) -> Iterator[tuple[Served, Served]]:
        """Ours and the limit server, on the big database."""
        filled = self.big
        with self.application(filled, worker=worker) as ours, serving.limit(self.log, filled.dsn, filled.key) as base:
            yield ours, base

    def frames(self, name: str, requests: list[bytes]) -> Path:
        """A file of requests for the load generator."""
        return write_frames(self.scratch / f"{name}.frames", requests)

    def customer_numbers(self, customers: int, seed: int = 1, count: int = FRAMES) -> list[int]:
        """Random customers, the same ones for every server that is compared."""
        chooser = random.Random(seed)
        return [chooser.randint(1, customers) for _ in range(count)]


@dataclass(frozen=True)
class Duel:
    """Two servers that answered the same requests in turns: medians."""

    ours_us: float
    base_us: float
    ours_rate: float
    base_rate: float

    @property
    def ratio(self) -> float:
        """CPU time per request of our process over that of the limit server."""
        return self.ours_us / self.base_us


def duel(bench: Bench, ours: tuple[Served, Path], base: tuple[Served, Path], connections: int = 8) -> Duel:
    """A B A B ... in closed loops; one unmeasured turn each to begin with."""
    found: dict[str, list[dict[str, Any]]] = {"ours": [], "base": []}
    for turn in range(bench.turns + 1):
        for name, (served, frames) in (("base", base), ("ours", ours)):
            first = turn * FRAMES // 7
            result = serving.load(served, frames, connections=connections, seconds=bench.seconds, warm=0.5, first=first)
            if turn:
                found[name].append(result)
    return Duel(
        ours_us=median(one["cpu_us"]["server"] for one in found["ours"]),
        base_us=median(one["cpu_us"]["server"] for one in found["base"]),
        ours_rate=median(one["rate"] for one in found["ours"]),
        base_rate=median(one["rate"] for one in found["base"]),
    )


def at_half_load(bench: Bench, served: Served, frames: Path, full: float, first: int = 311) -> dict[str, Any]:
    """Requests that arrive at random at half of the rate that the server can answer."""
    return serving.load(
        served, frames, connections=8, seconds=HALF * bench.seconds, warm=1.0, rate=full / 2, first=first
    )


def half_loads(bench: Bench, ours: tuple[Served, Path], base: tuple[Served, Path]) -> tuple[dict[str, Any], str]:
    """The same in turns, beside the limit server at our rate and at half of its own: the middle turn, and what to say.

    What a virtual machine can do changes by half from one moment to the next, so each turn begins with a closed loop
    that says what the full rate is now.
    """
    turns = []
    for turn in range(bench.turns):
        first = turn * FRAMES // 7 + 311
        full, limit = (
            serving.load(*one, connections=8, seconds=bench.seconds, warm=0.5, first=first)["rate"]
            for one in (ours, base)
        )
        turns.append(
            [at_half_load(bench, *one, rate, first) for one, rate in ((ours, full), (base, full), (base, limit))]
        )
    listed = ", ".join("{:.1f} ({:.1f}, {:.1f})".format(*(one["p99"] for one in turn)) for turn in turns)
    half, same, own = sorted(turns, key=lambda turn: float(turn[0]["p99_running"]))[len(turns) // 2]
    return half, (
        f"{half['rate']:,.0f} requests/s arriving at random; p50 {half['p50']:.1f} ms, longest {half['max']:.1f} ms;"
        f" the limit server at the same rate: p50 {same['p50']:.1f} ms, p99 {at_most(same, 0)[0]}."
        f" At half of its own full rate, {own['rate']:,.0f} requests/s, its p99 is {own['p99']:.1f} ms."
        f" p99 in {len(turns)} turns (in brackets the limit server's at our rate, and at half of its own):"
        f" {listed} ms.{stalled(half)}"
    )


def at_most(half: dict[str, Any], budget: float) -> tuple[str, bool]:
    """How a p99 at half load is written down, and whether it is within the budget (ms) while the machine runs."""
    return f"{half['p99_running']:.1f} ms ({half['p99']:.1f} with stalls)", half["p99_running"] <= budget


def stalled(half: dict[str, Any]) -> str:
    """What the machine did meanwhile."""
    return f" The machine stood still for {half['still']:.2%} of the time."


def median(values: Any) -> float:
    """The middle value."""
    return float(statistics.median(values))
