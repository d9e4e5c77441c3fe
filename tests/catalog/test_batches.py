"""Batches of the catalog: one result per item, a fixed few statements, no deadlock."""

import asyncio
import random

import pytest
from sqlalchemy import text

from app.core.caller import SYSTEM


def statuses(answer):
    assert answer.status_code == 200, answer.text
    results = answer.json()["results"]
    assert [result["index"] for result in results] == list(range(len(results)))
    return [result["status"] for result in results]


async def test_a_bad_item_never_costs_a_good_one(client):
    items = [
        {"code": "S01", "name": "First", "kind": "own"},
        {"code": "S02", "name": "Second", "kind": "own", "time_zone": "Mars/Olympus"},
        {"code": "S03", "kind": "own"},
        {"code": "S04", "name": "Fourth", "kind": "online", "tills": ["1"]},
        "not a store",
        {"name": "No code", "kind": "own"},
    ]
    answer = await client.post("/v1/stores/batch", json={"items": items})
    assert statuses(answer) == ["created", "failed", "failed", "created", "failed", "failed"]
    results = answer.json()["results"]
    assert [results[0]["id"], results[3]["id"]] == ["S01", "S04"]
    assert results[1]["problem"]["errors"][0]["pointer"] == "/time_zone"
    assert results[2]["problem"]["errors"][0]["pointer"] == "/name"
    assert [store["code"] for store in (await client.get("/v1/stores")).json()["data"]] == ["S01", "S04"]


async def test_again_is_a_duplicate_and_a_change_is_an_update(client):
    items = [{"code": f"P{number}", "name": f"Product {number}", "category": "a/b"} for number in range(3)]
    assert statuses(await client.post("/v1/products/batch", json={"items": items})) == ["created"] * 3
    assert statuses(await client.post("/v1/products/batch", json={"items": items})) == ["duplicate"] * 3
    items[1]["brand"] = "Own"
    answer = await client.post("/v1/products/batch", json={"items": items})
    assert statuses(answer) == ["duplicate", "updated", "duplicate"]
    assert [(await client.get(f"/v1/products/P{number}")).json()["version"] for number in range(3)] == [1, 2, 1]


async def test_items_of_one_code_apply_in_their_order(client, house):
    items = [
        {"code": "P1", "name": "Tea", "list_price": 100},
        {"code": "P1", "list_price": 120, "brand": "Own"},
        {"code": "P1", "brand": "Own"},
        {"code": "P1", "list_price": None},
    ]
    answer = await client.post("/v1/products/batch", json={"items": items})
    assert statuses(answer) == ["created", "updated", "duplicate", "updated"]
    body = (await client.get("/v1/products/P1")).json()
    assert (body["name"], body["list_price"], body["brand"], body["version"]) == ("Tea", None, "Own", 1)
    again = await client.post("/v1/products/batch", json={"items": items})
    assert statuses(again) == ["updated", "updated", "duplicate", "updated"]
    # Back where it was: no new version, and nobody is told.
    assert (await client.get("/v1/products/P1")).json() == body
    told = "SELECT count(*) FROM (SELECT id FROM outbox UNION ALL SELECT id FROM events) AS published"
    assert await house.services.db.read(SYSTEM, lambda tx: tx.scalar(text(told))) == 1


async def test_a_repeated_unknown_store_may_be_completed_within_the_batch(client):
    items = [{"code": "S01", "kind": "own"}, {"code": "S01", "name": "First"}]
    assert statuses(await client.post("/v1/stores/batch", json={"items": items})) == ["created", "updated"]


@pytest.mark.parametrize(
    ("route", "make", "touch"),
    [
        ("stores", lambda n: {"code": f"S{n:04}", "name": "Store", "kind": "own", "tills": ["1"]}, {"tills": ["2"]}),
        ("products", lambda n: {"code": f"P{n:04}", "name": "Product", "category": f"c/{n % 7}"}, {"category": "d/e"}),
        ("categories", lambda n: {"path": f"c/{n:04}"}, {"name": "Renamed"}),
    ],
)
async def test_the_number_of_statements_does_not_grow(client, statements, route, make, touch):
    counts = []
    for size, start in ((10, 0), (1000, 10)):
        items = [make(number) for number in range(start, start + size)]
        with statements() as created:
            assert set(statuses(await client.post(f"/v1/{route}/batch", json={"items": items}))) == {"created"}
        items = [{**item, **touch} for item in items]
        with statements() as updated:
            assert set(statuses(await client.post(f"/v1/{route}/batch", json={"items": items}))) == {"updated"}
        with statements() as unchanged:
            assert set(statuses(await client.post(f"/v1/{route}/batch", json={"items": items}))) == {"duplicate"}
        counts.append((len(created), len(updated), len(unchanged)))
    assert counts[0] == counts[1]
    assert max(counts[0]) <= 7, counts


async def test_batches_in_any_order_never_deadlock(client):
    """Twelve clients send the same stores shuffled; a lock order by chance would end in deadlocks."""
    codes = [f"S{number:03}" for number in range(60)]

    async def push(seed):
        order = random.Random(seed).sample(codes, len(codes))
        items = [{"code": code, "name": f"By {seed}", "kind": "own", "tills": [str(seed)]} for code in order]
        return statuses(await client.post("/v1/stores/batch", json={"items": items}))

    found = await asyncio.gather(*(push(seed) for seed in range(12)))
    assert sum(result.count("created") for result in found) == len(codes)
    assert sum(result.count("failed") for result in found) == 0
    stores = (await client.get("/v1/stores", params={"limit": 200})).json()["data"]
    # Whoever came last, a store's tills are of the same hand as its name.
    assert all(store["tills"] == [store["name"].removeprefix("By ")] for store in stores)
    assert {store["version"] for store in stores} == {12}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"items": {}}',
        b'{"items": []}',
        b'{"items": [{}], "more": 1}',
        b"nonsense",
        b'{"items": null}',
    ],
)
async def test_what_is_no_batch_is_refused(client, body):
    answer = await client.post("/v1/products/batch", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in {400, 422}


async def test_a_batch_has_at_most_1000_items(client):
    items = [{"code": f"P{number}"} for number in range(1001)]
    assert (await client.post("/v1/products/batch", json={"items": items})).status_code == 422
