"""Reading receipts: one, and a customer's page by page."""

import uuid
from dataclasses import replace

import orjson
import pytest

from app.core.caller import SYSTEM
from app.receipts import queries
from tests.receipts.factories import line, receipt


async def test_newest_first_page_by_page(push, client):
    days = [5, 9, 9, 2, 28, 9, 1]
    sent = [receipt(occurred_at=f"2026-03-{day:02}T{4 + place:02}:00:00Z") for place, day in enumerate(days)]
    found = await push(*sent)
    customer = found[0]["customer_id"]
    wanted = [one["id"] for one in sorted(found, key=lambda one: one["occurred_at"], reverse=True)]
    for limit in (1, 2, 3, 7, 50):
        ids, cursor, pages = [], None, 0
        while True:
            query = f"limit={limit}" + (f"&cursor={cursor}" if cursor else "")
            page = (await client.get(f"/v1/customers/{customer}/receipts?{query}")).json()
            ids += [one["id"] for one in page["data"]]
            pages += 1
            assert page["has_more"] is (page["next_cursor"] is not None)
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert ids == wanted
        assert pages == -(-len(wanted) // limit)


async def test_receipts_of_one_moment_are_neither_skipped_nor_repeated(push, client):
    found = await push(*[receipt() for _ in range(9)])
    path = f"/v1/customers/{found[0]['customer_id']}/receipts?limit=2"
    ids, page = [], (await client.get(path)).json()
    while True:
        ids += [one["id"] for one in page["data"]]
        if not page["has_more"]:
            break
        page = (await client.get(f"{path}&cursor={page['next_cursor']}")).json()
    assert ids == sorted((one["id"] for one in found), reverse=True)


async def test_the_business_day_comes_before_the_clock(push, client):
    late = receipt(occurred_at="2026-03-06T18:00:00Z", business_date="2026-03-06")
    early = receipt(occurred_at="2026-03-06T17:00:00Z", business_date="2026-03-07")
    found = await push(late, early)
    page = (await client.get(f"/v1/customers/{found[0]['customer_id']}/receipts")).json()
    assert [one["id"] for one in page["data"]] == [found[1]["id"], found[0]["id"]]


async def test_a_customer_without_receipts_has_an_empty_list(client):
    made = (await client.post("/v1/customers", json={"kind": "person"})).json()
    answer = await client.get(f"/v1/customers/{made['id']}/receipts")
    assert answer.json() == {"data": [], "next_cursor": None, "has_more": False}


async def test_what_is_not_there(client):
    assert (await client.get(f"/v1/customers/{uuid.uuid4()}/receipts")).status_code == 404
    assert (await client.get(f"/v1/receipts/{uuid.uuid4()}")).status_code == 404


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "cursor=%00", "surprise=1"])
async def test_wrong_queries(push, client, query):
    found = await push(receipt())
    answer = await client.get(f"/v1/customers/{found[0]['customer_id']}/receipts?{query}")
    assert answer.status_code in {400, 422}


async def test_a_cursor_belongs_to_its_customer(push, client):
    found = await push(receipt(card="A"), receipt(card="A"), receipt(card="B"))
    page = (await client.get(f"/v1/customers/{found[0]['customer_id']}/receipts?limit=1")).json()
    answer = await client.get(f"/v1/customers/{found[2]['customer_id']}/receipts?cursor={page['next_cursor']}")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_cursor")
    answer = await client.get(f"/v1/customers/{found[0]['customer_id']}/receipts?cursor={page['next_cursor'][:-2]}xx")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_cursor")


async def test_cost_is_for_those_who_may_see_it(push, house):
    found = (await push(receipt(line(1000, cost=700))))[0]
    assert (found["cost"], found["lines"][0]["cost"]) == (700, 700)
    nobody = replace(SYSTEM, field_groups=frozenset({"basic"}))
    seen = await house.services.db.read(nobody, lambda tx: queries.receipt(tx, uuid.UUID(found["id"])))
    assert seen is not None
    shown = orjson.loads(seen[0])
    assert "cost" not in shown
    assert "cost" not in shown["lines"][0]
    assert shown["net"] == 1000
