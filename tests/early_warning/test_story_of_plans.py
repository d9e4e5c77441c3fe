"""Two more stories, through the API, with a clock and the worker: a plan that is missed and caught up, and a budget."""

from datetime import date

import pytest

EVENTS = ("warning.opened", "warning.changed", "warning.resolved", "hold.placed", "hold.released")
STOPPED = "Expenses are above the budget: nothing is sold until somebody releases it."


@pytest.fixture
async def dealer(town):
    """A dealer, with a worker that follows the feed from now on."""
    made = await town.customer("Nan Ming Tea House", kind="business")
    await town.watch()
    await town.watch()
    return made


def told(events):
    return [
        (kind, *(data[name] for name in ("about", "state") if name in data))
        for kind, data in events
    ]  # fmt: skip


async def test_a_dealer_falls_behind_plan_and_recovers(town, dealer):
    start = await town.here()
    await town.plan(dealer, "2026-03", 310_000)
    town.go_to(date(2026, 3, 9))
    await town.sell(dealer, 82_000)
    await town.watch()
    # 82,000 x 31 / 9 = 282,444, 9 % below: within 10 % it is quiet before the tenth.
    assert await town.warnings() == []

    town.go_to(date(2026, 3, 12))
    await town.evaluate(dealer)
    (behind,) = await town.warnings()
    assert (behind["about"], behind["state"], behind["severity"]) == ("month_plan", "far_behind", "critical")
    assert behind["sentence"] == (
        "2026-03: 820.00 CNY of 3,100.00 CNY bought; at this rate 2,118.33 CNY, 32 % below the plan."
    )
    assert behind["next_step"].startswith("Visit this week")
    shown = await town.call("GET", f"/customers/{dealer}/sales-plans/2026-03")
    assert behind["evidence"]["forecast"] == shown["forecast"] == 211_833

    await town.sell(dealer, 20_000)
    await town.watch()
    (better,) = await town.warnings()
    assert (better["id"], better["state"]) == (behind["id"], "behind")
    assert (await town.standing(dealer))[0] == "allow"

    await town.sell(dealer, 12_000)
    await town.watch()
    assert await town.warnings() == []
    assert told(await town.events(start, *EVENTS)) == [
        ("warning.opened", "month_plan", "far_behind"),
        ("warning.changed", "month_plan", "behind"),
        ("warning.resolved", "month_plan", "behind"),
    ]
    # Nothing new happened: nothing new is told.
    await town.watch()
    await town.evaluate(dealer)
    assert len(await town.events(start, *EVENTS)) == 3


async def test_a_dealer_costs_more_than_budgeted_is_held_and_released(town, dealer):
    start = await town.here()
    await town.plan(dealer, "2026-03", 100_000, "expense-budgets")
    town.go_to(date(2026, 3, 20))
    await town.spend(dealer, 90_000)
    await town.watch()
    (warning,) = await town.warnings()
    assert (warning["about"], warning["state"], warning["severity"]) == (
        "month_budget", "forecast_above_budget", "warning",
    )  # fmt: skip
    assert warning["evidence"]["forecast"] == 139_500
    assert await town.standing(dealer) == ("allow", [])

    await town.spend(dealer, 30_000)
    await town.watch()
    (warning,) = await town.warnings()
    assert (warning["state"], warning["severity"]) == ("above_budget", "critical")
    assert warning["sentence"] == "2026-03: 1,200.00 CNY spent, 200.00 CNY above the budget of 1,000.00 CNY."
    assert await town.standing(dealer) == ("hold", [("hold", STOPPED)])

    # Nobody buys on account meanwhile; the budget is raised, and still somebody has to let sales go on.
    await town.plan(dealer, "2026-03", 130_000, "expense-budgets")
    await town.watch()
    assert [one["state"] for one in await town.warnings()] == ["forecast_above_budget"]
    assert (await town.standing(dealer))[0] == "hold"
    await town.plan(dealer, "2026-03", 200_000, "expense-budgets")
    await town.watch()
    assert await town.warnings() == []
    assert (await town.standing(dealer))[0] == "hold"

    (placed,) = [data for kind, data in await town.events(start, "hold.placed") if kind == "hold.placed"]
    assert placed == {"customer_id": dealer, "rule": "sales_expense", "about": "month_budget", "state": "above_budget"}
    hold = await town.hold_of(dealer)
    released = await town.call("POST", f"/holds/{hold}/release", {"reason": "Budget raised by the head office"})
    assert (released["rule"], released["about"], released["placed_by"], released["reason"]) == (
        "sales_expense", "month_budget", None, STOPPED,
    )  # fmt: skip
    assert await town.standing(dealer) == ("allow", [])
    assert told(await town.events(start, *EVENTS)) == [
        ("warning.opened", "month_budget", "forecast_above_budget"),
        ("warning.changed", "month_budget", "above_budget"),
        ("hold.placed", "month_budget", "above_budget"),
        ("warning.changed", "month_budget", "forecast_above_budget"),
        ("warning.resolved", "month_budget", "forecast_above_budget"),
        ("hold.released",),
    ]
