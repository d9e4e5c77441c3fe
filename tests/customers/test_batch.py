"""POST /v1/customers/batch."""

import asyncio
import random
import uuid
from typing import Any

import pytest

from app.customers import commands


def statuses(answer):
    assert answer.status_code == 200, answer.text
    results = answer.json()["results"]
    assert [result["index"] for result in results] == list(range(len(results)))
    return [result["status"] for result in results]


def ids(answer):
    return [result["id"] for result in answer.json()["results"]]


def card(number):
    return {"kind": "card", "value": f"K{number}"}


async def push(client, items):
    return await client.post("/v1/customers/batch", json={"items": items})


async def test_created_then_duplicate_then_updated(client, published, audited):
    items: list[dict[str, Any]] = [{"display_name": f"Name {n}", "identifiers": [card(n)]} for n in range(3)]
    first = await push(client, items)
    assert statuses(first) == ["created"] * 3
    again = await push(client, items)
    assert statuses(again) == ["duplicate"] * 3
    assert ids(again) == ids(first)
    items[1]["display_name"] = None
    items[2]["identifiers"].append({"kind": "phone", "value": "13800138000"})
    assert statuses(await push(client, items)) == ["duplicate", "updated", "updated"]
    versions = [(await client.get(f"/v1/customers/{one}")).json()["version"] for one in ids(first)]
    assert versions == [1, 2, 2]
    assert await published(ids(first)[2]) == [("customer.created", 1), ("customer.updated", 2)]
    assert (await audited(ids(first)[2]))[1] == ("customer.update", {"identifiers"})


async def test_a_bad_item_never_costs_a_good_one(client, make, store, rows):
    holder = await make(identifiers=[card(1)])
    other = await make(identifiers=[card(2)])
    items = [
        {"display_name": "Good", "identifiers": [card(10)], "home_store": store},
        {"display_name": "", "identifiers": [card(11)]},
        {"identifiers": [{"kind": "phone", "value": "none"}]},
        {"home_store": "NOWHERE"},
        {"identifiers": [card(1), card(2), card(12)]},
        {"id": other["id"], "identifiers": [card(1)]},
        {"kind": "walk_in"},
        7,
        {"display_name": "Good too", "identifiers": [card(12)]},
    ]
    answer = await push(client, items)
    assert statuses(answer) == ["created", *["failed"] * 7, "created"]
    problems = [result.get("problem") for result in answer.json()["results"]]
    assert [problem and problem["errors"][0]["pointer"] for problem in problems[:7]] == [
        None, "/display_name", "/identifiers/0/value", "/home_store", "/identifiers/1/value", "/identifiers/0/value",
        "/kind",
    ]  # fmt: skip
    assert (problems[4]["code"], problems[4]["holder"]) == ("identifier_taken", other["id"])
    assert (problems[5]["code"], problems[5]["holder"]) == ("identifier_taken", holder["id"])
    assert all("request_id" not in problem for problem in problems if problem)
    assert (await rows("SELECT count(*) FROM customers"))[0][0] == 4
    assert (await rows("SELECT count(DISTINCT customer_id) FROM identifiers"))[0][0] == 4


async def test_items_about_one_customer_apply_in_their_order(client, published):
    items = [
        {"display_name": "A", "identifiers": [card(1)]},
        {"display_name": "B", "identifiers": [card(1), card(2)]},
        {"display_name": "B", "identifiers": [card(2)]},
        {"language": "zh", "identifiers": [card(3)]},
        {"display_name": "C", "reading": "c", "identifiers": [card(2), card(3)]},
        {"identifiers": [card(3), card(4)]},
        {"identifiers": [card(4)]},
    ]
    answer = await push(client, items)
    assert statuses(answer) == ["created", "updated", "duplicate", "created", "failed", "updated", "duplicate"]
    one, two = ids(answer)[0], ids(answer)[3]
    assert ids(answer)[:3] == [one] * 3
    assert one != two
    body = (await client.get(f"/v1/customers/{one}")).json()
    assert (body["display_name"], body["version"], len(body["identifiers"])) == ("B", 1, 2)
    assert await published(one) == [("customer.created", 1)]


