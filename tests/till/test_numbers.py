"""A receipt number means one receipt for ever."""

import copy

import pytest

from app.till.commands.answering import told
from tests.till.factories import line, named, receipt, returned


def full():
    """A receipt with everything in it."""
    return receipt(
        line(3000, gross=3200, discount=200, tax=345, cost=2400),
        line(500, product="P2", quantity="0.250"),
        card="A",
        till="3",
        seller="emp-12",
        promotions=["X"],
        purpose="gift",
        extensions={"a": {"b": [1, None]}},
        tenders=[{"kind": "cash", "amount": 3500}],
        returns={"source": "till", "number": "other"},
    )


async def test_the_same_again_is_harmless(push, push_many, figures, client):
    sent = full()
    found = await push(sent)
    before = await figures(found["customer_id"])
    again = await push(sent, status=200)
    assert again == found
    assert (await push_many(sent))[0] == {"index": 0, "status": "duplicate", "id": found["id"]}
    assert await figures(found["customer_id"]) == before


# The same content, written in another way.
SAME = [
    {"occurred_at": "2026-03-05T04:00:00.000000Z"},
    {"occurred_at": "2026-03-04T23:00:00-05:00"},
    {"business_date": None},
    {"business_date": "2026-03-05"},
    {"one_off": False},
    {"rate": "1"},
    {"customer": None},
    {"customer": named("card", "B")},
    {"on_unknown_customer": "walk_in"},
]


@pytest.mark.parametrize("change", SAME, ids=str)
async def test_the_same_written_in_another_way_is_the_same(push, change):
    sent = full()
    found = await push(sent)
    again = await push(sent | change, status=200)
    assert (again["id"], again["customer_id"]) == (found["id"], found["customer_id"])


async def test_the_same_lines_written_in_another_way_are_the_same(push):
    sent = full()
    found = await push(sent)
    other = copy.deepcopy(sent)
    other["lines"][0]["quantity"] = "1.000"
    other["lines"][1]["gross"] = None
    other["lines"][1]["quantity"] = "0.25"
    del other["lines"][0]["discount"]
    assert (await push(other, status=200))["id"] == found["id"]


async def test_a_category_that_the_catalog_filled_in_does_not_differ(push, client):
    await client.put("/v1/products/P9", json={"category": "tea"})
    sent = receipt(line(product="P9", category=None))
    found = await push(sent)
    await client.put("/v1/products/P9", json={"category": "coffee"})
    assert (await push(sent, status=200))["id"] == found["id"]
    sent["lines"][0]["category"] = "tea"
    assert (await push(sent, status=200))["id"] == found["id"]


OTHER = [
    ({"store": "S2"}, [{"pointer": "/store", "ours": "S1", "theirs": "S2"}]),
    ({"till": None}, [{"pointer": "/till", "ours": "3", "theirs": None}]),
    ({"kind": "return"}, [{"pointer": "/kind", "ours": "sale", "theirs": "return"}]),
    (
        {"occurred_at": "2026-03-05T04:00:01Z"},
        [{"pointer": "/occurred_at", "ours": "2026-03-05T04:00:00.000000Z", "theirs": "2026-03-05T04:00:01.000000Z"}],
    ),
    ({"business_date": "2026-03-04"}, [{"pointer": "/business_date", "ours": "2026-03-05", "theirs": "2026-03-04"}]),
    (
        {"currency": "USD", "rate": "7.1"},
        [
            {"pointer": "/currency", "ours": "CNY", "theirs": "USD"},
            {"pointer": "/rate", "ours": None, "theirs": "7.1"},
        ],
    ),
    ({"seller": "emp-13"}, [{"pointer": "/seller"}]),
    ({"promotions": []}, [{"pointer": "/promotions", "ours": ["X"], "theirs": []}]),
    ({"purpose": None}, [{"pointer": "/purpose", "ours": "gift", "theirs": None}]),
    ({"one_off": True}, [{"pointer": "/one_off", "ours": False, "theirs": True}]),
    ({"extensions": {"a": {"b": [1]}}}, [{"pointer": "/extensions"}]),
    ({"returns": None}, [{"pointer": "/returns", "ours": {"source": "till", "number": "other"}, "theirs": None}]),
    ({"tenders": None}, [{"pointer": "/tenders", "ours": [{"kind": "cash", "amount": 3500}], "theirs": []}]),
]


