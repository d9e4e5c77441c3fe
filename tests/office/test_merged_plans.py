"""What becomes of plans and expenses when two records are one person's, and when that is undone."""

import pytest


@pytest.fixture
async def two(people):
    """Two records of one person."""
    return await people.person("Mei"), await people.person("Mai")


async def plan(people, customer, unit, planned, **more):
    return await people.call("PUT", f"/customers/{customer}/sales-plans/{unit}", {"planned": planned, **more})


async def plans(people, customer):
    listed = (await people.call("GET", f"/customers/{customer}/sales-plans"))["data"]
    months = {one["period"]: one["months"] and [month["planned"] for month in one["months"]] for one in listed}
    return {one["period"]: (one["planned"], months[one["period"]]) for one in listed}


async def merge(people, winner, loser):
    return (await people.call("POST", "/merges", {"winner": winner, "loser": loser}))["id"]


async def test_what_was_planned_for_both_is_added_up_and_parted_again(people, two):
    one, other = two
    await plan(people, one, "2026", 100)
    await plan(people, other, "2026", 50)
    await plan(people, one, "2026-Q1", 900, monthly_amounts=[100, 300, 500])
    await plan(people, other, "2026-Q1", 90, monthly_amounts=[10, 30, 50])
    await plan(people, one, "2026-Q2", 91)
    await plan(people, other, "2026-Q2", 9, monthly_amounts=[2, 3, 4])
    await plan(people, other, "2026-01", 7)
    await people.call("PUT", f"/customers/{other}/expense-budgets/2026", {"planned": 5})
    before = [await plans(people, customer) for customer in two]
    made = await merge(people, one, other)
    assert await plans(people, one) == {
        "2026": (150, None),
        "2026-Q1": (990, [110, 330, 550]),
        # 91 a day: 30, 31 and 30 of them.
        "2026-Q2": (100, [32, 34, 34]),
        "2026-01": (7, None),
    }
    assert (await people.call("GET", f"/customers/{one}/expense-budgets/2026"))["planned"] == 5
    undone = await people.call("POST", f"/merges/{made}/undo")
    assert undone["not_restored"] == []
    assert [await plans(people, customer) for customer in two] == before


async def test_a_plan_that_was_changed_since_stays_and_is_told(people, two):
    one, other = two
    await plan(people, one, "2026", 100)
    await plan(people, other, "2026", 50)
    made = await merge(people, one, other)
    await plan(people, one, "2026", 170)
    undone = await people.call("POST", f"/merges/{made}/undo")
    assert undone["not_restored"] == ["sales_plans"]
    assert [await plans(people, customer) for customer in two] == [{"2026": (170, None)}, {"2026": (50, None)}]


async def test_expenses_of_both_are_spent_on_one_and_go_back_with_their_corrections(people, two):
    one, other = two
    for customer in two:
        item = {"external_id": "a", "kind": "visit", "amount": 500}
        await people.call("POST", f"/customers/{customer}/expenses/batch", {"items": [item]})

    async def spent(customer):
        listed = (await people.call("GET", f"/customers/{customer}/expenses"))["data"]
        return sorted((row["external_id"], row["amount"], row["corrects"]) for row in listed)

    made = await merge(people, one, other)
    theirs = f"a ({other})"
    assert await spent(one) == [("a", 500, None), (theirs, 500, None)]
    correction = {"external_id": "b", "kind": "visit", "amount": -200, "corrects": theirs}
    await people.call("POST", f"/customers/{one}/expenses/batch", {"items": [correction]})
    await people.call("POST", f"/merges/{made}/undo")
    assert await spent(one) == [("a", 500, None)]
    assert await spent(other) == [("a", 500, None), ("b", -200, "a")]
