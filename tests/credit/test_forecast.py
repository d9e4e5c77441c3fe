"""How far a plan has come: by values worked out by hand, and the same as plain Python says for random companies."""

import random
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.core.caller import SYSTEM
from app.core.db import Tx
from app.core.models import Job
from app.credit import commands
from app.credit.jobs import HANDLERS
from app.credit.period import period
from tests.core.test_jobs import run_until_over
from tests.credit.standings import CALENDAR, COMPANY, Plan, shapes


async def fit(town):
    """What the worker does once a day."""

    async def work(tx: Tx) -> int:
        return await commands.fit_shapes(tx, town.day)

    return await town.services.db.run(work)


async def plan(town, customer, unit, planned, kind="sales-plans", **more):
    return await town.call("PUT", f"/customers/{customer}/{kind}/{unit}", {"planned": planned, **more})


async def read(town, customer, unit, kind="sales-plans"):
    return await town.call("GET", f"/customers/{customer}/{kind}/{unit}")


def told(shown):
    names = ("actual" if "actual" in shown else "spent", "share", "normal_share", "expected", "forecast", "shape")
    return tuple(shown[name] for name in names)


async def test_without_history_all_days_are_alike(town):
    customer = await town.customer("Dealer")
    town.go_to(date(2026, 3, 4))
    await town.sell(customer, 60_000)
    town.go_to(date(2026, 3, 10))
    await town.sell(customer, 30_000)
    await plan(town, customer, "2026-03", 310_000)
    # 10 of 31 days: 90,000 are 29 % of it, and come to 90,000 x 31 / 10.
    assert told(await read(town, customer, "2026-03")) == (
        90_000, "0.2903", "0.3226", 100_000, 279_000, "calendar",
    )  # fmt: skip
    # 69 of 365 days: 90,000 x 365 / 69 = 476,086.96.
    await plan(town, customer, "2026", 730_000)
    assert told(await read(town, customer, "2026")) == (90_000, "0.1233", "0.1890", 138_000, 476_087, "calendar")


async def test_before_a_period_there_is_no_forecast_and_after_it_no_more_than_was_bought(town):
    customer = await town.customer("Dealer")
    await plan(town, customer, "2026-04", 1_000)
    assert told(await read(town, customer, "2026-04")) == (0, "0.0000", "0.0000", 0, None, "calendar")
    town.go_to(date(2026, 4, 30))
    await town.sell(customer, 400)
    assert told(await read(town, customer, "2026-04")) == (400, "0.4000", "1.0000", 1_000, 400, "calendar")
    town.go_to(date(2026, 5, 1))
    await town.sell(customer, 9_000)
    assert told(await read(town, customer, "2026-04")) == (400, "0.4000", "1.0000", 1_000, 400, "calendar")


async def test_a_plan_that_is_laid_out_over_months_expects_what_they_say(town):
    customer = await town.customer("Dealer")
    town.go_to(date(2026, 3, 10))
    await town.sell(customer, 330_000)
    shown = await plan(town, customer, "2026-Q1", 1_000_000, monthly_shares=["0.2", "0.3", "0.5"])
    assert [(one["month"], one["planned"]) for one in shown["months"]] == [
        ("2026-01", 200_000), ("2026-02", 300_000), ("2026-03", 500_000),
    ]  # fmt: skip
    # January and February, and 10 of 31 days of March: 500,000 + 500,000 x 10 / 31 = 661,290.32.
    # 330,000 / 0.66129 = 499,024.39.
    assert told(shown) == (330_000, "0.3300", "0.6613", 661_290, 499_024, "calendar")


async def test_while_nothing_is_expected_there_is_no_forecast(town):
    customer = await town.customer("Dealer")
    town.go_to(date(2026, 1, 20))
    await town.sell(customer, 500)
    shown = await plan(town, customer, "2026-Q1", 900, monthly_amounts=[0, 450, 450])
    assert told(shown) == (500, "0.5556", "0.0000", 0, None, "calendar")


