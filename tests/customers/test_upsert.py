"""PUT by an external id: what tills and other systems send, late, twice, and in any order."""

import asyncio
import random
from datetime import UTC, datetime, timedelta

import pytest

ERP = "/v1/customers/by-external/erp"
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def at(hours):
    return (NOON + timedelta(hours=hours)).isoformat()


async def test_created_then_updated(client, published, audited):
    made = await client.put(f"{ERP}/4711", json={"display_name": "Wang", "language": "zh"})
    assert (made.status_code, made.headers["etag"]) == (201, '"1"')
    body = made.json()
    assert [(one["kind"], one["system"], one["value"]) for one in body["identifiers"]] == [("external", "erp", "4711")]
    changed = await client.put(f"{ERP}/4711", json={"display_name": None, "reading": "wang"})
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    after = changed.json()
    assert (after["id"], after["display_name"], after["reading"], after["language"]) == (body["id"], None, "wang", "zh")
    assert await published(body["id"]) == [("customer.created", 1), ("customer.updated", 2)]
    assert await audited(body["id"]) == [
        ("customer.create", {"display_name", "language", "identifiers"}),
        ("customer.update", {"display_name", "reading"}),
    ]


async def test_the_same_again_changes_nothing(client, published, audited):
    sent = {"display_name": "Wang", "identifiers": [{"kind": "phone", "value": "13800138000"}], "collected_at": at(0)}
    body = (await client.put(f"{ERP}/4711", json=sent)).json()
    for again in (sent, {**sent, "collected_at": at(3)}, {}):
        answer = await client.put(f"{ERP}/4711", json=again)
        assert (answer.status_code, answer.json()) == (200, body)
    assert await published(body["id"]) == [("customer.created", 1)]
    assert len(await audited(body["id"])) == 1


async def test_an_offline_till_cannot_undo_what_the_call_centre_learnt(client):
    body = (await client.put(f"{ERP}/1", json={"given_name": "Fang", "collected_at": at(0)})).json()
    learnt = await client.patch(
        f"/v1/customers/{body['id']}", json={"given_name": "Fangfang"}, headers={"If-Match": '"1"'}
    )
    assert learnt.status_code == 200
    late = await client.put(f"{ERP}/1", json={"given_name": "Fan", "gender": "female", "collected_at": at(1)})
    assert (late.json()["given_name"], late.json()["gender"]) == ("Fangfang", "female")
    now = await client.put(f"{ERP}/1", json={"given_name": "Fang"})
    assert now.json()["given_name"] == "Fang"


async def test_a_confirmed_value_is_protected_too(client):
    await client.put(f"{ERP}/1", json={"reading": "a", "collected_at": at(0)})
    confirmed = await client.put(f"{ERP}/1", json={"reading": "a", "collected_at": at(10)})
    assert confirmed.json()["version"] == 1
    late = await client.put(f"{ERP}/1", json={"reading": "b", "collected_at": at(5)})
    assert (late.json()["reading"], late.json()["version"]) == ("a", 1)


async def test_a_clock_in_the_future_does_not_freeze_a_field(client, house):
    await client.put(f"{ERP}/1", json={"reading": "a", "collected_at": "2199-01-01T00:00:00Z"})
    house.services.clock.advance(timedelta(seconds=1))
    assert (await client.put(f"{ERP}/1", json={"reading": "b"})).json()["reading"] == "b"


async def test_any_order_of_arrival_ends_the_same(client):
    reports = [
        {
            "collected_at": at(hour),
            "reading": f"r{hour}",
            **({"gender": None if hour % 2 else "male"} if hour < 4 else {}),
        }
        for hour in range(6)
    ]
    for attempt in range(4):
        random.Random(attempt).shuffle(reports)
        await asyncio.gather(*(client.put(f"{ERP}/{attempt}", json=report) for report in reports))
        body = (await client.put(f"{ERP}/{attempt}", json={})).json()
        assert (body["reading"], body["gender"]) == ("r5", None)


