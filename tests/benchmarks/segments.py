"""Segments: each question beside the best plain SQL that we know for it, and pages of members far into a segment.

A question may have several statements; the fastest counts. They and ours run on one connection of the application's, in
turns, and all answers must be equal.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import Any

from sqlalchemy import text

from app.assembly import build_services
from app.core.caller import SYSTEM
from app.core.db import Tx
from app.core.services import Services
from app.core.settings import CompletenessSettings
from app.registry import build_registry
from app.segments.check import World, check
from app.segments.parse import parse
from app.segments.queries import evaluate
from app.segments.queries.evaluate import Question
from tests.benchmarks import data
from tests.benchmarks.bench import Bench, median
from tests.benchmarks.table import Row

RATIO, SHORT_SECONDS, LONG_SECONDS = 1.3, 1.0, 5.0
FAR = 2.0
PAGE, PAGES_RATIO = 200, 1.5
ZONE = "Asia/Shanghai"
COUNTED = "c.kind <> 'walk_in' AND c.status NOT IN ('merged', 'erased')"


@dataclass(frozen=True)
class Asked:
    """A question, the SQL that a person would write for it (`{today}` is the day that it is asked), and its budget."""

    text: str
    seconds: float
    sql: tuple[str, ...]


LATELY = "business_date > date '{today}' - %d AND business_date <= date '{today}'"
YEAR = "business_date > date '{today}' - interval '12 months' AND business_date <= date '{today}'"
# Lines of a category in the last so many days, without those of voided receipts.
C05 = (
    f"FROM receipt_lines l WHERE {LATELY} AND (l.category = 'c05' OR l.category LIKE 'c05/%%') AND NOT EXISTS"
    " (SELECT FROM receipts r WHERE r.customer_id = l.customer_id AND r.id = l.receipt_id AND r.voided_at IS NOT NULL)"
)
MARGINS = (
    "WITH value AS MATERIALIZED (SELECT c.id, coalesce(m.margin, 0) AS margin FROM customers c LEFT JOIN"
    f" (SELECT customer_id, sum(margin) AS margin FROM customer_days WHERE {LATELY % 365} GROUP BY 1) m"
    f" ON m.customer_id = c.id WHERE {COUNTED} AND c.status = 'active')"
    " SELECT count(*) FROM value WHERE margin >= "
)

QUESTIONS = [
    Asked(
        "count(distinct lines.receipt during last 90 days where category under 'c05') >= 3"
        " and none(lines during last 30 days where category under 'c05')",
        SHORT_SECONDS,
        (
            # What was bought in the last 30 days was bought in the last 90: one reading tells both.
            (
                f"SELECT count(*) FROM customers c JOIN (SELECT l.customer_id {C05 % 90} GROUP BY 1"
                " HAVING count(DISTINCT l.receipt_id) >= 3 AND max(l.business_date) <= date '{today}' - 30) a"
                f" ON a.customer_id = c.id WHERE {COUNTED}"
            ),
            (
                f"SELECT count(*) FROM customers c JOIN (SELECT l.customer_id {C05 % 90} GROUP BY 1"
                f" HAVING count(DISTINCT l.receipt_id) >= 3) a ON a.customer_id = c.id WHERE {COUNTED}"
                f" AND NOT EXISTS (SELECT {C05 % 30} AND l.customer_id = c.id)"
            ),
        ),
    ),
    Asked(
        "birthday anniversary during next 14 days",
        SHORT_SECONDS,
        (f"SELECT count(*) FROM customers c WHERE {COUNTED} AND ({{birthdays}})",),
    ),
    Asked(
        "margin_365d in top 20% of (status = 'active')",
        LONG_SECONDS,
        (
            (
                f"{MARGINS} (SELECT margin FROM value ORDER BY margin DESC"
                " OFFSET (SELECT (count(*) * 20 + 99) / 100 - 1 FROM value) LIMIT 1)"
            ),
            f"{MARGINS} (SELECT percentile_disc(0.2) WITHIN GROUP (ORDER BY margin DESC) FROM value)",
        ),
    ),
    Asked(
        "home.city = 'City 7' or home_store in ('S001', 'S002')",
        SHORT_SECONDS,
        (
            (
                "SELECT count(*) FROM customers c LEFT JOIN stores s ON s.code = c.home_store"
                f" WHERE {COUNTED} AND (s.city = 'City 7' OR c.home_store IN ('S001', 'S002'))"
            ),
            (
                f"SELECT count(*) FROM customers c WHERE {COUNTED} AND c.home_store = ANY (ARRAY("
                "SELECT code FROM stores WHERE city = 'City 7' UNION SELECT unnest(ARRAY['S001', 'S002'])))"
            ),
        ),
    ),
    Asked(
        "sum(receipts.net during last 12 months where store = 'S001') > 200.00",
        LONG_SECONDS,
        (
            (
                "SELECT count(*) FROM customers c JOIN (SELECT customer_id FROM receipts"
                f" WHERE store = 'S001' AND {YEAR} AND voided_at IS NULL GROUP BY 1"
                " HAVING sum(base_net) > 20000) a ON a.customer_id = c.id"
                f" WHERE {COUNTED}"
            ),
        ),
    ),
    Asked(
        "sum(receipts.net during last 12 months) > 1000.00",
        LONG_SECONDS,
        (
            (
                f"SELECT count(*) FROM customers c JOIN (SELECT customer_id FROM customer_days WHERE {YEAR}"
                f" GROUP BY 1 HAVING sum(net) > 100000) a ON a.customer_id = c.id WHERE {COUNTED}"
            ),
        ),
    ),
    Asked(
        "net_90d > 500.00 and none(receipts during last 30 days)",
        SHORT_SECONDS,
        (
            (
                f"SELECT count(*) FROM customers c JOIN (SELECT customer_id FROM customer_days WHERE {LATELY % 90}"
                " GROUP BY 1 HAVING sum(net) > 50000 AND max(business_date) <= date '{today}' - 30) a"
                f" ON a.customer_id = c.id WHERE {COUNTED}"
            ),
            (
                f"SELECT count(*) FROM customers c JOIN (SELECT customer_id FROM customer_days WHERE {LATELY % 90}"
                f" GROUP BY 1 HAVING sum(net) > 50000) a ON a.customer_id = c.id WHERE {COUNTED}"
                f" AND NOT EXISTS (SELECT FROM customer_days d WHERE d.customer_id = c.id AND {LATELY % 30})"
            ),
        ),
    ),
    Asked(
        "last(receipts.store) = 'S001' and language != 'zh' including missing",
        LONG_SECONDS,
        (
            # Few are left to look for the last receipt of.
            (
                f"SELECT count(*) FROM customers c WHERE {COUNTED} AND c.language IS DISTINCT FROM 'zh'"
                " AND (SELECT r.store FROM receipts r WHERE r.customer_id = c.id AND r.voided_at IS NULL"
                " ORDER BY r.business_date DESC, r.occurred_at DESC, r.id DESC LIMIT 1) = 'S001'"
            ),
            (
                "SELECT count(*) FROM customers c JOIN (SELECT DISTINCT ON (customer_id) customer_id, store"
                " FROM receipts WHERE voided_at IS NULL"
                " ORDER BY customer_id, business_date DESC, occurred_at DESC, id DESC) a"
                f" ON a.customer_id = c.id WHERE {COUNTED} AND a.store = 'S001' AND c.language IS DISTINCT FROM 'zh'"
            ),
        ),
    ),
    Asked(
        "figures.net > 5000.00 and figures.days_since_last > 60 and status = 'active'",
        SHORT_SECONDS,
        (
            (
                "SELECT count(*) FROM customers c JOIN customer_figures f ON f.customer_id = c.id WHERE"
                f" {COUNTED} AND f.net > 500000 AND f.last_occasion < date '{{today}}' - 60 AND c.status = 'active'"
            ),
        ),
    ),
    Asked(
        "not any(receipts during last 90 days) or count(receipts during last 90 days where store = 'S001') >= 2",
        SHORT_SECONDS,
        (
            (
                f"SELECT count(*) FROM customers c LEFT JOIN (SELECT DISTINCT customer_id FROM customer_days WHERE"
                f" {LATELY % 90}) d ON d.customer_id = c.id LEFT JOIN (SELECT customer_id, count(*) AS n FROM receipts"
                f" WHERE store = 'S001' AND {LATELY % 90} AND voided_at IS NULL GROUP BY 1) r ON r.customer_id = c.id"
                f" WHERE {COUNTED} AND (d.customer_id IS NULL OR r.n >= 2)"
            ),
            # A receipt has a row of its day: one reading of the receipts would tell both, but reads wider rows.
            (
                "SELECT count(*) FROM customers c LEFT JOIN (SELECT customer_id,"
                f" count(*) FILTER (WHERE store = 'S001') AS n FROM receipts WHERE {LATELY % 90}"
                " AND voided_at IS NULL GROUP BY 1) r ON r.customer_id = c.id"
                f" WHERE {COUNTED} AND (r.customer_id IS NULL OR r.n >= 2)"
            ),
        ),
    ),
]


def beside_plain_sql(bench: Bench) -> Iterator[Row]:
    """Counts against hand-written SQL, then pages."""
    filled = bench.big
    services = build_services(data.settings_for(filled.url, bench.scratch), filled.url)
    yield from asyncio.run(data.with_services(services, lambda: _measure(services, filled.size, bench.turns)))


async def _measure(services: Services, size: data.Size, turns: int) -> list[Row]:
    async with services.db.reading(SYSTEM) as tx:
        await evaluate.limited(tx, 60)
        today = await tx.scalar(text("SELECT max(business_date) FROM customer_days"))
        rows = [await _one(tx, asked, today, size, turns) for asked in QUESTIONS]
        return [*rows, await _pages(tx, today, size, turns)]


def question(asked: str, today: date) -> Question:
    """The question that a text asks."""
    registry = build_registry(CompletenessSettings())
    checked, faults = check(parse(asked).tree, World(registry, 2), from_text=True)
    if checked is None:
        raise ValueError(faults.all)
    return Question(registry, checked.tree, today, ZONE)


async def _one(tx: Tx, asked: Asked, today: date, size: data.Size, turns: int) -> Row:
    ours = question(asked.text, today)
    statements = [text(one.format(today=today, birthdays=_birthdays(today, 14))) for one in asked.sql]
    runs: list[Callable[[], Awaitable[Any]]] = [
        lambda: evaluate.count(tx, ours), *(partial(tx.scalar, statement) for statement in statements)
    ]  # fmt: skip
    times: list[list[float]] = [[] for _ in runs]
    counts: list[int] = []
    first: list[float] = []
    for turn in range(turns + 1):
        counts.clear()
        for run, taken in zip(runs, times, strict=True):
            began = time.perf_counter()
            counts.append(await run())
            (taken if turn else first).append(time.perf_counter() - began)
        if len(set(counts)) > 1:
            raise ValueError(f"{asked.text}: we find {counts[0]}, plain SQL finds {counts[1:]}")
        if not turn:
            # What is far from the fastest at first will not be it later.
            near = FAR * min(first[1:])
            kept = [place for place, seconds in enumerate(first) if place == 0 or seconds <= near]
            runs, times = [runs[place] for place in kept], [times[place] for place in kept]
    mine, *others = times
    theirs = min(others, key=median)
    seconds, ratio = median(mine), median(mine) / median(theirs)
    return Row(
        f"segment count: {asked.text}",
        f"{seconds:.2f} s, {ratio:.2f} x plain SQL",
        f"<= {asked.seconds:.0f} s, <= {RATIO} x",
        ratio <= RATIO and seconds <= asked.seconds,
        f"{counts[0]:,} of {size.customers:,} customers, {size.receipts:,} receipts; plain SQL {median(theirs):.2f} s;"
        f" fastest {min(mine):.2f} and {min(theirs):.2f} s.",
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
