"""POST /v1/customers: creates, and never anything else."""

import asyncio
import json
import uuid
from typing import Any

import pytest
from sqlalchemy import text

WANG: dict[str, Any] = {
    "kind": "person", "status": "prospect", "display_name": "王芳", "given_name": "芳", "family_name": "王",
    "reading": "wáng fāng", "gender": "female", "birthday": {"month": 2, "day": 29, "year": None},
    "language": "zh-Hans", "home_store": "TPE", "source": "website",
}  # fmt: skip


async def test_everything_is_stored_and_shown(client, store, card, published, audited):
    sent = {**WANG, "identifiers": [{"kind": "phone", "value": "0912 345 678"}, card()]}
    made = await client.post("/v1/customers", json=sent)
    assert made.status_code == 201
    assert made.headers["etag"] == '"1"'
    body = made.json()
    assert {name: body[name] for name in WANG} == WANG
    assert (body["version"], body["profile"], body["created_at"]) == (1, {}, body["updated_at"])
    assert uuid.UUID(body["id"]).version == 7
    # Read for Taiwan, since the home store is there.
    phone = next(one for one in body["identifiers"] if one["kind"] == "phone")
    assert (phone["value"], phone["typed"], phone["system"], phone["primary"]) == (
        "+886912345678",
        "0912 345 678",
        None,
        True,
    )
    read = await client.get(f"/v1/customers/{body['id']}")
    assert (read.json(), read.headers["etag"]) == (body, '"1"')
    assert await published(body["id"]) == [("customer.created", 1)]
    assert await audited(body["id"]) == [("customer.create", {*WANG, "identifiers"})]


async def test_a_customer_may_be_nobody_yet(client):
    body = (await client.post("/v1/customers", json={})).json()
    assert (body["kind"], body["status"], body["display_name"], body["identifiers"]) == ("person", "active", None, [])


async def test_the_senders_own_id(client):
    mine = str(uuid.uuid4())
    assert (await client.post("/v1/customers", json={"id": mine})).json()["id"] == mine
    again = await client.post("/v1/customers", json={"id": mine, "display_name": "Other"})
    assert (again.status_code, again.json()["code"]) == (409, "customer_exists")
    assert (await client.get(f"/v1/customers/{mine}")).json()["display_name"] is None


async def test_resending_with_the_same_id_and_card_says_that_it_exists(client, card):
    body = {"id": str(uuid.uuid4()), "identifiers": [card()]}
    await client.post("/v1/customers", json=body)
    again = await client.post("/v1/customers", json=body)
    assert (again.status_code, again.json()["code"]) == (409, "customer_exists")


async def test_a_taken_card_names_its_holder_and_leaves_nothing(client, make, card, rows):
    number = card()
    holder = await make(identifiers=[number])
    other = {"kind": "card", "value": f" {number['value'][:4]}-{number['value'][4:].lower()} "}
    sent = {"display_name": "Late", "identifiers": [card(), other]}
    taken = await client.post("/v1/customers", json=sent)
    assert taken.status_code == 409
    problem = taken.json()
    assert (problem["code"], problem["holder"]) == ("identifier_taken", holder["id"])
    assert problem["errors"][0]["pointer"] == "/identifiers/1/value"
    assert (await rows("SELECT count(*) FROM customers"))[0][0] == 1
    assert (await rows("SELECT count(*) FROM identifiers"))[0][0] == 1
    assert (await rows("SELECT count(*) FROM audit_entries WHERE action = 'customer.create'"))[0][0] == 1


async def test_the_holder_is_named_only_to_those_who_may_read_customers(client, house, make, card):
    """A key that may write and not read learns that the card is taken, and not by whom."""
    number = card()
    await make(identifiers=[number])
    made = await client.post("/v1/api-keys", json={"name": "writer", "role": "pos", "scopes": ["customers:write"]})
    assert made.status_code == 201, made.text
    async with house.client(None, Authorization=f"Bearer {made.json()['key']}") as writer:
        taken = await writer.post("/v1/customers", json={"identifiers": [number]})
    assert (taken.status_code, taken.json()["code"]) == (409, "identifier_taken")
    assert "holder" not in taken.json()


