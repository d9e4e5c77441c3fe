"""Tills that push at the same time: nothing twice, nothing lost, and nobody waits in a circle."""

import asyncio
import random
from collections import Counter

from sqlalchemy import text

from app.core.caller import SYSTEM
from app.receipts import verify
from tests.till.factories import line, named, receipt


async def count(house, sql: str) -> int:
    found = await house.services.db.read(SYSTEM, lambda tx: tx.scalar(text(sql)))
    return int(found)


async def post(house, path: str, body) -> dict:
    """One till with its own connection."""
    async with house.client() as till:
        answer = await till.post(path, json=body)
        assert answer.status_code in {200, 201}, answer.text
        return dict(answer.json())


async def test_the_same_batch_by_four_tills(house):
    sent = {"items": [receipt(card=str(place % 30)) for place in range(120)]}
    answers = await asyncio.gather(*(post(house, "/v1/receipts/batch", sent) for _ in range(4)))
    for results in zip(*(answer["results"] for answer in answers), strict=True):
        assert Counter(result["status"] for result in results) == {"created": 1, "duplicate": 3}
        assert len({result["id"] for result in results}) == 1
    assert await count(house, "SELECT count(*) FROM receipts") == 120
    assert await count(house, "SELECT count(*) FROM customers WHERE kind = 'person'") == 30
    assert await count(house, "SELECT sum(receipts) FROM customer_figures") == 120
    assert await count(house, "SELECT count(*) FROM outbox WHERE type = 'receipt.recorded'") == 120
    assert await count(house, "SELECT count(*) FROM audit_entries WHERE action = 'receipt.record'") == 120
    assert await house.services.db.read(SYSTEM, verify.differences) == []


async def test_overlapping_batches_in_any_order(house):
    """Few customers, products and numbers in many orders: every lock is fought for."""
    chance = random.Random(5)
    pool = [
        receipt(line(100 + place, product=f"Q{place % 40}", category=f"k{place % 9}/x"), card=str(place % 12))
        for place in range(200)
    ]
    batches = [chance.sample(pool, 60) for _ in range(12)]
    # Six at a time, so that they fit into the pool of connections and really meet.
    for group in (batches[:6], batches[6:]):
        await asyncio.gather(*(post(house, "/v1/receipts/batch", {"items": batch}) for batch in group))
    pushed = {one["number"] for batch in batches for one in batch}
    assert await count(house, "SELECT count(*) FROM receipts") == len(pushed)
    assert await count(house, "SELECT count(*) FROM customers WHERE kind = 'person'") == 12
    assert await house.services.db.read(SYSTEM, verify.differences) == []


async def test_nobody_runs_into_a_deadlock(house):
    """Retrying hides deadlocks from callers; the database counts them."""
    stats = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    before = await count(house, stats)
    chance = random.Random(6)
    cards = [str(place) for place in range(25)]
    for _ in range(4):
        batches = [[receipt(card=card) for card in chance.sample(cards, 25)] for _ in range(5)]
        await asyncio.gather(*(post(house, "/v1/receipts/batch", {"items": batch}) for batch in batches))
    assert await count(house, stats) == before
    assert await count(house, "SELECT sum(receipts) FROM customer_figures") == 500


async def test_one_new_phone_at_two_tills(house):
    sent = [receipt(customer=named("phone", "13812345678"), on_unknown_customer="create") for _ in range(6)]
    found = await asyncio.gather(*(post(house, "/v1/receipts", one) for one in sent))
    assert len({one["customer_id"] for one in found}) == 1
    assert await count(house, "SELECT count(*) FROM customers WHERE kind = 'person'") == 1


async def test_the_first_receipts_of_a_store_at_two_tills(house):
    found = await asyncio.gather(*(post(house, "/v1/receipts", receipt(store="S2")) for _ in range(6)))
    assert len({one["customer_id"] for one in found}) == 1
    assert await count(house, "SELECT count(*) FROM customers WHERE kind = 'walk_in'") == 1


async def test_one_number_with_two_contents_at_two_tills(house):
    sent = receipt()
    async with house.client() as till:
        answers = await asyncio.gather(
            *(till.post("/v1/receipts", json=sent | {"till": str(place)}) for place in range(5))
        )
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 4}
    for answer in answers:
        if answer.status_code == 409:
            assert [one["pointer"] for one in answer.json()["differences"]] == ["/till"]


async def test_voids_attributions_and_pushes_of_the_same_customers(house, client):
    cards = ["A", "B", "C"]
    first = [await post(house, "/v1/receipts", receipt(card=card)) for card in cards * 4]
    chance = random.Random(7)

    async def change() -> None:
        one = chance.choice(first)
        if chance.random() < 0.3:
            await post(house, f"/v1/receipts/{one['id']}/void", {})
        elif chance.random() < 0.6:
            order = {"customer": named("card", chance.choice(cards))}
            await post(house, f"/v1/receipts/{one['id']}/attribution", order)
        else:
            await post(house, "/v1/receipts/batch", {"items": [receipt(card=card) for card in cards]})

    for _ in range(6):
        await asyncio.gather(*(change() for _ in range(6)))
    assert await house.services.db.read(SYSTEM, verify.differences) == []
