"""What a till may sell on account while it is cut off: reserved, provable offline, settled by receipts, never lost."""

import asyncio
import base64
import json
from datetime import timedelta

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from app.core.caller import SYSTEM
from app.core.settings import CreditSettings
from app.credit import queries
from tests.early_warning.conftest import town

__all__ = ["town"]


@pytest.fixture
async def dealer(town):
    made = await town.customer("Dealer", kind="business")
    await town.credit(made, 10_000)
    return made


async def allow(town, customer, amount=4000, *, status=201, **more):
    body = {"customer_id": customer, "amount": amount, "till": "3", **more}
    return await town.call("POST", "/credit-allowances", body, status=status)


async def left(town, customer):
    """What can still be sold on account, as every way of asking says it."""
    account = await town.call("GET", f"/customers/{customer}/credit")
    standing = await town.call("GET", f"/customers/{customer}/standing")
    refused = await allow(town, customer, 10**9, status=409)
    assert account["available"] == standing["credit"]["available"] == refused["available"]
    return account["available"]


async def sell(town, customer, amount, allowance, *, status=201, **more):
    sent = town.sale(customer, amount, on_account=True, credit_allowance_id=allowance["id"], **more)
    return await town.call("POST", "/receipts", sent, status=status)


async def look(town, allowance):
    found = await town.call("GET", f"/credit-allowances/{allowance['id']}")
    return found["status"], found["used"], found["remaining"]


def proven(statement, signature, public_key):
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key))
    try:
        key.verify(base64.b64decode(signature), statement.encode())
    except InvalidSignature:
        return False
    return True


async def test_a_statement_is_proven_with_the_public_key_alone(town, dealer):
    made = await allow(town, dealer, hours=48)
    (key,) = (await town.call("GET", "/credit-allowances/keys"))["data"]
    assert (key["algorithm"], key["public_key"]) == ("Ed25519", made["public_key"])
    assert proven(made["statement"], made["signature"], key["public_key"])
    assert not proven(made["statement"].replace("4000", "9000"), made["signature"], key["public_key"])
    assert json.loads(made["statement"]) == {
        "about": "clientele credit allowance", "allowance_id": made["id"], "customer_id": dealer, "amount": 4000,
        "currency": "CNY", "store": None, "till": "3", "granted_at": "2026-03-02T04:00:00.000000Z",
        "expires_at": "2026-03-04T04:00:00.000000Z",
    }  # fmt: skip
    again = await town.call("GET", f"/credit-allowances/{made['id']}")
    assert (again["statement"], again["signature"]) == (made["statement"], made["signature"])
    # Each purpose has a key of its own.
    erasures = (await town.call("GET", "/erasures/keys"))["data"]
    assert key["public_key"] not in {one["public_key"] for one in erasures}


async def test_it_is_reserved_and_receipts_that_come_later_settle_it(town, dealer):
    made = await allow(town, dealer, 4000)
    assert await left(town, dealer) == 6000
    refused = await town.call("POST", "/credit-authorisations", {"customer_id": dealer, "amount": 6001}, status=409)
    assert refused["reasons"][0]["code"] == "not_enough_credit"
    sent = town.sale(dealer, 1500, on_account=True, credit_allowance_id=made["id"])
    # Sold before it ended, pushed three days later, and again.
    town.pass_days(3)
    first = await town.call("POST", "/receipts", sent, status=201)
    await town.call("POST", "/receipts", sent, status=200)
    assert first["flags"] == []
    assert await look(town, made) == ("expired", 1500, 2500)
    assert await left(town, dealer) == 6000
    (use,) = (await town.call("GET", f"/credit-allowances/{made['id']}"))["uses"]
    assert use | {"receipt_id": first["id"], "amount": 1500, "excess": 0, "outcome": "within"} == use
    ended = await town.call("POST", f"/credit-allowances/{made['id']}/end")
    assert (ended["status"], await left(town, dealer)) == ("ended", 8500)
    assert await town.call("POST", f"/credit-allowances/{made['id']}/end") == ended


