"""The life of a key through HTTP: made, listed, rotated, revoked; nobody grants more than he has."""

from __future__ import annotations

import asyncio
import uuid
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import func, select, text

from app.access import commands
from app.access.commands import Terms
from app.access.models import ApiKey, AuditRow
from app.access.roles import ROLES, SCOPES
from app.core.errors import Problem
from tests.access.callers import a_caller, on_the_wire, until

NEW = {"name": "Store S01", "role": "pos", "store": "S01"}


@pytest.fixture
def as_client(house):
    """An HTTP client with a given key."""

    def make(key: str) -> httpx.AsyncClient:
        return house.client(None, Authorization=f"Bearer {key}")

    return make


async def works(as_client, key: str) -> bool:
    async with as_client(key) as client:
        answer = await client.get("/v1/idempotency/absent")
    assert answer.status_code in {401, 404}
    return answer.status_code == 404


async def test_a_key_is_made_shown_once_and_works(house, client, as_client):
    answer = await client.post("/v1/api-keys", json=NEW)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    key = made.pop("key")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Location"] == f"/v1/api-keys/{made['id']}"
    assert answer.headers["ETag"] == '"1"'
    assert made["prefix"] == key.split("_")[1]
    assert set(made["scopes"]) == ROLES["pos"].scopes
    assert set(made["field_groups"]) == {"basic", "contact", "personal", "financial"}
    expected = {"name": "Store S01", "role": "pos", "store": "S01", "partner": None, "rate_class": "large",
                "expires_at": None, "revoked_at": None, "last_used_at": None, "version": 1}  # fmt: skip
    assert {name: made[name] for name in expected} == expected
    assert await works(as_client, key)
    again = await client.get(answer.headers["Location"])
    assert again.status_code == 200
    assert again.json() == made
    assert again.headers["ETag"] == '"1"'
    listed = (await client.get("/v1/api-keys", params={"limit": 200})).text
    assert made["id"] in listed
    assert key.split("_")[2] not in listed + again.text
    stored = await house.services.db.run(lambda tx: tx.scalar(text("SELECT string_agg(k::text, ' ') FROM api_keys k")))
    assert key.split("_")[2] not in stored


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"name": ""}, "/name"), ({"name": None}, "/name"), ({"name": "a\u0007b"}, "/name"),
        ({"name": "x" * 201}, "/name"),
        ({"role": "root"}, "/role"), ({"role": None}, "/role"), ({"store": "S 01"}, "/store"), ({"store": 1}, "/store"),
        ({"scopes": ["customers:erase"]}, "/scopes"), ({"scopes": "customers:read"}, "/scopes"),
        ({"scopes": [1]}, "/scopes/0"), ({"scopes": ["a"] * 101}, "/scopes"),
        ({"field_groups": ["secret"]}, "/field_groups/0"),
        ({"rate_class": "infinite"}, "/rate_class"), ({"expires_at": "2020-01-01T00:00:00Z"}, "/expires_at"),
        ({"expires_at": "2030-01-01T00:00:00"}, "/expires_at"), ({"expires_at": 5}, "/expires_at"),
        ({"id": "7"}, "/id"), ({"id": str(uuid.UUID(int=0))}, "/id"), ({"secret": "mine"}, "/secret"),
        ({"partner": "acme", "scopes": ["keys:admin"]}, "/scopes"),
    ],
)  # fmt: skip
async def test_bad_input_is_refused_with_the_place(client, change, pointer):
    answer = await client.post("/v1/api-keys", json={**NEW, **change})
    assert answer.status_code == 422, answer.text
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]


async def test_an_idempotency_key_is_refused_because_the_answer_would_be_stored(client, house):
    headers = {"Idempotency-Key": "once"}
    made = (await client.post("/v1/api-keys", json=NEW)).json()
    for path, body in (("/v1/api-keys", NEW), (f"/v1/api-keys/{made['id']}/rotate", {})):
        answer = await client.post(path, json=body, headers=headers)
        assert answer.status_code == 400
        assert "own id" in answer.json()["detail"]
    count = select(func.count()).where(ApiKey.name == NEW["name"])
    assert await house.services.db.run(lambda tx: tx.scalar(count)) == 1


