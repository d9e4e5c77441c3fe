"""Reserving what is about to be sold on account: two tills never pass a limit together."""

import asyncio
import uuid
from datetime import timedelta

import pytest

from tests.early_warning.conftest import town

__all__ = ["town"]


@pytest.fixture
async def dealer(town):
    made = await town.customer("Dealer", kind="business")
    await town.credit(made, 10_000)
    return made


async def reserve(town, customer, amount=1000, *, status=201, **more):
    body = {"customer_id": customer, "amount": amount, **more}
    return await town.call("POST", "/credit-authorisations", body, status=status)


async def act(town, made, verb, body=None, *, status=200):
    return await town.call("POST", f"/credit-authorisations/{made['id']}/{verb}", body, status=status)


async def left(town, customer):
    """What can still be reserved, found by asking for too much."""
    return (await reserve(town, customer, 10**9, status=409))["available"]


async def test_a_hundred_at_once_never_pass_the_limit(town, client, dealer):
    body = {"customer_id": dealer, "amount": 700}
    answers = await asyncio.gather(*(client.post("/v1/credit-authorisations", json=body) for _ in range(100)))
    granted = [answer for answer in answers if answer.status_code == 201]
    assert len(granted) == 14
    assert {answer.status_code for answer in answers} == {201, 409}
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"credit_refused"}
    assert await left(town, dealer) == 200


async def test_a_reservation_holds_until_it_is_released_or_expires(town, dealer):
    first, second = await reserve(town, dealer, 4000), await reserve(town, dealer, 5000, minutes=10)
    assert await left(town, dealer) == 1000
    account = await town.call("GET", f"/customers/{dealer}/credit")
    assert (account["reserved"], account["available"]) == (9000, 1000)
    standing = await town.call("GET", f"/customers/{dealer}/standing")
    card = await town.call("GET", f"/customers/{dealer}/card")
    assert [one["credit"]["available"] for one in (standing, card["standing"])] == [1000, 1000]
    released = await act(town, first, "release")
    assert (released["status"], await left(town, dealer)) == ("released", 5000)
    assert await act(town, first, "release") == released
    town.services.clock.set(town.services.clock.now() + timedelta(minutes=10))
    assert await left(town, dealer) == 10_000
    assert (await town.call("GET", f"/credit-authorisations/{second['id']}"))["status"] == "expired"
    for made in (first, second):
        assert (await act(town, made, "capture", status=409))["code"] == "authorisation_ended"


async def test_a_captured_one_holds_until_its_receipt_is_here_and_no_longer(town, dealer):
    made = await reserve(town, dealer, 3000)
    sent = town.sale(dealer, 3000, on_account=True)
    named = {"receipt": {"source": sent["source"], "number": sent["number"]}}
    captured = await act(town, made, "capture", named)
    assert (captured["status"], captured["receipt"]) == ("captured", named["receipt"])
    town.pass_days(3)
    assert await left(town, dealer) == 7000
    await town.call("POST", "/receipts", sent)
    assert (await town.call("GET", f"/credit-authorisations/{made['id']}"))["status"] == "settled"
    assert await left(town, dealer) == 7000
    assert await act(town, made, "capture") == await act(town, made, "capture", named)
    assert (await act(town, made, "release", status=409))["code"] == "authorisation_ended"


async def test_the_receipt_may_be_named_at_once_and_come_before_the_capture(town, dealer):
    sent = town.sale(dealer, 3000, on_account=True)
    made = await reserve(town, dealer, 3000, receipt={"source": sent["source"], "number": sent["number"]})
    other = await reserve(town, dealer, 2000)
    await town.call("POST", "/receipts/batch", {"items": [sent, town.sale(dealer, 100)]})
    assert (await town.call("GET", f"/credit-authorisations/{made['id']}"))["status"] == "settled"
    late = town.sale(dealer, 2000, on_account=True)
    await town.call("POST", "/receipts", late)
    assert await left(town, dealer) == 3000
    captured = await act(town, other, "capture", {"receipt": {"source": late["source"], "number": late["number"]}})
    assert (captured["status"], await left(town, dealer)) == ("settled", 5000)