async def test_identifiers_are_added_and_never_removed(client):
    await client.put(f"{ERP}/1", json={"identifiers": [{"kind": "card", "value": "11"}]})
    body = (await client.put(f"{ERP}/1", json={"identifiers": [{"kind": "email", "value": "a@example.com"}]})).json()
    assert {one["value"] for one in body["identifiers"]} == {"1", "11", "a@example.com"}
    assert body["version"] == 2
    same = (await client.put(f"{ERP}/1", json={"identifiers": [{"kind": "card", "value": " 1-1 "}]})).json()
    assert same == body


async def test_another_customers_card_is_a_conflict_and_changes_nothing(client, make, rows):
    holder = await make(identifiers=[{"kind": "card", "value": "11"}])
    sent = {
        "display_name": "X",
        "identifiers": [{"kind": "phone", "value": "13800138000"}, {"kind": "card", "value": "11"}],
    }
    for name, count in (("new", 1), ("known", 2)):
        if name == "known":
            await client.put(f"{ERP}/known", json={})
        taken = await client.put(f"{ERP}/{name}", json=sent)
        assert (taken.status_code, taken.json()["code"], taken.json()["holder"]) == (
            409,
            "identifier_taken",
            holder["id"],
        )
        assert taken.json()["errors"][0]["pointer"] == "/identifiers/1/value"
        assert (await rows("SELECT count(*) FROM customers"))[0][0] == count
        assert (await rows("SELECT count(*) FROM identifiers"))[0][0] == count


@pytest.mark.parametrize(
    ("path", "value"),
    [("a%2Fb", "a/b"), ("a/b", "a/b"), ("%C3%A9%20x", "é x"), ("e%CC%81", "é"), ("4711%3F", "4711?"), ("a:b", "a:b")],
)
async def test_values_are_taken_as_they_are(client, path, value):
    made = await client.put(f"{ERP}/{path}", json={})
    assert made.status_code == 201
    assert made.json()["identifiers"][0]["value"] == value
    assert (await client.put(f"{ERP}/{path}", json={})).status_code == 200


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("erp/" + "x" * 201, 422), ("erp/%00", 400), ("erp/%0A", 400), ("erp/%20", 422), ("a:b/1", 422),
        ("a%20b/1", 422),
        ("x" * 41 + "/1", 422), ("erp/%ff", 400), ("erp/%E2%80%A8", 422), ("erp/", 422),
    ],
)  # fmt: skip
async def test_what_is_no_external_id(client, rows, path, status):
    answer = await client.put(f"/v1/customers/by-external/{path}", json={})
    assert answer.status_code == status, answer.text
    assert (await rows("SELECT count(*) FROM customers"))[0][0] == 0


@pytest.mark.parametrize(
    ("field", "value"),
    [("id", "00000000-0000-7000-8000-000000000001"), ("kind", None), ("collected_at", "x"), ("x", 1)],
)
async def test_wrong_bodies(client, field, value):
    refused = await client.put(f"{ERP}/1", json={field: value})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == f"/{field}"


async def test_parallel_upserts_of_one_id_agree(client, rows):
    answers = await asyncio.gather(*(client.put(f"{ERP}/1", json={"reading": str(n)}) for n in range(24)))
    assert sorted(answer.status_code for answer in answers) == [200] * 23 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sorted(answer.json()["version"] for answer in answers) == list(range(1, 25))
    assert (await rows("SELECT count(*) FROM customers"))[0][0] == 1


async def test_an_upsert_waits_for_a_patch_and_neither_is_lost(client):
    body = (await client.put(f"{ERP}/1", json={"reading": "0"})).json()

    async def patch():
        for _ in range(200):
            version = (await client.get(f"/v1/customers/{body['id']}")).json()["version"]
            answer = await client.patch(
                f"/v1/customers/{body['id']}", json={"gender": "female"}, headers={"If-Match": f'"{version}"'}
            )
            if answer.status_code == 200:
                return

    await asyncio.gather(patch(), *(client.put(f"{ERP}/1", json={"reading": str(n)}) for n in range(1, 20)))
    after = (await client.get(f"/v1/customers/{body['id']}")).json()
    assert (after["gender"], after["version"]) == ("female", 21)
