"""What came from a rented list and is collected again by ourselves is ours; who confirmed what, and when, counts."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
RENTED = {"channel": "rented_list", "collector": "list 7", "licence_end": "2026-01-31"}
OURS = {"channel": "call_centre", "collector": "emp-3"}
PHONE = {"kind": "phone", "value": "+8613800138000"}
CARD = {"kind": "card", "value": "R1"}
ADDRESS = {"kind": "home", "city": "Guiyang"}
PERSON = {"role": "buyer", "name": "Li Na"}


@pytest.fixture
async def rented(client, house, make) -> dict[str, Any]:
    """A business of which everything was rented, a day ago."""
    house.services.clock.set(NOON)
    body = await make(
        kind="business", display_name="Acme", profile={"nature": {"industry": "tea"}}, identifiers=[PHONE, CARD],
        provenance=RENTED,
    )  # fmt: skip
    for what, new in (("addresses", ADDRESS), ("contacts", PERSON)):
        made = await client.post(f"/v1/customers/{body['id']}/{what}", json={**new, "provenance": RENTED})
        body[what] = made.json()["id"]
    house.services.clock.set(NOON + timedelta(days=1))
    return body


async def told(client, customer):
    facts = (await client.get(f"/v1/customers/{customer}/provenance")).json()["data"]
    return {one["path"]: (one["channel"], one["licence_end"], one["state"]) for one in facts}


async def belonging(client, customer, what):
    (one,) = (await client.get(f"/v1/customers/{customer}/{what}")).json()["data"]
    return one


OWN = ("call_centre", None, "current")


@pytest.mark.parametrize("way", ["patch", "upsert", "batch", "confirm"])
async def test_collected_by_ourselves_it_is_no_longer_rented(client, house, rented, way):
    path, same = f"/v1/customers/{rented['id']}", {"display_name": "Acme", "profile": {"nature": {"industry": "tea"}}}
    if way == "patch":
        done = await client.patch(path, json={**same, "provenance": OURS}, headers={"If-Match": '"1"'})
        assert (await client.get(path)).json()["version"] == 1
    elif way == "confirm":
        paths = ["display_name", "nature.industry", "phone", "address"]
        done = await client.post(f"{path}/confirm", json={"paths": paths, "provenance": OURS})
    else:
        at = {"collected_at": (NOON + timedelta(hours=2)).isoformat()} if way == "batch" else {}
        item = {**same, "identifiers": [PHONE, CARD], "provenance": OURS, **at}
        done = await client.post("/v1/customers/batch", json={"items": [item]})
        assert done.json()["results"][0]["status"] == "duplicate"
    assert done.status_code == 200, done.text
    house.services.clock.set(NOON + timedelta(days=40))
    facts = await told(client, rented["id"])
    assert {facts["display_name"], facts["nature.industry"]} == {OWN}
    assert facts["phone"] == (OWN if way != "patch" else ("rented_list", "2026-01-31", "retired"))
    assert facts["address"] == (OWN if way == "confirm" else ("rented_list", "2026-01-31", "retired"))


@pytest.mark.parametrize(("what", "new"), [("addresses", ADDRESS), ("contacts", PERSON)])
async def test_so_it_is_with_addresses_and_key_people(client, house, rented, what, new):
    one = f"/v1/customers/{rented['id']}/{what}/{rented[what]}"
    again = await client.patch(one, json={**new, "provenance": OURS}, headers={"If-Match": '"1"'})
    assert (again.json()["channel"], again.json()["licence_end"], again.json()["version"]) == ("call_centre", None, 1)


async def test_a_list_does_not_make_rented_what_is_ours_and_a_longer_licence_counts(client, house, make):
    house.services.clock.set(NOON)
    own = await make(display_name="Li", identifiers=[PHONE, CARD])
    listed = await make(display_name="Wang", identifiers=[{"kind": "card", "value": "R2"}], provenance=RENTED)
    house.services.clock.set(NOON + timedelta(days=1))
    longer = {**RENTED, "licence_end": "2026-12-31", "collected_at": (NOON + timedelta(hours=3)).isoformat()}
    items = [
        {"display_name": "Li", "identifiers": [PHONE, CARD], "provenance": longer},
        {"display_name": "Wang", "identifiers": [{"kind": "card", "value": "R2"}], "provenance": longer},
    ]
    results = (await client.post("/v1/customers/batch", json={"items": items})).json()["results"]
    assert [one["status"] for one in results] == ["duplicate", "duplicate"]
    assert await told(client, own["id"]) == {
        "display_name": ("staff", None, "current"), "phone": ("staff", None, "current"),
    }  # fmt: skip
    assert (await told(client, listed["id"]))["display_name"] == ("rented_list", "2026-12-31", "current")


async def test_a_key_person_is_confirmed_has_a_state_and_tells_what_it_was(client, clients, house, rented, published):
    path = f"/v1/customers/{rented['id']}/contacts"
    one = f"{path}/{rented['contacts']}"
    house.services.clock.set(NOON + timedelta(days=40))
    assert (await belonging(client, rented["id"], "contacts"))["state"] == "retired"
    at = {**OURS, "collected_at": (NOON + timedelta(days=39)).isoformat()}
    done = await client.post(f"{one}/confirm", json={"provenance": at})
    assert done.status_code == 200, done.text
    assert (done.json()["state"], done.json()["channel"], done.json()["version"]) == ("current", "call_centre", 1)
    assert (await published(rented["id"]))[-1] == ("customer.confirmed", 1)
    house.services.clock.set(NOON + timedelta(days=800))
    assert (await belonging(client, rented["id"], "contacts"))["state"] == "stale"
    done = (await client.post(f"{one}/confirm")).json()
    assert (done["state"], done["confirmed_by"], done["previous"]) == ("current", "test admin", None)
    patch = {"name": "Li Nana", "title": "Head", "birthday": {"month": 5, "day": 4}}
    changed = (await client.patch(one, json=patch, headers={"If-Match": '"1"'})).json()
    assert changed["previous"] == {"name": "Li Na", "title": None, "birthday": None}
    assert (changed["confirmed_at"], changed["confirmed_by"]) == (None, None)
    assert (await belonging(clients["analyst"], rented["id"], "contacts"))["previous"] == {"title": None}
    assert (await client.post(f"{path}/{rented['id']}/confirm")).status_code == 404


async def test_an_identifier_keeps_when_it_was_collected_and_is_confirmed_by_being_sent_again(client, house, make):
    house.services.clock.set(NOON)
    body = await make(display_name="Li", identifiers=[PHONE, CARD], provenance={"collected_at": "2025-06-01T10:00:00Z"})
    path = f"/v1/customers/{body['id']}"

    async def phone():
        facts = (await client.get(f"{path}/provenance")).json()["data"]
        (one,) = [one for one in facts if one["path"] == "phone"]
        return one["collected_at"], one["confirmed_at"], one["confirmed_by"]

    assert await phone() == ("2025-06-01T10:00:00.000000Z", None, None)
    item = {"identifiers": [PHONE, CARD], "provenance": {"collector": "emp-2", "collected_at": "2025-08-01T10:00:00Z"}}
    sent = await client.post("/v1/customers/batch", json={"items": [item]})
    assert sent.json()["results"][0]["status"] == "duplicate"
    assert await phone() == ("2025-06-01T10:00:00.000000Z", "2025-08-01T10:00:00.000000Z", "emp-2")
    # Sent along without a time it confirms nothing; added by itself it does.
    await client.post("/v1/customers/batch", json={"items": [{"identifiers": [PHONE, CARD]}]})
    assert (await phone())[1] == "2025-08-01T10:00:00.000000Z"
    assert (await client.post(f"{path}/identifiers", json=PHONE)).status_code == 200
    assert await phone() == ("2025-06-01T10:00:00.000000Z", "2026-01-01T12:00:00.000000Z", "test admin")


async def test_totals_count_who_confirmed_and_everything_that_is_a_fact(client, house, make):
    """Found: a confirmation counted for the store that had collected; addresses and key people counted for nobody."""
    keys = {}
    for store in ("S01", "S02"):
        (await client.put(f"/v1/stores/{store}", json={"name": store, "kind": "own"})).raise_for_status()
        made = await client.post("/v1/api-keys", json={"name": store, "role": "call_center", "store": store})
        keys[store] = made.json()["key"]
    house.services.clock.set(NOON)
    async with house.client(None, Authorization=f"Bearer {keys['S01']}") as first:
        acme = {"kind": "business", "display_name": "Acme", "identifiers": [PHONE]}
        made = await first.post("/v1/customers", json=acme)
        path = f"/v1/customers/{made.json()['id']}"
        (await first.post(f"{path}/addresses", json=ADDRESS)).raise_for_status()
        person = await first.post(f"{path}/contacts", json=PERSON)
    async with house.client(None, Authorization=f"Bearer {keys['S02']}") as second:
        paths = ["display_name", "phone", "address"]
        (await second.post(f"{path}/confirm", json={"paths": paths})).raise_for_status()
        (await second.post(f"{path}/contacts/{person.json()['id']}/confirm")).raise_for_status()
    period = {"since": "2026-01-01", "until": "2026-01-01"}
    found = (await client.get("/v1/profile-quality", params=period)).json()
    collected = {"collected": 4, "confirmed": 0, "suspect": 0, "customers": 1}
    confirmed = {"collected": 0, "confirmed": 4, "suspect": 0, "customers": 1}
    assert found["by_store"] == [{"store": "S01", **collected}, {"store": "S02", **confirmed}]
    assert found["by_collector"] == [{"collector": "S01", **collected}, {"collector": "S02", **confirmed}]
    for of in ("store", "collector"):
        rows = (await client.get("/v1/profile-quality/periods", params={**period, "of": of})).json()["data"]
        assert rows == [{"period": "2026-01-01", **row} for row in found[f"by_{of}"]]


@pytest.mark.parametrize(("collectors", "status"), [(1000, 200), (1001, 422)])
async def test_totals_are_not_cut(client, house, make, collectors, status):
    body = await make(display_name="Li")
    many = """INSERT INTO facts (customer_id, path, collected_at, channel, collector)
              SELECT :one, 'p' || n, :at, 'till', 'emp-' || n FROM generate_series(1, :many) n"""
    async with house.services.db.engine.begin() as connection:
        await connection.execute(text(many), {"one": body["id"], "at": NOON, "many": collectors})
    found = await client.get("/v1/profile-quality", params={"since": "2026-01-01", "until": "2026-01-01"})
    assert found.status_code == status
    if status == 200:
        assert len(found.json()["by_collector"]) == collectors
    else:
        assert found.json()["code"] == "too_wide"