async def test_what_is_not_given_back_is_free_when_no_receipt_is_waited_for(town, dealer):
    made = await allow(town, dealer, 4000, hours=1)
    grace = CreditSettings().allowance_grace_hours
    town.services.clock.set(town.services.clock.now() + timedelta(hours=1 + grace, seconds=-1))
    assert (await look(town, made), await left(town, dealer)) == (("expired", 0, 4000), 6000)
    town.services.clock.set(town.services.clock.now() + timedelta(seconds=1))
    assert await left(town, dealer) == 10_000


async def test_what_was_sold_beyond_it_is_recorded_flagged_told_and_warned_of(town, dealer):
    made = await allow(town, dealer, 4000)
    await town.sell(dealer, 5_900, on_account=True)
    head = await town.here()
    batch = [town.sale(dealer, amount, on_account=True, credit_allowance_id=made["id"]) for amount in (3000, 2000)]
    results = (await town.call("POST", "/receipts/batch", {"items": batch}))["results"]
    assert {one["status"] for one in results} == {"created"}
    flags = [one.get("flags", []) for one in results]
    assert sorted(flags) == [[], ["allowance_exceeded"]]
    over = results[flags.index(["allowance_exceeded"])]
    assert (await town.call("GET", f"/receipts/{over['id']}"))["flags"] == ["allowance_exceeded"]
    assert await look(town, made) == ("open", 4000, 0)
    account = await town.call("GET", f"/customers/{dealer}/credit")
    assert (account["balance"], account["reserved"], account["available"]) == (10_900, 0, 0)
    data = {"customer_id": dealer, "receipt_id": over["id"], "outcome": "exceeded"}
    assert await town.events(head, "credit_allowance.exceeded") == [("credit_allowance.exceeded", data)]
    assert [one["state"] for one in await town.warnings()] == ["over_limit"]
    uses = (await town.call("GET", f"/credit-allowances/{made['id']}"))["uses"]
    # Which of the two came first is not told apart: both were sold at noon.
    assert sorted(one["excess"] for one in uses) == [0, 1000]
    assert await town.services.db.read(SYSTEM, queries.differences) == []


async def test_sold_after_its_end_or_to_somebody_else_it_is_no_use(town, dealer):
    made = await allow(town, dealer, 4000, hours=24)
    town.pass_days(2)
    assert (await sell(town, dealer, 500, made))["flags"] == ["allowance_expired"]
    other = await town.customer("Other")
    await town.credit(other, 1000)
    assert (await sell(town, other, 500, made))["flags"] == ["allowance_unknown"]
    assert (await sell(town, dealer, 500, {"id": dealer}))["flags"] == ["allowance_unknown"]
    # What is paid at once has nothing to do with it.
    paid = await town.call("POST", "/receipts", town.sale(dealer, 500, credit_allowance_id=made["id"]))
    assert (paid["flags"], await look(town, made)) == ([], ("expired", 0, 4000))


async def test_what_was_given_back_covers_nothing_that_is_sold_afterwards(town, dealer):
    """Found: a till that had given its allowance back could go on selling under it, and nobody was told."""
    made = await allow(town, dealer)
    before = town.sale(dealer, 1000, on_account=True, credit_allowance_id=made["id"])
    town.pass_hours(1)
    await town.call("POST", f"/credit-allowances/{made['id']}/end")
    town.pass_hours(1)
    # Sold before, pushed late: it is covered as it would have been.
    assert (await town.call("POST", "/receipts", before, status=201))["flags"] == []
    after = {**town.sale(dealer, 500, on_account=True, credit_allowance_id=made["id"]),
             "occurred_at": town.services.clock.now().isoformat()}  # fmt: skip
    assert (await town.call("POST", "/receipts", after, status=201))["flags"] == ["allowance_expired"]
    assert await look(town, made) == ("ended", 1000, 3000)
    assert await left(town, dealer) == 8500


