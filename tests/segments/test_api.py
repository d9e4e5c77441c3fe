"""Segments through HTTP: parse, preview, save, change, members, explain, and who may."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.segments.factories import customer, receipt, segment, store

NOW = datetime(2026, 11, 21, 4, tzinfo=UTC)
RICH = "sum(receipts.net during last 30 days) > 200.00"


@pytest.fixture(autouse=True)
async def today(house, client):
    house.services.clock.set(NOW)
    await store(client, "GY-01")
    await store(client, "GY-02", city="Zunyi")


async def test_a_question_is_previewed_saved_counted_and_explained(client):
    rich = await customer(client, display_name="Rich", home_store="GY-01")
    poor = await customer(client, display_name="Poor", home_store="GY-02")
    bought = [await receipt(client, rich, 15_000, "2026-11-01"), await receipt(client, rich, 7_000, "2026-11-20")]
    await receipt(client, rich, 99_900, "2026-10-01")
    late = await receipt(client, poor, 16_200, "2026-11-02")

    preview = (await client.post("/v1/segments/preview", json={"text": RICH})).json()
    assert preview["count"] == 1
    assert [one["id"] for one in preview["sample"]] == [rich]
    assert preview["as_of"] == "2026-11-21"
    assert preview["cost"] > 0
    assert preview["warnings"] == []

    saved = await segment(client, "rich", RICH)
    assert saved["text"] == RICH
    assert saved["temporal"] is True
    assert saved["population_relative"] is False
    assert saved["uses"] == ["receipts", "receipts.net"]
    where = f"/v1/segments/{saved['id']}"
    assert (await client.get(where)).json() == saved
    count = (await client.get(f"{where}/count")).json()
    assert count == {"count": 1, "as_of": "2026-11-21", "version": 1}
    members = (await client.get(f"{where}/members")).json()
    assert [one["display_name"] for one in members["data"]] == ["Rich"]
    assert members["has_more"] is False

    why = (await client.get(f"{where}/explain/{rich}")).json()
    assert why["member"] is True
    assert why["explanation"] == {
        "op": "condition", "truth": True, "text": RICH, "value": {"money": 22_000}, "needed": {"money": 20_000},
        "evidence": [bought[1], bought[0]],
    }  # fmt: skip
    not_in = (await client.get(f"{where}/explain/{poor}")).json()
    assert not_in["member"] is False
    assert not_in["explanation"]["distance"] == "38.00 short"
    assert not_in["explanation"]["evidence"] == [late]

    assert (await client.get(f"/v1/customers/{rich}/segments")).json()["data"] == [
        {"id": saved["id"], "name": "rich", "version": 1}
    ]
    assert (await client.get(f"/v1/customers/{poor}/segments")).json()["data"] == []


async def test_what_was_acknowledged_is_seen_at_once(client):
    one = await customer(client)
    saved = await segment(client, "buyers", "any(receipts during last 7 days)")
    where = f"/v1/segments/{saved['id']}/count"
    assert (await client.get(where)).json()["count"] == 0
    number = await receipt(client, one, 100, "2026-11-21")
    assert (await client.get(where)).json()["count"] == 1
    assert (await client.post(f"/v1/receipts/{number}/void")).status_code == 200
    assert (await client.get(where)).json()["count"] == 0


async def test_the_day_of_the_question_can_be_chosen(client):
    one = await customer(client, birthday={"month": 2, "day": 29, "year": 2000})
    saved = await segment(client, "birthday", "birthday anniversary during next 1 day")
    where = f"/v1/segments/{saved['id']}"
    for as_of, expected in [
        ("2026-02-28", 1), ("2026-03-01", 0), ("2028-02-28", 0), ("2028-02-29", 1), ("2026-02-27", 0),
    ]:  # fmt: skip
        answer = await client.get(f"{where}/count", params={"as_of": as_of})
        assert answer.json()["count"] == expected, as_of
        assert answer.json()["as_of"] == as_of
        explained = (await client.get(f"{where}/explain/{one}", params={"as_of": as_of})).json()
        assert explained["member"] == bool(expected)
        assert explained["explanation"]["value"] == {"text": "02-29"}


async def test_text_and_tree_are_two_forms_of_one_question(client):
    parsed = (await client.post("/v1/segments/parse", json={"text": "status='active'  AND figures.net>=200"})).json()
    assert parsed["text"] == "status = 'active' and figures.net >= 200.00"
    assert parsed["tree"]["items"][1]["right"] == {"money": 20_000}
    again = (await client.post("/v1/segments/parse", json={"tree": parsed["tree"]})).json()
    assert again == parsed


async def test_an_error_says_where_what_was_expected_and_what_was_meant(client):
    answer = await client.post("/v1/segments/parse", json={"text": "status = 'active'\n  and homestore = 'GY-01'"})
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, "invalid_segment")
    assert problem["errors"] == [
        {
            "pointer": "/text", "code": "unknown_field_name",
            "detail": "Line 2, column 7: There is no field of this name. Did you mean home_store?",
        },
    ]  # fmt: skip
    assert problem["places"] == [{"start": 24, "end": 33, "line": 2, "column": 7, "expected": [], "near": "home_store"}]
    early = (await client.post("/v1/segments/parse", json={"text": "status ="})).json()
    assert early["places"][0]["expected"] == ["a value"]
    assert (early["places"][0]["start"], early["places"][0]["end"]) == (8, 8)


async def test_errors_in_a_tree_are_pointed_at(client):
    tree: dict[str, Any] = {"op": "and", "items": [
        {"op": "compare", "left": {"field": "statuz"}, "comparator": "=", "right": {"text": "active"}},
        {"op": "compare", "left": {"field": "figures.net"}, "comparator": ">", "right": {"number": "200"}},
    ]}  # fmt: skip
    problem = (await client.post("/v1/segments/parse", json={"tree": tree})).json()
    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [
        ("/tree/items/0/left/field", "unknown_field_name"), ("/tree/items/1/right", "type"),
    ]  # fmt: skip
    tree["items"][0]["surprise"] = 1
    tree["items"][1]["right"] = {"number": "200", "surprise": 1}
    problem = (await client.post("/v1/segments/parse", json={"tree": tree})).json()
    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [
        ("/tree/items/0/surprise", "unknown_field"), ("/tree/items/1/right/surprise", "unknown_field"),
    ]  # fmt: skip


@pytest.mark.parametrize("body", [{}, {"text": "age > 3", "tree": {"op": "missing", "field": "age"}}, {"text": None}])
async def test_a_definition_is_text_or_tree(client, body):
    assert (await client.post("/v1/segments/parse", json=body)).status_code == 422


async def test_a_segment_is_changed_only_at_the_version_that_was_read(client):
    saved = await segment(client, "one", "age > 30")
    where = f"/v1/segments/{saved['id']}"
    assert (await client.patch(where, json={"name": "two"})).status_code == 428
    changed = await client.patch(where, json={"name": "two", "text": "age > 40"}, headers={"If-Match": '"1"'})
    assert changed.headers["etag"] == '"2"'
    assert (changed.json()["name"], changed.json()["text"], changed.json()["version"]) == ("two", "age > 40", 2)
    stale = await client.patch(where, json={"name": "three"}, headers={"If-Match": '"1"'})
    assert (stale.status_code, stale.json()["version"]) == (412, 2)
    same = await client.patch(where, json={"name": "two"}, headers={"If-Match": '"2"'})
    assert same.json()["version"] == 2
    assert (await client.delete(where)).status_code == 428
    assert (await client.delete(where, headers={"If-Match": '"1"'})).status_code == 412
    assert (await client.delete(where, headers={"If-Match": '"2"'})).status_code == 204
    assert (await client.get(where)).status_code == 404
    assert (await client.delete(where, headers={"If-Match": '"2"'})).status_code == 404


async def test_names_and_ids_are_unique(client):
    saved = await segment(client, "one", "age > 30")
    other = await segment(client, "two", "age > 30")
    again = await client.post("/v1/segments", json={"name": "one", "text": "age > 50"})
    assert (again.status_code, again.json()["code"]) == (409, "segment_name_taken")
    body = {"id": saved["id"], "name": "three", "text": "age > 50"}
    again = await client.post("/v1/segments", json=body)
    assert (again.status_code, again.json()["code"]) == (409, "segment_exists")
    headers = {"If-Match": '"1"'}
    renamed = await client.patch(f"/v1/segments/{other['id']}", json={"name": "one"}, headers=headers)
    assert (renamed.status_code, renamed.json()["code"]) == (409, "segment_name_taken")


async def test_a_segment_can_refer_to_another_and_follows_its_name(client):
    await customer(client, birthday={"month": 1, "day": 1, "year": 1960}, language="zh")
    await customer(client, birthday={"month": 1, "day": 1, "year": 1960}, language="en")
    old = await segment(client, "old", "age > 40")
    both = await segment(client, "old and Chinese", "in segment 'old' and language = 'zh'")
    assert both["refers_to"] == [old["id"]]
    assert both["temporal"] is True
    where = f"/v1/segments/{both['id']}"
    assert (await client.get(f"{where}/count")).json()["count"] == 1
    headers = {"If-Match": '"1"'}
    assert (
        await client.patch(f"/v1/segments/{old['id']}", json={"name": "elders"}, headers=headers)
    ).status_code == 200
    assert (await client.get(where)).json()["text"] == "in segment 'elders' and language = 'zh'"
    assert [one["text"] for one in (await client.get("/v1/segments")).json()["data"]][1].startswith(
        "in segment 'elders'"
    )
    in_use = await client.delete(f"/v1/segments/{old['id']}", headers={"If-Match": '"2"'})
    assert (in_use.status_code, in_use.json()["code"]) == (409, "segment_in_use")


async def test_segments_make_no_circle(client):
    first = await segment(client, "first", "age > 40")
    await segment(client, "second", "in segment 'first'")
    third = await segment(client, "third", "not in segment 'second'")
    for text in ("in segment 'third'", "in segment 'first'", f"age > 1 and in segment '{third['name']}'"):
        answer = await client.patch(f"/v1/segments/{first['id']}", json={"text": text}, headers={"If-Match": '"1"'})
        assert answer.json()["errors"][0]["code"] == "circle"
    unknown = await client.post("/v1/segments", json={"name": "x", "text": "in segment 'frist'"})
    assert unknown.json()["errors"][0]["code"] == "unknown_segment"
    assert unknown.json()["errors"][0]["detail"].endswith("Did you mean first?")
    assert unknown.json()["places"][0]["near"] == "first"


async def test_pages_of_members_cover_everybody_once(client):
    everybody = {await customer(client, language="zh") for _ in range(7)}
    saved = await segment(client, "zh", "language = 'zh'")
    seen, cursor = [], None
    while True:
        query = {"limit": "3", **({"cursor": cursor} if cursor else {})}
        page = (await client.get(f"/v1/segments/{saved['id']}/members", params=query)).json()
        seen += [one["id"] for one in page["data"]]
        cursor = page["next_cursor"]
        if not page["has_more"]:
            break
    assert len(seen) == 7
    assert set(seen) == everybody
    assert seen == sorted(seen)


async def test_an_edit_ends_the_pages_of_what_it_was(client):
    for _ in range(3):
        await customer(client, language="zh")
    saved = await segment(client, "zh", "language = 'zh'")
    where = f"/v1/segments/{saved['id']}"
    page = (await client.get(f"{where}/members", params={"limit": "1"})).json()
    await client.patch(where, json={"text": "language = 'en'"}, headers={"If-Match": '"1"'})
    answer = await client.get(f"{where}/members", params={"cursor": page["next_cursor"]})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_cursor")


async def test_a_caller_asks_only_about_fields_that_it_holds(client, clients):
    analyst = clients["analyst"]
    one = await customer(client, birthday={"month": 1, "day": 1, "year": 1960})
    personal = await segment(client, "old", "age > 40")
    nested = await segment(client, "over old", "in segment 'old' or figures.net > 1")
    parsed = (await analyst.post("/v1/segments/parse", json={"text": "age > 40"})).json()
    assert parsed["lacking"] == ["the field group personal"]
    refused = [
        await analyst.post("/v1/segments/preview", json={"text": "age > 40"}),
        await analyst.post("/v1/segments", json={"name": "mine", "text": "age > 40"}),
        await analyst.post("/v1/segments/preview", json={"text": "not in segment 'old'"}),
        await analyst.post("/v1/segments/preview", json={"text": "kind = 'person' or in segment 'over old'"}),
        await analyst.get(f"/v1/segments/{nested['id']}/count"),
        await analyst.post(f"/v1/segments/{nested['id']}/exports", json={"columns": ["kind"]}),
        await analyst.get(f"/v1/segments/{personal['id']}/count"),
        await analyst.get(f"/v1/segments/{personal['id']}/members"),
        await analyst.get(f"/v1/segments/{personal['id']}/explain/{one}"),
    ]
    assert [answer.status_code for answer in refused] == [403] * 9
    assert "field group personal" in refused[0].json()["detail"]
    held = (await analyst.get(f"/v1/customers/{one}/segments")).json()
    assert (held["data"], held["not_granted"]) == ([], 2)
    assert (await analyst.post("/v1/segments/preview", json={"text": "figures.net > 1"})).status_code == 200
    assert (await clients["pos"].post("/v1/segments", json={"name": "x", "text": "age > 1"})).status_code == 403
    owing = {"text": "credit.overdue > 0"}
    assert (await clients["pos"].post("/v1/segments/parse", json=owing)).json()["lacking"] == ["the scope credit:read"]
    assert (await clients["pos"].post("/v1/segments/preview", json=owing)).status_code == 403
    assert (await analyst.post("/v1/segments/preview", json=owing)).json()["count"] == 0


async def test_the_offer_is_what_the_caller_may_use(clients):
    offers = {role: (await clients[role].get("/v1/segments/fields")).json() for role in ("admin", "analyst")}
    names = {role: {field["name"] for field in offer["fields"]} for role, offer in offers.items()}
    assert {"age", "birthday", "has_phone"} <= names["admin"]
    assert names["admin"] - names["analyst"] >= {"age", "birthday", "has_phone", "given_name"}
    assert "figures.net" in names["analyst"]
    lines = next(one for one in offers["analyst"]["collections"] if one["name"] == "lines")
    category = next(field for field in lines["fields"] if field["name"] == "category")
    assert category["operators"] == ["=", "!=", "in", "under", "missing"]
    by_name = {field["name"]: field for field in offers["admin"]["fields"]}
    assert (by_name["age"]["unit"], by_name["age"]["whole"]) == ("years", True)
    assert (by_name["figures.net"]["unit"], by_name["figures.usual_gap_days"]["whole"]) == ("CNY", False)
    assert by_name["location"]["operators"] == ["within", "missing"]
    assert (by_name["location"]["pii"], by_name["location"]["field_group"]) == ("identifying", "contact")
    assert (lines["scope"], lines["field_group"], lines["windows"]) == ("receipts:read", "basic", True)
    kinds = {kind["name"]: kind["value"] for kind in offers["admin"]["types"]}
    assert (kinds["money"], kinds["category"]) == ("money", "text")
    assert offers["admin"]["currency"] == {"code": "CNY", "decimals": 2}


async def test_writes_are_announced_and_audited(client, house):
    saved = await segment(client, "one", "age > 30")
    where = f"/v1/segments/{saved['id']}"
    await client.patch(where, json={"description": "x"}, headers={"If-Match": '"1"'})
    await client.delete(where, headers={"If-Match": '"2"'})
    entries = (await client.get("/v1/audit", params={"record_id": saved["id"]})).json()["data"]
    assert {one["action"]: one["fields"] for one in entries} == {
        "segment.create": ["name", "tree"], "segment.update": ["description"], "segment.delete": [],
    }  # fmt: skip
    rows = await house.services.db.hot.fetch("SELECT type, version FROM outbox ORDER BY position")
    assert [tuple(row) for row in rows if row["type"].startswith("segment")] == [
        ("segment.created", 1), ("segment.updated", 2), ("segment.deleted", 2),
    ]  # fmt: skip


async def test_repeating_a_create_with_its_key_makes_one_segment(client):
    body, headers = {"name": "one", "text": "age > 30"}, {"Idempotency-Key": "k-1"}
    first = await client.post("/v1/segments", json=body, headers=headers)
    again = await client.post("/v1/segments", json=body, headers=headers)
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"


async def test_walk_ins_and_absent_customers(client, house):
    saved = await segment(client, "all", "status is not missing")
    body = {
        "source": "till", "number": "W1", "store": "GY-01", "kind": "sale", "occurred_at": "2026-11-21T12:00:00+08:00",
        "currency": "CNY", "customer": None, "lines": [{"product": "P1", "quantity": "1", "net": 5}],
        "tenders": [{"kind": "cash", "amount": 5}],
    }  # fmt: skip
    assert (await client.post("/v1/receipts", json=body)).status_code == 201
    assert (await client.get(f"/v1/segments/{saved['id']}/count")).json()["count"] == 0
    walk_in = await house.services.db.hot.fetchval("SELECT id FROM customers WHERE kind = 'walk_in'")
    why = (await client.get(f"/v1/segments/{saved['id']}/explain/{walk_in}")).json()
    assert (why["member"], why["counted"]) == (False, False)
    absent = "00000000-0000-7000-8000-000000000000"
    assert (await client.get(f"/v1/segments/{saved['id']}/explain/{absent}")).status_code == 404
    assert (await client.get(f"/v1/customers/{absent}/segments")).status_code == 404
    assert (await client.get(f"/v1/segments/{absent}/count")).status_code == 404


async def test_a_text_is_measured_as_it_is_kept(client):
    # This letter is two in NFC.
    for number, status in ((100, 201), (101, 422), (200, 422)):
        asked = {"name": f"Of {number}", "text": f"display_name = '{chr(0x958) * number}'"}
        answer = await client.post("/v1/segments", json=asked)
        assert answer.status_code == status, answer.text
        if status == 422:
            assert "at most 200 characters" in answer.json()["errors"][0]["detail"]
        else:
            again = await client.post("/v1/segments/parse", json={"text": answer.json()["text"]})
            assert again.json()["text"] == answer.json()["text"]


async def test_an_expensive_question_is_refused_politely(client, house):
    settings = house.services.settings.segments
    before = settings.cost_max
    # Where the database has just tidied up empty tables, it expects next to nothing of any question.
    settings.cost_max = 0
    try:
        answer = await client.post("/v1/segments/preview", json={"text": RICH})
        assert (answer.status_code, answer.json()["code"]) == (422, "segment_too_expensive")
        answer = await client.post("/v1/segments", json={"name": "x", "text": RICH})
        assert answer.status_code == 422
    finally:
        settings.cost_max = before


async def test_a_question_that_takes_too_long_ends_with_a_problem(client, house, monkeypatch):
    await customer(client)
    monkeypatch.setattr(house.services.settings.segments, "evaluation_seconds", 0.0011)
    for _ in range(5):
        answer = await client.post("/v1/segments/preview", json={"text": "any(lines where category under 'a')"})
        assert answer.status_code in {200, 503}
    monkeypatch.undo()
    assert (await client.post("/v1/segments/preview", json={"text": RICH})).status_code == 200