async def test_days_count_as_much_as_they_do_in_the_store(town):
    await town.call("PUT", "/stores/S2", {"name": "Second", "kind": "own", "time_zone": "Asia/Shanghai"})
    here = await town.customer("Here", home_store="S1")
    elsewhere = await town.customer("Elsewhere", home_store="S2")
    # Fridays three quarters, Saturdays one quarter, over four whole weeks; before these it was otherwise.
    town.go_to(date(2026, 1, 30))
    await town.sell(here, 1_000_000)
    for monday in (date(2026, 2, 2) + timedelta(days=7 * week) for week in range(4)):
        town.go_to(monday + timedelta(days=4))
        await town.sell(here, 3_000)
        town.go_to(monday + timedelta(days=5))
        await town.sell(here, 1_000)
    town.go_to(date(2026, 3, 2))
    assert await fit(town) == 2
    for customer in (here, elsewhere):
        await plan(town, customer, "2026-03", 80_000)
    # March has four Fridays and four Saturdays. By Tuesday the 10th there was one of each; by Friday 1.75 of 4 weeks.
    town.go_to(date(2026, 3, 10))
    assert told(await read(town, here, "2026-03")) == (0, "0.0000", "0.2500", 20_000, 0, "store")
    town.go_to(date(2026, 3, 13))
    await town.sell(here, 21_000)
    assert told(await read(town, here, "2026-03")) == (21_000, "0.2625", "0.4375", 35_000, 48_000, "store")
    # The other store has no history: there it is as in the company.
    assert told(await read(town, elsewhere, "2026-03"))[2:] == ("0.4375", 35_000, 0, "company")
    # What is spent follows no weekday.
    await plan(town, here, "2026-03", 310, "expense-budgets")
    assert told(await read(town, here, "2026-03", "expense-budgets"))[2:] == ("0.4194", 130, 0, "calendar")


async def test_the_worker_fits_once_a_day(town, client):
    customer = await town.customer("Dealer", home_store="S1")
    await town.sell(customer, 3_000)
    town.pass_days(28)
    services = town.services
    for _ in range(2):
        await services.db.run(lambda tx: commands.enqueue_daily_fit(tx, town.day))

    async def jobs(tx: Tx) -> list[Any]:
        return await tx.rows(select(Job.id, Job.progress).where(Job.kind == commands.FIT_SHAPES))

    (queued,) = await services.db.read(SYSTEM, jobs)
    await run_until_over(services, queued.id, HANDLERS)
    (done,) = await services.db.read(SYSTEM, jobs)
    assert done.progress == {"shapes": 2}
    # On Mondays all, in the store and in the company: by the second Monday of April, two of four.
    town.go_to(date(2026, 4, 13))
    await plan(town, customer, "2026-04", 1_000)
    assert told(await read(town, customer, "2026-04")) == (0, "0.0000", "0.5000", 500, 0, "store")


async def test_less_than_four_weeks_are_no_history(town):
    customer = await town.customer("Dealer", home_store="S1")
    town.go_to(date(2026, 2, 3))
    await town.sell(customer, 3_000)
    town.go_to(date(2026, 3, 2))
    assert await fit(town) == 0
    town.go_to(date(2026, 3, 3))
    assert await fit(town) == 2