async def test_the_own_id_makes_repeating_harmless(client, house):
    body = {**NEW, "id": str(uuid.uuid4())}
    answers = await asyncio.gather(*(client.post("/v1/api-keys", json=body) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]
    assert {answer.json().get("code") for answer in answers} == {None, "conflict"}
    made = next(answer.json() for answer in answers if answer.status_code == 201)
    assert made["id"] == body["id"]
    rotation = {"id": str(uuid.uuid4())}
    path = f"/v1/api-keys/{made['id']}/rotate"
    assert (await client.post(path, json=rotation)).json()["id"] == rotation["id"]
    assert (await client.post(path, json=rotation)).status_code == 409
    count = select(func.count()).where(ApiKey.name == NEW["name"])
    assert await house.services.db.run(lambda tx: tx.scalar(count)) == 2


async def test_both_keys_live_while_rotating(client, as_client):
    first = (await client.post("/v1/api-keys", json=NEW)).json()
    answer = await client.post(f"/v1/api-keys/{first['id']}/rotate")
    assert answer.status_code == 201, answer.text
    second = answer.json()
    assert second["client_id"] == first["client_id"]
    assert second["id"] != first["id"]
    assert second["key"] != first["key"]
    same = ("name", "role", "store", "partner", "scopes", "field_groups", "rate_class")
    assert {name: first[name] for name in same} == {name: second[name] for name in same}
    assert await works(as_client, first["key"])
    assert await works(as_client, second["key"])
    revoked = await client.post(f"/v1/api-keys/{first['id']}/revoke")
    assert revoked.status_code == 200
    assert (revoked.json()["version"], revoked.headers["ETag"]) == (2, '"2"')

    async def first_is_out() -> bool:
        return not await works(as_client, first["key"])

    await until(first_is_out, 5)
    assert await works(as_client, second["key"])
    both = (await client.get("/v1/api-keys", params={"client_id": first["client_id"]})).json()
    assert [row["id"] for row in both["data"]] == [first["id"], second["id"]]
    assert [row["revoked_at"] is None for row in both["data"]] == [False, True]


async def test_an_idempotency_key_survives_the_rotation_of_the_api_key(client, as_client):
    first = (await client.post("/v1/api-keys", json={"name": "admin 2", "role": "admin"})).json()
    target = (await client.post("/v1/api-keys", json=NEW)).json()
    second = (await client.post(f"/v1/api-keys/{first['id']}/rotate")).json()
    path, headers = f"/v1/api-keys/{target['id']}/revoke", {"Idempotency-Key": "revoke-1"}
    async with as_client(first["key"]) as before, as_client(second["key"]) as after:
        answers = [await each.post(path, headers=headers) for each in (before, after)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()
    assert answers[1].headers["Idempotency-Replayed"] == "true"


async def test_the_old_key_ends_with_its_grace_time(house, client, as_client):
    clock = house.services.clock
    clock.set(clock.now())
    first = (await client.post("/v1/api-keys", json=NEW)).json()
    assert await works(as_client, first["key"])
    second = (await client.post(f"/v1/api-keys/{first['id']}/rotate", json={"grace_seconds": 3600})).json()
    old = (await client.get(f"/v1/api-keys/{first['id']}")).json()
    assert old["expires_at"] == on_the_wire(clock.now() + timedelta(hours=1))
    assert second["expires_at"] is None
    await asyncio.sleep(0.2)
    clock.advance(timedelta(seconds=3599))
    assert await works(as_client, first["key"])
    clock.advance(timedelta(seconds=1))
    assert not await works(as_client, first["key"])
    assert await works(as_client, second["key"])


async def test_grace_never_makes_a_key_live_longer(house, client, make_key):
    soon = house.services.clock.now() + timedelta(minutes=1)
    made, _ = await make_key(terms=Terms(expires_at=soon))
    await client.post(f"/v1/api-keys/{made['id']}/rotate", json={"grace_seconds": 3600})
    old = (await client.get(f"/v1/api-keys/{made['id']}")).json()
    assert (old["expires_at"], old["version"]) == (made["expires_at"], 1)


async def test_the_new_key_lives_as_long_as_the_old_one_was_to(house, client, make_key):
    clock = house.services.clock
    clock.set(clock.now())
    made, _ = await make_key(terms=Terms(expires_at=clock.now() + timedelta(days=90)))
    clock.advance(timedelta(days=80))
    second = (await client.post(f"/v1/api-keys/{made['id']}/rotate")).json()
    assert second["expires_at"] == on_the_wire(clock.now() + timedelta(days=90))


async def test_a_client_has_at_most_two_live_keys_however_many_rotate_at_once(client):
    first = (await client.post("/v1/api-keys", json=NEW)).json()
    path = f"/v1/api-keys/{first['id']}/rotate"
    answers = await asyncio.gather(*(client.post(path) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]
    second = next(answer.json() for answer in answers if answer.status_code == 201)
    await client.post(f"/v1/api-keys/{first['id']}/revoke")
    assert (await client.post(f"/v1/api-keys/{second['id']}/rotate")).status_code == 201


async def test_a_key_that_is_no_longer_live_is_not_rotated(house, client, make_key):
    made, _ = await make_key()
    await client.post(f"/v1/api-keys/{made['id']}/revoke")
    assert (await client.post(f"/v1/api-keys/{made['id']}/rotate")).status_code == 409
    expiring, _ = await make_key(terms=Terms(expires_at=house.services.clock.now() + timedelta(seconds=5)))
    house.services.clock.advance(timedelta(seconds=5))
    assert (await client.post(f"/v1/api-keys/{expiring['id']}/rotate")).status_code == 409


async def test_revoking_twice_changes_nothing(house, client, make_key):
    made, _ = await make_key()
    path = f"/v1/api-keys/{made['id']}/revoke"
    first = (await client.post(path)).json()
    house.services.clock.advance(timedelta(hours=1))
    assert (await client.post(path)).json() == first
    entries = select(func.count()).where(AuditRow.record_id == made["id"], AuditRow.action == "api_key.revoke")
    assert await house.services.db.run(lambda tx: tx.scalar(entries)) == 1


@pytest.mark.parametrize("action", ["", "/rotate", "/revoke"])
async def test_an_absent_key_is_not_found(client, action):
    method = "POST" if action else "GET"
    answer = await client.request(method, f"/v1/api-keys/{uuid.uuid4()}{action}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert (await client.request(method, f"/v1/api-keys/7{action}")).status_code == 422


async def test_pages_are_complete_and_without_repeats(client, make_key):
    made = {str((await make_key(name=f"key {number}"))[0]["id"]) for number in range(7)}
    seen, cursor = [], None
    while True:
        page = (await client.get("/v1/api-keys", params={"limit": 2} | ({"cursor": cursor} if cursor else {}))).json()
        seen += [row["id"] for row in page["data"]]
        cursor = page["next_cursor"]
        assert page["has_more"] is (cursor is not None)
        if cursor is None:
            break
        assert len(page["data"]) == 2
    assert len(seen) == len(set(seen))
    assert made <= set(seen)
    assert seen == sorted(seen)


async def test_a_cursor_belongs_to_its_filter(client, make_key):
    await make_key()
    cursor = (await client.get("/v1/api-keys", params={"limit": 1})).json()["next_cursor"]
    for params in ({"cursor": cursor, "client_id": str(uuid.uuid4())}, {"cursor": cursor + "x"}, {"cursor": "x"}):
        answer = await client.get("/v1/api-keys", params=params)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_cursor")


@pytest.mark.parametrize("limit", ["0", "201", "-1", "x", ""])
async def test_the_limit_is_bounded(client, limit):
    assert (await client.get("/v1/api-keys", params={"limit": limit})).status_code == 422


@pytest.mark.parametrize("role", [role for role in ROLES if role != "admin"])
async def test_only_admins_touch_keys_and_audit(clients, role):
    some = uuid.uuid4()
    for method, path in (
        ("GET", "/v1/api-keys"), ("GET", f"/v1/api-keys/{some}"), ("POST", f"/v1/api-keys/{some}/rotate"),
        ("POST", f"/v1/api-keys/{some}/revoke"), ("GET", "/v1/audit"),
    ):  # fmt: skip
        answer = await clients[role].request(method, path)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), path
    assert (await clients[role].post("/v1/api-keys", json=NEW)).status_code == 403


# --- nobody grants more than he has ---------------------------------------------------------------------------------


@pytest.fixture
async def lesser(make_key, as_client):
    """A client that may make keys and read customers, nothing more."""
    terms = Terms(scopes=["keys:admin", "customers:read"], field_groups=["basic"])
    _, key = await make_key("admin", "lesser admin", terms=terms)
    async with as_client(key) as client:
        yield client


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"scopes": ["customers:read"], "field_groups": ["basic"]}, 201),
        ({"scopes": [], "field_groups": []}, 201),
        ({"scopes": ["keys:admin"], "field_groups": ["basic"], "role": "admin"}, 201),
        ({"scopes": ["customers:read", "receipts:read"], "field_groups": ["basic"]}, 403),
        ({"scopes": ["customers:read"], "field_groups": ["basic", "contact"]}, 403),
        ({"scopes": ["customers:read"]}, 403),
        ({"field_groups": ["basic"]}, 403),
        ({"role": "admin"}, 403),
        ({}, 403),
    ],
)
async def test_granting_is_bounded_by_the_own_grant(lesser, change, status):
    answer = await lesser.post("/v1/api-keys", json={**NEW, **change})
    assert answer.status_code == status, answer.text
    if status == 403:
        assert answer.json()["code"] == "forbidden"


