"""The lookup: every way people type what they know of a customer, shared numbers, audit, one round trip."""

import json
import uuid
from datetime import datetime
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from app.core.caller import SYSTEM
from app.core.hot import compiled
from app.desk import queries

STORE = {"name": "First", "kind": "own", "phone_region": "CN"}


async def customer(client, **fields):
    made = await client.post("/v1/customers", json={"kind": "person", **fields})
    assert made.status_code == 201, made.text
    return made.json()


async def look(client, **query):
    answer = await client.get("/v1/customers/lookup", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


async def test_every_identifier_finds_its_customer_with_the_reason(client):
    one = await customer(
        client,
        display_name="Zhang Wei",
        identifiers=[
            {"kind": "phone", "value": "+86 138 1234 5678"},
            {"kind": "email", "value": "Zhang.Wei@Example.COM"},
            {"kind": "card", "value": "01104905"},
            {"kind": "external", "system": "crm", "value": "A:7"},
        ],
    )
    asked = [
        ({"phone": "13812345678"}, "exact_phone"),
        ({"phone": "１３８ １２３４ ５６７８"}, "exact_phone"),
        ({"phone": "0086-138-1234-5678"}, "exact_phone"),
        ({"email": "zhang.wei@example.com"}, "exact_email"),
        ({"card": "0110 4905"}, "card"),
        ({"external": "crm:A:7"}, "external"),
    ]
    for query, match in asked:
        (found,) = await look(client, **query)
        assert (found["id"], found["match"], found["version"]) == (one["id"], match, one["version"])
    body = {"external": {"system": "crm", "value": "A:7"}}
    posted = (await client.post("/v1/customers/lookup", json=body)).json()
    assert posted == {"data": await look(client, external="crm:A:7"), "next_cursor": None, "has_more": False}


async def test_a_candidate_shows_what_the_single_record_shows(client):
    one = await customer(client, display_name="A", identifiers=[{"kind": "card", "value": "9"}])
    (found,) = await look(client, card="9")
    record = (await client.get(f"/v1/customers/{one['id']}")).json()
    assert {name: found[name] for name in record} == record
    assert set(found) - set(record) == {"match", "birthday_today", "ask_next"}


async def test_a_number_that_nobody_has_answers_an_empty_list(client):
    assert await look(client, phone="+8613900000000") == []
    assert await look(client, card="none") == []


async def test_a_family_shares_a_phone(client):
    phone = {"kind": "phone", "value": "+8613812345678"}
    mother = await customer(client, display_name="Mother", identifiers=[{**phone, "primary": True}])
    child = await customer(client, display_name="Child", identifiers=[phone])
    found = await look(client, phone="13812345678")
    assert {one["id"] for one in found} == {mother["id"], child["id"]}
    assert {one["match"] for one in found} <= {"primary", "shared_phone"}
    assert found[0]["match"] == "primary"


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({}, ""), ({"phone": "1", "card": "2"}, ""), ({"phone": "1-800-FLOWERS"}, "?phone"),
        ({"phone": "12"}, "?phone"),
        ({"email": "nobody"}, "?email"), ({"external": "4711"}, "?external"), ({"external": ":4711"}, "?external"),
        ({"card": ""}, "?card"), ({"name": "Zhang"}, "?name"), ({"phone": "\u202e"}, "?phone"),
    ],
)  # fmt: skip
async def test_wrong_questions_say_what_is_wrong(client, query, pointer):
    answer = await client.get("/v1/customers/lookup", params=query)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"].startswith(pointer)
    if query:
        posted = await client.post("/v1/customers/lookup", json=query)
        assert posted.status_code == 422


