"""The worker judges whoever something has happened to, moments later."""

import asyncio

from app.early_warning.jobs import Watcher
from app.feed.jobs import Sequencer
from tests.core.test_jobs import until


async def held(town, customer) -> bool:
    return (await town.standing(customer))[0] == "hold"


async def test_an_expense_above_budget_stops_sales_without_anybody_asking(town):
    services, stop = town.services, asyncio.Event()
    dealer = await town.customer("Dealer", kind="business")
    async with asyncio.TaskGroup() as group:
        group.create_task(Sequencer(services.db, services.settings).run(stop))
        group.create_task(Watcher(services).run(stop))
        try:
            # Until the first look has noted where the feed stands, nothing is followed.
            await asyncio.sleep(1)
            await town.plan(dealer, "2026-03", 1_000, "expense-budgets")
            await town.spend(dealer, 1_001)
            await until(lambda: held(town, dealer), 20)
        finally:
            stop.set()


async def test_what_is_nobodys_matter_writes_nothing_and_is_passed(town):
    await town.watch()
    await town.watch()
    customer = await town.customer("Anybody")
    start = await town.here()
    await town.sell(customer)
    await town.sell(None)
    await town.watch()
    await town.watch()
    assert await town.events(start, "warning.opened", "hold.placed") == []


async def test_a_receipt_that_changes_hands_is_judged_on_both_sides(town):
    first, second = await town.customer("First"), await town.customer("Second")
    for one in (first, second):
        await town.plan(one, "2026-03", 1_000)
    await town.watch()
    await town.watch()
    town.pass_days(10)
    sold = await town.sell(first, 1_000)
    await town.evaluate(first, second)
    assert {one["customer_id"] for one in await town.warnings(kind="sales_progress")} == {second}
    await town.call("POST", f"/receipts/{sold['id']}/attribution", {"customer": {"id": second}})
    await town.watch()
    assert {one["customer_id"] for one in await town.warnings(kind="sales_progress")} == {first}