class Company:
    """Random sales and plans, told to the service and kept beside it."""

    def __init__(self, town, seed: int) -> None:
        self.town = town
        self.chance = random.Random(seed)
        self.sales: list[tuple[str, str, date, int]] = []
        self.spent: list[tuple[str, date, int]] = []
        self.plans: dict[tuple[str, str, str], Plan] = {}
        self.stores: dict[str, str | None] = {}

    async def begin(self) -> None:
        for store in ("S1", "S2", "S3"):
            terms = {"name": store, "kind": "own", "time_zone": "Asia/Shanghai"}
            await self.town.call("PUT", f"/stores/{store}", terms)
        for number, home in enumerate(("S1", "S2", "S3", None)):
            customer = await self.town.customer(f"C{number}", **({"home_store": home} if home else {}))
            self.stores[customer] = home

    async def trade(self, first: date, last: date) -> None:
        """Sales of some days, mostly at the end of the week, and some that came back."""
        day = first
        while day <= last:
            self.town.go_to(day)
            sent = []
            for customer in self.stores:
                if self.chance.random() < 0.1 + 0.05 * day.weekday():
                    # The third store begins late.
                    store = self.chance.choice(("S1", "S2") if day < date(2026, 2, 10) else ("S1", "S2", "S3"))
                    net, back = self.chance.randint(1, 90_000), self.chance.random() < 0.15
                    sent.append(self.town.sale(customer, net, kind="return" if back else "sale", store=store))
                    self.sales.append((customer, store, day, -net if back else net))
            if sent:
                results = (await self.town.call("POST", "/receipts/batch", {"items": sent}))["results"]
                assert {result["status"] for result in results} == {"created"}
            day += timedelta(days=self.chance.choice((1, 1, 2)))

    async def plan(self) -> None:
        """A plan and a budget of every customer for some periods."""
        items: dict[str, list] = {"sales-plans": [], "expense-budgets": []}
        for kind, customer in ((kind, customer) for kind in items for customer in self.stores):
            for unit in self.chance.sample(["2025", "2026", "2026-Q1", "2026-Q2", "2026-02", "2026-03", "2026-04"], 4):
                found = period(unit)
                assert found is not None
                phases = [self.chance.choice((0, 1, 777, 50_000)) for _ in range(found.months)]
                laid_out = self.chance.random() < 0.5
                planned = sum(phases) if laid_out else self.chance.choice((0, 1, 99_999, 10**9))
                item = {"customer_id": customer, "period": unit, "planned": planned}
                items[kind].append(item | ({"monthly_amounts": phases} if laid_out else {}))
                self.plans[kind, customer, unit] = Plan(found.first, found.last, planned, phases if laid_out else None)
        for kind, some in items.items():
            results = (await self.town.call("POST", f"/{kind}/batch", {"items": some}))["results"]
            assert {result["status"] for result in results} == {"created"}

    async def spend(self) -> None:
        for customer in self.stores:
            items = []
            for number in range(self.chance.randint(0, 20)):
                day = date(2026, 1, 1) + timedelta(days=self.chance.randint(0, 110))
                amount = self.chance.randint(1, 5_000)
                items.append({"external_id": str(number), "kind": "visit", "amount": amount,
                              "occurred_on": day.isoformat()})  # fmt: skip
                self.spent.append((customer, day, amount))
            if items:
                await self.town.call("POST", f"/customers/{customer}/expenses/batch", {"items": items})

    def store_of(self, customer: str, day: date) -> str | None:
        """The store of the last purchase of a day, which a day's sales count for."""
        bought = [store for who, store, when, net in self.sales if (who, when) == (customer, day) and net > 0]
        return bought[-1] if bought else None

    async def check(self, today: date, fitted: dict[str, tuple[int, ...]]) -> None:
        for kind in ("sales-plans", "expense-budgets"):
            for customer, store in self.stores.items():
                own = fitted.get(store or "none")
                weights = (own or fitted.get(COMPANY) or CALENDAR) if kind == "sales-plans" else CALENDAR
                amounts = [(day, net) for who, _, day, net in self.sales if who == customer]
                if kind == "expense-budgets":
                    amounts = [(day, amount) for who, day, amount in self.spent if who == customer]
                listed = (await self.town.call("GET", f"/customers/{customer}/{kind}"))["data"]
                mine = {
                    unit: plan for (which, who, unit), plan in self.plans.items() if (which, who) == (kind, customer)
                }
                assert {shown["period"] for shown in listed} == set(mine)
                for shown in listed:
                    wanted = mine[shown["period"]].standing(amounts, weights, today)
                    wanted["actual" if kind == "sales-plans" else "spent"] = wanted.pop("reached")
                    assert {name: shown[name] for name in wanted} == wanted, (kind, shown, weights)


@pytest.mark.parametrize("seed", range(3))
async def test_standings_are_as_plain_python_reads_them(town, seed):
    company = Company(town, seed)
    await company.begin()
    await company.trade(date(2026, 1, 5), date(2026, 4, 1))
    await company.plan()
    await company.spend()
    fitted: dict[str, tuple[int, ...]] = {}
    for today in (date(2025, 12, 31), date(2026, 2, 1), date(2026, 3, 1), date(2026, 3, 31), date(2026, 4, 17)):
        town.go_to(today)
        await company.check(today, fitted)
        await fit(town)
        fitted = shapes(
            ((company.store_of(who, day) or "nowhere", day, net) for who, _, day, net in company.sales), today
        )
        await company.check(today, fitted)
