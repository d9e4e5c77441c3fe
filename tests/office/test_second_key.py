"""A limit above a set amount takes the word of two clients; accounts are looked at again on their day."""

import asyncio
from datetime import timedelta

import pytest

from app.core.settings import CreditSettings
from tests.early_warning.conftest import town

__all__ = ["town"]

ABOVE = 10_000


@pytest.fixture
async def dealer(town):
    town.services.settings.credit = CreditSettings(second_key_above=ABOVE)
    yield await town.customer("Dealer", kind="business")
    town.services.settings.credit = CreditSettings()


@pytest.fixture
async def other(client, house):
    """Another client that may confirm."""
    made = (await client.post("/v1/api-keys", json={"name": "Head of credit", "role": "admin"})).json()
    async with house.client(None) as found:
        found.headers["Authorization"] = f"Bearer {made['key']}"
        yield found


def put(client, dealer, limit, **more):
    return client.put(f"/v1/customers/{dealer}/credit", json={"limit": limit, "term_days": 30, **more})


async def propose(client, dealer, limit, **more):
    answer = await put(client, dealer, limit, **more)
    assert answer.status_code == 202, answer.text
    return answer.json()


def decide(client, change, verb, body=None):
    return client.post(f"/v1/credit-changes/{change['id']}/{verb}", json=body)


async def test_up_to_the_amount_and_downwards_one_client_is_enough(client, dealer, other):
    assert (await put(client, dealer, ABOVE)).status_code == 201
    change = await propose(client, dealer, ABOVE + 1)
    assert (change["limit_before"], change["terms"]["limit"]) == (ABOVE, ABOVE + 1)
    assert (await decide(other, change, "confirm")).json()["status"] == "confirmed"
    for limit, more in ((ABOVE + 1, {"status": "suspended"}), (ABOVE + 1, {"review_on": "2026-09-01"}), (5, {})):
        assert (await put(client, dealer, limit, **more)).status_code == 200
    # Many small steps are no way round it.
    assert (await put(client, dealer, ABOVE)).status_code == 200
    assert (await propose(client, dealer, ABOVE + 1))["status"] == "proposed"


async def test_nothing_changes_until_another_client_confirms(town, client, dealer, other):
    head = await town.here()
    terms = {"status": "suspended", "review_on": "2026-12-01"}
    change = await propose(client, dealer, 50_000, **terms)
    assert (await client.get(f"/v1/customers/{dealer}/credit")).status_code == 404
    assert (await client.get("/v1/credit-changes")).json()["data"] == [change]
    own = await decide(client, change, "confirm")
    assert (own.status_code, own.json()["code"]) == (403, "second_key_required")
    done = await decide(other, change, "confirm")
    assert (done.json()["status"], done.json()["decided_by"] != change["proposed_by"]) == ("confirmed", True)
    assert (await decide(other, change, "confirm")).json() == done.json()
    account = await town.call("GET", f"/customers/{dealer}/credit")
    assert account | {"limit": 50_000, "term_days": 30, "version": 1, **terms} == account
    assert (await client.get("/v1/credit-changes")).json()["data"] == []
    asked = {"status": "all", "customer_id": dealer}
    assert (await client.get("/v1/credit-changes", params=asked)).json()["data"] == [done.json()]
    told = await town.events(head, "credit_change.proposed", "credit_change.decided", "credit.updated")
    data = {"customer_id": dealer, "status": "proposed"}
    assert told == [
        ("credit_change.proposed", data),
        ("credit.updated", {}),
        ("credit_change.decided", {**data, "status": "confirmed"}),
    ]
    actions = {one["action"] for one in (await client.get(f"/v1/audit?customer_id={dealer}")).json()["data"]}
    assert {"credit_change.propose", "credit_change.confirm", "credit.create"} <= actions


