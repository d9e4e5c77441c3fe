"""Setting, removing and copying sales plans and expense budgets."""

import asyncio
import uuid

import pytest
from sqlalchemy import text

from tests.early_warning.conftest import town

__all__ = ["town"]
KINDS = ("sales-plans", "expense-budgets")


@pytest.fixture
async def dealer(town):
    return await town.customer("Dealer", kind="business", home_store="S1")


async def batch(town, kind, *items):
    return (await town.call("POST", f"/{kind}/batch", {"items": list(items)}))["results"]


async def planned(town, customer, kind="sales-plans"):
    listed = (await town.call("GET", f"/customers/{customer}/{kind}"))["data"]
    return {one["period"]: one["planned"] for one in listed}


@pytest.mark.parametrize("kind", KINDS)
async def test_a_plan_is_set_read_changed_and_removed(town, client, dealer, kind):
    path = f"/v1/customers/{dealer}/{kind}/2026-Q3"
    assert (await client.get(path)).status_code == 404
    made = await client.put(path, json={"planned": 900, "monthly_amounts": [100, 300, 500]})
    assert (made.status_code, made.headers["etag"]) == (201, '"1"')
    shown = await client.get(path)
    assert (shown.json(), shown.headers["etag"]) == (made.json(), '"1"')
    assert made.json() | {
        "customer_id": dealer, "period": "2026-Q3", "starts_on": "2026-07-01", "ends_on": "2026-09-30",
        "planned": 900, "currency": "CNY", "as_of": "2026-03-02", "version": 1,
    } == made.json()  # fmt: skip
    assert [one["planned"] for one in made.json()["months"]] == [100, 300, 500]
    same = await client.put(path, json={"planned": 900, "monthly_amounts": [100, 300, 500], "currency": "CNY"})
    assert (same.status_code, same.headers["etag"]) == (200, '"1"')
    changed = await client.put(path, json={"planned": 900}, headers={"If-Match": '"1"'})
    assert (changed.json()["months"], changed.headers["etag"]) == (None, '"2"')
    late = await client.put(path, json={"planned": 800}, headers={"If-Match": '"1"'})
    assert (late.status_code, late.json()["version"]) == (412, 2)
    assert (await client.delete(path)).status_code == 428
    assert (await client.delete(path, headers={"If-Match": '"1"'})).status_code == 412
    assert (await client.delete(path, headers={"If-Match": '"2"'})).status_code == 204
    for answer in (await client.get(path), await client.delete(path, headers={"If-Match": '"2"'})):
        assert answer.status_code == 404
    new = await client.put(path, json={"planned": 1}, headers={"If-Match": '"2"'})
    assert (new.status_code, new.json()["code"]) == (412, "stale_version")


@pytest.mark.parametrize(
    ("unit", "first", "last"),
    [("2026", "2026-01-01", "2026-12-31"), ("2026-Q4", "2026-10-01", "2026-12-31"),
     ("2024-02", "2024-02-01", "2024-02-29"), ("2026-12", "2026-12-01", "2026-12-31")],
)  # fmt: skip
async def test_periods_have_their_days(town, dealer, unit, first, last):
    shown = await town.call("PUT", f"/customers/{dealer}/sales-plans/{unit}", {"planned": 1})
    assert (shown["starts_on"], shown["ends_on"]) == (first, last)


@pytest.mark.parametrize(
    "unit", ["26", "2026-Q5", "2026-13", "2026-00", "2026-1", "2026-q1", "1899", "2201", "２０２６"]
)
async def test_what_is_no_period_is_refused(town, client, dealer, unit):
    answer = await client.put(f"/v1/customers/{dealer}/sales-plans/{unit}", json={"planned": 1})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "invalid_period")


