"""PATCH: JSON merge patch under If-Match."""

import asyncio
import uuid

import pytest


def match(version):
    return {"If-Match": f'"{version}"'}


async def test_absent_stays_null_clears(client, make, published, audited):
    body = await make(display_name="Wang", given_name="Fang", language="zh")
    changed = await client.patch(
        f"/v1/customers/{body['id']}", json={"display_name": None, "given_name": "Fang Fang"}, headers=match(1)
    )
    assert changed.status_code == 200
    assert changed.headers["etag"] == '"2"'
    after = changed.json()
    assert (after["display_name"], after["given_name"], after["language"], after["version"]) == (
        None,
        "Fang Fang",
        "zh",
        2,
    )
    assert after["updated_at"] > body["updated_at"]
    assert after["created_at"] == body["created_at"]
    assert (await client.get(f"/v1/customers/{body['id']}")).json() == after
    assert await published(body["id"]) == [("customer.created", 1), ("customer.updated", 2)]
    assert (await audited(body["id"]))[1] == ("customer.update", {"display_name", "given_name"})


async def test_the_same_makes_no_version(client, make, published):
    body = await make(display_name="Wang", birthday={"month": 9, "day": 21, "year": None})
    same = {"display_name": "Wang", "birthday": {"month": 9}, "gender": None}
    answer = await client.patch(f"/v1/customers/{body['id']}", json=same, headers=match(1))
    assert (answer.status_code, answer.json(), answer.headers["etag"]) == (200, body, '"1"')
    assert (await client.patch(f"/v1/customers/{body['id']}", json={}, headers=match(1))).json() == body
    assert await published(body["id"]) == [("customer.created", 1)]


@pytest.mark.parametrize(
    ("before", "patch", "after"),
    [
        ({"month": 9, "day": 21, "year": 1990}, {"year": None}, {"month": 9, "day": 21, "year": None}),
        ({"month": 9, "day": 21, "year": 1990}, {"day": 22}, {"month": 9, "day": 22, "year": 1990}),
        ({"month": 9, "day": 21, "year": None}, {"year": 1990}, {"month": 9, "day": 21, "year": 1990}),
        (None, {"month": 2, "day": 29}, {"month": 2, "day": 29, "year": None}),
        ({"month": 9, "day": 21, "year": 1990}, None, None),
        ({"month": 9, "day": 21, "year": 1990}, {}, {"month": 9, "day": 21, "year": 1990}),
        (None, {"day": 3}, "/birthday/month"),
        ({"month": 2, "day": 28, "year": 1990}, {"day": 29}, "/birthday"),
        ({"month": 9, "day": 30, "year": None}, {"month": 2}, "/birthday"),
        ({"month": 9, "day": 30, "year": None}, {"month": None}, "/birthday/month"),
        ({"month": 9, "day": 30, "year": None}, {"day": 32}, "/birthday/day"),
    ],
)
async def test_a_birthday_is_merged(client, make, before, patch, after):
    body = await make(birthday=before)
    answer = await client.patch(f"/v1/customers/{body['id']}", json={"birthday": patch}, headers=match(1))
    if isinstance(after, str):
        assert answer.status_code == 422
        assert [error["pointer"] for error in answer.json()["errors"]] == [after]
    else:
        assert (answer.status_code, answer.json()["birthday"]) == (200, after)


async def test_if_match_is_required_and_checked(client, make):
    body = await make(display_name="Wang")
    path, patch = f"/v1/customers/{body['id']}", {"display_name": "New"}
    missing = await client.patch(path, json=patch)
    assert (missing.status_code, missing.json()["code"]) == (428, "version_required")
    stale = await client.patch(path, json=patch, headers=match(7))
    assert (stale.status_code, stale.json()["code"], stale.json()["version"]) == (412, "stale_version", 1)
    assert stale.headers["etag"] == '"1"'
    for nonsense in ("x", '"x"', "*", '"1", "2"', '"-1"', '"' + "9" * 30 + '"'):
        assert (await client.patch(path, json=patch, headers={"If-Match": nonsense})).status_code == 422
    assert (await client.patch(path, json=patch, headers={"If-Match": 'W/"1"'})).status_code == 200


