"""How a customer stands: live, with reasons, in one question to the database."""

import uuid

import pytest

from app.early_warning.sentences import WORDS
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


async def test_what_a_person_types_is_never_taken_for_a_rules_reason(town, client, dealer):
    """Found: who typed the code of a rule's state as a reason made it look as if the rule had stopped sales."""
    placed = await town.call("POST", f"/customers/{dealer}/holds", {"reason": "above_budget"})
    assert placed["reason"] == "above_budget"
    town.pass_a_minute()
    await town.plan(dealer, "2026", 10, "expense-budgets")
    await town.spend(dealer, 11)
    await town.evaluate(dealer)
    korean = {"Accept-Language": "ko"}
    shown = (await client.get(f"/v1/customers/{dealer}/standing", headers=korean)).json()
    card = (await client.get(f"/v1/customers/{dealer}/card", headers=korean)).json()
    said = [(one["code"], one["detail"]) for one in shown["reasons"]]
    assert said == [("hold", "above_budget"), ("hold", WORDS["ko"].holds["above_budget"])]
    assert card["standing"]["reasons"] == shown["reasons"]
    for path in ("standing", "card"):
        asked = await client.get(f"/v1/customers/{dealer}/{path}?language=ko", headers={"Accept-Language": "zh"})
        told = asked.json() if path == "standing" else asked.json()["standing"]
        assert told["reasons"] == shown["reasons"]
        wrong = await client.get(f"/v1/customers/{dealer}/{path}?language=fr")
        assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "?language")
    refused = await town.call("POST", "/credit-authorisations", {"customer_id": dealer, "amount": 5}, status=409)
    assert [one["detail"] for one in refused["reasons"]] == ["above_budget", WORDS["en"].holds["above_budget"]]


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


async def for_sale(town, customer, amount, **more):
    query = "".join(f"&{name}={value}" for name, value in more.items())
    found = await town.call("GET", f"/customers/{customer}/standing?amount={amount}{query}")
    return found["standing"], [reason["code"] for reason in found["reasons"]], found["sale"]["passes"]


async def test_a_sale_passes_as_far_as_an_authorisation_would(town, dealer, statements):
    body = {"customer_id": dealer, "amount": 300}
    reserved = await town.call("POST", "/credit-authorisations", body)
    assert await for_sale(town, dealer, 700) == ("allow", [], True)
    found = await town.call("GET", f"/customers/{dealer}/standing?amount=701")
    assert (found["standing"], found["sale"]) == ("hold", {"amount": 701, "on_account": True, "passes": False})
    assert found["reasons"] == [
        {"code": "not_enough_credit", "detail": "7.01 CNY is more than is left of the limit, 7.00 CNY.", "since": None}
    ]
    await town.call("POST", "/credit-authorisations", {**body, "amount": 701}, status=409)
    await town.call("POST", f"/credit-authorisations/{reserved['id']}/release")
    with statements() as others:
        assert await for_sale(town, dealer, 701) == ("allow", [], True)
    assert others == []
    await town.sell(dealer, 1_001, on_account=True)
    assert await for_sale(town, dealer, 1) == ("hold", ["not_enough_credit", "over_limit"], False)


async def test_who_pays_at_once_needs_no_account(town, dealer):
    person = await town.customer("Person")
    assert await for_sale(town, person, 5) == ("hold", ["no_account"], False)
    assert await for_sale(town, person, 5, on_account="false") == ("allow", [], True)
    await town.credit(dealer, 1_000, status="suspended")
    assert await for_sale(town, dealer, 5) == ("hold", ["account_suspended"], False)
    assert await for_sale(town, dealer, 5000, on_account="false") == ("review", ["account_suspended"], True)
    await town.call("POST", f"/customers/{dealer}/holds", {"reason": "Cheque returned"})
    assert await for_sale(town, dealer, 5, on_account="false") == ("hold", ["hold", "account_suspended"], False)


async def test_of_a_sale_no_number_is_told_to_whom_may_not_see_money(town, client, house, dealer):
    terms = {"name": "Narrow", "role": "pos", "field_groups": ["basic"]}
    key = (await client.post("/v1/api-keys", json=terms)).json()["key"]
    async with house.client(None) as narrow:
        narrow.headers["Authorization"] = f"Bearer {key}"
        found = (await narrow.get(f"/v1/customers/{dealer}/standing?amount=1001")).json()
    assert found["reasons"][0]["detail"] == "It is more than is left of the limit."
    assert "credit" not in found


@pytest.mark.parametrize("query", ["amount=0", "amount=-1", "amount=1.5", "amount=x", "amount=9223372036854775808",
                                   "on_account=2", "amount=1&amount=2", "amont=1"])  # fmt: skip
async def test_a_sale_that_is_none_is_refused(client, dealer, query):
    answer = await client.get(f"/v1/customers/{dealer}/standing?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")
