"""What the rule of expenses makes of budgets, of what is usual, and of holds that were released."""

from datetime import date

import pytest


@pytest.fixture
async def dealer(town):
    town.go_to(date(2026, 3, 20))
    return await town.customer("Dealer", kind="business")


async def about(town):
    return {one["about"]: one["state"] for one in await town.warnings(kind="sales_expense")}


async def rule(town, kind="sales_expense", **settings):
    await town.call("PUT", f"/warning-rules/{kind}", settings)


async def release(town, customer):
    return await town.call("POST", f"/holds/{await town.hold_of(customer)}/release", {"reason": "Agreed"})


async def test_a_budget_may_be_reached_but_not_passed(town, dealer):
    await rule(town, forecast_from_percent=100)
    await town.plan(dealer, "2026-03", 1_000, "expense-budgets")
    await town.spend(dealer, 1_000)
    assert await town.evaluate(dealer) == {}
    await town.spend(dealer, 1)
    assert await town.evaluate(dealer) == {"opened": 1}
    assert await about(town) == {"month_budget": "above_budget"}


async def test_a_budget_of_nothing_is_passed_by_anything(town, dealer):
    await town.plan(dealer, "2026", 0, "expense-budgets")
    assert await town.evaluate(dealer) == {}
    await town.spend(dealer, 1)
    await town.evaluate(dealer)
    assert await about(town) == {"year_budget": "above_budget"}


async def test_early_in_a_period_its_forecast_says_nothing(town, dealer):
    town.go_to(date(2026, 3, 7))
    await town.plan(dealer, "2026-03", 1_000, "expense-budgets")
    await town.spend(dealer, 300)
    assert await town.evaluate(dealer) == {}
    # 300 x 31 / 8 = 1,163 after 8 of 31 days, which are 26 % of them.
    town.pass_days(1)
    assert await town.evaluate(dealer) == {"opened": 1}
    assert await about(town) == {"month_budget": "forecast_above_budget"}


async def test_gifts_and_compensations_count(town, dealer):
    await town.plan(dealer, "2026-03", 1_000, "expense-budgets")
    body = {"kind": "gift", "occasion": "festival", "what": "Tea", "planned_for": "2026-03-20", "by": "emp-1"}
    gift = await town.call("POST", f"/customers/{dealer}/care", body)
    await town.watch()
    await town.call("POST", f"/customers/{dealer}/care/{gift['id']}/complete", {"cost": 1_500})
    await town.watch()
    assert await about(town) == {"month_budget": "above_budget"}


async def test_a_share_of_sales_above_the_usual_is_climbing(town, dealer):
    town.go_to(date(2025, 10, 10))
    await town.sell(dealer, 100_000)
    await town.spend(dealer, 10_000)
    town.go_to(date(2026, 3, 20))
    await town.sell(dealer, 100_000)
    await town.spend(dealer, 15_000)
    assert await town.evaluate(dealer) == {}
    await town.spend(dealer, 1)
    assert await town.evaluate(dealer) == {"opened": 1}
    (warning,) = await town.warnings()
    assert (warning["about"], warning["state"]) == ("cost_share", "share_climbing")
    assert warning["evidence"] == {
        "days": 90, "spent": 15_001, "net": 100_000, "usual_spent": 10_000, "usual_net": 100_000, "currency": "CNY",
        "rule": {"by": "default"},
    }  # fmt: skip
    assert warning["sentence"] == "Cost 150.01 CNY in the last 90 days, 15 % of net sales; usual is 10 %."
    await town.sell(dealer, 100)
    assert await town.evaluate(dealer) == {"resolved": 1}


async def test_costs_without_sales_are_climbing_where_there_were_sales(town, dealer):
    town.go_to(date(2025, 10, 10))
    await town.sell(dealer, 100_000)
    await town.spend(dealer, 10_000)
    town.go_to(date(2026, 3, 20))
    await town.spend(dealer, 1)
    await town.evaluate(dealer)
    (warning,) = await town.warnings(kind="sales_expense")
    assert warning["sentence"] == "Cost 0.01 CNY in the last 90 days, without net sales; usual is 10 % of them."


async def test_three_months_that_each_cost_more_are_climbing(town, dealer):
    for month, amount in ((12, 1_000), (1, 1_100), (2, 1_199)):
        await town.spend(dealer, amount, occurred_on=f"{2025 if month == 12 else 2026}-{month:02}-05")
    assert await town.evaluate(dealer) == {}
    await town.spend(dealer, 1, occurred_on="2026-02-28")
    assert await town.evaluate(dealer) == {"opened": 1}
    (warning,) = await town.warnings()
    assert (warning["about"], warning["state"], warning["evidence"]["months"]) == (
        "cost_trend", "costs_climbing", [1_000, 1_100, 1_200],
    )  # fmt: skip
    assert warning["sentence"] == (
        "Costs climb month by month, last in 2026-02: 10.00 CNY, 11.00 CNY, 12.00 CNY."
    )  # fmt: skip
    # This month tells when it is over.
    town.go_to(date(2026, 4, 1))
    assert await town.evaluate(dealer) == {"resolved": 1}


