"""What the rule of sales plans makes of how far they have come."""

from datetime import date


async def states(town, **query):
    return [(one["about"], one["state"]) for one in await town.warnings(kind="sales_progress", **query)]


async def test_a_plan_that_its_forecast_misses_is_warned_of_with_the_numbers_of_its_own_answer(town):
    dealer = await town.customer("Dealer", kind="business")
    await town.plan(dealer, "2026-03", 310_000)
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


async def test_before_the_tenth_ten_percent_are_quiet_and_with_no_tolerance_nothing_is(town):
    dealer = await town.customer("Dealer", kind="business")
    await town.plan(dealer, "2026-03", 31_000)
    town.go_to(date(2026, 3, 9))
    await town.sell(dealer, 8_100)
    # 8,100 x 31 / 9 = 27,900: exactly 10 % below.
    assert await town.evaluate(dealer) == {}
    await town.plan(dealer, "2026-03", 31_001)
    assert await town.evaluate(dealer) == {"opened": 1}
    await town.call("PUT", "/warning-rules/sales_progress", {"tolerance_percent": 0, "early_tolerance_percent": 0})
    await town.plan(dealer, "2026-03", 27_900)
    assert await town.evaluate(dealer) == {"resolved": 1}
    await town.plan(dealer, "2026-03", 27_901)
    assert await town.evaluate(dealer) == {"reopened": 1}


async def test_each_length_of_plan_has_a_warning_of_its_own_and_a_period_that_is_over_none(town):
    dealer = await town.customer("Dealer", kind="business")
    for period in ("2026-03", "2026-Q1", "2026", "2026-02", "2026-Q2"):
        await town.plan(dealer, period, 100_000)
    town.go_to(date(2026, 3, 20))
    assert await town.evaluate(dealer) == {"opened": 3}
    assert sorted(await states(town)) == [
        ("month_plan", "far_behind"), ("quarter_plan", "far_behind"), ("year_plan", "far_behind"),
    ]  # fmt: skip
    town.go_to(date(2026, 4, 1))
    assert await town.evaluate(dealer) == {"resolved": 2}
    assert await states(town) == [("year_plan", "far_behind")]


async def test_what_a_person_resolved_stays_so_for_its_period_unless_it_gets_worse(town):
    dealer = await town.customer("Dealer", kind="business")
    await town.plan(dealer, "2026-Q1", 90_000)
    town.go_to(date(2026, 3, 1))
    await town.sell(dealer, 55_000)
    assert await town.evaluate(dealer) == {"opened": 1}
    (behind,) = await town.warnings()
    await town.call("POST", f"/warnings/{behind['id']}/resolve", {"outcome": "other", "cause": "New Year"})
    town.pass_days(8)
    assert await town.evaluate(dealer) == {}
    town.pass_days(6)
    assert await town.evaluate(dealer) == {"opened": 1}
    assert await states(town) == [("quarter_plan", "far_behind")]


async def test_a_plan_of_nothing_or_a_removed_one_is_no_matter(town):
    dealer = await town.customer("Dealer", kind="business")
    await town.plan(dealer, "2026-03", 0)
    made = await town.plan(dealer, "2026-Q1", 1_000)
    town.go_to(date(2026, 3, 20))
    assert await town.evaluate(dealer) == {"opened": 1}
    headers = {"If-Match": f'"{made["version"]}"'}
    assert (await town.client.delete(f"/v1/customers/{dealer}/sales-plans/2026-Q1", headers=headers)).status_code == 204
    assert await town.evaluate(dealer) == {"resolved": 1}
