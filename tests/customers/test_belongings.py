"""Addresses, key people, and relationships with their two sides."""

import asyncio
import random

import pytest

from app.customers.models import INVERSE


def match(version):
    return {"If-Match": f'"{version}"'}


@pytest.mark.parametrize(
    ("what", "new", "patch", "after"),
    [
        (
            "addresses", {"kind": "home", "city": "Guiyang", "street": "Road 1"}, {"street": None, "kind": "work"},
            {"kind": "work", "city": "Guiyang", "street": None},
        ),
        (
            "contacts",
            {"role": "key_person", "name": "李娜", "birthday": {"month": 2, "day": 29}, "phones": ["138"],
             "likes": ["tea"]},
            {"birthday": {"year": 2000}, "phones": None, "authority": "decides"},
            {"role": "key_person", "name": "李娜", "birthday": {"month": 2, "day": 29, "year": 2000}, "phones": [],
             "likes": ["tea"], "authority": "decides"},
        ),
    ],
)  # fmt: skip
async def test_life_of_a_belonging(client, make, rows, what, new, patch, after):
    customer = await make(kind="business", display_name="Acme")
    path = f"/v1/customers/{customer['id']}/{what}"
    made = await client.post(path, json={**new, "provenance": {"channel": "fair", "collector": "emp-1"}})
    assert (made.status_code, made.headers["etag"]) == (201, '"1"')
    assert (made.json()["channel"], made.json()["collector"]) == ("fair", "emp-1")
    one = f"{path}/{made.json()['id']}"
    assert (await client.patch(one, json=patch)).status_code == 428
    changed = await client.patch(one, json=patch, headers=match(1))
    assert changed.status_code == 200, changed.text
    assert {name: changed.json()[name] for name in after} == after
    assert (changed.json()["version"], changed.json()["channel"]) == (2, "staff")
    same = await client.patch(one, json=patch, headers=match(2))
    assert same.json() == changed.json()
    assert (await client.get(path)).json()["data"] == [changed.json()]
    stale = await client.delete(one, headers=match(1))
    assert (stale.status_code, stale.json()["version"]) == (412, 2)
    assert (await client.delete(one, headers=match(2))).status_code == 204
    assert (await client.delete(one, headers=match(2))).status_code == 404
    assert (await client.get(path)).json()["data"] == []
    assert (await client.get(f"/v1/customers/{customer['id']}")).json() == customer
    types = await rows("SELECT type, version FROM outbox WHERE subject = :one ORDER BY position", one=made.json()["id"])
    word = {"addresses": "address", "contacts": "contact"}[what]
    assert [tuple(row) for row in types] == [(f"{word}.updated", n) for n in (1, 2, 3)]


async def test_a_group_that_is_not_held_is_neither_shown_nor_written(client, clients, house, make):
    customer = await make(display_name="Acme")
    path = f"/v1/customers/{customer['id']}/addresses"
    await client.post(path, json={"kind": "home", "city": "Guiyang", "street": "Road 1"})
    (seen,) = (await clients["analyst"].get(path)).json()["data"]
    assert seen["city"] == "Guiyang" and "street" not in seen
    made = await client.post("/v1/api-keys", json={"name": "c", "role": "call_center", "field_groups": ["basic"]})
    async with house.client(None, Authorization=f"Bearer {made.json()['key']}") as clerk:
        refused = await clerk.post(path, json={"kind": "home", "street": "Road 2"})
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (403, "/street")
        assert (await clerk.post(path, json={"kind": "home", "city": "Zunyi"})).status_code == 201


async def sides(client, customer):
    listed = (await client.get(f"/v1/customers/{customer}/relationships", params={"limit": 200})).json()["data"]
    return {(one["id"], customer, one["other"], one["kind"], one["since"], one["version"]) for one in listed}


@pytest.mark.parametrize("seed", range(2))
async def test_the_two_sides_always_agree(client, make, seed):
    chance = random.Random(seed)
    people = [(await make(display_name=f"P{n}"))["id"] for n in range(4)]
    for _ in range(25):
        mine, other = chance.sample(people, 2)
        path, kind = f"/v1/customers/{mine}/relationships", chance.choice(sorted(INVERSE))
        held = sorted(await sides(client, mine))
        action = chance.choice(["add", "add", "change", "remove"])
        if action == "add" or not held:
            answer = await client.post(path, json={"other": other, "kind": kind, "since": "2020-01-01"})
            assert answer.status_code in {201, 409}, answer.text
        else:
            one = chance.choice(held)
            headers = match(one[5])
            if action == "change":
                answer = await client.patch(f"{path}/{one[0]}", json={"kind": kind, "since": None}, headers=headers)
                assert answer.status_code in {200, 409}, answer.text
            else:
                assert (await client.delete(f"{path}/{one[0]}", headers=headers)).status_code == 204
        found = set().union(*[await sides(client, person) for person in people])
        assert found == {(one, theirs, mine, INVERSE[kind], *more) for one, mine, theirs, kind, *more in found}


async def test_what_is_no_relationship_is_refused(client, make):
    one = (await make(display_name="A"))["id"]
    path = f"/v1/customers/{one}/relationships"
    for other, code in ((one, "same_customer"), ("00000000-0000-7000-8000-000000000001", "unknown_customer")):
        refused = await client.post(path, json={"other": other, "kind": "friend"})
        assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, code)


async def test_two_who_relate_each_other_at_once_do_not_block(client, make):
    one, other = (await make(display_name="A"))["id"], (await make(display_name="B"))["id"]
    answers = await asyncio.gather(
        *(
            client.post(f"/v1/customers/{mine}/relationships", json={"other": theirs, "kind": "spouse"})
            for mine, theirs in [(one, other), (other, one)] * 5
        )
    )
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 9
