"""Segments: each question beside the best plain SQL that we know for it, pages of members, and cost by size.

A question may have several statements; the fastest counts. They and ours run on one connection of the application's, in
turns, and all answers must be equal. What PostgreSQL did for both (EXPLAIN ANALYZE, BUFFERS) is kept beside each other
in `segment-plans.txt` of the benchmark's directory.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import TextClause, func, select, text

from app.assembly import build_services
from app.core.caller import SYSTEM
from app.core.db import Tx
from app.core.services import Services
from app.core.settings import CompletenessSettings
from app.registry import build_registry
from app.segments.check import World, check
from app.segments.parse import parse
from app.segments.queries import compare, evaluate
from app.segments.queries.evaluate import Question
from tests.benchmarks import data
from tests.benchmarks.bench import Bench, median
from tests.benchmarks.questions import (
    COUNTED,
    GROWING,
    LATELY,
    LONG_SECONDS,
    OVERLAP,
    QUESTIONS,
    RATIO,
    ZONE,
    Asked,
)  # fmt: skip
from tests.benchmarks.table import Row

FAR = 2.0
# What takes a tenth of a second varies by half: it is measured until it was looked at for so long, or so many times.
LOOKED_AT_SECONDS, MOST_TURNS = 3.0, 15
PLANS = "segment-plans.txt"
# A customer costs as much among many as among few.
GROWTH, SIZES = 1.5, (10_000, 100_000)
PAGE, PAGES_RATIO = 200, 1.5


def beside_plain_sql(bench: Bench) -> Iterator[Row]:
    """Counts against hand-written SQL, then pages."""
    filled = bench.big
    services = build_services(data.settings_for(filled.url, bench.scratch), filled.url)
    plans = bench.directory / PLANS
    yield from asyncio.run(data.with_services(services, lambda: _measure(services, filled.size, bench.turns, plans)))


def over_sizes(bench: Bench) -> Iterator[Row]:
    """What a customer costs in a question, among few and among many."""
    sizes = (*(size for size in SIZES if size < bench.customers), bench.customers)
    times: dict[str, list[float]] = {asked: [] for asked in GROWING}
    for size in sizes:
        filled = bench.database(size)
        services = build_services(data.settings_for(filled.url, bench.scratch), filled.url)
        for asked, seconds in asyncio.run(data.with_services(services, partial(_times, services, bench.turns))).items():
            times[asked].append(seconds)
    for asked, found in times.items():
        each = [seconds / size * 1_000_000 for seconds, size in zip(found, sizes, strict=True)]
        # Of few what a statement costs by itself is most of it: so it is held to the middle size.
        growth = each[-1] / each[-2] if len(each) > 1 else 1.0
        yield Row(
            f"segment count as customers grow: {asked}",
            " / ".join(f"{seconds * 1000:.0f}" for seconds in found) + f" ms, {growth:.2f} x a customer",
            f"<= {GROWTH} x a customer",
            growth <= GROWTH,
            f"of {' / '.join(f'{size:,}' for size in sizes)} customers, with receipts in proportion.",
        )


async def _times(services: Services, turns: int) -> dict[str, float]:
    async with services.db.reading(SYSTEM) as tx:
        await evaluate.limited(tx, 60)
        today = await tx.scalar(text("SELECT max(business_date) FROM customer_days"))
        found = {}
        for asked in GROWING:
            ours, taken = question(asked, today), []
            for _ in range(turns + 1):
                began = time.perf_counter()
                await evaluate.count(tx, ours)
                taken.append(time.perf_counter() - began)
            found[asked] = median(taken[1:])
        return found


async def _measure(services: Services, size: data.Size, turns: int, plans: Path) -> list[Row]:
    await asyncio.to_thread(plans.write_text, "", encoding="utf-8")
    async with services.db.reading(SYSTEM) as tx:
        await evaluate.limited(tx, 60)
        today = await tx.scalar(text("SELECT max(business_date) FROM customer_days"))
        rows = [await _one(tx, asked, today, size, turns, plans) for asked in QUESTIONS]
        return [*rows, await _overlap(tx, today, turns), await _pages(tx, today, size, turns)]


def question(asked: str, today: date) -> Question:
    """The question that a text asks."""
    registry = build_registry(CompletenessSettings())
    checked, faults = check(parse(asked).tree, World(registry, 2), from_text=True)
    if checked is None:
        raise ValueError(faults.all)
    return Question(registry, checked.tree, today, ZONE)


async def _one(tx: Tx, asked: Asked, today: date, size: data.Size, turns: int, plans: Path) -> Row:
    ours = question(asked.text, today)
    statements = [text(one.format(today=today, birthdays=_birthdays(today, 14))) for one in asked.sql]
    runs: list[Callable[[], Awaitable[Any]]] = [
        lambda: evaluate.count(tx, ours), *(partial(tx.scalar, statement) for statement in statements)
    ]  # fmt: skip
    times: list[list[float]] = [[] for _ in runs]
    counts: list[int] = []
    first: list[float] = []
    kept: list[int] = []
    wanted = turns
    while len(times[0]) < wanted:
        counts.clear()
        for run, taken in zip(runs, times, strict=True):
            began = time.perf_counter()
            counts.append(await run())
            taken.append(time.perf_counter() - began)
        if len(set(counts)) > 1:
            raise ValueError(f"{asked.text}: we find {counts[0]}, plain SQL finds {counts[1:]}")
        if not first:
            first = [taken.pop() for taken in times]
            wanted = max(turns, min(MOST_TURNS, int(LOOKED_AT_SECONDS / first[0])))
            # What is far from the fastest at first will not be it later.
            near = FAR * min(first[1:])
            kept = [place for place, seconds in enumerate(first) if place == 0 or seconds <= near]
            runs, times = [runs[place] for place in kept], [times[place] for place in kept]
    mine, *others = times
    theirs = min(others, key=median)
    best = statements[kept[1 + others.index(theirs)] - 1]
    await _keep_plans(tx, plans, asked.text, ours, best)
    seconds, ratio = median(mine), median(mine) / median(theirs)
    inside = ratio if ratio <= RATIO else await _in_database(tx, ours, best, wanted)
    return Row(
        f"segment count: {asked.text}",
        f"{seconds:.2f} s, {ratio:.2f} x plain SQL" + (f", {inside:.2f} x in the database" if inside != ratio else ""),
        f"<= {asked.seconds:.0f} s, <= {RATIO} x",
        inside <= RATIO and seconds <= asked.seconds,
        f"{counts[0]:,} of {size.customers:,} customers, {size.receipts:,} receipts; plain SQL {median(theirs):.2f} s;"
        f" fastest {min(mine):.2f} and {min(theirs):.2f} s.",
    )


async def _in_database(tx: Tx, ours: Question, theirs: TextClause, turns: int) -> float:
    """The ratio of the times that EXPLAIN ANALYZE tells, in turns: without what it takes to make the question SQL.

    Of a question that is answered in some hundredths of a second that is a part, and no plan is worse for it.
    """
    counted = select(func.count()).select_from(evaluate.matching(ours).subquery())
    told: list[list[float]] = [[], []]
    for _ in range(turns):
        for statement, times in zip((counted, theirs), told, strict=True):
            lines = [line[0] for line in await tx.rows(evaluate.Analysed(statement))]
            times.append(
                sum(float(line.split()[2]) for line in lines if line.startswith(("Planning T", "Execution T")))
            )
    return median(told[0]) / median(told[1])


async def _keep_plans(tx: Tx, plans: Path, asked: str, ours: Question, theirs: TextClause) -> None:
    """Write down what the database did for both."""
    counted = select(func.count()).select_from(evaluate.matching(ours).subquery())
    parts = [f"=== {asked}"]
    for name, statement in (("ours", counted), ("plain SQL", theirs)):
        lines = await tx.rows(evaluate.Analysed(statement))
        parts += [f"--- {name}", *(line[0] for line in lines)]
    with plans.open("a", encoding="utf-8") as file:
        file.write("\n".join([*parts, "", ""]))


async def _overlap(tx: Tx, today: date, turns: int) -> Row:
    first, second = (question(one, today) for one in OVERLAP)
    statement = text(
        "SELECT count(*) FILTER (WHERE a AND NOT b), count(*) FILTER (WHERE b AND NOT a),"
        " count(*) FILTER (WHERE a AND b)"
        " FROM (SELECT coalesce(d.net, 0) > 100000 AS a, coalesce(f.occasions, 0) >= 10 AS b FROM customers c LEFT JOIN"
        f" (SELECT customer_id, sum(net) AS net FROM customer_days WHERE {LATELY % 365} GROUP BY 1) d"
        " ON d.customer_id = c.id LEFT JOIN customer_figures f ON f.customer_id = c.id"
        f" WHERE {COUNTED}) both_of_them".format(today=today)
    )
    mine, theirs, found = list[float](), list[float](), list[Any]()
    for turn in range(turns + 1):
        began = time.perf_counter()
        beside = await compare.beside(tx, first, second, 0)
        middle = time.perf_counter()
        row = (await tx.rows(statement))[0]
        if turn:
            mine.append(middle - began)
            theirs.append(time.perf_counter() - middle)
        found = [beside.first.count, beside.second.count, beside.both.count]
        if found != list(row):
            raise ValueError(f"overlap: we find {found}, plain SQL finds {list(row)}")
    seconds, ratio = median(mine), median(mine) / median(theirs)
    return Row(
        f"overlap of two segments: {OVERLAP[0]}, {OVERLAP[1]}",
        f"{seconds:.2f} s, {ratio:.2f} x plain SQL",
        f"<= {LONG_SECONDS:.0f} s, <= {RATIO} x",
        ratio <= RATIO and seconds <= LONG_SECONDS,
        f"{found[0]:,} / {found[1]:,} / {found[2]:,} customers; plain SQL {median(theirs):.2f} s.",
    )


async def _pages(tx: Tx, today: date, size: data.Size, turns: int) -> Row:
    asked = question("sum(receipts.net during last 90 days) > 100.00", today)
    skipped = size.customers * 9 // 10
    far = await tx.scalar(text(f"SELECT id FROM customers ORDER BY id OFFSET {skipped} LIMIT 1"))
    times: dict[Any, list[float]] = {None: [], far: []}
    for turn in range(turns + 1):
        for after, taken in times.items():
            began = time.perf_counter()
            found = await evaluate.page(tx, asked, after=after, limit=PAGE)
            if len(found) != PAGE:
                raise ValueError(f"{len(found)} members after {after}")
            if turn:
                taken.append(time.perf_counter() - began)
    first, later = median(times[None]), median(times[far])
    return Row(
        f"page of {PAGE} members: after {skipped:,} customers / the first",
        f"{later / first:.2f} x ({later * 1000:.0f} / {first * 1000:.0f} ms)",
        f"<= {PAGES_RATIO} x",
        later / first <= PAGES_RATIO,
    )


def _birthdays(today: date, days: int) -> str:
    """SQL of a birthday in the next so many days, also over the end of a year; who was born then has none yet."""
    parts = []
    for year in range(today.year, (today + timedelta(days=days - 1)).year + 1):
        first = max(today, date(year, 1, 1))
        last = min(today + timedelta(days=days - 1), date(year, 12, 31))
        key = f"birth_month * 100 + birth_day BETWEEN {_key(first)} AND {_key(last)}"
        parts.append(f"({key} AND (birth_year IS NULL OR birth_year < {year}))")
    return " OR ".join(parts)


def _key(day: date) -> int:
    return day.month * 100 + day.day