async def test_families_share_phones_and_mails(client, make):
    shared = [{"kind": "phone", "value": "13800138000"}, {"kind": "email", "value": "home@example.com"}]
    one, other = await make(identifiers=shared), await make(identifiers=shared)
    assert one["id"] != other["id"]
    assert [identifier["value"] for identifier in one["identifiers"]] == [
        identifier["value"] for identifier in other["identifiers"]
    ]


async def test_the_same_identifier_twice_is_one(make):
    typed = [{"kind": "phone", "value": "138 0013 8000"}, {"kind": "phone", "value": "+8613800138000", "primary": True}]
    assert len((await make(identifiers=typed))["identifiers"]) == 1


async def test_one_primary_per_kind(make):
    sent = [
        {"kind": "phone", "value": "13800138000"},
        {"kind": "phone", "value": "13800138001", "primary": True},
        {"kind": "email", "value": "a@example.com"},
    ]
    found = {one["value"]: one["primary"] for one in (await make(identifiers=sent))["identifiers"]}
    assert found == {"+8613800138000": False, "+8613800138001": True, "a@example.com": True}


@pytest.mark.parametrize(
    ("field", "value", "pointer"),
    [
        ("birthday", {"month": 2, "day": 30, "year": None}, "/birthday"),
        ("birthday", {"month": 2, "day": 29, "year": 2023}, "/birthday"),
        ("birthday", {"month": 13, "day": 1}, "/birthday/month"),
        ("birthday", {"month": 4, "day": 31}, "/birthday"),
        ("birthday", {"month": 4}, "/birthday/day"),
        ("birthday", {"month": "4", "day": 1}, "/birthday/month"),
        ("birthday", {"month": 4, "day": 1, "year": 1899}, "/birthday/year"),
        ("birthday", {"month": 4, "day": 1, "year": 2150}, "/birthday"),
        ("birthday", "2000-01-01", "/birthday"),
        ("birthday", {"month": 4, "day": 1, "hour": 3}, "/birthday/hour"),
        ("kind", "walk_in", "/kind"), ("kind", None, "/kind"), ("status", "merged", "/status"),
        ("status", None, "/status"),
        ("gender", "F", "/gender"), ("language", "chinese please", "/language"), ("language", "z", "/language"),
        ("display_name", "", "/display_name"), ("display_name", "x" * 201, "/display_name"),
        ("display_name", 7, "/display_name"), ("display_name", "a\nb", "/display_name"),
        ("display_name", ["x"], "/display_name"), ("source", "a b", "/source"),
        ("home_store", "NOWHERE", "/home_store"), ("home_store", "a/b", "/home_store"),
        ("id", "no-uuid", "/id"), ("id", str(uuid.UUID(int=0)), "/id"), ("id", None, "/id"), ("id", 7, "/id"),
        ("identifiers", None, "/identifiers"), ("identifiers", {}, "/identifiers"),
        ("identifiers", [{"kind": "phone"}], "/identifiers/0/value"),
        ("identifiers", [{"kind": "fax", "value": "1"}], "/identifiers/0/kind"),
        ("identifiers", [{"kind": "walk_in", "value": "TPE"}], "/identifiers/0/kind"),
        ("identifiers", [{"kind": "phone", "value": "nobody"}], "/identifiers/0/value"),
        ("identifiers", [{"kind": "card", "value": "1"}, {"kind": "email", "value": "x@"}], "/identifiers/1/value"),
        ("identifiers", [{"kind": "external", "value": "1"}], "/identifiers/0/system"),
        ("identifiers", [{"kind": "card", "value": "1", "system": "erp"}], "/identifiers/0/system"),
        ("identifiers", [{"kind": "card", "value": "1", "primary": "yes"}], "/identifiers/0/primary"),
        ("identifiers", [{"kind": "card", "value": "1", "verified_at": "2026-01-01"}], "/identifiers/0/verified_at"),
        ("identifiers", [{"kind": "card", "value": str(n)} for n in range(21)], "/identifiers"),
        ("collected_at", "2026-11-21T12:00:00", "/collected_at"), ("collected_at", None, "/collected_at"),
        ("profile", {"life": {"x": 1}}, "/profile/life/x"),
        ("profile", {"x": {}}, "/profile/x"), ("grade", "A", "/grade"), ("version", 1, "/version"),
        ("nickname", "x", "/nickname"),
    ],
)  # fmt: skip
async def test_wrong_values_are_refused_with_a_pointer(client, rows, field, value, pointer):
    refused = await client.post("/v1/customers", json={"display_name": "X", field: value})
    assert refused.status_code == 422, refused.text
    assert pointer in [error["pointer"] for error in refused.json()["errors"]]
    # The answer never quotes what was sent.
    assert not isinstance(value, str) or len(value) < 8 or value not in refused.text
    assert (await rows("SELECT count(*) FROM customers"))[0][0] == 0


