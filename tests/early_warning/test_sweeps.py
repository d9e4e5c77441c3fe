"""A sweep killed again and again, and two sweeps at once, leave what one undisturbed sweep does: row for row."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from app.core.caller import SYSTEM
from app.core.db import Tx
from app.core.jobs import enqueue
from app.early_warning import commands
from app.early_warning.commands import evaluating
from app.early_warning.rules import KINDS
from tests.early_warning.factories import Town, noon
from tests.early_warning.reading_plans import EXPENSE, PROGRESS

ROOT = Path(__file__).parents[2]
# The rules of three days on which all are swept: on the first all is new, on the second much gets worse, better or is
# over, on the third what was over comes again.
USUAL = {"credit": {}, "loss": {"occasions": 1, "late_percent": 60}, PROGRESS: {}, EXPENSE: {}}
OTHERWISE = {
    "credit": {"enabled": False}, "loss": {"occasions": 2, "late_percent": 70, "risk_percent": 75},
    PROGRESS: {"critical_percent": 100}, EXPENSE: {"budget_percent": 150},
}  # fmt: skip
DAYS = ((date(2026, 6, 1), USUAL), (date(2026, 6, 3), OTHERWISE), (date(2026, 6, 4), USUAL))
# What a sweep leaves.
LEFT = (
    "SELECT to_jsonb(w) AS row FROM warnings w ORDER BY w.customer_id, w.id",
    "SELECT to_jsonb(e) AS row FROM warning_events e ORDER BY e.customer_id, e.id",
    "SELECT to_jsonb(h) AS row FROM holds h ORDER BY h.customer_id, h.id",
    "SELECT to_jsonb(o) - 'position' AS row FROM outbox o ORDER BY o.customer_id, o.id",
)
WAIT_SECONDS = 60.0
Rows = list[list[Any]]


class Sweeps:
    """A company whose customers have long been silent and owe, and workers of their own processes that sweep it."""

    def __init__(self, town: Town, forker: subprocess.Popen[str]) -> None:
        self.town = town
        self.chance = random.Random(3)
        self.workers: list[int] = []
        self.kills = 0
        self._forker = forker

    async def company(self, customers: int) -> None:
        for kind in KINDS:
            await self.town.call("PUT", f"/warning-rules/{kind}", {"enabled": False})
        self.town.go_to(DAYS[0][0] - timedelta(days=1))
        items, last = [], self.town.day
        for number in range(customers):
            named = {
                "customer": {"identifier": {"kind": "card", "value": f"C{number}"}},
                "on_unknown_customer": "create",
            }
            for _ in range(self.chance.choice([1, 2, 5])):
                self.town.day = last - timedelta(days=self.chance.randrange(850))
                net = self.chance.randint(100, 9_000)
                items.append(self.town.sale(None, net, on_account=self.chance.random() < 0.5) | named)
        for start in range(0, len(items), 1000):
            results = (await self.town.call("POST", "/receipts/batch", {"items": items[start : start + 1000]}))[
                "results"
            ]
            assert {one["status"] for one in results} == {"created"}
        await self._plan()

    async def _plan(self) -> None:
        """Every sixth customer has a plan that will be missed and a budget, more or less of which is spent."""
        rows = await self._rows("SELECT id FROM customers WHERE kind = 'person' ORDER BY id")
        some = [str(row.id) for row in rows[::6]]
        planned = [{"customer_id": one, "period": "2026", "planned": 100_000} for one in some]
        for kind in ("sales-plans", "expense-budgets"):
            results = (await self.town.call("POST", f"/{kind}/batch", {"items": planned}))["results"]
            assert {one["status"] for one in results} == {"created"}
        for customer in some:
            spent = {"external_id": "1", "kind": "visit", "amount": self.chance.choice([30_000, 120_000, 200_000])}
            await self.town.call("POST", f"/customers/{customer}/expenses/batch", {"items": [spent]})

    # --- ways to sweep ------------------------------------------------------------------------------------------------

    async def undisturbed(self, _: int) -> None:
        self.worker()
        await self.over(await self.order())

    async def two_at_once(self, _: int) -> None:
        jobs = [await self.order(), await self.order()]
        self.worker()
        self.worker()
        for job in jobs:
            await self.over(job)

    async def killed(self, times: int) -> None:
        """Whoever sweeps is killed in the middle of a step, and somebody else goes on."""
        job = await self.order()
        for _ in range(times):
            (pid,) = self.workers or [self.worker()]
            await self.moves(job)
            await asyncio.sleep(self.chance.uniform(0, 0.02))
            self.kill(pid)
            if (await self.state(job))[0] != "running":
                break
            self.kills += 1
        if not self.workers:
            self.worker()
        await self.over(job)

    async def order(self) -> uuid.UUID:
        """A sweep of all customers by all rules."""
        wanted = {"kinds": sorted(KINDS)}
        return await self.town.services.db.run(lambda tx: enqueue(tx, commands.SWEEP, wanted, SYSTEM.client_id))

    def worker(self) -> int:
        assert self._forker.stdin is not None
        assert self._forker.stdout is not None
        self._forker.stdin.write(self.town.services.clock.now().isoformat() + "\n")
        self._forker.stdin.flush()
        self.workers.append(int(self._forker.stdout.readline()))
        return self.workers[-1]

    def kill(self, pid: int) -> None:
        os.kill(pid, signal.SIGKILL)
        self.workers.remove(pid)

    async def state(self, job: uuid.UUID) -> tuple[str, Any]:
        found = text("SELECT status, cursor FROM jobs WHERE id = :id")
        row = (await self.town.services.db.read(SYSTEM, lambda tx: tx.rows(found, {"id": job})))[0]
        return row.status, row.cursor

    async def moves(self, job: uuid.UUID) -> None:
        """Wait for a step, or the end."""
        before = await self.state(job)
        await self._until(lambda now: now[0] == "done" or now[1] != before[1], job)

    async def over(self, job: uuid.UUID) -> None:
        await self._until(lambda now: now[0] == "done", job)

    async def _until(self, what: Callable[[tuple[str, Any]], bool], job: uuid.UUID) -> None:
        deadline = time.monotonic() + WAIT_SECONDS
        while not what(now := await self.state(job)):
            assert time.monotonic() < deadline, now
            assert now[0] != "failed"
            await asyncio.sleep(0.003)

    # --- what is left -------------------------------------------------------------------------------------------------

    async def tell(self, sweep: Callable[[int], Awaitable[None]], kills: int = 0) -> list[Rows]:
        """All days from the beginning; what was there after each."""
        services = self.town.services

        async def emptied(tx: Tx) -> None:
            for table in ("warning_events", "warnings", "holds", "audit_entries", "outbox", "jobs"):
                await tx.execute(text(f"DELETE FROM {table}"))

        await services.db.run(emptied)
        found = []
        for day, rules in DAYS:
            services.clock.set(noon(day))
            for kind in KINDS:
                await self.town.call("PUT", f"/warning-rules/{kind}", rules[kind])
            await sweep(kills)
            for pid in list(self.workers):
                self.kill(pid)
            found.append([[row.row for row in await self._rows(one)] for one in LEFT])
        return found

    async def _rows(self, sql: str) -> Any:
        return await self.town.services.db.read(SYSTEM, lambda tx: tx.rows(text(sql)))


@contextmanager
def sweeps(town: Town, locked_max: int) -> Iterator[Sweeps]:
    """The company, and whoever makes workers for it."""
    services = town.services
    url = services.settings.database_url
    assert url is not None
    arguments = [url.get_secret_value(), str(services.settings.data_dir), str(locked_max)]
    with subprocess.Popen(
        [sys.executable, "-m", "tests.early_warning.sweeper", *arguments], cwd=ROOT, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as forker:  # fmt: skip
        try:
            yield Sweeps(town, forker)
        finally:
            forker.kill()


def _makes_sense(days: list[Rows]) -> None:
    """All sorts of things happened, each was told once, and of every warning the history is whole."""
    warnings, history, holds, told = days[-1]
    steps = Counter(step["action"] for step in history)
    assert {"opened", "changed", "resolved", "reopened"} <= set(steps), steps
    if EXPENSE in KINDS:
        assert {one["kind"] for one in warnings} == set(KINDS)
        assert holds
    versions = {(step["warning_id"], step["version"]) for step in history}
    assert len(versions) == len(history) == sum(one["version"] for one in warnings)
    assert sorted((one["subject"], one["version"]) for one in told if one["type"].startswith("warning.")) == sorted(
        versions
    )


@pytest.mark.parametrize(
    ("customers", "locked_max", "kills"), [(60, 8, 1), pytest.param(600, 20, 10, marks=pytest.mark.proof)]
)
async def test_killed_and_doubled_sweeps_leave_what_an_undisturbed_one_does(town, customers, locked_max, kills):
    with sweeps(town, locked_max) as company:
        await company.company(customers)
        expected = await company.tell(company.undisturbed)
        _makes_sense(expected)
        assert await company.tell(company.two_at_once) == expected
        assert await company.tell(company.killed, kills) == expected
        assert company.kills >= kills, "too few kills met a sweep: the test shows too little"


async def test_stretches_are_as_large_as_leaves_little_judged_in_vain(town, monkeypatch):
    monkeypatch.setattr(evaluating, "LOCKED_MAX", 4)
    monkeypatch.setattr(evaluating, "STRETCH_SIZE", 16)
    for number in range(24):
        customer = await town.customer(f"C{number}")
        if number < 12:
            await town.sell(customer, 100, on_account=True)
    # What was sold without a term is due at once, and overdue the day after.
    town.pass_days(2)
    company, size, sizes, opened = town.services.settings.company, 16, [], 0
    after: uuid.UUID | None = uuid.UUID(int=0)
    while after is not None:
        sizes.append(size)
        look = partial(commands.evaluate_stretch, kind="credit", after=after, company=company, size=size)
        after, done, size = await town.services.db.run(look)
        opened += done.get("opened", 0)
    assert opened == 12
    # Twelve of the first 16 are late, four at a time may be locked, and fewer than four are not worth a look. Where
    # nobody is late any more the stretches grow again.
    assert sizes[:3] == [16, 4, 4]
    assert max(sizes[3:]) > 4