async def test_rotating_a_bigger_key_would_hand_it_over(lesser, make_key):
    bigger, _ = await make_key("admin", "bigger")
    smaller, _ = await make_key("partner", "smaller", terms=Terms(scopes=["customers:read"]))
    assert (await lesser.post(f"/v1/api-keys/{bigger['id']}/rotate")).status_code == 403
    assert (await lesser.post(f"/v1/api-keys/{smaller['id']}/rotate")).status_code == 201


async def test_a_stores_admin_makes_keys_of_its_store_only(make_key, as_client):
    other, _ = await make_key("pos", "other", store="S02")
    _, key = await make_key("admin", "manager of S01", store="S01")
    async with as_client(key) as manager:
        assert (await manager.post("/v1/api-keys", json=NEW)).status_code == 201
        for store in ("S02", None):
            assert (await manager.post("/v1/api-keys", json={**NEW, "store": store})).status_code == 403
        assert (await manager.post(f"/v1/api-keys/{other['id']}/rotate")).status_code == 403


async def test_a_partner_never_holds_what_concerns_the_company(client):
    for scopes in (["segments:read"], ["keys:admin"], ["audit:read"], sorted(SCOPES)):
        body = {"name": "acme", "role": "partner", "scopes": scopes}
        assert (await client.post("/v1/api-keys", json=body)).status_code == 422
    plain = (await client.post("/v1/api-keys", json={"name": "acme", "role": "partner"})).json()
    assert plain["partner"] == "acme"
    admin_of_partner = {"name": "x", "role": "admin", "partner": "acme"}
    assert (await client.post("/v1/api-keys", json=admin_of_partner)).status_code == 422


