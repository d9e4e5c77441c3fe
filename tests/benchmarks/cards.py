"""The card and the standing: against the limit server, at half load, and in round trips."""

from collections.abc import Iterator

import asyncpg

from tests.benchmarks import data
from tests.benchmarks.bench import Bench, at_most, duel, half_loads
from tests.benchmarks.lookups import card
from tests.benchmarks.table import Row
from tests.benchmarks.trips import counted

RATIO, P99_MS = 3.0, 25.0
# As of a lookup.
STANDING_RATIO, STANDING_P99_MS = 2.0, 10.0


def against_limit(bench: Bench) -> Iterator[Row]:
    """CPU time per request over that of the limit server, p99 at half load, and round trips."""
    customers = data.run(_ids(bench.big.dsn, bench.customer_numbers(bench.customers, seed=13)))
    paths = [f"/v1/customers/{one}/card" for one in customers]
    with bench.both() as (ours, base):
        mine = bench.frames("ours-whole", [ours.frame("GET", path) for path in paths])
        theirs = bench.frames("limit-whole", [base.frame("GET", f"/whole?v={one}") for one in customers])
        found = duel(bench, (ours, mine), (base, theirs))
        yield Row(
            "card: CPU per request / limit server",
            f"{found.ratio:.2f} x ({found.ours_us:.0f} / {found.base_us:.0f} us)",
            f"<= {RATIO:.1f} x",
            found.ratio <= RATIO,
            f"{found.ours_rate:,.0f} requests/s against {found.base_rate:,.0f} on 8 connections,"
            f" {bench.turns} turns each, {bench.customers:,} customers, {bench.receipts:,} receipts,"
            " a key that sees everything.",
        )
        half, told = half_loads(bench, (ours, mine), (base, theirs))
        measured, met = at_most(half, P99_MS)
        yield Row(
            "card: p99 at 50 % load",
            measured,
            f"<= {P99_MS:.0f} ms",
            met,
            told,
        )
    trips = counted(bench, [("GET", path, None) for path in paths[:25]])
    yield Row(
        "card: database round trips in the request",
        f"{trips.trips:.0f}",
        "1",
        trips.trips == 1,
        "counted on the wire between the server and PostgreSQL.",
    )


def standings(bench: Bench) -> Iterator[Row]:
    """The same of the standing with an amount; one customer in ten has an account."""
    customers = data.run(_ids(bench.big.dsn, bench.customer_numbers(bench.customers, seed=17)))
    paths = [f"/v1/customers/{one}/standing?amount=12500" for one in customers]
    with bench.both() as (ours, base):
        mine = bench.frames("ours-standing", [ours.frame("GET", path) for path in paths])
        theirs = bench.frames("limit-standing", [base.frame("GET", f"/standing?v={one}") for one in customers])
        found = duel(bench, (ours, mine), (base, theirs))
        yield Row(
            "standing with an amount: CPU per request / limit server",
            f"{found.ratio:.2f} x ({found.ours_us:.0f} / {found.base_us:.0f} us)",
            f"<= {STANDING_RATIO:.1f} x",
            found.ratio <= STANDING_RATIO,
            f"{found.ours_rate:,.0f} requests/s against {found.base_rate:,.0f} on 8 connections,"
            f" {bench.turns} turns each, {bench.customers:,} customers, one in ten with an account.",
        )
        half, told = half_loads(bench, (ours, mine), (base, theirs))
        measured, met = at_most(half, STANDING_P99_MS)
        yield Row(
            "standing with an amount: p99 at 50 % load",
            measured,
            f"<= {STANDING_P99_MS:.0f} ms",
            met,
            told,
        )
    trips = counted(bench, [("GET", path, None) for path in paths[:25]])
    yield Row(
        "standing: database round trips in the request",
        f"{trips.trips:.0f}",
        "1",
        trips.trips == 1,
        "counted on the wire between the server and PostgreSQL.",
    )


async def _ids(dsn: str, numbers: list[int]) -> list[str]:
    """The ids of these customers, in their order."""
    connection = await asyncpg.connect(dsn)
    try:
        query = "SELECT value, customer_id FROM identifiers WHERE kind = 'card' AND value = ANY ($1)"
        rows = await connection.fetch(query, [card(number) for number in set(numbers)])
    finally:
        await connection.close()
    found = {row["value"]: str(row["customer_id"]) for row in rows}
    return [found[card(number)] for number in numbers]