@pytest.mark.parametrize(("change", "differences"), OTHER, ids=lambda value: str(value)[:40])
async def test_other_content_is_a_conflict_that_tells_what_differs(client, push, change, differences):
    sent = full()
    found = await push(sent)
    answer = await client.post("/v1/receipts", json=sent | change)
    assert answer.status_code == 409, answer.text
    problem = answer.json()
    assert (problem["code"], problem["receipt_id"]) == ("receipt_conflict", found["id"])
    assert problem["differences"] == differences
    assert (await client.get(f"/v1/receipts/{found['id']}")).json() == found


@pytest.mark.parametrize(
    ("place", "change", "differences"),
    [
        (0, {"cost": 2401}, [{"pointer": "/lines/0/cost", "ours": 2400, "theirs": 2401}]),
        (0, {"cost": None}, [{"pointer": "/lines/0/cost", "ours": 2400, "theirs": None}]),
        (1, {"tax": 1}, [{"pointer": "/lines/1/tax", "ours": None, "theirs": 1}]),
        (1, {"quantity": "0.26"}, [{"pointer": "/lines/1/quantity", "ours": "0.25", "theirs": "0.26"}]),
        (1, {"product": "P3"}, [{"pointer": "/lines/1/product", "ours": "P2", "theirs": "P3"}]),
        (1, {"category": "c2"}, [{"pointer": "/lines/1/category", "ours": "c1/c11", "theirs": "c2"}]),
        (1, {"original_line": 4}, [{"pointer": "/lines/1/original_line", "ours": None, "theirs": 4}]),
    ],
)
async def test_a_line_that_differs_is_named(client, push, place, change, differences):
    sent = full()
    await push(sent)
    other = copy.deepcopy(sent)
    other["lines"][place] |= change
    assert (await client.post("/v1/receipts", json=other)).json()["differences"] == differences


async def test_another_number_of_lines(client, push):
    sent = receipt(line(), line())
    await push(sent)
    other = sent | {"lines": sent["lines"][:1]}
    problem = (await client.post("/v1/receipts", json=other)).json()
    assert problem["differences"] == [{"pointer": "/lines", "ours": 2, "theirs": 1}]


async def test_a_long_list_of_differences_is_cut(client, push):
    sent = receipt(*[line() for _ in range(50)])
    await push(sent)
    other = sent | {"lines": [one | {"net": 5} for one in sent["lines"]]}
    assert len((await client.post("/v1/receipts", json=other)).json()["differences"]) == 20


async def test_a_conflicting_return_is_compared_as_it_was_sent(client, push):
    sale = receipt(line(3000))
    await push(sale)
    sent = returned(sale, line(1000))
    await push(sent)
    problem = (await client.post("/v1/receipts", json=sent | {"lines": [line(900)]})).json()
    assert {"pointer": "/lines/0/net", "ours": 1000, "theirs": 900} in problem["differences"]


async def test_sources_number_for_themselves(push):
    sent = receipt()
    first = await push(sent)
    assert (await push(sent | {"source": "web"}))["id"] != first["id"]


async def test_a_number_twice_in_one_batch(push_many, client):
    sent = receipt(card="A")
    other = sent | {"seller": "x", "till": "9"}
    results = await push_many(sent, sent, other, sent)
    assert [result["status"] for result in results] == ["created", "duplicate", "failed", "duplicate"]
    assert {result["id"] for result in results} == {results[0]["id"], None}
    problem = results[2]["problem"]
    assert (problem["code"], problem["status"], problem["receipt_id"]) == ("receipt_conflict", 409, results[0]["id"])
    assert [one["pointer"] for one in problem["differences"]] == ["/till", "/seller"]