async def test_the_command_line_may_make_every_role_and_knows_no_other(house, keyring, make_key):
    for role in ROLES:
        made, _ = await make_key(role)
        assert set(made["scopes"]) == ROLES[role].scopes
    with pytest.raises(Problem) as refused:
        await make_key("root")
    assert all(role in refused.value.detail for role in ROLES)


async def test_a_role_that_this_version_does_not_know_may_do_nothing(house, unwatched, make_key):
    made, key = await make_key("analyst")
    await house.services.db.run(
        lambda tx: tx.execute(text("UPDATE api_keys SET role = 'newer' WHERE id = :id"), {"id": made["id"]})
    )
    caller = await unwatched.authenticate({b"authorization": b"Bearer " + key.encode()}, b"")
    assert (caller.scopes, caller.field_groups) == (frozenset(), frozenset())


async def test_every_step_is_audited_under_the_one_who_took_it(house, keyring):
    admin, db = a_caller("admin", request_id="request-7"), house.services.db

    async def story(tx):
        made, _ = await commands.create_key(tx, keyring, "audited", "pos", store="S01")
        second, _ = await commands.rotate_key(tx, keyring, made["id"], grace_seconds=60)
        await commands.revoke_key(tx, made["id"])
        return {"first": made["id"], "second": second["id"]}

    found = (await db.write(admin, story)).body
    rows = await db.run(lambda tx: tx.rows(select(AuditRow).where(AuditRow.client_id == admin.client_id)))
    assert {(row.action, str(row.record_id)) for row in rows} == {
        (action, identity)
        for action, identity in (
            ("api_key.create", _id(found, "first")), ("api_key.rotate", _id(found, "second")),
            ("api_key.expire", _id(found, "first")), ("api_key.revoke", _id(found, "first")),
        )
    }  # fmt: skip
    assert {(row.key_id, row.request_id, row.record_kind) for row in rows} == {(admin.key_id, "request-7", "api_key")}
    created = next(row for row in rows if row.action == "api_key.create")
    assert set(created.fields) == {"client_id", "name", "role", "rate_class", "store"}


def _id(body: bytes, name: str) -> str:
    return httpx.Response(200, content=body).json()[name]
