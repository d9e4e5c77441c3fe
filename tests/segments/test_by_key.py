"""Several ways to be found by the home store: the same as one by one, and by its index."""

from datetime import date

import pytest
from sqlalchemy import text

from app.core.caller import SYSTEM
from app.segments.check import World, check
from app.segments.parse import parse
from app.segments.queries import evaluate
from app.segments.queries.evaluate import Question
from tests.segments.test_same import Comparison

ANCHOR = date(2026, 1, 1)
TEXTS = (
    "home.city = 'Guiyang' or home_store = 'WEB'", "home.city in ('Zunyi') or home_store in ('GY-01', 'none')",
    "home.city contains 'uiyan' or home.region = 'south' or home.kind != 'own'",
    "home.city = 'Guiyang' or home_store != 'WEB'", "home.city = 'Guiyang' or home_store = 'WEB' including missing",
    "home.city != 'Guiyang' including missing or home_store = 'WEB'", "home.city is missing or home_store = 'WEB'",
    "home.city not in ('Guiyang') or home_store starts with 'GY'", "home.city = 'Zunyi' or language = 'zh'",
    "not (home.city = 'Guiyang' or home_store = 'WEB')", "home.city = 'Guiyang' or not home_store = 'WEB'",
    "(home.city = 'Guiyang' or home_store = 'WEB') and (language = 'zh' or home.region = 'south')",
    "any(receipts) or home.city = 'Guiyang' and language = 'zh'", "language = 'en' or none(receipts) or age > 30",
    "any(complaints where store.city = 'Guiyang' or store = 'WEB')", "net_90d < 1.00 or home_store = 'WEB'",
    "in segment 'saved 0' or home.city = 'Guiyang'", "consent('marketing', 'sms') = 'granted' or home_store = 'WEB'",
    "figures.net in top 20% of (home.city = 'Guiyang' or home_store = 'WEB') or last(receipts.store) = 'WEB'",
)  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
async def test_they_are_found_whom_plain_python_finds(house, registry, seed):
    comparison = Comparison(house, registry, ANCHOR, seed)
    await house.services.db.run(comparison.company.insert)
    for one in TEXTS:
        checked, faults = check(parse(one).tree, comparison.world, from_text=True)
        assert checked is not None, (one, [fault.detail for fault in faults.all])
        await comparison.ask(checked.tree, ANCHOR)


async def test_the_index_of_the_home_store_leads_to_them(house, registry):
    async def work(tx):
        stamps = "1, now(), now()"
        await tx.execute(text(
            "INSERT INTO stores (code, name, kind, city, time_zone, currency, phone_region, version, created_at,"
            f" updated_at) SELECT 'S' || i, 'x', 'own', 'City ' || i / 2, 'UTC', 'CNY', 'CN', {stamps}"
            " FROM generate_series(1, 200) i"
        ))  # fmt: skip
        await tx.execute(text(
            "INSERT INTO customers (id, kind, status, home_store, profile, collected, suspect, version, created_at,"
            f" updated_at) SELECT uuidv7(), 'person', 'active', 'S' || 1 + i % 200, '{{}}', '{{}}', '{{}}', {stamps}"
            " FROM generate_series(1, 5000) i"
        ))  # fmt: skip
        await tx.execute(text("ANALYZE customers, stores"))

    await house.services.db.run(work)
    checked, _ = check(parse("home.city = 'City 7' or home_store in ('S1')").tree, World(registry, 2), from_text=True)
    assert checked is not None
    question = Question(registry, checked.tree, ANCHOR, "UTC")
    everybody = Question(registry, parse("created > 2020-01-01").tree, ANCHOR, "UTC")
    async with house.services.db.reading(SYSTEM) as tx:
        await evaluate.limited(tx, 10)
        assert await evaluate.count(tx, question) == 75
        # Less than reading the customers once.
        assert await evaluate.cost(tx, question) < await evaluate.cost(tx, everybody)