@pytest.mark.parametrize("value", ["a\x00b", "\ud800", "a\u2028b", "\x7f"])
@pytest.mark.parametrize("field", ["display_name", "given_name", "reading", "language", "home_store", "source"])
async def test_unstorable_text_is_refused(client, field, value):
    content = json.dumps({field: value})
    refused = await client.post("/v1/customers", content=content, headers={"Content-Type": "application/json"})
    assert refused.status_code in {400, 422}


async def test_text_is_kept_in_nfc(make):
    assert (await make(display_name="  Re\u0301ne\u0301e "))["display_name"] == "R\u00e9n\u00e9e"


async def test_parallel_creators_of_one_card_get_one_customer(client, card, rows):
    number = card()
    answers = await asyncio.gather(
        *(client.post("/v1/customers", json={"display_name": str(n), "identifiers": [number]}) for n in range(20))
    )
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 19
    winner = next(answer.json()["id"] for answer in answers if answer.status_code == 201)
    assert {answer.json()["holder"] for answer in answers if answer.status_code == 409} == {winner}
    assert (await rows("SELECT count(*) FROM customers"))[0][0] == 1


async def test_parallel_creators_of_one_id_get_one_customer(client, card):
    mine = str(uuid.uuid4())
    answers = await asyncio.gather(
        *(client.post("/v1/customers", json={"id": mine, "identifiers": [card()]}) for _ in range(10))
    )
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 9
    assert len((await client.get(f"/v1/customers/{mine}")).json()["identifiers"]) == 1


async def test_an_idempotency_key_makes_one_customer(client, rows):
    headers = {"Idempotency-Key": "one-customer"}
    answers = await asyncio.gather(
        *(client.post("/v1/customers", json={"display_name": "Once"}, headers=headers) for _ in range(8))
    )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert (await rows("SELECT count(*) FROM customers"))[0][0] == 1


async def test_creating_takes_few_statements(client, statements, card):
    with statements() as found:
        await client.post("/v1/customers", json={"display_name": "X", "identifiers": [card()]})
    assert len(found) == 4, found


async def test_the_unique_index_decides_not_the_code(house, make, card):
    """Whatever a future command does: a second holder of a card cannot be stored, and the answer says why."""
    number = card()
    holder = await make(identifiers=[number])
    insert = text(
        "INSERT INTO identifiers (kind, value, customer_id, id, typed, exclusive, created_at)"
        " SELECT kind, value, gen_random_uuid(), gen_random_uuid(), typed, exclusive, created_at FROM identifiers"
        " WHERE customer_id = :holder"
    )
    with pytest.raises(Exception, match="uq_identifiers_kind_value") as error:
        await house.services.db.run(lambda tx: tx.execute(insert, {"holder": holder["id"]}))
    problem = house.services.errors.problem(error.value)
    assert (problem.type.code, problem.type.status) == ("identifier_taken", 409)