@pytest.mark.parametrize("body", [None, [], 5, "x", {}, {"phone": None}, {"phone": 5}, {"external": "a:b"}])
async def test_wrong_bodies_say_what_is_wrong(client, body):
    answer = await client.post(
        "/v1/customers/lookup", content=json.dumps(body), headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 422


async def test_a_repeated_parameter_is_refused(client):
    assert (await client.get("/v1/customers/lookup?phone=1&phone=2")).status_code == 422
    assert (await client.post("/v1/customers/lookup?phone=1", json={"phone": "2"})).status_code == 422


async def test_birthday_today_in_the_company_s_zone(client, house):
    zone = ZoneInfo("Asia/Shanghai")
    await customer(client, birthday={"month": 2, "day": 28}, identifiers=[{"kind": "card", "value": "B"}])
    for moment, today in [
        (datetime(2026, 2, 28, 0, 30, tzinfo=zone), True),
        (datetime(2026, 2, 28, 23, 59, tzinfo=zone), True),
        (datetime(2026, 3, 1, 0, 0, tzinfo=zone), False),
    ]:
        house.services.clock.set(moment)
        assert (await look(client, card="B"))[0]["birthday_today"] is today


async def test_the_question_worth_asking(client):
    await customer(client, identifiers=[{"kind": "card", "value": "Q"}])
    (found,) = await look(client, card="Q")
    asked = [found["ask_next"]]
    changes = [
        ("PATCH", "", {"birthday": {"month": 1, "day": 2}}),
        ("POST", "/identifiers", {"kind": "phone", "value": "+8613812345678"}),
        ("POST", "/identifiers", {"kind": "phone", "value": "+8613800138000"}),
        ("PATCH", "", {"profile": {"life": {"hobbies": ["chess"]}}}),
        ("PATCH", "", {"display_name": "test"}),
        ("PATCH", "", {"display_name": "Q"}),
        ("POST", "/identifiers", {"kind": "email", "value": "q@example.org"}),
        ("POST", "/addresses", {"kind": "home", "city": "Guiyang"}),
    ]
    for method, path, body in changes:
        (found,) = await look(client, card="Q")
        changed = await client.request(
            method, f"/v1/customers/{found['id']}{path}", json=body, headers={"If-Match": f'"{found["version"]}"'}
        )
        assert changed.status_code in (200, 201), changed.text
        asked.append((await look(client, card="Q"))[0]["ask_next"])
        told = (await client.get(f"/v1/customers/{found['id']}/completeness")).json()
        assert told["ask_next"]["path"] == asked[-1], told
    assert asked == [
        "birthday", "phone", "phone", "life.hobbies", "display_name", "display_name", "email", "address",
        "career.occupation",
    ]  # fmt: skip


async def test_a_number_is_read_as_one_of_the_store_s_country(client, house):
    await client.put("/v1/stores/SEOUL", json={**STORE, "phone_region": "KR"})
    await customer(client, identifiers=[{"kind": "phone", "value": "+82 10-1234-5678"}])
    made = await client.post("/v1/api-keys", json={"name": "Seoul", "role": "pos", "store": "SEOUL"})
    async with house.client(None, Authorization=f"Bearer {made.json()['key']}") as till:
        assert len(await look(till, phone="010-1234-5678")) == 1
        # What such a key writes is read alike.
        body = {"display_name": "New", "identifiers": [{"kind": "phone", "value": "010-8765-4321"}]}
        made = [
            await till.post("/v1/customers", json=body),
            await till.put("/v1/customers/by-external/crm/1", json={**body, "display_name": "Also new"}),
        ]
        batch = (await till.post("/v1/customers/batch", json={"items": [{**body, "display_name": "Third"}]})).json()
        ids = {*(one.json()["id"] for one in made), batch["results"][0]["id"]}
        assert {one["id"] for one in await look(till, phone="010-8765-4321")} == ids
        # A store that is named counts for more.
        await client.put("/v1/stores/S01", json=STORE)
        far = await till.post("/v1/customers", json={**body, "home_store": "S01"})
        assert far.json()["id"] not in {one["id"] for one in await look(till, phone="010-8765-4321")}
        assert [one["id"] for one in await look(client, phone="010-8765-4321")] == [far.json()["id"]]
    # Read as a number of the company's country it is somebody else's, in Beijing.
    assert await look(client, phone="010-1234-5678") == []


async def test_walk_ins_are_never_candidates(client):
    await client.put("/v1/stores/S01", json=STORE)
    receipt = {
        "source": "till", "number": "1", "store": "S01", "kind": "sale", "occurred_at": "2026-11-20T12:00:00Z",
        "currency": "CNY", "lines": [{"product": "T", "category": "t", "quantity": "1", "net": 1}],
        "tenders": [{"kind": "cash", "amount": 1}],
    }  # fmt: skip
    assert (await client.post("/v1/receipts", json=receipt)).status_code == 201
    assert await look(client, card="S01") == []


async def test_every_read_is_on_the_audit_trail(client, house):
    one = await customer(client, identifiers=[{"kind": "card", "value": "T"}])
    await look(client, card="T")
    await house.services.reads.flush()
    entries = (await client.get("/v1/audit", params={"customer_id": one["id"]})).json()["data"]
    assert [entry["action"] for entry in entries].count("customer.lookup") == 1


async def test_a_partner_finds_nobody_without_an_agreement(clients):
    await customer(clients["admin"], identifiers=[{"kind": "card", "value": "P"}])
    assert await look(clients["partner"], card="P") == []


MANY = """
INSERT INTO customers (id, kind, status, display_name, version, created_at, updated_at)
SELECT uuidv7(), 'person', 'active', 'N' || n, 1, now(), now() FROM generate_series(1, 3000) n;
INSERT INTO identifiers (kind, value, customer_id, id, typed, exclusive, created_at)
SELECT 'card', id::text, id, uuidv7(), '', true, now() FROM customers;
ANALYZE customers, identifiers
"""


@pytest.mark.parametrize(("kind", "made"), [("phone", queries.lookup), ("card", queries.lookup_exclusive)])
async def test_one_round_trip_through_indexes(house, client, kind, made):
    await customer(client, identifiers=[{"kind": "card", "value": "E"}])
    # Of a single customer any index will do; which one it is hung on what earlier tests had told the planner.
    await house.sweeper.run(MANY)
    sql = compiled(made(SYSTEM, house.services.sections, {}))
    values = sql.arguments({"kind": kind, "value": "E", "month": 1, "day": 1})
    connection = await asyncpg.connect(house.services.db.dsn)
    try:
        await connection.execute("SET enable_seqscan = off")
        plan = await connection.fetchval(f"EXPLAIN (FORMAT JSON) {sql.text}", *values)
    finally:
        await connection.close()
        await house.sweeper.run("DELETE FROM identifiers; DELETE FROM customers; ANALYZE customers, identifiers")
    scanned = json.dumps(json.loads(plan))
    assert "Seq Scan" not in scanned
    assert "pk_customers" in scanned and "identifiers" in scanned


async def test_lookups_read_what_was_just_acknowledged(client):
    for number in range(20):
        card = f"RYW{number}"
        one = await customer(client, identifiers=[{"kind": "card", "value": card}])
        (found,) = await look(client, card=card)
        assert uuid.UUID(found["id"]) == uuid.UUID(one["id"])


@pytest.mark.parametrize("typed", ["foo", "foo:", ":foo", ":"])
async def test_an_external_id_without_its_system_is_told_how_it_is_written(client, typed):
    answer = await client.get("/v1/customers/lookup", params={"external": typed})
    problem = answer.json()
    assert (answer.status_code, problem["detail"]) == (422, "Write it as system:value, such as crm:4711.")
    assert [(one["pointer"], one["code"]) for one in problem["errors"]] == [("?external", "invalid_external")]