async def test_a_client_is_the_same_after_its_key_was_rotated(client, house, dealer):
    made = (await client.post("/v1/api-keys", json={"name": "Credit", "role": "admin"})).json()
    async with house.client(None) as one, house.client(None) as two:
        one.headers["Authorization"] = f"Bearer {made['key']}"
        change = await propose(one, dealer, 50_000)
        rotated = (await client.post(f"/v1/api-keys/{made['id']}/rotate", json={})).json()
        two.headers["Authorization"] = f"Bearer {rotated['key']}"
        assert (await decide(two, change, "confirm")).json()["code"] == "second_key_required"


async def test_what_is_refused_replaced_expired_or_outdated_is_confirmed_no_more(town, client, dealer, other):
    await town.credit(dealer, 1000)
    refused = await propose(client, dealer, 50_000)
    answer = await decide(other, refused, "refuse", {"reason": "Too new"})
    assert (answer.json()["status"], answer.json()["reason"]) == ("refused", "Too new")
    replaced = await propose(client, dealer, 50_000)
    assert await propose(client, dealer, 50_000) == replaced
    lowered = await propose(client, dealer, 40_000)
    assert (await client.get("/v1/credit-changes")).json()["data"] == [lowered]
    await town.credit(dealer, 900)
    expiring = await propose(client, dealer, 40_000)
    town.services.clock.set(town.services.clock.now() + timedelta(hours=168))
    states = ["refused", "replaced", "replaced", "expired"]
    for change, state in zip((refused, replaced, lowered, expiring), states, strict=True):
        answer = await decide(other, change, "confirm")
        assert (answer.status_code, answer.json()["code"]) == (409, "credit_change_decided")
        assert (answer.json()["change_status"], state in answer.json()["detail"]) == (state, True)
        assert (await client.get(f"/v1/credit-changes/{change['id']}")).json()["status"] == state
    assert (await town.call("GET", f"/customers/{dealer}/credit"))["limit"] == 900


async def test_of_many_who_confirm_at_once_one_does(town, client, dealer, other):
    change = await propose(client, dealer, 50_000)
    answers = await asyncio.gather(*(decide(other, change, "confirm") for _ in range(5)))
    assert [answer.status_code for answer in answers] == [200] * 5
    assert (await town.call("GET", f"/customers/{dealer}/credit"))["version"] == 1


async def test_a_proposal_goes_along_with_a_merge(town, client, dealer, other):
    change = await propose(client, dealer, 50_000)
    twin = await town.customer("Twin", kind="business")
    await town.credit(twin, 500)
    await town.call("POST", "/merges", {"winner": twin, "loser": dealer}, status=201)
    outdated = await decide(other, change, "confirm")
    assert (outdated.status_code, outdated.json()["code"]) == (409, "credit_change_outdated")
    assert (await town.call("GET", f"/customers/{twin}/credit"))["limit"] == 500


async def test_accounts_are_looked_at_again_on_their_day(town, client, dealer):
    days = ["2026-05-01", "2026-03-01", None, "2026-04-01", "2026-04-01"]
    made = []
    for number, day in enumerate(days):
        made.append(await town.customer(f"D{number}", kind="business"))
        await town.credit(made[-1], 100, review_on=day, status="suspended" if number == 4 else "active")
    first, page = [], await town.call("GET", "/credit-accounts?review_by=2026-04-30&limit=2")
    first += page["data"]
    first += (await town.call("GET", f"/credit-accounts?review_by=2026-04-30&cursor={page['next_cursor']}"))["data"]
    assert [one["customer_id"] for one in first] == [made[1], *sorted([made[3], made[4]])]
    assert len((await town.call("GET", "/credit-accounts"))["data"]) == 4
    assert [one["customer_id"] for one in (await town.call("GET", "/credit-accounts?status=suspended"))["data"]] == [
        made[4]
    ]
    asked = await town.call("POST", "/segments/preview", {"text": "credit.review_on <= 2026-04-15"})
    assert asked["count"] == 3
