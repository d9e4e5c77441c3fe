"""How a customer stands: live, with reasons, in one question to the database."""

import uuid

import pytest

from tests.early_warning.conftest import town

__all__ = ["town"]


@pytest.fixture
async def dealer(town):
    customer = await town.customer("Dealer", kind="business")
    await town.credit(customer, 1_000, 30)
    return customer


async def standing(town, customer):
    found = await town.call("GET", f"/customers/{customer}/standing")
    return found["standing"], [reason["code"] for reason in found["reasons"]]


async def test_a_customer_without_credit_may_buy(town):
    customer = await town.customer("Anybody")
    found = await town.call("GET", f"/customers/{customer}/standing")
    assert found == {
        "customer_id": customer, "standing": "allow", "reasons": [], "credit": None,
        "as_of": "2026-03-02T04:00:00.000000Z",
    }  # fmt: skip


async def test_the_limit_may_be_reached_but_not_passed(town, dealer):
    await town.sell(dealer, 1_000, on_account=True)
    assert await standing(town, dealer) == ("allow", [])
    await town.sell(dealer, 1, on_account=True)
    found = await town.call("GET", f"/customers/{dealer}/standing")
    assert (found["standing"], found["credit"]) == (
        "review", {"limit": 1_000, "balance": 1_001, "available": 0, "currency": "CNY"},
    )  # fmt: skip
    assert found["reasons"] == [
        {"code": "over_limit", "detail": "Owes 10.01 CNY, 0.01 CNY above the limit.", "since": None}
    ]


async def test_what_is_overdue_is_told_without_any_sweep(town, dealer):
    await town.sell(dealer, 300, on_account=True)
    town.pass_days(30)
    assert await standing(town, dealer) == ("allow", [])
    town.pass_days(1)
    found = await town.call("GET", f"/customers/{dealer}/standing")
    assert found["reasons"] == [
        {"code": "overdue", "detail": "3.00 CNY should have been paid by 2026-04-01, 1 day ago.", "since": "2026-04-01"}
    ]
    await town.pay(dealer, 300)
    assert await standing(town, dealer) == ("allow", [])


async def test_a_hold_stops_until_it_is_released(town, dealer):
    first = await town.call("POST", f"/customers/{dealer}/holds", {"reason": "Cheque returned"})
    second = await town.call("POST", f"/customers/{dealer}/holds", {"reason": "Address wrong"})
    found = await town.call("GET", f"/customers/{dealer}/standing")
    assert found["standing"] == "hold"
    assert [reason["detail"] for reason in found["reasons"]] == ["Cheque returned", "Address wrong"]
    released = await town.call("POST", f"/holds/{first['id']}/release", {"reason": "Paid in cash"})
    assert (released["release_reason"], released["released_at"]) == ("Paid in cash", "2026-03-02T04:00:00.000000Z")
    assert (await standing(town, dealer))[0] == "hold"
    await town.call("POST", f"/holds/{second['id']}/release", {"reason": "Corrected"})
    assert await standing(town, dealer) == ("allow", [])
    problem = await town.call("POST", f"/holds/{second['id']}/release", {"reason": "Again"}, status=409)
    assert problem["code"] == "hold_released"


async def test_holds_are_on_the_feed(town, dealer):
    start = await town.here()
    hold = await town.call("POST", f"/customers/{dealer}/holds", {"reason": "Cheque returned"})
    await town.call("POST", f"/holds/{hold['id']}/release", {"reason": "Paid in cash"})
    await town.call("POST", f"/holds/{hold['id']}/release", {"reason": "Again"}, status=409)
    data = {"customer_id": dealer}
    assert await town.events(start, "hold.placed", "hold.released") == [("hold.placed", data), ("hold.released", data)]


async def test_a_suspended_account_stops_and_nothing_is_available(town, dealer):
    await town.credit(dealer, 1_000, status="suspended")
    assert await standing(town, dealer) == ("hold", ["account_suspended"])
    assert (await town.call("GET", f"/customers/{dealer}/standing"))["credit"]["available"] == 0


async def test_all_reasons_are_told_the_strongest_decides(town, dealer):
    await town.sell(dealer, 2_000, on_account=True)
    town.pass_days(50)
    await town.call("POST", f"/customers/{dealer}/holds", {"reason": "Stop"})
    assert await standing(town, dealer) == ("hold", ["hold", "over_limit", "overdue"])


async def test_money_is_for_those_who_may_see_it(town, client, dealer):
    await town.sell(dealer, 2_000, on_account=True)
    made = await client.post("/v1/api-keys", json={"name": "Basic", "role": "pos", "field_groups": ["basic"]})
    headers = {"Authorization": f"Bearer {made.json()['key']}"}
    found = (await client.get(f"/v1/customers/{dealer}/standing", headers=headers)).json()
    assert (found["standing"], found["reasons"]) == ("review", [{"code": "over_limit", "since": None}])
    assert "credit" not in found


@pytest.mark.parametrize("value", ["x", "%20", "0", "9" * 40, "%00", "{customer_id}"])
async def test_what_is_no_id_is_refused(client, value):
    answer = await client.get(f"/v1/customers/{value}/standing")
    assert 400 <= answer.status_code < 500
    assert answer.headers["content-type"] == "application/problem+json"


async def test_nobody_is_not_found_and_nothing_else_is_asked(town, client, dealer):
    answer = await client.get(f"/v1/customers/{uuid.uuid4()}/standing")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    await town.sell(None)
    walk_in = (await client.get("/v1/customers", params={"kind": "walk_in"})).json()["data"][0]["id"]
    assert (await client.get(f"/v1/customers/{walk_in}/standing")).status_code == 404
    assert (await client.get(f"/v1/customers/{dealer}/standing", params={"x": "1"})).status_code == 422


async def test_one_question_to_the_database(town, dealer, asked):
    await standing(town, dealer)
    assert len(asked) == 1
