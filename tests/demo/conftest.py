"""Small demo companies in databases of their own, and what is in them."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import asyncpg
import pytest
from pydantic import SecretStr

from app.assembly import build_services, import_kinds
from app.core.caller import SYSTEM
from app.core.db import Tx
from app.core.services import Services
from app.core.settings import JobSettings, Settings
from app.demo.commands import Wanted, load
from app.demo.order import Order
from tests import forked
from tests.conftest import TEMPLATE

NOON = datetime(2026, 11, 26, 4, tzinfo=UTC)
TODAY = date(2026, 11, 26)
PEOPLE = 90
QUICK = JobSettings(lease_seconds=1, poll_seconds=0.02)


@dataclass
class Company:
    """A database with a demo company in it, or none yet."""

    services: Services
    told: list[tuple[str, int, int]] = field(default_factory=list)

    async def load(
        self, wanted: Wanted | None = None, *, until: Callable[[str, int], bool] = lambda _, __: False
    ) -> tuple[Order, bool]:
        """Load it, as the command line does; stop in good order as soon as `until` (what, rows) is true."""
        stop = asyncio.Event()

        def progress(what: str, done: int, of: int) -> None:
            self.told.append((what, done, of))
            if until(what, done):
                stop.set()

        return await load(self.services, import_kinds(), wanted or Wanted(people=PEOPLE), progress, stop)

    async def load_and_die(self, part: int) -> None:
        """Load it in another process, which kills itself when it begins its so-manieth part."""
        settings = self.services.settings
        given = {name: value for name, value in os.environ.items() if not name.startswith("CLIENTELE_")}
        arguments = [self.services.db.url, str(settings.data_dir), str(PEOPLE), NOON.isoformat(), str(part)]
        done = await asyncio.to_thread(forked.run, arguments, given, 120, program="tests.demo.dying:main")
        assert done.returncode == -9, done.stderr[-2000:]

    async def rows(self, sql: str, *values: Any) -> list[Mapping[str, Any]]:
        """What a query finds."""
        connection = await asyncpg.connect(self.services.db.dsn)
        try:
            return [dict(row) for row in await connection.fetch(sql, *values)]
        finally:
            await connection.close()

    async def number(self, sql: str, *values: Any) -> int:
        """The one number that a query finds."""
        [row] = await self.rows(sql, *values)
        return int(next(iter(row.values())))

    async def read(self, work: Callable[[Tx], Awaitable[Any]]) -> Any:
        """Ask as the application does."""
        return await self.services.db.read(SYSTEM, work)

    async def contents(self) -> dict[str, list[str]]:
        """Everything of the company, one line a record, without what no two databases share (made ids, the clock)."""
        return {name: [json.dumps(row, default=str) for row in await self.rows(sql)] for name, sql in CONTENTS.items()}


# A customer by what is sent about him: those whom the till made itself have ids of their own.
_WHO = """(SELECT min(i.kind || ':' || i.value) FROM identifiers i WHERE i.customer_id = {0})"""
CONTENTS = {
    "stores": "SELECT code, name, kind, region, city, time_zone, currency, phone_region FROM stores ORDER BY code",
    "tills": "SELECT store, code FROM tills ORDER BY 1, 2",
    "categories": "SELECT path, name FROM categories ORDER BY path",
    "products": "SELECT code, name, category, brand, list_price, cost, replaces_after_days, upgrade_of"
    " FROM products ORDER BY code",
    "customers": f"""SELECT {_WHO.format("c.id")} AS who, c.kind, c.status, c.display_name, c.given_name, c.reading,
        c.gender, c.birth_month, c.birth_day, c.birth_year, c.language, c.home_store, c.source, c.version
        FROM customers c ORDER BY 1, 2""",
    "ids": "SELECT id FROM customers WHERE display_name IS NOT NULL ORDER BY id",
    "identifiers": "SELECT kind, value, typed, is_primary FROM identifiers ORDER BY kind, value, typed, is_primary",
    "receipts": f"""SELECT r.source, r.number, r.store, r.till, r.kind, r.occurred_at, r.business_date, r.currency,
        r.rate, r.seller, r.purpose, r.one_off, r.promotions, r.tenders, r.base_net, r.base_margin, r.base_returns,
        {_WHO.format("r.customer_id")} AS who FROM receipts r ORDER BY r.source, r.number""",
    "lines": """SELECT r.number, l.line, l.product, l.category, l.quantity, l.net, l.base_margin
        FROM receipt_lines l JOIN receipts r ON r.customer_id = l.customer_id AND r.id = l.receipt_id ORDER BY 1, 2""",
    "figures": f"""SELECT {_WHO.format("f.customer_id")} AS who, f.receipts, f.occasions, f.net, f.margin, f.returns,
        f.gap_sum, f.favourite_category FROM customer_figures f ORDER BY 1""",
    "accounts": "SELECT customer_id, credit_limit, term_days, status, balance FROM credit_accounts ORDER BY 1",
    "ledger": "SELECT customer_id, kind, amount, occurred_on, due_on, external_id, note FROM receivables"
    " ORDER BY customer_id, occurred_on, kind, amount, external_id",
    "warnings": f"""SELECT {_WHO.format("w.customer_id")} AS who, w.kind, w.subject, w.state, w.severity, w.status,
        w.evidence FROM warnings w ORDER BY 1, 2, 3""",
}


@pytest.fixture(scope="session")
async def databases(postgres, database_url, tmp_path_factory) -> AsyncIterator[Callable[[], Awaitable[Company]]]:
    """Makes empty companies, each in a database of its own."""
    made: list[str] = []
    async with AsyncExitStack() as stack:

        async def one() -> Company:
            name = f"demo_{os.getpid()}_{len(made)}"
            admin = await asyncpg.connect(postgres.url.replace("+asyncpg", "", 1))
            await admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{TEMPLATE}"')
            await admin.close()
            made.append(name)
            url = postgres.database_url(name)
            settings = Settings(
                database_url=SecretStr(url),
                secret_key=SecretStr("only for tests"),
                data_dir=tmp_path_factory.mktemp("demo"),
                jobs=QUICK,
            )
            services = build_services(settings, url)
            services.clock.set(NOON)
            await services.db.open()
            stack.push_async_callback(services.db.close)
            stack.callback(services.offload.close)
            return Company(services)

        yield one


@pytest.fixture(scope="session")
async def company(databases) -> Company:
    """A company that is loaded entirely; tests only read it."""
    found = await databases()
    order, loaded = await found.load()
    assert (order, loaded) == (Order(1, PEOPLE, TODAY), True)
    return found