async def test_an_own_id_creates_and_then_updates(client, make):
    mine = str(uuid.uuid4())
    items = [{"id": mine, "display_name": "A"}, {"id": mine, "display_name": "B"}]
    assert statuses(await push(client, items)) == ["created", "updated"]
    assert statuses(await push(client, [{"id": mine, "display_name": "B"}])) == ["duplicate"]
    assert statuses(await push(client, [{"id": mine, "reading": "b", "identifiers": [card(1)]}])) == ["updated"]
    body = (await client.get(f"/v1/customers/{mine}")).json()
    assert (body["display_name"], body["reading"], body["version"]) == ("B", "b", 2)


async def test_an_older_item_changes_nothing(client):
    new = {"identifiers": [card(1)], "reading": "new", "collected_at": "2026-05-01T00:00:00Z"}
    old = {"identifiers": [card(1)], "reading": "old", "collected_at": "2026-04-01T00:00:00Z"}
    answer = await push(client, [new, old])
    assert statuses(answer) == ["created", "duplicate"]
    assert statuses(await push(client, [old, new])) == ["duplicate", "duplicate"]
    assert (await client.get(f"/v1/customers/{ids(answer)[0]}")).json()["reading"] == "new"


async def test_primary_and_verified_are_changes(client):
    phones = [{"kind": "phone", "value": "13800138000"}, {"kind": "phone", "value": "13800138001"}]
    first = await push(client, [{"identifiers": [card(1), *phones]}])
    changed = await push(client, [{"identifiers": [card(1), {**phones[1], "primary": True}]}])
    assert statuses(changed) == ["updated"]
    again = await push(client, [{"identifiers": [card(1), {**phones[1], "primary": True}]}])
    assert statuses(again) == ["duplicate"]
    verified = {**phones[0], "verified_at": "2026-05-01T00:00:00Z"}
    assert statuses(await push(client, [{"identifiers": [card(1), verified]}])) == ["updated"]
    assert statuses(await push(client, [{"identifiers": [card(1), verified]}])) == ["duplicate"]
    body = (await client.get(f"/v1/customers/{ids(first)[0]}")).json()
    found = {
        one["value"]: (one["primary"], one["verified_at"]) for one in body["identifiers"] if one["kind"] == "phone"
    }
    assert found == {"+8613800138000": (False, "2026-05-01T00:00:00.000000Z"), "+8613800138001": (True, None)}
    assert body["version"] == 3


async def test_a_walk_in_cannot_be_written(client, house):
    await client.put("/v1/stores/S01", json={"name": "S", "kind": "own"})
    walk_ins = await house.services.db.run(lambda tx: commands.ensure_walk_ins(tx, ["S01"]))
    answer = await push(client, [{"id": str(walk_ins["S01"]), "display_name": "Somebody"}])
    assert statuses(answer) == ["failed"]
    assert answer.json()["results"][0]["problem"]["code"] == "customer_exists"


async def test_no_customer_gathers_identifiers_without_end(client):
    for start, expected in ((0, "created"), (19, "updated"), (38, "failed")):
        many = [{"kind": "email", "value": f"a{start + n}@example.com"} for n in range(19)]
        answer = await push(client, [{"identifiers": [card(1), *many], "reading": str(start)}])
        assert statuses(answer) == [expected]
        if expected == "failed":
            assert answer.json()["results"][0]["problem"]["code"] == "too_many_identifiers"
    found = await push(client, [{"identifiers": [card(1)]}])
    body = (await client.get(f"/v1/customers/{ids(found)[0]}")).json()
    assert (len(body["identifiers"]), body["reading"]) == (39, "19")