@pytest.mark.parametrize(
    ("unit", "given", "pointer"),
    [
        ("2026-Q1", {"planned": 10, "monthly_amounts": [5, 5]}, "/monthly_amounts"),
        ("2026-Q1", {"planned": 10, "monthly_amounts": [5, 5, 1]}, "/monthly_amounts"),
        ("2026-Q1", {"planned": 10, "monthly_shares": ["0.5", "0.5", "0.1"]}, "/monthly_shares"),
        ("2026", {"planned": 10, "monthly_shares": ["0.5", "0.5", "0"]}, "/monthly_shares"),
        ("2026", {"planned": 10, "currency": "EUR"}, "/currency"),
        ("2026", {"planned": -1}, "/planned"),
        ("2026-Q1", {"planned": 3, "monthly_amounts": [1, 1, 1], "monthly_shares": ["1", "0", "0"]}, ""),
    ],
)
async def test_months_must_fit_the_period_and_the_amount(town, client, dealer, unit, given, pointer):
    answer = await client.put(f"/v1/customers/{dealer}/sales-plans/{unit}", json=given)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
    assert await planned(town, dealer) == {}


async def test_shares_lose_nothing_by_rounding(town, dealer):
    given = {"planned": 100, "monthly_shares": ["0.333333", "0.333333", "0.333334"]}
    shown = await town.call("PUT", f"/customers/{dealer}/sales-plans/2026-Q1", given)
    # Up to 33.3333, 66.6666 and 100.
    assert [one["planned"] for one in shown["months"]] == [33, 34, 33]


async def test_the_list_goes_page_by_page_the_latest_first(town, client, dealer):
    for unit in ("2026", "2026-01", "2026-Q1", "2025", "2026-Q2"):
        await town.call("PUT", f"/customers/{dealer}/sales-plans/{unit}", {"planned": 1})
    path = f"/v1/customers/{dealer}/sales-plans"
    pages = [(await client.get(path, params={"limit": 2})).json()]
    while pages[-1]["has_more"]:
        pages.append((await client.get(path, params={"limit": 2, "cursor": pages[-1]["next_cursor"]})).json())
    assert [[one["period"] for one in page["data"]] for page in pages] == [
        ["2026-Q2", "2026"], ["2026-Q1", "2026-01"], ["2025"],
    ]  # fmt: skip
    other = await town.customer("Other")
    stray = await client.get(f"/v1/customers/{other}/sales-plans", params={"cursor": pages[0]["next_cursor"]})
    assert (stray.status_code, stray.json()["code"]) == (400, "invalid_cursor")
    assert (await client.get(f"/v1/customers/{uuid.uuid4()}/sales-plans")).status_code == 404


async def test_a_batch_tells_what_became_of_each(town, dealer):
    other, nobody = await town.customer("Other"), str(uuid.uuid4())
    await town.call("PUT", f"/customers/{dealer}/sales-plans/2026", {"planned": 5})

    def item(customer, unit, amount, **more):
        return {"customer_id": customer, "period": unit, "planned": amount, **more}

    results = await batch(
        town, "sales-plans", item(dealer, "2026", 5), item(dealer, "2026", 6), item(other, "2026", 7),
        item(nobody, "2026", 1), item(other, "2026", 8), item(other, "2026", 8),
        item(other, "2026-Q1", 1, currency="EUR"), item(dealer, "2026-13", 1),
        item(dealer, "2026-12", 2, monthly_amounts=[2]),
    )  # fmt: skip
    assert [one["status"] for one in results] == [
        "duplicate", "updated", "created", "failed", "updated", "duplicate", "failed", "failed", "created",
    ]  # fmt: skip
    assert [results[place]["problem"]["code"] for place in (3, 6, 7)] == ["not_found", "invalid_input", "invalid_input"]
    assert await planned(town, dealer) == {"2026": 6, "2026-12": 2}
    assert await planned(town, other) == {"2026": 8}
    assert await planned(town, other, "expense-budgets") == {}


