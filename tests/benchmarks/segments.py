"""Segments: each question beside the best plain SQL that we know for it, and pages of members far into a segment.

Both run on one connection of the application's, in turns, and their answers must be equal.
"""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import text

from app.core.caller import SYSTEM
from app.core.db import Tx
from app.core.services import Services
from app.main import build_services
from app.registry import build_registry
from app.segments.check import World, check
from app.segments.parse import parse
from app.segments.queries import evaluate
from app.segments.queries.evaluate import Question
from tests.benchmarks import data
from tests.benchmarks.bench import Bench, median
from tests.benchmarks.table import Row

RATIO, SHORT_SECONDS, LONG_SECONDS = 1.3, 1.0, 5.0
PAGE, PAGES_RATIO = 200, 1.5
CUSTOMERS, RECEIPTS = 1_000_000, 10_000_000
ZONE = "Asia/Shanghai"
COUNTED = "c.kind <> 'walk_in' AND c.status NOT IN ('merged', 'erased')"


@dataclass(frozen=True)
class Asked:
    """A question and the SQL that a person would write for it; `{today}` is the day that it is asked."""

    text: str
    sql: str
    seconds: float


QUESTIONS = [
    Asked(
        "count(distinct lines.receipt during last 90 days where category under 'c05') >= 3"
        " and none(lines during last 30 days where category under 'c05')",
        "SELECT count(*) FROM customers c JOIN (SELECT l.customer_id FROM receipt_lines l"
        " WHERE l.business_date > date '{today}' - 90 AND l.business_date <= date '{today}'"
        " AND (l.category = 'c05' OR l.category LIKE 'c05/%') AND NOT EXISTS (SELECT FROM receipts r WHERE"
        " r.customer_id = l.customer_id AND r.id = l.receipt_id AND r.voided_at IS NOT NULL)"
        " GROUP BY 1 HAVING count(DISTINCT l.receipt_id) >= 3) a ON a.customer_id = c.id"
        f" WHERE {COUNTED} AND NOT EXISTS (SELECT FROM receipt_lines l WHERE l.customer_id = c.id"
        " AND l.business_date > date '{today}' - 30 AND l.business_date <= date '{today}'"
        " AND (l.category = 'c05' OR l.category LIKE 'c05/%') AND NOT EXISTS (SELECT FROM receipts r WHERE"
        " r.customer_id = l.customer_id AND r.id = l.receipt_id AND r.voided_at IS NOT NULL))",
        SHORT_SECONDS,
    ),
    Asked(
        "birthday anniversary during next 14 days",
        f"SELECT count(*) FROM customers c WHERE {COUNTED} AND birth_month * 100 + birth_day"
        " BETWEEN {key} AND {key14} AND (birth_year IS NULL OR birth_year < {year})",
        SHORT_SECONDS,
    ),
    Asked(
        "margin_365d in top 20% of (status = 'active')",
        "WITH value AS MATERIALIZED (SELECT c.id, coalesce(m.margin, 0) AS margin FROM customers c LEFT JOIN"
        " (SELECT customer_id, sum(margin) AS margin FROM customer_days WHERE business_date > date '{today}' - 365"
        " AND business_date <= date '{today}' GROUP BY 1) m ON m.customer_id = c.id"
        f" WHERE {COUNTED} AND c.status = 'active')"
        " SELECT count(*) FROM value WHERE margin >= (SELECT margin FROM value ORDER BY margin DESC"
        " OFFSET (SELECT (count(*) * 20 + 99) / 100 - 1 FROM value) LIMIT 1)",
        LONG_SECONDS,
    ),
    Asked(
        "home.city = 'City 7' or home_store in ('S001', 'S002')",
        "SELECT count(*) FROM customers c LEFT JOIN stores s ON s.code = c.home_store"
        f" WHERE {COUNTED} AND (s.city = 'City 7' OR c.home_store IN ('S001', 'S002'))",
        SHORT_SECONDS,
    ),
    Asked(
        "sum(receipts.net during last 12 months where store = 'S001') > 200.00",
        "SELECT count(*) FROM customers c JOIN (SELECT customer_id FROM receipts WHERE store = 'S001'"
        " AND business_date > date '{today}' - interval '12 months' AND business_date <= date '{today}'"
        " AND voided_at IS NULL GROUP BY 1 HAVING sum(base_net) > 20000) a ON a.customer_id = c.id"
        f" WHERE {COUNTED}",
        LONG_SECONDS,
    ),
    Asked(
        "sum(receipts.net during last 12 months) > 1000.00",
        "SELECT count(*) FROM customers c JOIN (SELECT customer_id FROM customer_days"
        " WHERE business_date > date '{today}' - interval '12 months' AND business_date <= date '{today}'"
        f" GROUP BY 1 HAVING sum(net) > 100000) a ON a.customer_id = c.id WHERE {COUNTED}",
        LONG_SECONDS,
    ),
    Asked(
        "net_90d > 500.00 and none(receipts during last 30 days)",
        "SELECT count(*) FROM customers c JOIN (SELECT customer_id FROM customer_days"
        " WHERE business_date > date '{today}' - 90 AND business_date <= date '{today}'"
        " GROUP BY 1 HAVING sum(net) > 50000) a ON a.customer_id = c.id"
        f" WHERE {COUNTED} AND NOT EXISTS (SELECT FROM customer_days d WHERE d.customer_id = c.id"
        " AND d.business_date > date '{today}' - 30 AND d.business_date <= date '{today}')",
        SHORT_SECONDS,
    ),
    Asked(
        "last(receipts.store) = 'S001' and language != 'zh' including missing",
        "SELECT count(*) FROM customers c JOIN (SELECT DISTINCT ON (customer_id) customer_id, store FROM receipts"
        " WHERE voided_at IS NULL ORDER BY customer_id, business_date DESC, occurred_at DESC, id DESC) a"
        f" ON a.customer_id = c.id WHERE {COUNTED} AND a.store = 'S001' AND c.language IS DISTINCT FROM 'zh'",
        LONG_SECONDS,
    ),
    Asked(
        "figures.net > 5000.00 and figures.days_since_last > 60 and status = 'active'",
        "SELECT count(*) FROM customers c JOIN customer_figures f ON f.customer_id = c.id"
        f" WHERE {COUNTED} AND f.net > 500000 AND date '{{today}}' - f.last_occasion > 60 AND c.status = 'active'",
        SHORT_SECONDS,
    ),
    Asked(
        "not any(receipts during last 90 days) or count(receipts during last 90 days where store = 'S001') >= 2",
        "SELECT count(*) FROM customers c LEFT JOIN (SELECT DISTINCT customer_id FROM customer_days"
        " WHERE business_date > date '{today}' - 90 AND business_date <= date '{today}') d ON d.customer_id = c.id"
        " LEFT JOIN (SELECT customer_id, count(*) AS n FROM receipts WHERE store = 'S001'"
        " AND business_date > date '{today}' - 90 AND business_date <= date '{today}' AND voided_at IS NULL"
        f" GROUP BY 1) r ON r.customer_id = c.id WHERE {COUNTED} AND (d.customer_id IS NULL OR r.n >= 2)",
        SHORT_SECONDS,
    ),
]


