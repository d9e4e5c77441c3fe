"""One request, one effect: Idempotency-Key under parallel calls, rotation, reuse and failure."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import asyncpg
import httpx
import pytest

from app.core import idempotency
from tests.conftest import House

PARALLEL = 100
STORE = {"name": "First store", "kind": "own"}


def receipt(number: str = "1", store: str = "S1") -> dict[str, Any]:
    return {
        "source": "till",
        "number": number,
        "store": store,
        "kind": "sale",
        "occurred_at": "2026-11-20T12:30:00+08:00",
        "currency": "CNY",
        "customer": {"identifier": {"kind": "card", "value": "01104905"}},
        "on_unknown_customer": "create",
        "lines": [{"product": "TEA", "quantity": "1", "net": 3000}],
    }


async def count(house: House, table: str) -> int:
    connection = await asyncpg.connect(house.services.db.dsn)
    try:
        return int(await connection.fetchval(f"SELECT count(*) FROM {table}"))
    finally:
        await connection.close()


async def send(client: httpx.AsyncClient, key: str, body: Any, path: str = "/v1/customers") -> httpx.Response:
    """Send until it is not answered with 'still running'."""
    while True:
        answer = await client.post(path, json=body, headers={"Idempotency-Key": key})
        if answer.status_code != 409 or answer.json()["code"] != "request_running":
            return answer
        assert answer.headers["retry-after"]


async def test_a_hundred_parallel_calls_have_one_effect(house: House, client: httpx.AsyncClient) -> None:
    # Without a natural key only the Idempotency-Key can keep the customer from being made a hundred times.
    body = {"kind": "person", "display_name": "One"}
    answers = await asyncio.gather(*(send(client, "same", body) for _ in range(PARALLEL)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert Counter("idempotency-replayed" in answer.headers for answer in answers) == {True: PARALLEL - 1, False: 1}
    etags = {answer.headers.get("etag") for answer in answers}
    assert len(etags) == 1
    assert await count(house, "customers") == 1
    assert await count(house, "outbox") + await count(house, "events") == 1


async def test_without_a_key_each_call_counts(house: House, client: httpx.AsyncClient) -> None:
    for _ in range(2):
        assert (await client.post("/v1/customers", json={"kind": "person"})).status_code == 201
    assert await count(house, "customers") == 2


async def test_a_running_request_is_waited_for_and_then_named(house: House, client: httpx.AsyncClient) -> None:
    body = {"kind": "person"}
    async with claimed(house, "slow") as first:
        answer = await client.post("/v1/customers", json=body, headers={"Idempotency-Key": "slow"})
        assert (answer.status_code, answer.json()["code"]) == (409, "request_running")
        assert answer.headers["retry-after"] == "1"
        await first.rollback()
    # The first request failed, so the key is free: the same request now takes effect.
    answer = await client.post("/v1/customers", json=body, headers={"Idempotency-Key": "slow"})
    assert answer.status_code == 201 and "idempotency-replayed" not in answer.headers
    assert await count(house, "customers") == 1


@asynccontextmanager
async def claimed(house: House, key: str) -> AsyncIterator[Any]:
    """A request with this key of the admin client that is still running."""
    connection = await asyncpg.connect(house.services.db.dsn)
    try:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(
            "INSERT INTO idempotency_keys (client_id, key, fingerprint, created_at)"
            " SELECT client_id, $1, '', now() FROM api_keys WHERE name = 'test admin'",
            key,
        )
        yield transaction
    finally:
        await connection.close()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        pytest.param("/v1/customers", {"kind": "business"}, id="other body"),
        pytest.param("/v1/customers/read", {"kind": "person"}, id="other path"),
    ],
)
async def test_a_key_belongs_to_one_request(client: httpx.AsyncClient, path: str, body: Any) -> None:
    assert (await send(client, "mine", {"kind": "person"})).status_code == 201
    answer = await send(client, "mine", body, path)
    if path.endswith("/read"):  # a read takes no key, so it neither stores nor compares one
        assert answer.json()["code"] != "idempotency_key_reused"
        return
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")


async def test_another_client_may_use_the_same_key(house: House, clients: dict[str, httpx.AsyncClient]) -> None:
    first, second = [await send(clients[role], "1", {"kind": "person"}) for role in ("admin", "pos")]
    assert first.status_code == second.status_code == 201
    assert first.json()["id"] != second.json()["id"]
    assert await count(house, "customers") == 2


async def test_a_key_survives_the_rotation_of_the_api_key(house: House, client: httpx.AsyncClient) -> None:
    made = (await client.post("/v1/api-keys", json={"name": "till", "role": "pos"})).json()
    async with other(house, made["key"]) as till:
        first = await send(till, "before", {"kind": "person"})
    rotated = (await client.post(f"/v1/api-keys/{made['id']}/rotate")).json()
    assert (await client.post(f"/v1/api-keys/{made['id']}/revoke")).status_code == 200
    async with other(house, rotated["key"]) as till:
        second = await send(till, "before", {"kind": "person"})
        found = await till.get("/v1/idempotency/before")
    assert second.headers["idempotency-replayed"] == "true"
    assert second.content == first.content
    assert found.json()["answer"] == first.json()


def other(house: House, key: str) -> httpx.AsyncClient:
    found = house.client(None)
    found.headers["Authorization"] = f"Bearer {key}"
    return found


async def test_what_became_of_a_request_can_be_asked(clients: dict[str, httpx.AsyncClient]) -> None:
    made = await send(clients["pos"], "till-7/1", {"kind": "person"})
    found = await clients["pos"].get("/v1/idempotency/till-7%2F1")
    assert found.status_code == 200, found.text
    assert found.json() | {"completed_at": ""} == {
        "key": "till-7/1",
        "state": "completed",
        "completed_at": "",
        "status": 201,
        "answer": made.json(),
    }
    assert (await clients["pos"].get("/v1/idempotency/never-sent")).status_code == 404
    assert (await clients["admin"].get("/v1/idempotency/till-7%2F1")).status_code == 404, "it is the other client's"


async def test_only_what_took_effect_is_stored(house: House, client: httpx.AsyncClient) -> None:
    refused = await send(client, "early", receipt(), "/v1/receipts")
    assert refused.status_code == 422
    assert (await client.get("/v1/idempotency/early")).status_code == 404
    assert (await client.put("/v1/stores/S1", json=STORE)).status_code == 201
    # The cause is gone: the same request with the same key now takes effect.
    accepted = await send(client, "early", receipt(), "/v1/receipts")
    assert accepted.status_code == 201 and "idempotency-replayed" not in accepted.headers
    assert await count(house, "receipts") == 1


async def test_a_batch_with_failed_rows_is_stored_as_it_was_answered(house: House, client: httpx.AsyncClient) -> None:
    await client.put("/v1/stores/S1", json=STORE)
    body = {"items": [receipt("1"), receipt("2", store="nowhere"), receipt("3")]}
    first = await send(client, "batch", body, "/v1/receipts/batch")
    assert [result["status"] for result in first.json()["results"]] == ["created", "failed", "created"]
    again = await send(client, "batch", body, "/v1/receipts/batch")
    assert again.content == first.content and again.headers["idempotency-replayed"] == "true"
    # Without the key the natural key still protects.
    bare = (await client.post("/v1/receipts/batch", json=body)).json()["results"]
    assert [result["status"] for result in bare] == ["duplicate", "failed", "duplicate"]
    assert [result["id"] for result in bare] == [result["id"] for result in first.json()["results"]]
    assert await count(house, "receipts") == 2


async def test_parallel_pushes_of_one_receipt_without_a_key(house: House, client: httpx.AsyncClient) -> None:
    await client.put("/v1/stores/S1", json=STORE)
    answers = await asyncio.gather(*(client.post("/v1/receipts", json=receipt()) for _ in range(PARALLEL)))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: PARALLEL - 1}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert await count(house, "receipts") == await count(house, "customer_figures") == 1


async def test_a_key_is_kept_seven_days(house: House, client: httpx.AsyncClient) -> None:
    db, clock = house.services.db, house.services.clock
    first = await send(client, "old", {"kind": "person"})
    clock.advance(timedelta(days=6, hours=23))
    await db.run(lambda tx: idempotency.forget_old(tx.connection, tx.now))
    assert (await send(client, "old", {"kind": "person"})).content == first.content
    clock.advance(timedelta(hours=2))
    assert await db.run(lambda tx: idempotency.forget_old(tx.connection, tx.now)) == 1
    assert (await send(client, "old", {"kind": "person"})).json()["id"] != first.json()["id"]


async def test_old_keys_go_in_bounded_portions(house: House, client: httpx.AsyncClient) -> None:
    db, clock = house.services.db, house.services.clock
    for number in range(5):
        await send(client, f"old-{number}", {"kind": "person"})
    clock.advance(timedelta(days=8))
    await send(client, "new", {"kind": "person"})
    went = [await db.run(lambda tx: idempotency.forget_old(tx.connection, tx.now, limit=2)) for _ in range(4)]
    assert went == [2, 2, 1, 0]
    assert await count(house, "idempotency_keys") == 1


@pytest.mark.parametrize("key", ["", "a b", "é", "x" * 256])
async def test_a_malformed_key_is_refused(client: httpx.AsyncClient, key: str) -> None:
    headers = {b"Idempotency-Key": key.encode()}
    answer = await client.post("/v1/customers", json={"kind": "person"}, headers=headers)
    assert answer.status_code in {400, 422}
    assert answer.headers["content-type"] == "application/problem+json"