async def test_a_number_twice_in_one_batch_written_in_two_ways(push_many):
    sent = receipt(card="A")
    results = await push_many(sent, sent | {"business_date": "2026-03-05"}, sent | {"business_date": "2026-03-06"})
    assert [result["status"] for result in results] == ["created", "duplicate", "failed"]


async def test_a_failed_receipt_does_not_take_the_number(push_many):
    sent = receipt()
    results = await push_many(sent | {"store": "NOWHERE"}, sent)
    assert [result["status"] for result in results] == ["failed", "created"]


async def test_a_batch_of_known_new_and_conflicting(push, push_many):
    known = receipt(card="A")
    found = await push(known)
    results = await push_many(known, receipt(), known | {"till": "9"}, known)
    assert [result["status"] for result in results] == ["duplicate", "created", "failed", "duplicate"]
    assert results[0]["id"] == results[3]["id"] == found["id"]
    assert results[2]["problem"]["differences"] == [{"pointer": "/till", "ours": None, "theirs": "9"}]


async def test_a_resend_after_an_attribution_is_a_duplicate(push, client):
    sent = receipt()
    found = await push(sent)
    moved = await client.post(
        f"/v1/receipts/{found['id']}/attribution",
        json={"customer": named("card", "A"), "on_unknown_customer": "create"},
    )
    again = await push(sent, status=200)
    assert again == moved.json()
    assert again["customer_id"] != found["customer_id"]


async def test_a_resend_while_the_receipt_changes_hands_is_a_duplicate(push, client, monkeypatch):
    sent = receipt(card="1")
    found = await push(sent)
    other = (await client.post("/v1/customers", json={"display_name": "Other"})).json()["id"]

    async def late(*given):
        monkeypatch.setattr("app.till.commands.pushing.told", told)
        moved = await client.post(f"/v1/receipts/{found['id']}/attribution", json={"customer": {"id": other}})
        assert moved.status_code == 200, moved.text
        return await told(*given)

    monkeypatch.setattr("app.till.commands.pushing.told", late)
    again = await push(sent, 200)
    assert (again["id"], again["customer_id"]) == (found["id"], other)


async def test_a_conflict_tells_nothing_of_receipts_beyond_reach(push, client, house):
    near = await client.post("/v1/customers", json={"display_name": "Near", "home_store": "S1"})
    theirs = await push(receipt(line(300, product="SECRET"), store="NY", card="77"))
    mine = await push(receipt(line(300), customer={"id": near.json()["id"]}))
    own = await push(receipt(line(300), card="78"))
    terms = {
        "name": "S1",
        "role": "pos",
        "store": "S1",
        "reach": "store",
        "scopes": ["receipts:read", "receipts:write"],
    }
    key = (await client.post("/v1/api-keys", json=terms)).json()["key"]
    async with house.client(None, Authorization=f"Bearer {key}") as till:
        for known, told in ((theirs, False), (mine, True), (own, True)):
            answer = await till.post("/v1/receipts", json=receipt(line(301), number=known["number"]))
            assert (answer.status_code, answer.json()["code"]) == (409, "receipt_conflict")
            assert ("receipt_id" in answer.json(), "differences" in answer.json()) == (told, told)
            assert ("SECRET" in answer.text, known["id"] in answer.text) == (False, told)


async def test_a_resend_after_a_void_stays_void(push, client, figures):
    sent = receipt(card="A")
    found = await push(sent)
    await client.post(f"/v1/receipts/{found['id']}/void")
    assert (await push(sent, status=200))["voided_at"] is not None
    assert (await figures(found["customer_id"]))["receipts"] == 0


async def test_a_replayed_key_answers_what_was_answered(client):
    sent = receipt(card="A")
    first, second = [await client.post("/v1/receipts", json=sent, headers={"Idempotency-Key": "k-1"}) for _ in range(2)]
    assert (first.status_code, second.status_code) == (201, 201)
    assert second.headers["idempotency-replayed"] == "true"
    assert first.content == second.content
