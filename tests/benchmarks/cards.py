"""The card: against the limit server, at half load, and in round trips."""

from collections.abc import Iterator

import asyncpg

from tests.benchmarks import data
from tests.benchmarks.bench import Bench, at_half_load, at_most, duel, stalled
from tests.benchmarks.lookups import card
from tests.benchmarks.table import Row
from tests.benchmarks.trips import counted

RATIO, P99_MS = 3.0, 25.0


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
        half = at_half_load(bench, ours, mine, found.ours_rate)
        same = at_half_load(bench, base, theirs, found.ours_rate)
        measured, met = at_most(half, P99_MS)
        yield Row(
            "card: p99 at 50 % load",
            measured,
            f"<= {P99_MS:.0f} ms",
            met,
            f"{half['rate']:,.0f} requests/s arriving at random;"
            f" p50 {half['p50']:.1f} ms, longest {half['max']:.1f} ms;"
            f" the limit server at the same rate: p50 {same['p50']:.1f} ms, p99 {at_most(same, P99_MS)[0]}."
            + stalled(half),
        )
    trips = counted(bench, [("GET", path, None) for path in paths[:25]])
    yield Row(
        "card: database round trips in the request",
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