async def test_a_receipt_that_was_paid_at_once_settles_the_capture_that_follows(town, dealer):
    sent = town.sale(dealer, 3000)
    made = await reserve(town, dealer, 3000)
    await town.call("POST", "/receipts", sent)
    captured = await act(town, made, "capture", {"receipt": {"source": sent["source"], "number": sent["number"]}})
    assert (captured["status"], await left(town, dealer)) == ("settled", 10_000)


async def test_a_receipt_that_is_attributed_later_settles_too(town, dealer):
    sent = town.sale(None, 3000, on_account=True)
    made = await reserve(town, dealer, 3000, receipt={"source": sent["source"], "number": sent["number"]})
    pushed = await town.call("POST", "/receipts", sent)
    assert await left(town, dealer) == 7000
    await town.call("POST", f"/receipts/{pushed['id']}/attribution", {"customer": {"id": dealer}})
    assert (await town.call("GET", f"/credit-authorisations/{made['id']}"))["status"] == "settled"
    assert await left(town, dealer) == 7000


async def test_why_it_may_not_be_sold_on_account(town, dealer):
    person = await town.customer("Person")
    assert (await reserve(town, person, status=409))["reasons"][0]["code"] == "no_account"
    await town.credit(dealer, 10_000, status="suspended")
    await town.call("POST", f"/customers/{dealer}/holds", {"reason": "Cheque returned"})
    refused = await reserve(town, dealer, status=409)
    assert [one["code"] for one in refused["reasons"]] == ["hold", "account_suspended"]
    assert (refused["reasons"][0]["detail"], "Cheque" in refused["detail"]) == ("Cheque returned", False)
    await town.sell(None)
    walk_in = (await town.call("GET", "/customers?kind=walk_in"))["data"][0]["id"]
    for nobody in (walk_in, str(uuid.uuid4())):
        assert (await reserve(town, nobody, status=422))["errors"][0]["code"] == "unknown_customer"


@pytest.mark.parametrize("language", ["en", "zh", "ko"])
async def test_it_says_why_not_in_the_words_of_the_standing(town, dealer, language):
    person = await town.customer("Person")
    spoken = {"Accept-Language": language}
    for customer in (dealer, person):
        body = {"customer_id": customer, "amount": 50_000, "till": "3"}
        standing = await town.client.get(f"/v1/customers/{customer}/standing?amount=50000", headers=spoken)
        told = [{name: one[name] for name in ("code", "detail")} for one in standing.json()["reasons"]]
        for path in ("/credit-authorisations", "/credit-allowances"):
            refused = await town.client.post(f"/v1{path}", json=body, headers=spoken)
            assert (refused.status_code, refused.json()["reasons"]) == (409, told)
            assert told


async def test_who_may_not_see_money_is_told_no_number(town, client, house, dealer):
    terms = {"name": "Narrow", "role": "pos", "field_groups": ["basic"], "store": "S1"}
    key = (await client.post("/v1/api-keys", json=terms)).json()["key"]
    async with house.client(None) as narrow:
        narrow.headers["Authorization"] = f"Bearer {key}"
        body = {"customer_id": dealer, "amount": 10**6}
        refused = (await narrow.post("/v1/credit-authorisations", json=body)).json()
        assert refused["code"] == "credit_refused"
        assert "available" not in refused
        made = await narrow.post("/v1/credit-authorisations", json={**body, "amount": 5, "store": "S9"})
        assert made.json()["store"] == "S1"


async def test_it_goes_along_with_a_merge(town, dealer):
    twin = await town.customer("Twin", kind="business")
    made = await reserve(town, dealer, 4000)
    merged = await town.call("POST", "/merges", {"winner": twin, "loser": dealer}, status=201)
    assert await left(town, twin) == 6000
    assert (await reserve(town, dealer, status=409))["merged_into"] == twin
    await town.call("POST", f"/merges/{merged['id']}/undo")
    assert await left(town, dealer) == 6000
    assert (await act(town, made, "release"))["customer_id"] == dealer