async def test_the_number_of_statements_does_not_grow(client, statements, store):
    counts = []
    for size, start in ((10, 0), (1000, 10)):
        items = [
            {
                "display_name": f"Name {n}", "home_store": store,
                "identifiers": [card(n), {"kind": "phone", "value": f"09{10000000 + n}", "primary": True}],
            }
            for n in range(start, start + size)
        ]  # fmt: skip
        with statements() as created:
            assert set(statuses(await push(client, items))) == {"created"}
        for item in items:
            item["display_name"] = "New"
            item["identifiers"] += [{"kind": "email", "value": f"{item['identifiers'][0]['value']}@example.com"}]
            item["identifiers"][1]["verified_at"] = "2026-01-01T00:00:00Z"
        with statements() as updated:
            assert set(statuses(await push(client, items))) == {"updated"}
        with statements() as unchanged:
            assert set(statuses(await push(client, items))) == {"duplicate"}
        counts.append((len(created), len(updated), len(unchanged)))
    assert counts[0] == counts[1]
    assert max(counts[0]) <= 12, counts


async def test_parallel_batches_agree_and_never_deadlock(client, rows):
    """Twelve tills push the same sixty cards shuffled, some twice, with a phone each."""

    async def one(seed):
        chosen = random.Random(seed).choices(range(60), k=90)
        items = [
            {"display_name": f"By {seed}", "identifiers": [card(n), {"kind": "phone", "value": f"1380013{n:04}"}]}
            for n in chosen
        ]
        return chosen, await push(client, items)

    owners: dict[int, str] = {}
    for chosen, answer in await asyncio.gather(*(one(seed) for seed in range(12))):
        assert "failed" not in statuses(answer)
        for number, customer in zip(chosen, ids(answer), strict=True):
            assert owners.setdefault(number, customer) == customer
    count = len(owners)
    assert (await rows("SELECT count(*) FROM customers"))[0][0] == count
    assert (await rows("SELECT count(*) FROM identifiers WHERE kind = 'card'"))[0][0] == count
    orphans = "SELECT count(*) FROM identifiers WHERE customer_id NOT IN (SELECT id FROM customers)"
    assert (await rows(orphans))[0][0] == 0
    bare = "SELECT count(*) FROM customers WHERE id NOT IN (SELECT customer_id FROM identifiers)"
    assert (await rows(bare))[0][0] == 0


async def test_parallel_batches_with_the_same_new_ids_agree(client, rows):
    items = [{"id": str(uuid.uuid4()), "display_name": "Same", "identifiers": [card(n)]} for n in range(20)]
    answers = await asyncio.gather(*(push(client, random.Random(n).sample(items, 20)) for n in range(6)))
    found = [status for answer in answers for status in statuses(answer)]
    assert (found.count("created"), found.count("duplicate")) == (20, 100)
    assert (await rows("SELECT count(*) FROM customers"))[0][0] == 20


async def test_a_large_batch_is_checked_in_another_process(client, house):
    """Same answers whether the check ran here or there; problems with pointers come back whole."""
    long = "x" * 150
    items = [{"display_name": long, "identifiers": [card(n)]} for n in range(1000)]
    items[500] = {"display_name": long, "identifiers": [{"kind": "phone", "value": "nobody"}]}
    answer = await push(client, items)
    assert len(answer.request.content) > house.services.settings.limits.offload_bytes
    assert statuses(answer).count("created") == 999
    assert answer.json()["results"][500]["problem"]["errors"][0]["pointer"] == "/identifiers/0/value"


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"items":[]}', b'{"items":[{}],"x":1}', b'{"items":"x"}', b"\xff"]
)
async def test_what_is_no_batch_is_refused(client, body):
    answer = await client.post("/v1/customers/batch", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in {400, 422}


async def test_a_key_replays_a_batch(client, rows):
    headers = {"Idempotency-Key": "batch-1"}
    body = {"items": [{"display_name": "A"}, {"display_name": "B"}]}
    first = await client.post("/v1/customers/batch", json=body, headers=headers)
    again = await client.post("/v1/customers/batch", json=body, headers=headers)
    assert first.content == again.content
    assert (await rows("SELECT count(*) FROM customers"))[0][0] == 2
