"""Terms of credit and entries of the ledger, by the office."""

import asyncio
import uuid

import pytest

from tests.early_warning.conftest import town

__all__ = ["town"]


@pytest.fixture
async def dealer(town):
    return await town.customer("Dealer", kind="business")


async def enter(town, customer, *items, status=200):
    return await town.call("POST", f"/customers/{customer}/receivables/batch", {"items": list(items)}, status=status)


def charge(amount=500, **more):
    return {"external_id": uuid.uuid4().hex, "kind": "charge", "amount": amount, **more}


async def test_an_account_is_made_read_and_changed(town, client, dealer):
    path = f"/v1/customers/{dealer}/credit"
    assert (await client.get(path)).status_code == 404
    made = await client.put(path, json={"limit": 5_000, "term_days": 14})
    assert (made.status_code, made.headers["etag"]) == (201, '"1"')
    assert made.json() == (await client.get(path)).json()
    assert made.json() | {
        "limit": 5_000, "term_days": 14, "currency": "CNY", "status": "active", "balance": 0, "reserved": 0,
        "available": 5_000, "overdue": 0, "overdue_since": None, "version": 1,
    } == made.json()  # fmt: skip
    same = await client.put(path, json={"limit": 5_000, "term_days": 14, "currency": "CNY", "status": "active"})
    assert (same.status_code, same.headers["etag"]) == (200, '"1"')
    changed = await client.put(path, json={"limit": 9_000, "term_days": 14})
    assert (changed.status_code, changed.json()["limit"], changed.headers["etag"]) == (200, 9_000, '"2"')


async def test_credit_is_told_only_to_whom_may_see_money(town, client, house, dealer):
    await town.credit(dealer, 5_000)
    terms = {"name": "No money", "role": "admin", "field_groups": ["basic", "contact", "personal"]}
    key = (await client.post("/v1/api-keys", json=terms)).json()["key"]
    path = f"/v1/customers/{dealer}"
    async with house.client(None) as narrow:
        narrow.headers["Authorization"] = f"Bearer {key}"
        for answer in (
            await narrow.get(f"{path}/credit"),
            await narrow.get(f"{path}/receivables"),
            await narrow.put(f"{path}/credit", json={"limit": 1, "term_days": 1}),
            await narrow.post(f"{path}/receivables/batch", json={"items": [charge()]}),
        ):
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
            assert "financial" in answer.json()["detail"]
    assert (await client.get(f"{path}/credit")).json()["limit"] == 5_000


async def test_entries_never_change_the_version_of_the_terms_or_of_the_customer(town, client, dealer):
    await town.credit(dealer, 5_000)
    before = (await client.get(f"/v1/customers/{dealer}")).json()["version"]
    await enter(town, dealer, charge())
    assert (await client.get(f"/v1/customers/{dealer}/credit")).json()["version"] == 1
    assert (await client.get(f"/v1/customers/{dealer}")).json()["version"] == before


