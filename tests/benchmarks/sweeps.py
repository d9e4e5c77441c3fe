"""The sweeps of warnings and of opportunities: every kind over every customer, with what such a company owes and plans.

Beside the receipts and accounts that are there, a tenth of the customers have a plan for the month and the year, and
one in twenty a budget and expenses. Measured is a sweep that finds everything done, as every day's but the first.
"""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import asyncpg
from sqlalchemy import text

from app.assembly import build_services
from app.core.caller import SYSTEM
from app.core.db import Tx
from app.core.jobs import Handler
from app.core.services import Services
from app.early_warning import commands
from app.early_warning.jobs import HANDLERS
from app.early_warning.opportunities import commands as chances
from app.early_warning.opportunities.jobs import HANDLERS as CHANCE_HANDLERS
from app.early_warning.opportunities.rules import KINDS as CHANCES
from app.early_warning.rules import KINDS
from tests.benchmarks import data, serving
from tests.benchmarks.bench import HALF, Bench, median
from tests.benchmarks.lookups import frames_of
from tests.benchmarks.pushes import DURING, LOOKUP_RATE
from tests.benchmarks.table import Row
from tests.core.test_jobs import run_until_over

BUDGET_SECONDS = 60.0
# One in so many customers, in the order of ids, which are those of the days on which they came.
_SOME = "(SELECT id, row_number() OVER (ORDER BY id) AS n FROM customers WHERE kind <> 'walk_in') c"
_FILLED = (
    *(
        f"""INSERT INTO sales_plans (customer_id, id, version, planned, created_at, updated_at, starts_on,
              ends_on, period)
            SELECT id, uuidv7(), 1, 20000, now(), now(), date_trunc('{span}', CAST(:today AS timestamp))::date,
                   (date_trunc('{span}', CAST(:today AS timestamp)) + interval '1 {span}')::date - 1,
                   to_char(CAST(:today AS date), '{pattern}')
            FROM {_SOME} WHERE n % 10 = 1"""
        for span, pattern in (("month", "YYYY-MM"), ("year", "YYYY"))
    ),
    f"""INSERT INTO expense_budgets (customer_id, id, version, planned, created_at, updated_at, starts_on,
          ends_on, period)
        SELECT id, uuidv7(), 1, 9000, now(), now(), date_trunc('year', CAST(:today AS timestamp))::date,
               (date_trunc('year', CAST(:today AS timestamp)) + interval '1 year')::date - 1,
               to_char(CAST(:today AS date), 'YYYY')
        FROM {_SOME} WHERE n % 20 = 2""",
    f"""INSERT INTO expenses (customer_id, id, recorded_by, amount, recorded_at, occurred_on, kind, external_id)
        SELECT id, uuidv7(), id, 500, now(), CAST(:today AS date) - 25 * k, 'visit', k::text
        FROM {_SOME} CROSS JOIN generate_series(0, 20) k WHERE n % 20 = 2""",
)
# The others were when they were built.
_ANALYZED = "ANALYZE sales_plans, expense_budgets, expenses"
_TABLES = (
    "sales_plans", "expenses", "expense_budgets", "warning_events", "warnings", "holds", "opportunities", "outbox",
)  # fmt: skip
Enqueue = Callable[[Tx, Sequence[Any]], Awaitable[uuid.UUID]]
# What is swept: how a sweep is asked for, what runs it, and its kinds.
_SWEPT: dict[str, tuple[Enqueue, Mapping[str, Handler], tuple[Any, ...]]] = {
    "warnings": (commands.enqueue_sweep, HANDLERS, KINDS),
    "opportunities": (chances.enqueue_sweep, CHANCE_HANDLERS, CHANCES),
}


def of_everybody(bench: Bench) -> Iterator[Row]:
    """Sweeps of the big database."""
    filled = bench.big
    services = build_services(data.settings_for(filled.url, bench.scratch), filled.url)
    yield from asyncio.run(data.with_services(services, lambda: _measure(services, filled.size, bench.turns)))