async def test_nobody_is_warned_of_who_was_erased(town, dealer):
    for month, amount in ((12, 1_000), (1, 1_100), (2, 1_200)):
        await town.spend(dealer, amount, occurred_on=f"{2025 if month == 12 else 2026}-{month:02}-05")
    assert await town.evaluate(dealer) == {"opened": 1}
    (await town.client.post("/v1/erasures", json={"customer_id": dealer, "reason": "request"})).raise_for_status()
    assert await town.evaluate(dealer) == {}
    assert await town.warnings() == []


async def test_a_released_hold_is_placed_again_only_if_it_gets_worse(town, dealer):
    await town.plan(dealer, "2026-03", 1_000, "expense-budgets")
    await town.spend(dealer, 2_000)
    await town.evaluate(dealer)
    assert (await town.standing(dealer))[0] == "hold"
    await release(town, dealer)
    await town.spend(dealer, 200)
    await town.evaluate(dealer)
    assert (await town.standing(dealer))[0] == "allow"
    # More than 110 % of what had been spent at the release.
    await town.spend(dealer, 1)
    assert await town.evaluate(dealer) == {}
    assert (await town.standing(dealer))[0] == "hold"
    assert await town.evaluate(dealer) == {}
    await town.hold_of(dealer)


async def test_what_was_let_pass_is_held_anew_once_it_was_over(town, dealer):
    await town.plan(dealer, "2026-03", 1_000, "expense-budgets")
    await town.spend(dealer, 2_000)
    await town.evaluate(dealer)
    await release(town, dealer)
    await town.plan(dealer, "2026-03", 9_000, "expense-budgets")
    assert await town.evaluate(dealer) == {"resolved": 1}
    await town.plan(dealer, "2026-03", 1_500, "expense-budgets")
    assert await town.evaluate(dealer) == {"reopened": 1}
    assert (await town.standing(dealer))[0] == "hold"


async def test_the_next_period_is_another_matter(town, dealer):
    for period in ("2026-03", "2026-04"):
        await town.plan(dealer, period, 1_000, "expense-budgets")
    await town.spend(dealer, 2_000)
    await town.evaluate(dealer)
    await release(town, dealer)
    town.go_to(date(2026, 4, 2))
    await town.spend(dealer, 1_500)
    assert await town.evaluate(dealer) == {"changed": 1}
    assert (await town.standing(dealer))[0] == "hold"
    (warning,) = await town.warnings()
    assert warning["evidence"]["period"] == "2026-04"


async def test_which_states_stop_sales_is_a_setting(town, dealer):
    await rule(town, hold_on=[])
    await rule(town, "sales_progress", hold_on=["far_behind"])
    await town.plan(dealer, "2026-03", 1_000, "expense-budgets")
    await town.plan(dealer, "2026-03", 100_000)
    await town.spend(dealer, 2_000)
    assert await town.evaluate(dealer) == {"opened": 2}
    assert await town.standing(dealer) == (
        "hold", [("hold", "Purchases are far behind the plan: nothing is sold until somebody releases it.")],
    )  # fmt: skip
    await release(town, dealer)
    assert await town.evaluate(dealer) == {}
    assert (await town.standing(dealer))[0] == "allow"
    # Once the setting says so, also what was warned of before stops sales.
    await rule(town, hold_on=["above_budget"])
    assert await town.evaluate(dealer) == {}
    assert (await town.standing(dealer))[0] == "hold"
    for wrong in (["above_budget"] * 2, ["behind"], "above_budget"):
        assert (await town.client.put("/v1/warning-rules/sales_expense", json={"hold_on": wrong})).status_code == 422


async def test_a_warning_that_a_person_resolved_places_no_hold(town, dealer):
    await rule(town, hold_on=[])
    await town.plan(dealer, "2026-03", 1_000, "expense-budgets")
    await town.spend(dealer, 2_000)
    await town.evaluate(dealer)
    (warning,) = await town.warnings()
    await town.call("POST", f"/warnings/{warning['id']}/resolve", {"outcome": "other"})
    await rule(town)
    assert await town.evaluate(dealer) == {}
    assert (await town.standing(dealer))[0] == "allow"
