"""Stores: upsert by code, what is refused, what happens to versions, events and the audit trail."""

import asyncio
import json

import pytest
from sqlalchemy import text

from app.core.caller import SYSTEM

STORE = {"name": "First", "kind": "own"}


async def rows(house, sql, **values):
    return await house.services.db.read(SYSTEM, lambda tx: tx.rows(text(sql), values))


async def outbox_and_events(house):
    """(type, subject, version) of everything published, in order."""
    found = await rows(
        house,
        "SELECT type, subject, version FROM (SELECT type, subject, version, id FROM outbox"
        " UNION ALL SELECT type, subject, version, id FROM events) AS published ORDER BY id",
    )
    return [tuple(row) for row in found]


async def test_a_new_store_gets_the_companys_defaults(client):
    made = await client.put("/v1/stores/S01", json=STORE)
    assert made.status_code == 201
    assert made.headers["etag"] == '"1"'
    body = made.json()
    assert body == {
        "code": "S01", "name": "First", "kind": "own", "region": None, "city": None, "latitude": None,
        "longitude": None, "time_zone": "Asia/Shanghai",
        "currency": "CNY", "phone_region": "CN", "tills": [], "version": 1,
        "created_at": body["created_at"], "updated_at": body["created_at"],
    }  # fmt: skip
    read = await client.get("/v1/stores/S01")
    assert (read.status_code, read.json(), read.headers["etag"]) == (200, body, '"1"')


async def test_absent_stays_null_clears_and_the_same_changes_nothing(client, house):
    await client.put("/v1/stores/S01", json={**STORE, "city": "Guiyang", "region": "GZ", "tills": ["2", "1"]})
    changed = await client.put("/v1/stores/S01", json={"city": None, "time_zone": "Asia/Taipei"})
    assert changed.status_code == 200
    body = changed.json()
    assert (body["city"], body["region"], body["time_zone"], body["version"]) == (None, "GZ", "Asia/Taipei", 2)
    assert body["tills"] == ["1", "2"]

    before = await outbox_and_events(house)
    audit = await rows(house, "SELECT count(*) FROM audit_entries")
    same = await client.put("/v1/stores/S01", json={"city": None, "name": "First", "tills": ["1", "2", "2"]})
    assert (same.status_code, same.json()) == (200, body)
    assert await outbox_and_events(house) == before == [("store.updated", "S01", 1), ("store.updated", "S01", 2)]
    assert await rows(house, "SELECT count(*) FROM audit_entries") == audit


async def test_the_audit_trail_names_the_fields(client, house):
    await client.put("/v1/stores/S01", json=STORE)
    await client.put("/v1/stores/S01", json={"city": "Guiyang", "tills": ["7"]})
    found = await rows(
        house, "SELECT action, record_id, fields FROM audit_entries WHERE record_kind = 'store' ORDER BY id"
    )
    assert [row.action for row in found] == ["store.create", "store.update"]
    assert found[0].record_id == found[1].record_id
    assert set(found[1].fields) == {"city", "tills"}


async def test_tills_are_replaced_as_a_whole(client):
    await client.put("/v1/stores/S01", json={**STORE, "tills": ["1", "2"]})
    assert (await client.put("/v1/stores/S01", json={"tills": ["2", "3"]})).json()["tills"] == ["2", "3"]
    emptied = (await client.put("/v1/stores/S01", json={"tills": []})).json()
    assert (emptied["tills"], emptied["version"]) == ([], 3)


async def test_a_new_store_needs_a_name_and_a_kind(client):
    refused = await client.put("/v1/stores/S01", json={"kind": "own"})
    assert refused.status_code == 422
    assert [error["pointer"] for error in refused.json()["errors"]] == ["/name"]
    refused = await client.put("/v1/stores/S01", json={})
    assert {error["pointer"] for error in refused.json()["errors"]} == {"/name", "/kind"}
    assert (await client.get("/v1/stores/S01")).status_code == 404


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("time_zone", "Asia/Nowhere"), ("time_zone", "../../etc/passwd"), ("time_zone", None), ("time_zone", ""),
        ("currency", "XXZ"), ("currency", "cny"), ("currency", None), ("phone_region", "ZZ"), ("phone_region", "cn"),
        ("phone_region", 86), ("kind", "franchise"), ("kind", None), ("name", None), ("name", ""), ("name", " "),
        ("name", "a\tb"), ("name", "x" * 201), ("name", 7), ("name", "\ud800"), ("city", "a\nb"), ("tills", None),
        ("tills", ["a b"]), ("tills", [str(number) for number in range(501)]), ("tills", "1"), ("colour", "red"),
        ("version", 3), ("code", "S02"),
    ],
)  # fmt: skip
async def test_wrong_values_are_refused_with_a_pointer(client, field, value):
    body = json.dumps({**STORE, field: value})
    refused = await client.put("/v1/stores/S01", content=body, headers={"Content-Type": "application/json"})
    assert refused.status_code in {400, 422}
    if refused.status_code == 422:
        assert refused.json()["errors"][0]["pointer"].startswith(f"/{field}")
    assert (await client.get("/v1/stores/S01")).status_code == 404


