"""Lookups: against the limit server, at half load, in round trips, and over three sizes of the database."""

from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import quote

from tests.benchmarks import serving
from tests.benchmarks.bench import Bench, at_most, duel, half_loads, median
from tests.benchmarks.serving import Served
from tests.benchmarks.table import Row
from tests.benchmarks.trips import counted

PATH = "/v1/customers/lookup"
RATIO, P99_MS, FLAT = 2.0, 10.0, 1.3


def phone(number: int) -> str:
    """A customer's phone in its stored form."""
    return f"+86{13_000_000_000 + number * 736_338_717 % 1_000_000_000}"


def card(number: int) -> str:
    """A customer's card."""
    return f"C{number:08d}"


def frames_of(served: Served, kind: str, numbers: list[int]) -> list[bytes]:
    """Lookups as callers type them: a phone every other time without its country code."""
    made = []
    for place, number in enumerate(numbers):
        value = card(number) if kind == "card" else phone(number)
        if kind == "phone" and place % 2:
            value = value.removeprefix("+86")
        made.append(served.frame("GET", f"{PATH}?{kind}={quote(value, safe='')}"))
    return made


def limit_frames(served: Served, kind: str, numbers: list[int]) -> list[bytes]:
    """The same questions for the limit server, which normalises nothing."""
    values = (card(number) if kind == "card" else phone(number) for number in numbers)
    return [served.frame("GET", f"/{kind}?v={quote(value, safe='')}") for value in values]


def against_limit(bench: Bench) -> Iterator[Row]:
    """CPU time per request over that of the limit server, and p99 at half load."""
    numbers = bench.customer_numbers(bench.customers)
    with bench.both() as (ours, base):
        for kind in ("phone", "card"):
            mine = bench.frames(f"ours-{kind}", frames_of(ours, kind, numbers))
            theirs = bench.frames(f"limit-{kind}", limit_frames(base, kind, numbers))
            found = duel(bench, (ours, mine), (base, theirs))
            yield Row(
                f"lookup by {kind}: CPU per request / limit server",
                f"{found.ratio:.2f} x ({found.ours_us:.0f} / {found.base_us:.0f} us)",
                f"<= {RATIO:.1f} x",
                found.ratio <= RATIO,
                f"{found.ours_rate:,.0f} requests/s against {found.base_rate:,.0f} on 8 connections,"
                f" {bench.turns} turns each,"
                f" {bench.customers:,} customers, with key, scope, audit, rate limit and metrics.",
            )
            half, told = half_loads(bench, (ours, mine), (base, theirs))
            measured, met = at_most(half, P99_MS)
            yield Row(
                f"lookup by {kind}: p99 at 50 % load",
                measured,
                f"<= {P99_MS:.0f} ms",
                met,
                told,
            )
    yield from _round_trips(bench)


def _round_trips(bench: Bench) -> Iterator[Row]:
    paths = [f"{PATH}?card={card(number)}" for number in bench.customer_numbers(bench.customers, seed=5, count=25)]
    found = counted(bench, [("GET", path, None) for path in paths])
    yield Row(
        "lookup: database round trips in the request",
        f"{found.trips:.0f}",
        "1",
        found.trips == 1,
        "counted on the wire between the server and PostgreSQL.",
    )


def over_sizes(bench: Bench) -> Iterator[Row]:
    """The same lookup with 1 %, 10 % and all of the customers: CPU time of the server and of the database."""
    sizes = [max(bench.customers // part, 1000) for part in (100, 10, 1)]
    cost: dict[int, list[float]] = {size: [] for size in sizes}
    top = bench.postmaster()
    with ExitStack() as stack:
        served = {size: stack.enter_context(bench.application(bench.database(size), worker=False)) for size in sizes}
        frames = {
            size: bench.frames(f"size-{size}", frames_of(served[size], "phone", bench.customer_numbers(size)))
            for size in sizes
        }
        for turn in range(bench.turns + 1):
            for size in sizes:
                plan = serving.plan_for(served[size], frames[size], seconds=bench.seconds, warm=0.5, first=turn * 2857)
                plan["trees"] = {"database": top}
                found = serving.begin(plan).result()
                if turn:
                    cost[size].append(found["cpu_us"]["server"] + found["cpu_us"]["database"])
    each = {size: median(values) for size, values in cost.items()}
    growth = each[sizes[-1]] / each[sizes[0]]
    yield Row(
        f"lookup: cost with {sizes[-1]:,} customers / with {sizes[0]:,}",
        f"{growth:.2f} x",
        f"flat (<= {FLAT} x)",
        growth <= FLAT,
        "CPU time of server and database per request: "
        + ", ".join(f"{size:,} customers {value:.0f} us" for size, value in each.items())
        + ".",
    )
