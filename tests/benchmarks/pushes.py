"""Receipts coming in: one by one, in batches against a raw COPY, and while others look customers up."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.benchmarks import serving
from tests.benchmarks.bench import Bench, at_half_load, at_most, median, stalled
from tests.benchmarks.copying import Copier
from tests.benchmarks.data import say
from tests.benchmarks.lookups import frames_of
from tests.benchmarks.receipts import Tills
from tests.benchmarks.serving import Served
from tests.benchmarks.table import Row
from tests.benchmarks.trips import counted

SINGLE, BATCH = "/v1/receipts", "/v1/receipts/batch"
STATEMENTS, SINGLE_P99_MS = 6, 20.0
BATCH_RATE, COPY_SHARE, DURING = 3000.0, 0.15, 3.0
CONNECTIONS = 3
LOOKUP_RATE = 100.0


def _source(name: str) -> str:
    return f"{name}{int(time.time())}"


def one_by_one(bench: Bench) -> Iterator[Row]:
    """Statements of a single receipt, and p99 at half load."""
    tills = Tills(bench.big.size, _source("single"))
    found = counted(bench, [("POST", SINGLE, tills.receipt(lines=1 + place % 3)) for place in range(30)])
    yield Row(
        "single receipt: statements",
        f"{found.statements:.0f} (+ BEGIN, COMMIT; {found.trips:.0f} round trips)",
        f"<= {STATEMENTS}",
        found.statements <= STATEMENTS,
        "counted on the wire between the server and PostgreSQL.",
    )
    with bench.application(bench.big) as ours:
        frames = bench.frames("single", [_single(ours, tills) for _ in range(20_000)])
        full = serving.load(ours, frames, seconds=2 * bench.seconds, warm=1.0, count=5000)
        half = at_half_load(bench, ours, _rest(bench, ours, tills), full["rate"])
    measured, met = at_most(half, SINGLE_P99_MS)
    yield Row(
        "single receipt: p99 at 50 % load",
        measured,
        f"<= {SINGLE_P99_MS:.0f} ms",
        met,
        f"{half['rate']:,.0f} receipts/s arriving at random, of at most {full['rate']:,.0f}/s in a closed loop on 8"
        f" connections, {full['cpu_us']['server']:.0f} us of server CPU each;"
        f" p50 {half['p50']:.1f} ms, longest {half['max']:.1f} ms." + stalled(half),
    )


def _single(served: Served, tills: Tills) -> bytes:
    return served.frame("POST", SINGLE, serving.json_bytes(tills.receipt()))


def _rest(bench: Bench, served: Served, tills: Tills) -> Path:
    return bench.frames("single-half", [_single(served, tills) for _ in range(20_000)])


def in_batches(bench: Bench) -> Iterator[Row]:
    """Batches of 1000 receipts of three lines over HTTP, in turns with a COPY of the same rows into the same tables."""
    pushed, copied, spent = [], [], []
    top = bench.postmaster()
    with bench.application(bench.big) as ours, Copier(bench.big.dsn, bench.log.parent) as copier:
        for turn in range(bench.turns + 1):
            # The first turn warms caches and is short.
            count = bench.batches if turn else 3
            source = _source("batch")
            copier.checkpoint()
            result = serving.begin(_plan(bench, ours, source, count, top)).result()
            rate, raw = result["requests"] * 1000 / result["seconds"], copier.copy(source)
            say(f"  turn {turn}: {rate:,.0f} receipts/s over HTTP, {raw:,.0f} by COPY")
            if turn:
                pushed.append(rate)
                copied.append(raw)
                spent.append(result["cpu"])
            time.sleep(1.0)
    rate, share = median(pushed), median(one / other for one, other in zip(pushed, copied, strict=True))
    receipts = bench.batches * 1000
    yield Row(
        "batch of 1000 x 3 lines over HTTP",
        f"{rate:,.0f} receipts/s",
        f">= {BATCH_RATE:,.0f}/s",
        rate >= BATCH_RATE,
        f"client included, {CONNECTIONS} connections, {receipts:,} receipts a turn to customers spread over"
        f" {bench.customers:,}; CPU per receipt: "
        + ", ".join(f"{name} {median(one[name] for one in spent) * 1e6 / receipts:.0f} us" for name in spent[0])
        + ".",
    )
    yield Row(
        "batch as a share of a raw COPY of the same rows",
        f"{share:.0%}",
        f">= {COPY_SHARE:.0%}",
        share >= COPY_SHARE,
        "each after a checkpoint; COPY of the finished rows into receipts and receipt_lines with their indexes:"
        f" {median(copied):,.0f} receipts/s.",
    )


def _plan(bench: Bench, served: Served, source: str, count: int, top: int = 0) -> dict[str, Any]:
    """A closed loop of so many batches, each sent once."""
    tills = Tills(bench.big.size, source)
    frames = [
        served.frame("POST", BATCH, tills.batch(), f"Idempotency-Key: {source}-{place}\r\n") for place in range(count)
    ]
    kept = bench.frames("batch", frames)
    plan = serving.plan_for(served, kept, connections=CONNECTIONS, count=count)
    plan |= {"trees": {"server and its helpers": served.pid}, "patient": True}
    if top:
        plan["trees"]["database"] = top
    return plan


def beside_lookups(bench: Bench) -> Iterator[Row]:
    """p99 of lookups while batches are pushed, over p99 while nothing else happens."""
    ratios, idle_ms, busy_ms, rates = [], [], [], []
    with bench.application(bench.big) as ours:
        numbers = bench.customer_numbers(bench.customers, seed=9)
        frames = bench.frames("beside", frames_of(ours, "phone", numbers))
        more: dict[str, Any] = {"connections": 8, "seconds": 3 * bench.seconds, "warm": 1.0, "rate": LOOKUP_RATE}
        serving.load(ours, frames, **more)
        for turn in range(bench.turns):
            idle = serving.load(ours, frames, first=turn * 2857, **more)
            pushing = serving.begin(_plan(bench, ours, _source("beside"), 80) | {"seconds": 3 * bench.seconds + 2.0})
            time.sleep(0.5)
            busy = serving.load(ours, frames, first=turn * 2857, **more)
            pushed = pushing.result()
            idle_ms.append(idle["p99"])
            busy_ms.append(busy["p99"])
            ratios.append(busy["p99"] / idle["p99"])
            rates.append(pushed["requests"] * 1000 / pushed["seconds"])
    yield Row(
        "lookups while bulk pushes run: p99 / idle",
        f"{median(ratios):.1f} x ({median(busy_ms):.1f} / {median(idle_ms):.1f} ms)",
        f"<= {DURING:.0f} x",
        median(ratios) <= DURING,
        f"{LOOKUP_RATE:.0f} lookups/s arriving at random; {CONNECTIONS} connections push {median(rates):,.0f}"
        " receipts/s meanwhile.",
    )