async def test_if_match_keeps_from_overwriting(town, client, dealer):
    path, terms = f"/v1/customers/{dealer}/credit", {"limit": 1, "term_days": 1}
    new = await client.put(path, json=terms, headers={"If-Match": '"1"'})
    assert (new.status_code, new.json()["code"]) == (412, "stale_version")
    assert (await client.get(path)).status_code == 404
    await client.put(path, json=terms)
    answers = await asyncio.gather(
        *(client.put(path, json={**terms, "limit": 10 + n}, headers={"If-Match": '"1"'}) for n in range(10))
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 9


async def test_accounts_are_kept_in_the_companys_currency(town, client, dealer):
    answer = await client.put(f"/v1/customers/{dealer}/credit", json={"limit": 1, "term_days": 1, "currency": "EUR"})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/currency")


async def test_only_customers_have_accounts(town, client):
    await town.sell(None)
    walk_in = (await client.get("/v1/customers", params={"kind": "walk_in"})).json()["data"][0]["id"]
    for customer in (walk_in, str(uuid.uuid4())):
        put = await client.put(f"/v1/customers/{customer}/credit", json={"limit": 1, "term_days": 1})
        post = await client.post(f"/v1/customers/{customer}/receivables/batch", json={"items": [charge()]})
        assert (put.status_code, post.status_code) == (404, 404)


async def test_an_external_id_stands_for_one_entry_for_ever(town, dealer):
    item = charge(700, note="Invoice 7")
    first = (await enter(town, dealer, item))["results"][0]
    assert first["status"] == "created"
    town.pass_days(400)
    again = (await enter(town, dealer, item, item))["results"]
    assert [(one["status"], one["id"]) for one in again] == [("duplicate", first["id"])] * 2
    for change in ({"amount": 701}, {"kind": "payment"}, {"note": "Invoice 8"}, {"occurred_on": "2026-03-01"}):
        found = (await enter(town, dealer, {**item, **change}))["results"][0]
        assert (found["status"], found["problem"]["code"]) == ("failed", "receivable_conflict")
        assert found["problem"]["errors"][0]["pointer"] == f"/{next(iter(change))}"
    assert (await town.call("GET", f"/customers/{dealer}/credit"))["balance"] == 700


async def test_an_external_id_of_one_customer_is_free_for_another(town, dealer):
    other, item = await town.customer("Other"), charge()
    results = [(await enter(town, customer, item))["results"][0]["status"] for customer in (dealer, other)]
    assert results == ["created", "created"]


async def test_one_bad_item_never_costs_a_good_one(town, dealer):
    twice = charge(100)
    results = (
        await enter(
            town, dealer, charge(100), charge(0), twice, {**twice, "amount": 200}, charge(100, due_on="2026-01-01"),
            {**charge(50), "kind": "payment", "due_on": "2026-05-01"}, {"kind": "charge"},
            {**charge(30), "kind": "payment"},
        )
    )["results"]  # fmt: skip
    assert [one["status"] for one in results] == [
        "created", "failed", "created", "failed", "failed", "failed", "failed", "created",
    ]  # fmt: skip
    assert results[3]["problem"]["code"] == "receivable_conflict"
    assert results[4]["problem"]["errors"][0]["pointer"] == results[5]["problem"]["errors"][0]["pointer"] == "/due_on"
    assert (await town.call("GET", f"/customers/{dealer}/credit"))["balance"] == 170


async def test_the_due_day_follows_from_the_term_unless_it_is_told(town, dealer):
    await town.credit(dealer, 10_000, term_days=10)
    await enter(
        town, dealer, charge(1), charge(2, due_on="2026-03-05"), charge(3, occurred_on="2026-02-01"),
        {**charge(1), "kind": "payment"},
    )  # fmt: skip
    listed = (await town.call("GET", f"/customers/{dealer}/receivables"))["data"]
    assert {one["amount"]: one["due_on"] for one in listed if one["kind"] == "charge"} == {
        1: "2026-03-12", 2: "2026-03-05", 3: "2026-02-11",
    }  # fmt: skip
    assert [one["due_on"] for one in listed if one["kind"] == "payment"] == [None]


async def test_payments_settle_what_is_due_soonest(town, dealer):
    await town.credit(dealer, 10_000, term_days=10)
    await enter(town, dealer, charge(300), charge(200, due_on="2026-03-20"))
    town.go_to(town.day.replace(day=25))
    await enter(town, dealer, {**charge(350), "kind": "payment"})
    found = await town.call("GET", f"/customers/{dealer}/credit")
    assert (found["overdue"], found["overdue_since"]) == (150, "2026-03-20")


async def test_the_list_of_entries_goes_page_by_page(town, client, dealer):
    await enter(town, dealer, *(charge(amount) for amount in range(1, 8)))
    path = f"/v1/customers/{dealer}/receivables"
    pages = [(await client.get(path, params={"limit": 3})).json()]
    while pages[-1]["has_more"]:
        pages.append((await client.get(path, params={"limit": 3, "cursor": pages[-1]["next_cursor"]})).json())
    assert [[one["amount"] for one in page["data"]] for page in pages] == [[7, 6, 5], [4, 3, 2], [1]]
    other = await town.customer("Other")
    stray = await client.get(f"/v1/customers/{other}/receivables", params={"cursor": pages[0]["next_cursor"]})
    assert (stray.status_code, stray.json()["code"]) == (400, "invalid_cursor")
    assert (await client.get(f"/v1/customers/{other}/receivables")).json()["data"] == []


async def test_a_balance_of_many_at_once_is_right(town, client, dealer):
    await town.credit(dealer, 10_000)
    path = f"/v1/customers/{dealer}/receivables/batch"
    answers = await asyncio.gather(
        *(client.post(path, json={"items": [charge(1), {**charge(3), "kind": "payment"}]}) for _ in range(20)),
        *(client.post("/v1/receipts", json=town.sale(dealer, 100, on_account=True)) for _ in range(10)),
    )
    assert {answer.status_code for answer in answers} <= {200, 201}
    assert (await town.call("GET", f"/customers/{dealer}/credit"))["balance"] == 20 - 60 + 1_000


async def test_a_new_limit_raises_and_ends_warnings_at_once(town, dealer):
    await town.credit(dealer, 10_000)
    await enter(town, dealer, charge(9_000))
    await town.credit(dealer, 8_500)
    assert [(one["about"], one["state"]) for one in await town.warnings()] == [("limit", "over_limit")]
    await town.credit(dealer, 9_000)
    assert await town.warnings() == []


async def test_a_keyed_batch_is_replayed(town, client, dealer):
    path, body = f"/v1/customers/{dealer}/receivables/batch", {"items": [charge()]}
    first = await client.post(path, json=body, headers={"Idempotency-Key": "k1"})
    again = await client.post(path, json=body, headers={"Idempotency-Key": "k1"})
    assert again.headers["idempotency-replayed"] == "true"
    assert first.json() == again.json()
    assert first.json()["results"][0]["status"] == "created"


@pytest.mark.parametrize("body", [[], {}, {"items": []}, {"items": {}}, {"items": [1]}, {"items": [{}], "more": 1}])
async def test_what_is_no_batch_is_refused(town, client, dealer, body):
    answer = await client.post(f"/v1/customers/{dealer}/receivables/batch", json=body)
    if body == {"items": [1]}:
        assert answer.json()["results"][0]["status"] == "failed"
    else:
        assert answer.status_code == 422


async def test_changes_are_on_the_feed_and_in_the_audit(town, client, dealer):
    start = await town.here()
    await town.credit(dealer, 10_000)
    entry = (await enter(town, dealer, charge(9_000)))["results"][0]["id"]
    told = await town.events(start, "credit.updated", "receivable.recorded")
    assert told == [("credit.updated", {}), ("receivable.recorded", {"kind": "charge"})]
    audit = (await client.get("/v1/audit", params={"limit": 50})).json()["data"]
    actions = {(one["action"], one["record_id"]) for one in audit}
    assert {("credit.create", dealer), ("receivable.record", entry)} <= actions


async def test_of_a_refused_batch_nothing_stays(town, client):
    customer = await town.customer("Nobody yet")
    item = {"external_id": "1", "kind": "payment", "amount": 5, "due_on": "2026-03-02"}
    path = f"/customers/{customer}/receivables/batch"
    for items in ([item], [{"external_id": "2"}]):
        answer = await town.call("POST", path, {"items": items})
        assert [one["status"] for one in answer["results"]] == ["failed"]
        assert (await client.get(f"/v1/customers/{customer}/credit")).status_code == 404
    answer = await town.call("POST", path, {"items": [item, {"external_id": "3", "kind": "charge", "amount": 7}]})
    assert [one["status"] for one in answer["results"]] == ["failed", "created"]
    account = await town.call("GET", f"/customers/{customer}/credit")
    assert (account["balance"], account["limit"], account["version"]) == (7, 0, 1)
    # An account that somebody has set up stays, however empty.
    other = await town.customer("Set up")
    await town.credit(other, 1_000)
    await town.call("POST", f"/customers/{other}/receivables/batch", {"items": [item]})
    assert (await town.call("GET", f"/customers/{other}/credit"))["limit"] == 1_000