async def test_a_batch_is_a_fixed_few_statements(town, statements, dealer):
    customers = [dealer, *[await town.customer(f"C{number}") for number in range(4)]]

    async def cost(amount):
        some = [
            {"customer_id": one, "period": f"20{year}", "planned": amount}
            for one in customers
            for year in range(10, 60)
        ]
        with statements() as few:
            await batch(town, "sales-plans", some[0])
        with statements() as many:
            assert len(await batch(town, "sales-plans", *some)) == 250
        return len(few), len(many)

    # Whom nobody has planned for; one who has a plan already is locked; what differs is written.
    assert await cost(1) == (3, 4)
    assert await cost(2) == (5, 5)


async def test_many_at_once_leave_one_plan(town, client, dealer):
    path = f"/v1/customers/{dealer}/sales-plans/2026"
    answers = await asyncio.gather(*(client.put(path, json={"planned": 10 + n}) for n in range(12)))
    assert sorted(answer.status_code for answer in answers) == [200] * 11 + [201]
    shown = (await client.get(path)).json()
    assert shown["version"] == 12
    answers = await asyncio.gather(
        *(client.put(path, json={"planned": 50 + n}, headers={"If-Match": '"12"'}) for n in range(8))
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 7


async def test_only_customers_are_planned_for(town, client):
    await town.sell(None)
    walk_in = (await client.get("/v1/customers", params={"kind": "walk_in"})).json()["data"][0]["id"]
    for customer in (walk_in, str(uuid.uuid4())):
        answer = await client.put(f"/v1/customers/{customer}/sales-plans/2026", json={"planned": 1})
        assert answer.status_code == 404


async def test_plans_are_told_only_to_whom_may_see_money(town, client, clients, house, dealer):
    await town.call("PUT", f"/customers/{dealer}/sales-plans/2026", {"planned": 1})
    path = f"/v1/customers/{dealer}/sales-plans/2026"
    assert (await clients["call_center"].get(path)).status_code == 200
    assert (await clients["call_center"].put(path, json={"planned": 2})).status_code == 403
    assert (await clients["pos"].get(path)).status_code == 403
    terms = {"name": "No money", "role": "admin", "field_groups": ["basic", "contact", "personal"]}
    key = (await client.post("/v1/api-keys", json=terms)).json()["key"]
    async with house.client(None) as narrow:
        narrow.headers["Authorization"] = f"Bearer {key}"
        for answer in (
            await narrow.get(path),
            await narrow.put(path, json={"planned": 2}),
            await narrow.get(f"/v1/customers/{dealer}/expenses"),
            await narrow.post("/v1/sales-plans/batch", json={"items": [{}]}),
        ):
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_changes_are_on_the_feed_and_in_the_audit(town, client, dealer):
    start, path = await town.here(), f"/v1/customers/{dealer}/sales-plans/2026"
    await client.put(path, json={"planned": 1})
    await client.put(path, json={"planned": 1})
    await client.put(path, json={"planned": 2})
    await client.delete(path, headers={"If-Match": '"2"'})
    assert await town.events(start, "sales_plan.updated") == [
        ("sales_plan.updated", {"period": "2026"}), ("sales_plan.updated", {"period": "2026"}),
        ("sales_plan.updated", {"period": "2026", "removed": True}),
    ]  # fmt: skip
    audit = (await client.get("/v1/audit", params={"limit": 50})).json()["data"]
    mine = [one["action"] for one in audit if one["action"].startswith("sales_plan.") and one["customer_id"] == dealer]
    assert sorted(mine) == ["sales_plan.create", "sales_plan.delete", "sales_plan.update"]


# --- copies -----------------------------------------------------------------------------------------------------------


async def copy(town, status=None, **order):
    return await town.call(
        "POST", "/sales-plans/copies", {"from_period": "2026", "to_period": "2027", **order}, status=status
    )


@pytest.fixture
async def three(town):
    """Three of the home store with plans of 2026: laid out, plain, and one that has a plan of 2027 as well."""
    made = [await town.customer(name, home_store="S1") for name in "ABC"]
    laid_out = {"planned": 1_003, "monthly_amounts": [83] * 11 + [90]}
    await batch(
        town, "sales-plans", {"customer_id": made[0], "period": "2026", **laid_out},
        {"customer_id": made[1], "period": "2026", "planned": 501},
        {"customer_id": made[2], "period": "2026", "planned": 70},
        {"customer_id": made[2], "period": "2027", "planned": 9},
    )  # fmt: skip
    return made


async def test_no_copy_is_larger_than_a_plan_may_be(town, three):
    await batch(town, "sales-plans", {"customer_id": three[1], "period": "2026", "planned": 10**14})
    for dry_run in (True, False):
        refused = await copy(town, 422, factor="1.5", home_store="S1", dry_run=dry_run)
        assert [(one["pointer"], one["code"]) for one in refused["errors"]] == [("/factor", "too_large")]
    assert (await copy(town, factor="1", home_store="S1", dry_run=True))["found"] == 3
    # What is left alone refuses nothing.
    await batch(town, "sales-plans", {"customer_id": three[1], "period": "2027", "planned": 1})
    assert (await copy(town, factor="1.5", home_store="S1"))["skipped"] == 2


async def test_plans_are_copied_times_a_factor(town, three):
    rehearsed = await copy(town, factor="1.1", home_store="S1", dry_run=True)
    assert rehearsed == {
        "dry_run": True, "found": 3, "created": 2, "updated": 0, "unchanged": 0, "skipped": 1, "planned": 1_103 + 551,
    }  # fmt: skip
    assert await planned(town, three[0]) == {"2026": 1_003}
    assert await copy(town, factor="1.1", home_store="S1") == {**rehearsed, "dry_run": False}
    # 1,103.3 and 551.1, rounded; of the one that had a plan it stays.
    assert await planned(town, three[0]) == {"2026": 1_003, "2027": 1_103}
    assert await planned(town, three[1]) == {"2026": 501, "2027": 551}
    assert await planned(town, three[2]) == {"2026": 70, "2027": 9}
    months = (await town.call("GET", f"/customers/{three[0]}/sales-plans/2027"))["months"]
    # Each month so that all up to it are 91.3 a month, rounded: 91, 183, 274, 365, 457, ...
    assert [one["planned"] for one in months] == [91, 92, 91, 91, 92, 91, 91, 91, 92, 91, 91, 99]
    again = await copy(town, factor="1.1", home_store="S1", replace=True)
    assert (again["created"], again["unchanged"], again["updated"], again["skipped"]) == (0, 2, 1, 0)
    assert (await planned(town, three[2]))["2027"] == 77


async def test_plans_are_copied_of_some_or_of_an_account_manager(town, house, three):
    assert (await copy(town, customer_ids=[three[0], str(uuid.uuid4())]))["created"] == 1

    async def assign(tx):
        await tx.execute(
            text("UPDATE customers SET account_manager = 'emp-7' WHERE id = :id"), {"id": uuid.UUID(three[1])}
        )

    await house.services.db.run(assign)
    assert (await copy(town, account_manager="emp-7"))["created"] == 1
    assert (await copy(town, account_manager="emp-8"))["found"] == 0
    assert (await planned(town, three[1]))["2027"] == 501


@pytest.mark.parametrize(
    ("order", "pointer"),
    [
        ({"home_store": "S1", "to_period": "2027-Q1"}, "/to_period"),
        ({"home_store": "S1", "to_period": "2026"}, "/to_period"),
        ({"home_store": "S1", "factor": "0"}, "/factor"),
        ({"home_store": "S1", "factor": "100.5"}, "/factor"),
        ({}, ""),
        ({"home_store": "S1", "account_manager": "emp-7"}, ""),
    ],
)
async def test_a_copy_that_makes_no_sense_is_refused(town, order, pointer):
    assert (await copy(town, 422, **order))["errors"][0]["pointer"] == pointer
