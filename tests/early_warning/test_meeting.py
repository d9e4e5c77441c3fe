"""What people and the rules do to a warning at the same moment."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import text

from app.core.caller import SYSTEM
from app.early_warning import commands

WAITING = text("SELECT count(*) FROM pg_locks WHERE NOT granted AND pid <> pg_backend_pid()")


@asynccontextmanager
async def while_somebody(town, act) -> AsyncIterator[None]:
    """Within, `act` has changed a warning and is not committed yet; it is once somebody waits for a lock."""
    database, acted = town.services.db, asyncio.Event()

    async def work(tx) -> None:
        await act(tx)
        acted.set()
        for _ in range(1000):
            if await database.read(SYSTEM, lambda other: other.scalar(WAITING)):
                return
            await asyncio.sleep(0.01)
        raise AssertionError("nobody waits")

    async with asyncio.TaskGroup() as group:
        group.create_task(database.run(work))
        await acted.wait()
        yield


def taking_on(town, warning):
    return lambda tx: commands.handle_one(tx, commands.Order(uuid.UUID(warning["id"]), "acknowledge", {}), town.day)


def resolving(town, warning):
    order = commands.Order(uuid.UUID(warning["id"]), "resolve", {"outcome": "promised"})
    return lambda tx: commands.handle_one(tx, order, town.day)


async def owing(town, amount: int):
    customer = await town.customer(f"Owes {amount}")
    await town.credit(customer, 1_000)
    await town.sell(customer, amount, on_account=True)
    (warning,) = await town.warnings()
    return customer, warning


async def silent(town):
    customer = await town.customer("Regular")
    for _ in range(8):
        await town.sell(customer)
        town.pass_days(7)
    town.pass_days(20)
    await town.evaluate(customer)
    (warning,) = await town.warnings()
    return customer, warning


async def test_a_debt_that_is_paid_while_its_warning_is_taken_on_ends_it(town):
    customer, warning = await owing(town, 1_050)
    async with while_somebody(town, taking_on(town, warning)):
        await town.pay(customer, 1_050)
    assert await town.warnings() == []
    history = (await town.call("GET", f"/warnings/{warning['id']}"))["history"]
    assert [step["action"] for step in history] == ["opened", "acknowledged", "resolved"]


async def test_a_silence_that_ends_while_its_warning_is_taken_on_ends_it(town):
    customer, warning = await silent(town)
    async with while_somebody(town, taking_on(town, warning)):
        await town.sell(customer)
    assert await town.warnings() == []
    history = (await town.call("GET", f"/warnings/{warning['id']}"))["history"]
    assert [step["action"] for step in history] == ["opened", "acknowledged", "resolved"]


async def test_a_silence_that_ends_while_its_warning_is_resolved_is_resolved_once(town):
    customer, warning = await silent(town)
    async with while_somebody(town, resolving(town, warning)):
        await town.sell(customer)
    ended = await town.call("GET", f"/warnings/{warning['id']}")
    assert [step["action"] for step in ended["history"]] == ["opened", "resolved"]
    assert ended["resolution"] == {"outcome": "promised"}


async def test_a_debt_that_grows_while_its_warning_is_resolved_is_told_again(town):
    customer, warning = await owing(town, 1_050)
    async with while_somebody(town, resolving(town, warning)):
        await town.sell(customer, 500, on_account=True)
    (again,) = await town.warnings()
    assert (again["id"], again["state"], again["status"]) == (warning["id"], "far_over_limit", "open")
