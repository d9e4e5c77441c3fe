"""Questions about plans and expenses: the same in SQL, explained and in plain Python, and for whom they are."""

from datetime import date, timedelta

import pytest

from app.segments.check import check
from app.segments.parse import parse
from tests.segments.factories import customer
from tests.segments.test_same import Comparison

TEXTS = (
    "plan_share >= 0.5", "plan_share < 0.5", "plan_share is missing", "plan_actual > plan_planned",
    "plan_forecast < plan_planned", "plan_forecast is missing", "plan_planned >= 50.00", "plan_actual <= 0.00",
    "expense_this_year = 0.00", "expense_this_year > 1.00", "budget_share > 1", "budget_spent > budget_planned",
    "budget_forecast > budget_planned", "budget_planned is missing", "not budget_share > 0 including missing",
    "plan_share in top 40% of (plan_planned is not missing)",
)  # fmt: skip


@pytest.mark.parametrize("seed", range(5))
async def test_plans_are_as_plain_python_reads_them(house, registry, seed):
    anchor = (date(2026, 1, 1), date(2024, 2, 29), date(2025, 6, 30), date(2026, 3, 10), date(2026, 12, 30))[seed]
    comparison = Comparison(house, registry, anchor, seed)
    await house.services.db.run(comparison.company.insert)
    for text in TEXTS:
        checked, faults = check(parse(text).tree, comparison.world, from_text=True)
        assert checked is not None, (text, [fault.detail for fault in faults.all])
        for as_of in (anchor, anchor + timedelta(days=1)):
            await comparison.ask(checked.tree, as_of)


async def test_plans_are_asked_about_by_those_who_may_see_money_and_credit(client, clients):
    one = await customer(client, display_name="One")
    await client.put(f"/v1/customers/{one}/sales-plans/2026", json={"planned": 500})
    for text in ("plan_share < 0.5", "expense_this_year = 0.00 and plan_planned = 5.00"):
        body = {"text": text, "as_of": "2026-11-21"}
        assert (await clients["pos"].post("/v1/segments/preview", json=body)).status_code == 403
        assert (await clients["analyst"].post("/v1/segments/preview", json=body)).json()["count"] == 1
    names = {one["name"] for one in (await clients["pos"].get("/v1/segments/fields")).json()["fields"]}
    assert not {"plan_share", "expense_this_year", "budget_share"} & names
