"""The change feed: a page of 1000 events against the limit server, and a reader that has a million to catch up."""

from collections.abc import Iterator
from typing import Any

import asyncpg

from app.assembly import build_services
from app.core.db import Tx
from app.feed import commands as feed_commands
from app.feed import jobs as feed_jobs
from tests.benchmarks import data, serving
from tests.benchmarks.bench import Bench, duel
from tests.benchmarks.data import Filled, say
from tests.benchmarks.limit import PAGE
from tests.benchmarks.serving import Served
from tests.benchmarks.table import Row

PATH = "/v1/changes"
RATIO, CATCH_UP = 2.0, 20_000.0

# Events as the sequencer would have placed them: contiguous from where the feed stands.
_PLACE = """
WITH state AS MATERIALIZED (SELECT last_sequence, recorded_at FROM feed_state FOR UPDATE),
     chosen AS (SELECT customer_id, receipt_id, row_number() OVER () AS n FROM receipt_numbers LIMIT $1),
     placed AS (
       INSERT INTO events (sequence, recorded_at, id, customer_id, type, subject, version, occurred_at, data)
       SELECT last_sequence + n, greatest(recorded_at, now()), uuidv7(), customer_id, 'receipt.recorded',
              receipt_id::text, NULL, now(), jsonb_build_object('store', 'S001', 'source', 'till')
       FROM chosen, state ORDER BY n
       RETURNING sequence)
UPDATE feed_state
SET last_sequence = greatest(last_sequence, (SELECT max(sequence) FROM placed)),
    recorded_at = greatest(recorded_at, now())
"""


def pages(bench: Bench) -> Iterator[Row]:
    """Both rows of the feed."""
    data.run(_enough(bench, bench.big))
    with bench.both() as (ours, base):
        head = ours.frame("GET", "@").decode()
        before, after = head.split("@")
        plan = {
            **serving.plan_for(ours, bench.scratch, connections=1), "frames": "", "seconds": 300.0,
            "follow": [f"{before}{PATH}?limit={PAGE}&after=", after], "pages": bench.events // PAGE,
            "first_request": before + f"{PATH}?limit={PAGE}" + after,
        }  # fmt: skip
        reader = serving.begin(plan).result()
        rate = reader["events"] / reader["seconds"]
        yield from _against_limit(bench, ours, base, reader["cursors"])
    yield Row(
        f"feed: a reader {reader['events']:,} events behind",
        f"{rate:,.0f} events/s",
        f">= {CATCH_UP:,.0f}/s",
        rate >= CATCH_UP,
        f"one connection, pages of {PAGE} one after the other;"
        f" {reader['cpu_us']['server'] / 1000:.2f} ms of server CPU a page.",
    )


def _against_limit(bench: Bench, ours: Served, base: Served, cursors: list[str]) -> Iterator[Row]:
    if len(cursors) < 20:
        return
    chosen = bench.customer_numbers(len(cursors) - 2, seed=3, count=2000)
    mine = bench.frames("ours-feed", [ours.frame("GET", f"{PATH}?limit={PAGE}&after={cursors[at]}") for at in chosen])
    theirs = bench.frames("limit-feed", [base.frame("GET", f"/changes?v={(at + 1) * PAGE}") for at in chosen])
    found = duel(bench, (ours, mine), (base, theirs), connections=4)
    yield Row(
        f"feed page of {PAGE}: CPU per request / limit server",
        f"{found.ratio:.2f} x ({found.ours_us:.0f} / {found.base_us:.0f} us)",
        f"<= {RATIO:.1f} x",
        found.ratio <= RATIO,
        f"{found.ours_rate:,.0f} pages/s against {found.base_rate:,.0f} on 4 connections, random places of the feed.",
    )


async def _enough(bench: Bench, filled: Filled) -> None:
    """Place events until the feed holds as many as the reader shall be behind."""
    settings = data.settings_for(filled.url, bench.scratch)
    services = build_services(settings, filled.url)

    async def prepare() -> None:
        async def ready(tx: Tx) -> None:
            await feed_commands.ensure_epoch(tx)
            await feed_jobs.keep_partitions(tx, settings.feed.keep_days)

        await services.db.run(ready)

    await data.with_services(services, prepare)
    connection: Any = await asyncpg.connect(filled.dsn)
    try:
        there = await connection.fetchval("SELECT last_sequence - oldest_sequence + 1 FROM feed_state")
        missing = bench.events - there
        if missing > 0:
            say(f"placing {missing:,} events ...")
            while missing > 0:
                await connection.execute(_PLACE, missing)
                there = await connection.fetchval("SELECT last_sequence - oldest_sequence + 1 FROM feed_state")
                missing = bench.events - there
            await connection.execute("VACUUM (ANALYZE) events")
    finally:
        await connection.close()
