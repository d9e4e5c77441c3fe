"""Static lists: who is put in and taken out, what is not found or ambiguous, and lists in questions."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.segments.factories import customer, segment, store

NOW = datetime(2026, 11, 21, 4, tzinfo=UTC)
FAMILY = "138 1234 5678"


@pytest.fixture(autouse=True)
async def today(house, client):
    house.services.clock.set(NOW)
    await store(client, "GY-01")


async def listed(client, name="letter", **more):
    answer = await client.post("/v1/segments", json={"name": name, "kind": "list", **more})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def put(client, saved, *items):
    answer = await client.post(f"/v1/segments/{saved['id']}/members/batch", json={"items": [*items]})
    assert answer.status_code == 200, answer.text
    return answer.json()["results"]


async def members(client, saved):
    page = (await client.get(f"/v1/segments/{saved['id']}/members")).json()
    return [one["id"] for one in page["data"]]


async def holder(client, *identifiers: dict[str, Any], **more):
    return await customer(client, identifiers=list(identifiers), **more)


def by(kind, value, **more):
    return {"identifier": {"kind": kind, "value": value, **more}}


async def test_a_list_is_a_segment_that_nobody_is_in_at_first(client):
    made = await listed(client, description="Who gets the autumn letter")
    assert (made["kind"], made["text"], made["uses"], made["refers_to"]) == ("list", "in segment 'letter'", [], [])
    assert made["tree"] == {"op": "in_segment", "segment": made["id"], "name": None}
    assert (made["temporal"], made["population_relative"], made["version"]) == (False, False, 1)
    assert (await client.get(f"/v1/segments/{made['id']}/count")).json()["count"] == 0
    assert (await client.get(f"/v1/segments/{made['id']}")).json() == made
    assert (await client.get("/v1/segments")).json()["data"] == [made]
    for wrong in ({"text": "age > 3"}, {"tree": {"op": "missing", "field": "age"}}):
        answer = await client.post("/v1/segments", json={"name": "x", "kind": "list", **wrong})
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "definition")


async def test_customers_are_put_in_by_id_and_by_every_identifier(client):
    saved = await listed(client)
    plain = await customer(client)
    phone = await holder(client, {"kind": "phone", "value": FAMILY})
    card = await holder(client, {"kind": "card", "value": "77-88"})
    known = await holder(client, {"kind": "external", "system": "crm", "value": "C-1"})
    mail = await holder(client, {"kind": "email", "value": "a@b.example"})
    entries = [
        {"id": plain}, by("phone", "+86 13812345678"), by("card", "7788"), by("external", "C-1", system="CRM"),
        by("email", "A@B.example"),
    ]  # fmt: skip
    everybody = [plain, phone, card, known, mail]
    assert await put(client, saved, *entries) == [
        {"index": place, "status": "created", "id": one} for place, one in enumerate(everybody)
    ]
    assert await members(client, saved) == sorted(everybody)
    assert (await client.get(f"/v1/segments/{saved['id']}/count")).json() == {
        "count": 5, "as_of": "2026-11-21", "version": 1,
    }  # fmt: skip
    again = await put(client, saved, *entries)
    assert {one["status"] for one in again} == {"duplicate"}
    gone = await put(client, saved, *({**one, "action": "remove"} for one in entries[:3]))
    assert [(one["status"], one["id"]) for one in gone] == [("updated", one) for one in everybody[:3]]
    assert await members(client, saved) == sorted(everybody[3:])


async def test_each_entry_that_names_nobody_or_several_says_so_and_costs_no_other(client, house):
    saved = await listed(client)
    mother, son = [await holder(client, {"kind": "phone", "value": FAMILY}) for _ in range(2)]
    body = {"source": "till", "number": "W1", "store": "GY-01", "kind": "sale", "currency": "CNY", "customer": None,
            "occurred_at": "2026-11-21T12:00:00+08:00", "tenders": [{"kind": "cash", "amount": 5}],
            "lines": [{"product": "P1", "quantity": "1", "net": 5}]}  # fmt: skip
    assert (await client.post("/v1/receipts", json=body)).status_code == 201
    walk_in = str(await house.services.db.hot.fetchval("SELECT id FROM customers WHERE kind = 'walk_in'"))
    results = await put(
        client, saved, by("phone", FAMILY), {"id": "018cc251-f400-7a3e-8d51-7b0c46a1f2e9"}, by("phone", "nonsense"),
        by("card", "9"), {"id": walk_in}, {"id": mother, "surprise": 1}, {"id": mother, **by("card", "9")}, {},
        {"id": son},
    )  # fmt: skip
    problems = [one.get("problem") or {} for one in results]
    assert [one.get("code") for one in problems] == [
        "ambiguous_customer", "unknown_customer", "invalid_input", "unknown_customer", "unknown_customer",
        "invalid_input", "invalid_input", "invalid_input", None,
    ]  # fmt: skip
    assert problems[0]["candidates"] == sorted([mother, son])
    assert problems[2]["errors"][0]["pointer"] == "/identifier/value"
    assert await members(client, saved) == [son]
    assert "nonsense" not in str(results)


async def test_entries_of_one_upload_see_each_other(client):
    saved = await listed(client)
    one = await holder(client, {"kind": "card", "value": "77"})
    other = await customer(client)
    out = {"action": "remove"}
    results = await put(
        client, saved, {"id": one}, by("card", "77"), {"id": one, **out}, {"id": one, **out}, {"id": other}
    )
    assert [each["status"] for each in results] == ["created", "duplicate", "updated", "duplicate", "created"]
    assert await members(client, saved) == [other]
    results = await put(client, saved, {"id": other, **out}, {"id": other})
    assert [each["status"] for each in results] == ["updated", "created"]
    assert await members(client, saved) == [other]


async def test_a_list_is_part_of_questions(client):
    saved = await listed(client, "friends of the house")
    inside, outside = await customer(client, language="zh"), await customer(client, language="zh")
    await put(client, saved, {"id": inside})

    async def found(text):
        answer = (await client.post("/v1/segments/preview", json={"text": text})).json()
        assert answer["count"] == len(answer["sample"]), answer
        return {one["id"] for one in answer["sample"]}

    assert await found("in segment 'friends of the house'") == {inside}
    assert await found("not in segment 'friends of the house' and language = 'zh'") == {outside}
    assert await found("figures.net in top 50% of (in segment 'friends of the house')") == {inside}
    assert await found("in segment 'friends of the house' or language = 'zh'") == {inside, outside}
    both = await segment(client, "both", "in segment 'friends of the house' and language = 'zh'")
    assert (both["refers_to"], both["temporal"]) == ([saved["id"]], False)
    assert await members(client, both) == [inside]
    for one, member in ((inside, True), (outside, False)):
        for each in (saved, both):
            why = (await client.get(f"/v1/segments/{each['id']}/explain/{one}")).json()
            assert (why["member"], why["explanation"]["truth"]) == (member, member)
    held = (await client.get(f"/v1/customers/{inside}/segments")).json()["data"]
    assert [one["name"] for one in held] == ["friends of the house", "both"]
    in_use = await client.delete(f"/v1/segments/{saved['id']}", headers={"If-Match": '"1"'})
    assert (in_use.status_code, in_use.json()["code"]) == (409, "segment_in_use")
    overlap = (await client.get(f"/v1/segments/{saved['id']}/overlap/{both['id']}")).json()
    assert [overlap[name]["count"] for name in ("first", "second", "both")] == [0, 0, 1]
    against = {"text": "language = 'zh'", "against": saved["id"]}
    difference = (await client.post("/v1/segments/preview", json=against)).json()["difference"]
    assert [difference[name]["count"] for name in ("enter", "leave", "stay")] == [1, 0, 1]
    different = await client.post(f"/v1/segments/{saved['id']}/difference", json={"text": "in segment 'both'"})
    assert [different.json()[name]["count"] for name in ("enter", "leave", "stay")] == [0, 0, 1]


async def test_a_list_asks_nothing_and_a_question_lists_nobody(client):
    saved, question = await listed(client), await segment(client, "zh", "language = 'zh'")
    where = f"/v1/segments/{saved['id']}"
    refused = await client.patch(where, json={"text": "age > 3"}, headers={"If-Match": '"1"'})
    assert (refused.status_code, refused.json()["code"]) == (409, "not_a_question")
    renamed = await client.patch(where, json={"name": "letters"}, headers={"If-Match": '"1"'})
    assert (renamed.json()["text"], renamed.json()["version"]) == ("in segment 'letters'", 2)
    body = {"items": [{"id": await customer(client)}]}
    refused = await client.post(f"/v1/segments/{question['id']}/members/batch", json=body)
    assert (refused.status_code, refused.json()["code"]) == (409, "not_a_list")


async def test_a_list_that_is_deleted_leaves_nothing_behind(client, house):
    saved = await listed(client)
    await put(client, saved, {"id": await customer(client)})
    assert (await client.delete(f"/v1/segments/{saved['id']}", headers={"If-Match": '"1"'})).status_code == 204
    assert await house.services.db.hot.fetchval("SELECT count(*) FROM segment_members") == 0


async def test_a_list_takes_no_more_than_it_may(client, house, monkeypatch):
    monkeypatch.setattr(house.services.settings.segments, "list_max", 2)
    saved = await listed(client)
    some = [{"id": await customer(client)} for _ in range(3)]
    await put(client, saved, *some[:2])
    where = f"/v1/segments/{saved['id']}/members/batch"
    full = await client.post(where, json={"items": [some[2]]})
    assert (full.status_code, full.json()["code"]) == (409, "list_full")
    await put(client, saved, {**some[0], "action": "remove"}, some[2])
    assert await members(client, saved) == sorted(one["id"] for one in some[1:])


async def test_an_upload_costs_the_same_few_statements_however_long(client, statements):
    saved = await listed(client)
    few = [await holder(client, {"kind": "card", "value": f"C{number}"}) for number in range(3)]
    with statements() as one:
        await put(client, saved, {"id": few[0]}, by("card", "C1"))
    more = [await customer(client) for _ in range(20)]
    with statements() as many:
        await put(client, saved, *({"id": each} for each in more), by("card", "C2"))
    assert len(many) == len(one) <= 8


async def test_changes_are_announced_and_audited(client, house):
    saved, one = await listed(client), await customer(client)
    await put(client, saved, {"id": one})
    await put(client, saved, {"id": one})
    await put(client, saved, {"id": one, "action": "remove"})
    rows = await house.services.db.hot.fetch(
        "SELECT type, subject, data::text AS data FROM outbox WHERE type LIKE 'segment.members%' ORDER BY position"
    )
    assert [(str(row["subject"]), row["data"]) for row in rows] == [
        (saved["id"], '{"added": 1, "removed": 0}'), (saved["id"], '{"added": 0, "removed": 1}'),
    ]  # fmt: skip
    entries = (await client.get("/v1/audit", params={"record_id": saved["id"]})).json()["data"]
    assert [one["action"] for one in entries].count("segment.members") == 2


async def test_uploads_at_once_end_as_one_after_the_other(client):
    saved = await listed(client)
    some = [await customer(client) for _ in range(12)]
    uploads = [[{"id": one} for one in (some[number::2] + some[::-1])] for number in range(6)]
    results = await asyncio.gather(*(put(client, saved, *upload) for upload in uploads))
    created = [one["id"] for result in results for one in result if one["status"] == "created"]
    assert sorted(created) == sorted(some)
    assert await members(client, saved) == sorted(some)


async def test_who_was_merged_is_the_one_it_became(client):
    saved, other = await listed(client), await listed(client, "other")
    winner, loser = await customer(client), await customer(client)
    await put(client, saved, {"id": loser})
    await put(client, other, {"id": loser}, {"id": winner})
    merged = await client.post("/v1/merges", json={"winner": winner, "loser": loser})
    assert merged.status_code == 201, merged.text
    assert await members(client, saved) == await members(client, other) == [winner]
    assert await put(client, saved, {"id": loser}) == [{"index": 0, "status": "duplicate", "id": winner}]
    third = await listed(client, "third")
    await put(client, third, {"id": loser})
    assert (await client.post(f"/v1/merges/{merged.json()['id']}/undo")).status_code == 200
    assert await members(client, saved) == [loser]
    assert await members(client, other) == sorted([winner, loser])
    assert await members(client, third) == [winner]


async def test_a_merge_is_undone_even_if_a_list_of_both_is_gone(client):
    saved = await listed(client)
    winner, loser = await customer(client), await customer(client)
    await put(client, saved, {"id": loser}, {"id": winner})
    merged = await client.post("/v1/merges", json={"winner": winner, "loser": loser})
    assert (await client.delete(f"/v1/segments/{saved['id']}", headers={"If-Match": '"1"'})).status_code == 204
    undone = await client.post(f"/v1/merges/{merged.json()['id']}/undo")
    assert undone.status_code == 200, undone.text


async def test_only_who_may_read_customers_puts_them_in(client, clients):
    saved = await listed(client)
    body = {"items": [{"id": await customer(client)}]}
    where = f"/v1/segments/{saved['id']}/members/batch"
    assert (await clients["pos"].post(where, json=body)).status_code == 403
    assert (await clients["analyst"].post(where, json=body)).status_code == 200
