"""A void cancels a receipt and keeps it: figures are as if it had never been there."""

import uuid

import pytest
from sqlalchemy import text

from app.core.caller import SYSTEM
from app.receipts import verify
from tests.till.factories import line, receipt, returned


@pytest.fixture
def void(client):
    """Void a receipt; answers the response."""

    async def run(receipt_id, **more):
        return await client.post(f"/v1/receipts/{receipt_id}/void", **more)

    return run


@pytest.fixture(autouse=True)
async def exact(house):
    """After every story here, what is kept is what the receipts say."""
    yield
    assert await house.services.db.read(SYSTEM, verify.differences) == []


async def test_figures_are_as_if_it_had_never_been_there(push, void, figures):
    kept = {}
    for day in ("01", "11", "21"):
        kept = await push(receipt(line(1000, cost=10), card="A", occurred_at=f"2026-03-{day}T12:00:00+08:00"))
    before = await figures(kept["customer_id"])
    for day, store in (("01", "S2"), ("06", "S2"), ("21", "NY"), ("28", "S2")):
        sent = receipt(
            line(9000, category="z", cost=5), card="A", store=store, occurred_at=f"2026-03-{day}T20:00:00+08:00"
        )
        found = await push(sent)
        assert await figures(kept["customer_id"]) != before
        answer = await void(found["id"])
        assert answer.status_code == 200
        assert await figures(kept["customer_id"]) == before


@pytest.mark.parametrize("day", [None, "2026-03-04"])
@pytest.mark.parametrize("order", [("S1", "S2"), ("S2", "S1")])
async def test_two_stores_at_one_moment(push, void, figures, order, day):
    """Somebody must be the last store; it is the later by name, whichever receipt came first."""
    found, customer = {}, ""
    for store in order:
        found[store] = await push(receipt(card="A", store=store, business_date=day if store == "S2" else None))
        customer = found[store]["customer_id"]
    assert (await figures(customer))["last_store"] == "S2"
    await void(found["S2"]["id"])
    assert (await figures(customer))["last_store"] == "S1"


async def test_it_is_kept_and_says_when(push, void, client, house):
    found = await push(receipt(card="A"))
    answer = (await void(found["id"], json={})).json()
    assert answer["voided_at"] is not None
    assert answer == found | {"voided_at": answer["voided_at"]}
    assert (await client.get(f"/v1/receipts/{found['id']}")).json() == answer
    listed = (await client.get(f"/v1/customers/{found['customer_id']}/receipts")).json()["data"]
    assert listed == [answer]


async def test_repeating_it_is_harmless(push, void, house):
    found = await push(receipt(card="A"))
    first, second = await void(found["id"]), await void(found["id"])
    assert first.json() == second.json()
    for sql in (
        "SELECT count(*) FROM outbox WHERE type = 'receipt.voided'",
        "SELECT count(*) FROM audit_entries WHERE action = 'receipt.void'",
    ):
        assert await house.services.db.read(SYSTEM, lambda tx, sql=sql: tx.scalar(text(sql))) == 1


async def test_the_only_receipt_leaves_no_rows(push, void, house):
    found = await push(receipt(line(), line(category="x"), card="A"))
    await void(found["id"])
    for table in ("customer_days", "customer_categories", "customer_figures"):
        sql = text(f"SELECT count(*) FROM {table}")
        assert await house.services.db.read(SYSTEM, lambda tx, sql=sql: tx.scalar(sql)) == 0, table


async def test_the_void_of_a_return(push, void, figures):
    sale = receipt(line(3000), card="A")
    await push(sale)
    back = await push(returned(sale, line(3000), card="A"))
    assert (await figures(back["customer_id"]))["occasions"] == 0
    await void(back["id"])
    held = await figures(back["customer_id"])
    assert (held["occasions"], held["net"], held["returns"], held["receipts"]) == (1, 3000, 0, 1)


async def test_a_walk_ins_receipt(push, void):
    found = await push(receipt())
    assert (await void(found["id"])).json()["voided_at"] is not None


async def test_margin_is_unknown_again(push, void, figures):
    await push(receipt(line(1000), card="A"))
    found = await push(receipt(line(500, cost=100), card="A"))
    assert (await figures(found["customer_id"]))["margin"] == 400
    await void(found["id"])
    assert (await figures(found["customer_id"]))["margin"] is None


async def test_a_receipt_that_is_not_there(void):
    assert (await void(uuid.uuid4())).status_code == 404
    assert (await void("no-id")).status_code == 422


async def test_a_body_with_unknown_fields_is_refused(push, void):
    found = await push(receipt())
    assert (await void(found["id"], json={"why": "typo"})).status_code == 422


async def test_what_is_told(push, void, house):
    found = await push(receipt(card="A", store="S2"))
    await void(found["id"])
    outbox = "SELECT customer_id::text, subject, data FROM outbox WHERE type = 'receipt.voided'"
    event = (await house.services.db.read(SYSTEM, lambda tx: tx.rows(text(outbox))))[0]
    assert (event.customer_id, event.subject) == (found["customer_id"], found["id"])
    assert event.data == {"store": "S2", "customer_id": found["customer_id"]}