async def test_fifty_at_once_one_wins_per_version(client, make, published):
    body = await make(display_name="Wang")
    path, version, names = f"/v1/customers/{body['id']}", 1, [f"Name {number}" for number in range(50)]
    for _ in range(3):
        answers = await asyncio.gather(
            *(client.patch(path, json={"display_name": name}, headers=match(version)) for name in names)
        )
        statuses = [answer.status_code for answer in answers]
        assert sorted(statuses) == [200] + [412] * 49
        assert {answer.json()["version"] for answer in answers} == {version + 1}
        won = names[statuses.index(200)]
        assert (await client.get(path)).json()["display_name"] == won
        version += 1
        names.remove(won)
        names.append(f"{won} again")
    assert await published(body["id"]) == [
        ("customer.created", 1),
        *(("customer.updated", n) for n in range(2, version + 1)),
    ]


@pytest.mark.parametrize(
    "patch",
    [
        {"identifiers": []}, {"id": str(uuid.uuid4())}, {"version": 3}, {"collected_at": "2026-01-01T00:00:00Z"},
        {"kind": None}, {"status": None}, {"kind": "walk_in"}, {"status": "erased"}, {"profile": []}, {"figures": {}},
        {"display_name": ""}, {"home_store": "NOWHERE"}, [], "x", None, 3,
    ],
)  # fmt: skip
async def test_what_cannot_be_patched(client, make, patch):
    body = await make(display_name="Wang")
    refused = await client.patch(f"/v1/customers/{body['id']}", json=patch, headers=match(1))
    assert refused.status_code == 422, refused.text
    assert (await client.get(f"/v1/customers/{body['id']}")).json() == body


async def test_an_unknown_customer(client):
    for one in (uuid.uuid4(), uuid.UUID(int=0)):
        answer = await client.patch(f"/v1/customers/{one}", json={"display_name": "X"}, headers=match(1))
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert (await client.patch("/v1/customers/none", json={}, headers=match(1))).status_code == 422


async def test_the_media_type_of_merge_patch(client, make):
    body = await make(display_name="Wang")
    headers = {**match(1), "Content-Type": "application/merge-patch+json"}
    answer = await client.patch(f"/v1/customers/{body['id']}", content=b'{"display_name":"Li"}', headers=headers)
    assert answer.json()["display_name"] == "Li"


async def test_a_store_that_exists(client, make, store):
    body = await make()
    answer = await client.patch(f"/v1/customers/{body['id']}", json={"home_store": store}, headers=match(1))
    assert answer.json()["home_store"] == store
    refused = await client.patch(f"/v1/customers/{body['id']}", json={"home_store": "NO"}, headers=match(2))
    assert refused.json()["code"] == "unknown_store"


async def test_patching_takes_few_statements(client, make, statements):
    body = await make(display_name="Wang")
    with statements() as found:
        await client.patch(f"/v1/customers/{body['id']}", json={"display_name": "Li"}, headers=match(1))
    assert len(found) == 3, found


@pytest.mark.parametrize("wrong", ['"abc"', "*", '"-1"'])
async def test_an_etag_that_is_none_of_ours_is_told_how_it_looks(client, wrong):
    made = (await client.post("/v1/customers", json={"kind": "person"})).json()
    answer = await client.patch(f"/v1/customers/{made['id']}", json={}, headers={"If-Match": wrong})
    assert (answer.status_code, answer.json()["detail"]) == (422, 'If-Match looks like "3".')


@pytest.mark.parametrize(
    ("given", "detail"),
    [
        (
            {"birthday": "1990-02-30"},
            'Write a birthday in parts: {"year": 1990, "month": 9, "day": 21}; the year may be null.',
        ),
        ({"language": "chinese!"}, "Write a language as its BCP 47 tag, such as zh-Hans, ko or en-SG."),
    ],
)
async def test_what_is_written_in_another_way_is_told_how(client, given, detail):
    made = await client.post("/v1/customers", json={"kind": "person", **given})
    assert (made.status_code, made.json()["detail"]) == (422, detail)
    good = (await client.post("/v1/customers", json={"kind": "person"})).json()
    changed = await client.patch(f"/v1/customers/{good['id']}", json=given, headers={"If-Match": '"1"'})
    assert (changed.status_code, changed.json()["detail"]) == (422, detail)
