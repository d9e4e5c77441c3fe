"""A receipt changes hands: its rows move, and the figures are right at once on both sides."""

import uuid

import pytest
from sqlalchemy import text

from app.core.caller import SYSTEM
from app.receipts import verify
from tests.till.factories import line, named, receipt


@pytest.fixture
def attribute(client):
    """Attribute a receipt; answers the response."""

    async def run(receipt_id, customer, **more):
        return await client.post(f"/v1/receipts/{receipt_id}/attribution", json={"customer": customer, **more})

    return run


@pytest.fixture(autouse=True)
async def exact(house):
    """After every story here, what is kept is what the receipts say."""
    yield
    assert await house.services.db.read(SYSTEM, verify.differences) == []


async def test_from_the_walk_in_to_a_customer(push, attribute, customer, figures, client):
    holder = await customer({"kind": "card", "value": "7"})
    found = await push(receipt(line(3000, cost=1000), line(200)))
    answer = await attribute(found["id"], named("card", "7"))
    assert answer.status_code == 200, answer.text
    assert answer.json() == found | {"customer_id": holder, "attributed": True}
    assert (await client.get(f"/v1/receipts/{found['id']}")).json() == answer.json()
    held = await figures(holder)
    assert (held["receipts"], held["net"], held["margin"], held["occasions"]) == (1, 3200, 2000, 1)
    assert (await client.get(f"/v1/customers/{found['customer_id']}/receipts")).json()["data"] == []
    assert (await client.get(f"/v1/customers/{holder}/receipts")).json()["data"] == [answer.json()]


async def test_from_one_customer_to_another_and_back(push, attribute, customer, figures):
    first, second = await customer(), await customer()
    keep = await push(receipt(line(500, category="a"), customer={"id": first}))
    found = await push(
        receipt(line(900, category="b"), customer={"id": first}, occurred_at="2026-03-09T12:00:00+08:00")
    )
    before = await figures(first)
    assert before["favourite_category"] == "b"
    await attribute(found["id"], {"id": second})
    one, two = await figures(first), await figures(second)
    assert (one["receipts"], one["net"], one["favourite_category"], one["usual_gap_days"]) == (1, 500, "a", None)
    assert one["last_purchase_at"] == keep["occurred_at"]
    assert (two["receipts"], two["net"], two["favourite_category"]) == (1, 900, "b")
    await attribute(found["id"], {"id": first})
    assert await figures(first) == before
    assert (await figures(second))["receipts"] == 0


async def test_null_gives_it_back_to_the_walk_in(push, attribute, figures):
    nobody = await push(receipt())
    found = await push(receipt(card="7"))
    answer = (await attribute(found["id"], None)).json()
    assert (answer["customer_id"], answer["attributed"], answer["flags"]) == (nobody["customer_id"], False, [])
    assert (await figures(found["customer_id"]))["receipts"] == 0


async def test_back_to_a_walk_in_that_did_not_exist_yet(push, attribute):
    found = await push(receipt(card="7", store="S2"))
    answer = (await attribute(found["id"], None)).json()
    assert answer["attributed"] is False


async def test_repeating_it_is_harmless(push, attribute, customer, figures, house):
    holder = await customer()
    found = await push(receipt())
    first = await attribute(found["id"], {"id": holder})
    before = await figures(holder)
    second = await attribute(found["id"], {"id": holder})
    assert second.json() == first.json()
    assert await figures(holder) == before
    count = "SELECT count(*) FROM outbox WHERE type = 'receipt.attributed'"
    assert await house.services.db.read(SYSTEM, lambda tx: tx.scalar(text(count))) == 1


async def test_flags_about_the_customer_are_settled(push, attribute, customer):
    holder = await customer()
    found = await push(receipt(customer=named("phone", "12"), lines=[line()]))
    assert found["flags"] == ["invalid_identifier"]
    assert (await attribute(found["id"], {"id": holder})).json()["flags"] == []