@pytest.mark.parametrize("code", ["a b", "a%2Fb", "x" * 65, "a%23b", "%3F", "%00", "a%09"])
async def test_a_code_is_short_and_plain(client, code):
    assert (await client.put(f"/v1/stores/{code}", json=STORE)).status_code in {400, 404, 422}


async def test_codes_of_any_script(client):
    assert (await client.put("/v1/stores/旗艦店-１", json=STORE)).status_code == 201
    assert (await client.get("/v1/stores/旗艦店-１")).json()["code"] == "旗艦店-１"


async def test_a_list_goes_by_code_in_pages(client):
    for code in ("S03", "S01", "S05", "S02", "S04"):
        await client.put(f"/v1/stores/{code}", json={**STORE, "kind": "dealer" if code == "S05" else "own"})
    first = (await client.get("/v1/stores", params={"limit": 2})).json()
    assert [store["code"] for store in first["data"]] == ["S01", "S02"]
    assert first["has_more"] is True
    second = (await client.get("/v1/stores", params={"limit": 2, "cursor": first["next_cursor"]})).json()
    third = (await client.get("/v1/stores", params={"limit": 2, "cursor": second["next_cursor"]})).json()
    assert [store["code"] for store in second["data"] + third["data"]] == ["S03", "S04", "S05"]
    assert (third["next_cursor"], third["has_more"]) == (None, False)
    dealers = (await client.get("/v1/stores", params={"kind": "dealer"})).json()
    assert [store["code"] for store in dealers["data"]] == ["S05"]
    other_list = await client.get("/v1/stores", params={"kind": "own", "cursor": first["next_cursor"]})
    assert (other_list.status_code, other_list.json()["code"]) == (400, "invalid_cursor")


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "kind=shop", "colour=red", "cursor=abc"])
async def test_wrong_queries_are_refused(client, query):
    assert (await client.get(f"/v1/stores?{query}")).status_code in {400, 422}


async def test_who_may_do_what(clients):
    for role, client in clients.items():
        written = await client.put("/v1/stores/S01", json=STORE)
        assert written.status_code == (201 if role == "admin" else 403), role
        read = await client.get("/v1/stores")
        assert read.status_code == (403 if role == "partner" else 200), role
        assert (await client.post("/v1/stores/batch", json={"items": []})).status_code == (
            422 if role == "admin" else 403
        ), role


async def test_parallel_updates_lose_nothing(client):
    """Twenty systems each set their own field value; each counts once."""
    await client.put("/v1/stores/S01", json=STORE)
    answers = await asyncio.gather(
        *(client.put("/v1/stores/S01", json={"city": f"City {number}"}) for number in range(20))
    )
    assert {answer.status_code for answer in answers} == {200}
    assert sorted(answer.json()["version"] for answer in answers) == list(range(2, 22))
    last = max(answers, key=lambda answer: answer.json()["version"]).json()
    assert (await client.get("/v1/stores/S01")).json() == last


async def test_parallel_creations_of_one_store_agree(client):
    answers = await asyncio.gather(*(client.put("/v1/stores/S01", json=STORE) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [200] * 9 + [201]
    assert {answer.json()["version"] for answer in answers} == {1}


async def test_an_idempotency_key_replays(client):
    headers = {"Idempotency-Key": "store-1"}
    first = await client.put("/v1/stores/S01", json=STORE, headers=headers)
    await client.put("/v1/stores/S01", json={"city": "Guiyang"})
    again = await client.put("/v1/stores/S01", json=STORE, headers=headers)
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["idempotency-replayed"] == "true"


@pytest.mark.parametrize(
    ("path", "first", "second"),
    [("/v1/stores/S01", STORE, {"name": "Second"}), ("/v1/products/P01", {"name": "Tea"}, {"name": "Green tea"})],
)
async def test_if_match_keeps_from_overwriting_what_was_not_read(client, path, first, second):
    async def put(body, version=None):
        headers = {} if version is None else {"If-Match": f'"{version}"'}
        return await client.put(path, json=body, headers=headers)

    early = await put(first, 1)
    assert (early.status_code, early.json()["code"]) == (412, "stale_version")
    assert (await client.get(path)).status_code == 404
    assert (await put(first)).status_code == 201
    changed = await put(second, 1)
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    for body in (first, second):
        stale = await put(body, 1)
        assert (stale.status_code, stale.json()["version"]) == (412, 2)
    assert (await put(second, 2)).headers["etag"] == '"2"'
    assert (await client.put(path, json=second, headers={"If-Match": "x"})).status_code == 422
    # Systems that send what they know go on without it.
    assert (await put(first)).headers["etag"] == '"3"'