def beside_plain_sql(bench: Bench) -> Iterator[Row]:
    """Counts against hand-written SQL, then pages."""
    filled = bench.database(CUSTOMERS, RECEIPTS)
    services = build_services(data.settings_for(filled.url, bench.scratch), filled.url)
    yield from asyncio.run(data.with_services(services, lambda: _measure(services, bench.turns)))


async def _measure(services: Services, turns: int) -> list[Row]:
    async with services.db.reading(SYSTEM) as tx:
        await evaluate.limited(tx, 60)
        today = await tx.scalar(text("SELECT max(business_date) FROM customer_days"))
        return [*[await _one(tx, asked, today, turns) for asked in QUESTIONS], await _pages(tx, today, turns)]


def question(asked: str, today: date) -> Question:
    """The question that a text asks."""
    registry = build_registry()
    checked, faults = check(parse(asked).tree, World(registry, 2), from_text=True)
    if checked is None:
        raise ValueError(faults.all)
    return Question(registry, checked.tree, today, ZONE)


async def _one(tx: Tx, asked: Asked, today: date, turns: int) -> Row:
    ours = question(asked.text, today)
    soon = today + timedelta(days=13)
    plain = asked.sql.format(today=today, key=_key(today), key14=_key(soon), year=today.year)
    times: dict[str, list[float]] = {"plain": [], "ours": []}
    counts: dict[str, Any] = {}
    for turn in range(turns + 1):
        for name, taken in times.items():
            began = time.perf_counter()
            counts[name] = await (tx.scalar(text(plain)) if name == "plain" else evaluate.count(tx, ours))
            if turn:
                taken.append(time.perf_counter() - began)
    if counts["plain"] != counts["ours"]:
        raise ValueError(f"{asked.text}: plain SQL finds {counts['plain']}, we find {counts['ours']}")
    mine, theirs = median(times["ours"]), median(times["plain"])
    return Row(
        f"segment count: {asked.text}",
        f"{mine:.2f} s, {mine / theirs:.2f} x plain SQL",
        f"<= {asked.seconds:.0f} s, <= {RATIO} x",
        mine / theirs <= RATIO and mine <= asked.seconds,
        f"{counts['ours']:,} of {CUSTOMERS:,} customers, {RECEIPTS:,} receipts; plain SQL {theirs:.2f} s; fastest"
        f" {min(times['ours']):.2f} and {min(times['plain']):.2f} s.",
    )


async def _pages(tx: Tx, today: date, turns: int) -> Row:
    asked = question("sum(receipts.net during last 90 days) > 100.00", today)
    far = await tx.scalar(text(f"SELECT id FROM customers ORDER BY id OFFSET {CUSTOMERS * 9 // 10} LIMIT 1"))
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
        "page of 200 members: after 900,000 customers / the first",
        f"{later / first:.2f} x ({later * 1000:.0f} / {first * 1000:.0f} ms)",
        f"<= {PAGES_RATIO} x",
        later / first <= PAGES_RATIO,
    )


def _key(day: date) -> int:
    return day.month * 100 + day.day