def beside_lookups(bench: Bench) -> Iterator[Row]:
    """p99 of lookups while the worker sweeps, over p99 while it has nothing to do."""
    services = build_services(data.settings_for(bench.big.url, bench.scratch), bench.big.url)

    def begin() -> Any:
        return data.with_services(services, lambda: services.db.run(lambda tx: commands.enqueue_sweep(tx, KINDS)))

    more: dict[str, Any] = {"connections": 8, "seconds": HALF * bench.seconds, "warm": 1.0, "rate": LOOKUP_RATE}
    with bench.application(bench.big) as ours:
        numbers = bench.customer_numbers(bench.customers, seed=21)
        frames = bench.frames("sweeping", frames_of(ours, "phone", numbers))
        idle = serving.load(ours, frames, **more)
        jobs = [asyncio.run(begin())]
        time.sleep(2.0)
        # One is over before the lookups are; the next begins where it ends.
        jobs.append(asyncio.run(begin()))
        busy = serving.load(ours, frames, first=2857, **more)
    asyncio.run(_under_way(bench.big.dsn, jobs))
    ratio = busy["p99"] / idle["p99"]
    yield Row(
        "lookups while the worker sweeps: p99 / idle",
        f"{ratio:.1f} x ({busy['p99']:.1f} / {idle['p99']:.1f} ms)",
        f"<= {DURING:.0f} x",
        ratio <= DURING,
        f"{LOOKUP_RATE:.0f} lookups/s arriving at random; p50 {busy['p50']:.1f} and {idle['p50']:.1f} ms."
        " The budget is that of lookups beside pushes.",
    )


async def _under_way(dsn: str, jobs: list[Any]) -> None:
    """Raises RuntimeError if no sweep was under way to the end of the lookups; and ends them."""
    connection = await asyncpg.connect(dsn)
    try:
        ended = await connection.fetch("DELETE FROM jobs WHERE id = ANY($1) RETURNING status, cursor <> '{}'", jobs)
    finally:
        await connection.close()
    if not any(status not in {"done", "failed"} and begun for status, begun in ended):
        message = f"no sweep was under way: {ended}"
        raise RuntimeError(message)


async def _measure(services: Services, size: data.Size, turns: int) -> list[Row]:
    day: date = services.settings.company.today(services.clock.now())
    rows = []
    try:
        await _prepare(services, day)
        for what, (_, _, kinds) in _SWEPT.items():
            first, opened = await _sweep(services, what, kinds)
            taken = [(await _sweep(services, what, kinds))[0] for _ in range(turns)]
            each = {kind: (await _sweep(services, what, (kind,)))[0] for kind in kinds}
            seconds = median(taken)
            parts = ", ".join(f"{kind} {one:.1f} s" for kind, one in each.items())
            rows.append(
                Row(
                    f"sweep of {size.customers:,} customers: {what} of all kinds",
                    f"{seconds:.1f} s",
                    f"<= {BUDGET_SECONDS:.0f} s",
                    seconds <= BUDGET_SECONDS,
                    f"{parts}; the first one opened {opened:,} in {first:.0f} s",
                )
            )
    finally:
        await _tidy(services)
    return rows


async def _sweep(services: Services, what: str, kinds: Sequence[Any]) -> tuple[float, int]:
    """(seconds, how many it opened) of a sweep of these kinds."""
    enqueue, handlers, _ = _SWEPT[what]
    job = await services.db.run(lambda tx: enqueue(tx, kinds))
    began = time.perf_counter()
    await run_until_over(services, job, handlers, seconds=3600)
    seconds = time.perf_counter() - began
    progress = await services.db.read(SYSTEM, lambda tx: tx.scalar(text(_PROGRESS), {"id": job}))
    return seconds, sum(progress.get(kind, {}).get("opened", 0) for kind in kinds)


_PROGRESS = "SELECT progress FROM jobs WHERE id = :id AND status = 'done'"


async def _prepare(services: Services, day: date) -> None:
    async def work(tx: Tx) -> None:
        await tx.execute(text("SET LOCAL statement_timeout = '30min'"))
        for statement in _FILLED:
            await tx.execute(text(statement), {"today": day})
        await tx.execute(text(_ANALYZED))

    await _tidy(services)
    await services.db.run(work)


async def _tidy(services: Services) -> None:
    await services.db.run(lambda tx: tx.execute(text(f"TRUNCATE {', '.join(_TABLES)} CASCADE")))
