"""Who may push, and what a key that is bound to a store sees."""

import httpx
import pytest
from sqlalchemy import text

from app.access import commands as access_commands
from app.access.keyring import Keyring
from tests.till.factories import line, named, receipt

MAY_PUSH = {"pos", "admin"}


@pytest.mark.parametrize("role", ["pos", "call_center", "partner", "analyst", "admin"])
async def test_pushing_needs_its_scope(clients, client, role):
    found = (await client.post("/v1/receipts", json=receipt())).json()
    answers = [
        await clients[role].post("/v1/receipts", json=receipt()),
        await clients[role].post("/v1/receipts/batch", json={"items": [receipt()]}),
        await clients[role].post(f"/v1/receipts/{found['id']}/attribution", json={"customer": None}),
        await clients[role].post(f"/v1/receipts/{found['id']}/void"),
    ]
    allowed = role in MAY_PUSH
    assert [answer.status_code for answer in answers] == ([201, 200, 200, 200] if allowed else [403] * 4)


@pytest.mark.parametrize("role", ["pos", "call_center", "partner", "analyst", "admin"])
async def test_reading_needs_its_scope(clients, client, role):
    found = (await client.post("/v1/receipts", json=receipt(card="A"))).json()
    paths = [f"/v1/receipts/{found['id']}", f"/v1/customers/{found['customer_id']}/receipts"]
    statuses = [(await clients[role].get(path)).status_code for path in paths]
    assert statuses == ([403, 403] if role == "partner" else [200, 200])


@pytest.fixture
async def key_of(house):
    """A client whose key is made for the test."""
    made: list[httpx.AsyncClient] = []

    async def run(role, **more):
        keyring = Keyring(house.services.settings.secret)
        secret = (
            await house.services.db.run(
                lambda tx: access_commands.create_key(tx, keyring, f"own {role} {len(made)}", role, **more)
            )
        )[1]
        transport = httpx.ASGITransport(app=house.app, raise_app_exceptions=False)
        made.append(
            httpx.AsyncClient(
                transport=transport, base_url="http://test", headers={"Authorization": f"Bearer {secret}"}
            )
        )
        return made[-1]

    yield run
    for one in made:
        await one.aclose()


async def test_a_key_of_a_store_pushes_for_no_other(key_of, client):
    till = await key_of("pos", store="S1")
    assert (await till.post("/v1/receipts", json=receipt(store="S1"))).status_code == 201
    foreign, absent = [await till.post("/v1/receipts", json=receipt(store=store)) for store in ("S2", "NOWHERE")]
    assert foreign.status_code == 422
    foreign, absent = foreign.json(), absent.json()
    assert foreign.pop("request_id") != absent.pop("request_id")
    assert foreign == absent


async def test_a_key_of_a_store_voids_for_no_other(key_of, client):
    till = await key_of("pos", store="S1")
    own, foreign = [(await client.post("/v1/receipts", json=receipt(store=store))).json() for store in ("S1", "S2")]
    assert (await till.post(f"/v1/receipts/{foreign['id']}/void")).status_code == 404
    assert (await till.post(f"/v1/receipts/{own['id']}/void")).status_code == 200
    assert (await client.get(f"/v1/receipts/{foreign['id']}")).json()["voided_at"] is None


async def test_reads_are_written_down(house, client):
    found = (await client.post("/v1/receipts", json=receipt(card="A"))).json()
    seen = []

    class Log:
        async def record(self, caller, action, records):
            seen.append((caller.role, action, [str(one) for one in records]))

    log, house.services.reads = house.services.reads, Log()
    try:
        await client.get(f"/v1/receipts/{found['id']}")
        await client.get(f"/v1/customers/{found['customer_id']}/receipts")
    finally:
        house.services.reads = log
    customer = [found["customer_id"]]
    assert seen == [("admin", "receipt.read", customer), ("admin", "receipt.list", customer)]


async def test_writes_are_written_down(client, audited):
    found = (await client.post("/v1/receipts", json=receipt(line(product="X1"), card="A"))).json()
    await client.post("/v1/receipts/batch", json={"items": [receipt(card="A"), receipt()]})
    entries = await audited()
    assert [entry for entry in entries if entry[1] == found["id"]] == [
        ("receipt.record", found["id"], found["customer_id"])
    ]
    actions = [action for action, *_ in entries]
    assert (actions.count("receipt.record"), actions.count("customer.create")) == (3, 2)
    assert "product.create" in actions


@pytest.fixture
def audited(house):
    """(action, record, customer) of every entry."""

    async def run():
        sql = "SELECT action, record_id::text, customer_id::text FROM audit_entries"
        return [tuple(row) for row in await house.services.db.run(lambda tx: tx.rows(text(sql)))]

    return run


async def test_names_and_numbers_stay_out_of_events(client, house):
    sent = receipt(customer=named("phone", "13812345678"), on_unknown_customer="create", seller="emp-secret")
    await client.post("/v1/receipts", json=sent)
    rows = await house.services.db.run(lambda tx: tx.rows(text("SELECT data::text, type FROM outbox")))
    assert {row.type for row in rows} >= {"receipt.recorded", "customer.created"}
    for row in rows:
        assert "13812345678" not in row.data
        assert "emp-secret" not in row.data
