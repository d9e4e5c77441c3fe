"""What the rule of sales plans makes of how far they have come."""

from datetime import date


async def plan(town, customer, unit, planned, kind="sales-plans", **more):
    return await town.call("PUT", f"/customers/{customer}/{kind}/{unit}", {"planned": planned, **more})


async def states(town, **query):
    return [(one["about"], one["state"]) for one in await town.warnings(kind="sales_progress", **query)]


async def test_a_plan_that_its_forecast_misses_is_warned_of_with_the_numbers_of_its_own_answer(town):
    dealer = await town.customer("Dealer", kind="business")
    await plan(town, dealer, "2026-03", 310_000)
    town.go_to(date(2026, 3, 12))
    await town.sell(dealer, 100_000)
    assert await town.evaluate(dealer) == {"opened": 1}
    (warning,) = await town.warnings()
    shown = await town.call("GET", f"/customers/{dealer}/sales-plans/2026-03")
    assert (warning["kind"], warning["about"], warning["state"], warning["severity"]) == (
        "sales_progress", "month_plan", "behind", "warning",
    )  # fmt: skip
    assert warning["evidence"] == {
        "period": "2026-03", "planned": 310_000, "actual": 100_000, "expected": shown["expected"],
        "forecast": shown["forecast"], "shape": "calendar", "currency": "CNY", "rule": {"by": "default"},
    }  # fmt: skip
    assert shown["forecast"] == 258_333
    assert await town.evaluate(dealer) == {}
    town.pass_days(1)
    await town.sell(dealer, 30_000)
    assert await town.evaluate(dealer) == {"resolved": 1}
    (over,) = await town.warnings(status="resolved")
    assert (over["resolution"]["outcome"], over["next_step"]) == ("cause_gone", None)
