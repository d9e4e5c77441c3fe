"""Questions about warnings, holds and opportunities: the same in SQL and in plain Python, and for whom they are."""

from datetime import date

import pytest

from tests.early_warning.chances import judge
from tests.early_warning.conftest import town
from tests.segments.test_same import Comparison

__all__ = ["town"]
TEXTS = (
    "any(warnings where kind = 'credit' and status != 'resolved')", "any(warnings where severity = 'critical')",
    "any(warnings during last 30 days where about = 'year_budget')", "none(warnings where overdue = true)",
    "count(warnings where outcome = 'paid') > 0", "any(warnings where escalated = true and owner = 'emp-1')",
    "last(warnings.state) = 'lost'", "sum(warnings.promised) > 50.00",
    "any(warnings where promise = 'broken')", "any(warnings where resolved during last 31 days)",
    "any(warnings where snoozed_until during next 30 days)", "any(holds where live = true)",
    "any(holds where rule is missing and released is missing)",
    "any(holds during last 7 days where about = 'cost_share')",
    "any(opportunities where kind = 'due_to_rebuy' and status = 'open')", "max(opportunities.value) > 49.99",
    "any(opportunities during last 30 days where kind = 'birthday' and status = 'open')",
    "count(opportunities where outcome = 'sold') > 0", "any(opportunities where expires during next 30 days)",
    "sequence(opportunities where kind = 'welcome' then warnings within 30 days)", "max(opportunities.priority) = 5",
)  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
async def test_they_are_as_plain_python_reads_them(house, registry, seed):
    anchor = date(2026, 1, 1)
    await Comparison(house, registry, anchor, seed).ask_all(TEXTS, anchor)


async def test_all_four_kinds_and_their_holds_are_found_by_those_who_may_see_them(town, clients):
    async def found(text, client=None, status=200):
        body = {"text": text, "as_of": town.day.isoformat()}
        answer = await (client or town.client).post("/v1/segments/preview", json=body)
        assert answer.status_code == status, answer.text
        return [one["id"] for one in answer.json()["sample"]] if status == 200 else answer.json()["code"]

    town.go_to(date(2026, 3, 20))
    debtor, behind, costly, new = [await town.customer(name, kind="business") for name in ("D", "B", "C", "N")]
    await town.credit(debtor, 1_000)
    await town.sell(debtor, 1_050, on_account=True)
    await town.plan(behind, "2026", 1_000_000)
    await town.plan(costly, "2026", 1_000, "expense-budgets")
    await town.spend(costly, 1_001)
    await town.evaluate(behind, costly)
    await town.sell(new, 500)
    await judge(town, new)
    assert await found("any(warnings where kind = 'credit' and state = 'over_limit')") == [debtor]
    assert await found("any(warnings where kind = 'sales_progress')") == [behind]
    assert await found("any(warnings where kind = 'sales_expense' and severity = 'critical')") == [costly]
    assert await found("any(holds where live = true and rule = 'sales_expense')") == [costly]
    welcome = "any(opportunities where kind = 'welcome' and status = 'open' and date during last 1 days)"
    assert new in await found(welcome)
    assert await found("any(warnings)", clients["pos"], 403) == "forbidden"
    # Among them are some that only personal data, and some that only money explains.
    key = {"name": "K", "scopes": ["segments:read", "customers:read", "warnings:read"], "role": "analyst"}
    for groups, status in (
        (["basic", "financial"], 403), (["basic", "personal"], 403), (["basic", "financial", "personal"], 200),
    ):  # fmt: skip
        made = await town.call("POST", "/api-keys", {**key, "field_groups": groups}, status=201)
        headers = {"Authorization": f"Bearer {made['key']}"}
        body = {"text": "count(opportunities) > 0"}
        answer = await town.client.post("/v1/segments/preview", json=body, headers=headers)
        assert answer.status_code == status, answer.text
        listed = (await town.client.get("/v1/segments/fields", headers=headers)).json()["collections"]
        assert ("opportunities" in {one["name"] for one in listed}) == (status == 200)
