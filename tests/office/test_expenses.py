"""What is spent on customers: entries and their corrections, and what other rooms have spent."""

import asyncio
import uuid

import pytest

from tests.early_warning.conftest import town

__all__ = ["town"]


@pytest.fixture
async def dealer(town):
    return await town.customer("Dealer", kind="business")


async def enter(town, customer, *items):
    return (await town.call("POST", f"/customers/{customer}/expenses/batch", {"items": list(items)}))["results"]


async def listed(town, customer):
    return (await town.call("GET", f"/customers/{customer}/expenses?limit=200"))["data"]


def item(amount=500, **more):
    return {"external_id": uuid.uuid4().hex, "kind": "visit", "amount": amount, **more}


async def test_an_expense_is_entered_once_and_for_ever(town, dealer):
    given = item(700, external_id="v1", by="emp-3", note="Taxi")
    first = (await enter(town, dealer, given))[0]
    assert first["status"] == "created"
    town.pass_days(400)
    again = await enter(town, dealer, given, given)
    assert [(one["status"], one["id"]) for one in again] == [("duplicate", first["id"])] * 2
    for change in (
        {"amount": 701}, {"kind": "gift"}, {"note": "Bus"}, {"by": "emp-4"}, {"occurred_on": "2026-03-01"},
    ):  # fmt: skip
        found = (await enter(town, dealer, {**given, **change}))[0]
        assert (found["status"], found["problem"]["code"]) == ("failed", "expense_conflict")
        assert [one["pointer"] for one in found["problem"]["errors"]] == [f"/{next(iter(change))}"]
    shown = await listed(town, dealer)
    assert [{**one, "recorded_at": None} for one in shown] == [{
        "id": first["id"], "source": "expense", "external_id": "v1", "kind": "visit", "amount": 700,
        "occurred_on": "2026-03-02", "by": "emp-3", "note": "Taxi", "corrects": None, "recorded_at": None,
    }]  # fmt: skip


async def test_a_correction_takes_off_what_it_names_and_no_more(town, dealer):
    results = await enter(
        town, dealer, item(500, external_id="a", occurred_on="2026-02-10"), item(-100, external_id="b", corrects="a"),
        item(-401, corrects="a"), item(-400, external_id="c", corrects="a", occurred_on="2026-03-01"),
        item(-1, corrects="a"), item(-1, corrects="b"), item(-1, corrects="nothing"), item(-1), item(5, corrects="a"),
        item(-1, corrects="a", kind="gift"), item(0),
    )  # fmt: skip
    assert [one["status"] for one in results] == [
        "created", "created", "failed", "created", *["failed"] * 7,
    ]  # fmt: skip
    pointers = [one["problem"]["errors"][0]["pointer"] for one in results if one["status"] == "failed"]
    assert pointers == ["/amount", "/amount", "/corrects", "/corrects", "/amount", "/amount", "/kind", "/amount"]
    shown = {one["external_id"]: one for one in await listed(town, dealer)}
    # It lies on the day of what it corrects unless it says otherwise.
    assert {name: (one["amount"], one["occurred_on"], one["corrects"]) for name, one in shown.items()} == {
        "a": (500, "2026-02-10", None), "b": (-100, "2026-02-10", "a"), "c": (-400, "2026-03-01", "a"),
    }  # fmt: skip
    again = await enter(
        town, dealer, item(-100, external_id="b", corrects="a"), item(-100, external_id="b", corrects="c")
    )
    assert [one["status"] for one in again] == ["duplicate", "failed"]


async def test_many_corrections_at_once_take_off_no_more_than_there_is(town, client, dealer):
    await enter(town, dealer, item(500, external_id="a"))
    path = f"/v1/customers/{dealer}/expenses/batch"
    answers = await asyncio.gather(
        *(client.post(path, json={"items": [item(-200, corrects="a")]}) for _ in range(10)),
        *(client.post(path, json={"items": [item(7, external_id="same")]}) for _ in range(10)),
    )
    statuses = [answer.json()["results"][0]["status"] for answer in answers]
    assert sorted(statuses[:10]) == ["created"] * 2 + ["failed"] * 8
    assert sorted(statuses[10:]) == ["created"] + ["duplicate"] * 9
    assert sum(one["amount"] for one in await listed(town, dealer)) == 107


async def test_gifts_and_compensations_are_spent_as_well(town, dealer):
    await town.call("PUT", f"/customers/{dealer}/expense-budgets/2026", {"planned": 10_000})
    base = f"/customers/{dealer}"
    gift = {"kind": "gift", "occasion": "birthday", "what": "Tea", "planned_for": "2026-03-05", "planned_cost": 900}
    given, planned = [(await town.call("POST", f"{base}/care", gift))["id"] for _ in range(2)]
    complaint = (await town.call("POST", f"{base}/complaints", {"about": "delivery", "subject": "Broken"}))["id"]
    await enter(town, dealer, item(1_000, occurred_on="2026-03-01"), item(50, occurred_on="2025-12-31"))
    town.pass_days(3)
    await town.call("POST", f"{base}/care/{given}/complete", {"cost": 800})
    solved = {"outcome": "compensated", "compensation_cost": 300}
    await town.call("POST", f"{base}/complaints/{complaint}/resolve", solved)
    town.pass_days(1)

    async def spent():
        return (await town.call("GET", f"{base}/expense-budgets/2026"))["spent"]

    assert await spent() == 2_100
    # What a complaint has cost stays when it comes back, on the day on which it was resolved.
    await town.call("POST", f"{base}/complaints/{complaint}/reopen", {})
    assert await spent() == 2_100
    assert [(one["source"], one["kind"], one["amount"], one["occurred_on"]) for one in await listed(town, dealer)] == [
        ("complaint", "compensation", 300, "2026-03-05"), ("care", "gift", 800, "2026-03-05"),
        ("expense", "visit", 1_000, "2026-03-01"), ("expense", "visit", 50, "2025-12-31"),
    ]  # fmt: skip
    await town.call("POST", f"{base}/care/{planned}/cancel", {})
    assert await spent() == 2_100


async def test_the_list_goes_page_by_page_the_latest_first(town, client, dealer):
    await enter(town, dealer, *(item(amount, occurred_on=f"2026-02-0{amount % 3 + 1}") for amount in range(1, 8)))
    path = f"/v1/customers/{dealer}/expenses"
    pages = [(await client.get(path, params={"limit": 3})).json()]
    while pages[-1]["has_more"]:
        pages.append((await client.get(path, params={"limit": 3, "cursor": pages[-1]["next_cursor"]})).json())
    assert [[one["amount"] for one in page["data"]] for page in pages] == [[5, 2, 7], [4, 1, 6], [3]]
    assert (await client.get(f"/v1/customers/{uuid.uuid4()}/expenses")).status_code == 404


async def test_entries_are_on_the_feed_and_in_the_audit(town, client, dealer):
    start = await town.here()
    entry = (await enter(town, dealer, item(5), item(0)))[0]["id"]
    assert await town.events(start, "expense.recorded") == [("expense.recorded", {"kind": "visit"})]
    audit = (await client.get("/v1/audit", params={"limit": 50})).json()["data"]
    assert ("expense.record", entry) in {(one["action"], one["record_id"]) for one in audit}


async def test_a_batch_is_a_fixed_few_statements(town, statements, dealer):
    with statements() as few:
        await enter(town, dealer, item())
    items = [item(external_id=str(number)) for number in range(300)]
    with statements() as many:
        await enter(town, dealer, *items, *(item(-1, corrects=str(number)) for number in range(300)))
    assert (len(few), len(many)) == (4, 4)