async def test_nobody_is_allowed_what_may_not_be_sold(town, dealer):
    await town.call("POST", f"/customers/{dealer}/holds", {"reason": "Cheque returned"})
    assert [one["code"] for one in (await allow(town, dealer, status=409))["reasons"]] == ["hold"]
    assert (await allow(town, await town.customer("P"), status=409))["reasons"][0]["code"] == "no_account"


async def test_it_goes_along_with_a_merge_and_back(town, dealer):
    twin = await town.customer("Twin", kind="business")
    made = await allow(town, dealer, 4000)
    merged = await town.call("POST", "/merges", {"winner": twin, "loser": dealer}, status=201)
    assert (await sell(town, twin, 1000, made))["flags"] == []
    assert await look(town, made) == ("open", 1000, 3000)
    await town.call("POST", f"/merges/{merged['id']}/undo")
    assert await look(town, made) == ("open", 1000, 3000)
    assert await left(town, dealer) == 7000
    assert await town.services.db.read(SYSTEM, queries.differences) == []


async def test_an_open_one_keeps_from_erasing(town, dealer):
    made = await allow(town, dealer, 4000)
    body = {"customer_id": dealer, "reason": "request"}
    assert (await town.call("POST", "/erasures", body, status=409))["code"] == "erasure_refused"
    await town.call("POST", f"/credit-allowances/{made['id']}/end")
    await town.call("POST", "/erasures", body, status=201)


async def test_whatever_comes_at_once_the_limit_holds_and_the_balance_is_exact(town, client, dealer):
    """Reservations, captures, allowances, sales under them and payments together."""
    allowed = [await allow(town, dealer, 1000) for _ in range(3)]
    held = {"customer_id": dealer, "amount": 500}
    reserved = [await town.call("POST", "/credit-authorisations", held) for _ in range(4)]
    # Of 10,000 there are 5,000 left.
    calls = [client.post("/v1/credit-authorisations", json={**held, "amount": 700}) for _ in range(8)]
    calls += [client.post("/v1/credit-allowances", json={**held, "amount": 600, "till": "4"}) for _ in range(8)]
    sales = [town.sale(dealer, 900, on_account=True, credit_allowance_id=one["id"]) for one in allowed]
    named = [town.sale(dealer, 500, on_account=True) for _ in reserved]
    for made, sent in zip(reserved, named, strict=True):
        receipt = {"source": sent["source"], "number": sent["number"]}
        calls.append(client.post(f"/v1/credit-authorisations/{made['id']}/capture", json={"receipt": receipt}))
    calls += [client.post("/v1/receipts", json=sent) for sent in sales]
    path = f"/v1/customers/{dealer}/receivables/batch"
    payment = {"kind": "payment", "amount": 1}
    calls += [client.post(path, json={"items": [{**payment, "external_id": f"p{number}"}]}) for number in range(10)]
    answers = await asyncio.gather(*calls)
    assert {answer.status_code for answer in answers} <= {200, 201, 409}, [one.text for one in answers]
    granted = [one.json() for one in answers if one.status_code == 201 and one.json().get("amount") in (600, 700)]
    taken = sum(one["amount"] for one in granted)
    account = await town.call("GET", f"/customers/{dealer}/credit")
    assert account["balance"] == 3 * 900 - 10
    assert account["reserved"] == taken + 3 * 100 + 4 * 500
    assert account["balance"] + account["reserved"] <= account["limit"]
    # Nothing was refused for which there was room.
    assert account["available"] < 700
    await asyncio.gather(*(client.post("/v1/receipts", json=sent) for sent in named))
    account = await town.call("GET", f"/customers/{dealer}/credit")
    assert (account["balance"], account["reserved"]) == (3 * 900 - 10 + 4 * 500, taken + 3 * 100)
    assert await town.services.db.read(SYSTEM, queries.differences) == []
