"""Adding identifiers to a customer, and taking them away."""

import asyncio
import uuid

import pytest


def match(version):
    return {"If-Match": f'"{version}"'}


async def add(client, customer, **identifier):
    return await client.post(f"/v1/customers/{customer['id']}/identifiers", json=identifier)


def values(body):
    return {one["value"]: one["primary"] for one in body["identifiers"]}


async def test_added_once(client, make, published, audited):
    body = await make()
    added = await add(client, body, kind="phone", value="138 0013 8000")
    assert (added.status_code, added.headers["etag"]) == (200, '"2"')
    assert values(added.json()) == {"+8613800138000": True}
    again = await add(client, body, kind="phone", value="+86 13800138000")
    assert again.json() == added.json()
    assert await published(body["id"]) == [("customer.created", 1), ("customer.updated", 2)]
    assert (await audited(body["id"]))[1:] == [("customer.update", {"identifiers"})]


async def test_a_phone_is_read_for_the_home_store(client, make, store):
    at_home = await make(home_store=store)
    added = await add(client, at_home, kind="phone", value="0912 345 678")
    assert values(added.json()) == {"+886912345678": True}
    elsewhere = await add(client, await make(), kind="phone", value="0912 345 678")
    assert elsewhere.status_code == 422
    assert elsewhere.json()["errors"][0]["pointer"] == "/value"


async def test_sending_again_makes_primary_or_verified(client, make):
    body = await make(identifiers=[{"kind": "phone", "value": "13800138000"}])
    second = (await add(client, body, kind="phone", value="13800138001")).json()
    assert values(second) == {"+8613800138000": True, "+8613800138001": False}
    promoted = (await add(client, body, kind="phone", value="13800138001", primary=True)).json()
    assert (values(promoted), promoted["version"]) == ({"+8613800138000": False, "+8613800138001": True}, 3)
    verified = (
        await add(client, body, kind="phone", value="13800138001", verified_at="2026-01-01T08:00:00+08:00")
    ).json()
    assert verified["version"] == 4
    assert [one["verified_at"] for one in verified["identifiers"]] == [None, "2026-01-01T00:00:00.000000Z"]


async def test_another_customers_card(client, make, card):
    number = card()
    holder, body = await make(identifiers=[number]), await make()
    taken = await add(client, body, **number)
    assert (taken.status_code, taken.json()["code"], taken.json()["holder"]) == (409, "identifier_taken", holder["id"])
    assert taken.json()["errors"][0]["pointer"] == "/value"
    assert (await client.get(f"/v1/customers/{body['id']}")).json() == body


async def test_parallel_adding_of_one_card_has_one_winner(client, make, card):
    number, customers = card(), [await make() for _ in range(8)]
    answers = await asyncio.gather(*(add(client, one, **number) for one in customers))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 7


async def test_parallel_adding_to_one_customer_loses_nothing(client, make):
    body = await make()
    answers = await asyncio.gather(*(add(client, body, kind="phone", value=f"1380013800{n}") for n in range(10)))
    assert {answer.status_code for answer in answers} == {200}
    after = (await client.get(f"/v1/customers/{body['id']}")).json()
    assert len(after["identifiers"]) == 10
    assert sum(one["primary"] for one in after["identifiers"]) == 1
    assert after["version"] == 11


@pytest.mark.parametrize(
    ("identifier", "pointer"),
    [
        ({"kind": "phone", "value": "x"}, "/value"), ({"kind": "external", "value": "1"}, "/system"),
        ({"kind": "walk_in", "value": "S"}, "/kind"), ({"value": "1"}, "/kind"), ({"kind": "card"}, "/value"),
        ({"kind": "card", "value": "1", "x": 1}, "/x"), ({"kind": "card", "value": "  "}, "/value"),
        ({"kind": "chat", "value": "1", "system": "a b"}, "/system"),
    ],
)  # fmt: skip
async def test_wrong_identifiers(client, make, identifier, pointer):
    refused = await add(client, await make(), **identifier)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == pointer


async def test_at_most_fifty(client, make):
    body = await make()
    for start in range(0, 50, 10):
        sent = [{"kind": "email", "value": f"a{start + n}@example.com"} for n in range(10)]
        await client.post("/v1/customers/batch", json={"items": [{"id": body["id"], "identifiers": sent}]})
    refused = await add(client, body, kind="email", value="more@example.com")
    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_identifiers")
    assert len((await client.get(f"/v1/customers/{body['id']}")).json()["identifiers"]) == 50
    assert (await add(client, body, kind="email", value="a1@example.com")).status_code == 200


async def test_removed(client, make, card, published, audited):
    number = card()
    body = await make(identifiers=[number, {"kind": "phone", "value": "13800138000"}])
    one = next(found for found in body["identifiers"] if found["kind"] == "card")
    path = f"/v1/customers/{body['id']}/identifiers/{one['id']}"
    assert (await client.delete(path)).status_code == 428
    stale = await client.delete(path, headers=match(9))
    assert (stale.status_code, stale.json()["version"]) == (412, 1)
    removed = await client.delete(path, headers=match(1))
    assert (removed.status_code, removed.headers["etag"]) == (200, '"2"')
    assert values(removed.json()) == {"+8613800138000": True}
    assert (await client.delete(path, headers=match(2))).status_code == 404
    assert await published(body["id"]) == [("customer.created", 1), ("customer.updated", 2)]
    assert (await audited(body["id"]))[1] == ("customer.update", {"identifiers"})
    # It is free again, for anybody.
    assert (await client.post("/v1/customers", json={"identifiers": [number]})).status_code == 201


async def test_the_oldest_left_inherits_being_primary(client, make):
    body = await make(identifiers=[{"kind": "phone", "value": "13800138000"}])
    await add(client, body, kind="phone", value="13800138001")
    await add(client, body, kind="phone", value="13800138002")
    first = next(one for one in body["identifiers"] if one["primary"])
    removed = await client.delete(f"/v1/customers/{body['id']}/identifiers/{first['id']}", headers=match(3))
    assert values(removed.json()) == {"+8613800138001": True, "+8613800138002": False}


async def test_only_the_customers_own(client, make, card):
    one, other = await make(identifiers=[card()]), await make(identifiers=[card()])
    foreign = f"/v1/customers/{one['id']}/identifiers/{other['identifiers'][0]['id']}"
    assert (await client.delete(foreign, headers=match(1))).status_code == 404
    assert (await client.get(f"/v1/customers/{other['id']}")).json() == other
    for customer in (uuid.uuid4(), "x"):
        path = f"/v1/customers/{customer}/identifiers"
        assert (await client.post(path, json=card())).status_code in {404, 422}
        assert (await client.delete(f"{path}/{uuid.uuid4()}", headers=match(1))).status_code in {404, 422}