async def test_create_makes_the_customer(push, attribute, client):
    found = await push(receipt())
    answer = (await attribute(found["id"], named("card", "new"), on_unknown_customer="create")).json()
    made = (await client.get(f"/v1/customers/{answer['customer_id']}")).json()
    assert [one["value"] for one in made["identifiers"]] == ["NEW"]
    assert made["figures"]["receipts"] == 1


async def test_a_phone_is_read_for_the_receipts_store(push, attribute, customer):
    holder = await customer({"kind": "phone", "value": "+16502530000"})
    found = await push(receipt(store="NY"))
    assert (await attribute(found["id"], named("phone", "650 253 0000"))).json()["customer_id"] == holder


@pytest.mark.parametrize(
    ("given", "status", "code"),
    [
        ({"id": str(uuid.uuid4())}, 422, "unknown_customer"),
        (named("card", "404"), 422, "unknown_customer"),
        (named("phone", "12"), 422, "invalid_input"),
        (named("phone", "13812345678"), 409, "ambiguous_customer"),
        ({}, 422, "invalid_input"),
        ({"id": str(uuid.uuid4()), **named("card", "7")}, 422, "invalid_input"),
        (7, 422, "invalid_input"),
        ({"identifier": {"kind": "fax", "value": "1"}}, 422, "invalid_input"),
    ],
)
async def test_a_customer_who_cannot_be_told_is_refused(push, attribute, customer, client, given, status, code):
    for _ in range(2):
        await customer({"kind": "phone", "value": "13812345678", "primary": True})
    found = await push(receipt(card="7"))
    answer = await attribute(found["id"], given)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert all(error["pointer"].startswith("/customer") for error in answer.json()["errors"])
    assert (await client.get(f"/v1/receipts/{found['id']}")).json() == found


async def test_customer_must_be_said(client, push):
    found = await push(receipt())
    answer = await client.post(f"/v1/receipts/{found['id']}/attribution", json={})
    assert [(error["pointer"], error["code"]) for error in answer.json()["errors"]] == [("/customer", "missing")]


async def test_a_receipt_that_is_not_there(attribute):
    assert (await attribute(uuid.uuid4(), None)).status_code == 404


async def test_a_void_receipt_moves_without_counting(push, attribute, client, customer, figures):
    holder = await customer()
    found = await push(receipt(card="7"))
    await client.post(f"/v1/receipts/{found['id']}/void")
    answer = (await attribute(found["id"], {"id": holder})).json()
    assert (answer["customer_id"], answer["voided_at"] is None) == (holder, False)
    assert (await figures(holder))["receipts"] == 0
    assert (await figures(found["customer_id"]))["receipts"] == 0


async def test_what_is_told_and_written_down(push, attribute, customer, house):
    holder = await customer()
    found = await push(receipt(store="S2"))
    await attribute(found["id"], {"id": holder})
    outbox = "SELECT customer_id::text, subject, data FROM outbox WHERE type = 'receipt.attributed'"
    event = (await house.services.db.read(SYSTEM, lambda tx: tx.rows(text(outbox))))[0]
    assert (event.customer_id, event.subject) == (holder, found["id"])
    assert event.data == {"store": "S2", "customer_id": holder, "previous_customer_id": found["customer_id"]}
    audit = "SELECT customer_id::text, record_id::text, fields FROM audit_entries WHERE action = 'receipt.attribute'"
    entry = (await house.services.db.read(SYSTEM, lambda tx: tx.rows(text(audit))))[0]
    assert tuple(entry) == (holder, found["id"], ["customer_id"])


async def test_all_rows_of_a_receipt_move(push, attribute, customer, house):
    holder = await customer()
    found = await push(receipt(line(1), line(2), line(3)))
    await attribute(found["id"], {"id": holder})
    for table, key in (("receipts", "id"), ("receipt_lines", "receipt_id"), ("receipt_numbers", "receipt_id")):
        sql = text(f"SELECT DISTINCT customer_id::text FROM {table} WHERE {key} = :id")
        owners = await house.services.db.read(SYSTEM, lambda tx, sql=sql: tx.rows(sql, {"id": uuid.UUID(found["id"])}))
        assert [tuple(row) for row in owners] == [(holder,)], table
