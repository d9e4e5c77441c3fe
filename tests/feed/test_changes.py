"""`GET /v1/changes`: the answer's shape, paging, filters, bounds, and what a wrong question is told."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from app.core.hot import compiled
from app.core.ids import COMPANY
from app.feed import hot, queries
from app.feed.cursor import write_cursor
from app.feed.router import HOT
from app.feed.schemas import Changes, FeedEvent
from tests.feed.factories import CUSTOMER, an_event, head, page, put, read_on


async def test_an_event_on_the_wire(house, client, start):
    data = {"store": "S01", "ids": [1], "text": 'a "b" \\ 茶'}
    subject = uuid.uuid4()
    await put(house.services.db, an_event("receipt.recorded", 3, customer_id=CUSTOMER, subject=subject, data=data))
    (found,) = (await page(client, start))["data"]
    assert list(found) == ["id", "type", "subject", "customer_id", "sequence", "occurred_at", "version", "data"]
    assert found["type"] == "receipt.recorded"
    assert (found["subject"], found["customer_id"]) == (str(subject), str(CUSTOMER))
    assert (found["version"], found["data"]) == (3, data)
    assert uuid.UUID(found["id"]).version == 7
    assert found["occurred_at"].endswith("Z") and len(found["occurred_at"]) == 27


async def test_what_belongs_to_the_company_has_no_customer(house, client, start):
    code = 'S"01'
    await put(house.services.db, an_event("store.updated", None, customer_id=COMPANY, subject=code))
    (found,) = (await page(client, start))["data"]
    assert (found["subject"], found["customer_id"], found["version"]) == (code, None, None)


async def test_pages_follow_each_other_without_gap_or_repeat(house, client, start):
    given = [an_event(version=number) for number in range(25)]
    await put(house.services.db, *given)
    found = await read_on(client, start, limit=7)
    assert [event["version"] for event in found] == list(range(25))
    first = found[0]["sequence"]
    assert [event["sequence"] for event in found] == list(range(first, first + 25))
    assert found == await read_on(client, start, limit=1000)
    assert found == await read_on(client, start, limit=1)


async def test_has_more_is_exact_at_the_end(house, client, start):
    await put(house.services.db, *(an_event() for _ in range(10)))
    full = await page(client, start, limit=10)
    assert (len(full["data"]), full["has_more"]) == (10, False)
    some = await page(client, start, limit=9)
    assert (len(some["data"]), some["has_more"]) == (9, True)
    rest = await page(client, some["next_cursor"], limit=9)
    assert (len(rest["data"]), rest["has_more"]) == (1, False)


async def test_an_empty_page_still_says_where_to_go_on(house, client, start):
    empty = await page(client, start)
    assert (empty["data"], empty["has_more"]) == ([], False)
    await put(house.services.db, an_event())
    assert len((await page(client, empty["next_cursor"]))["data"]) == 1


async def test_the_same_cursor_gives_the_same_page(house, client, start):
    """A reader that fell over before it kept the page reads it again."""
    await put(house.services.db, *(an_event() for _ in range(5)))
    once = await page(client, start, limit=3)
    await put(house.services.db, an_event())
    again = await page(client, start, limit=3)
    assert again == once | {"has_more": True}


async def test_without_a_cursor_the_feed_begins_with_the_oldest_event(own):
    await own.feed.start()
    await put(own.db, *(an_event(version=number) for number in range(3)))
    found = await hot.read_page(own.db, None, None, 2)
    assert found is not None
    assert (found.start, found.count, found.seen, found.last, found.more) == (0, 2, 2, 3, True)


async def test_the_filter_gives_only_its_types(house, client, start):
    kinds = ["customer.created", "receipt.recorded", "store.updated"]
    await put(house.services.db, *(an_event(kinds[number % 3], number) for number in range(30)))
    found = await read_on(client, start, types="customer.created,store.updated", limit=4)
    assert [event["version"] for event in found] == [number for number in range(30) if number % 3 != 1]
    everything = await read_on(client, start)
    assert len(everything) == 30


async def test_the_cursor_moves_past_what_the_filter_leaves_out(house, client, start, count_reads):
    db = house.services.db
    await put(db, *(an_event("receipt.recorded") for _ in range(50)))
    empty = await page(client, start, types="store.updated")
    assert (empty["data"], empty["has_more"]) == ([], False)
    assert empty["next_cursor"] == await head(house.services), "not over the same events at every call"
    await put(db, an_event("store.updated"), an_event("receipt.recorded"))
    found = await page(client, empty["next_cursor"], types="store.updated")
    assert len(found["data"]) == 1
    assert found["next_cursor"] == await head(house.services)


async def test_one_page_looks_at_a_bounded_stretch_and_says_that_there_is_more(house, client, start, monkeypatch):
    monkeypatch.setattr(queries, "REACH", 10)
    monkeypatch.setattr(hot, "_FILTERED", compiled(queries.page(filtered=True)))
    given = [an_event("receipt.recorded") for _ in range(35)]
    await put(house.services.db, *given, an_event("store.updated", 99))
    pages: list[dict[str, Any]] = []
    cursor = start
    while not pages or pages[-1]["has_more"]:
        pages.append(await page(client, cursor, types="store.updated"))
        cursor = pages[-1]["next_cursor"]
    assert [len(found["data"]) for found in pages] == [0, 0, 0, 1]
    assert pages[-1]["data"][0]["version"] == 99
    # Waiting is for the end of the feed: where it goes on, an empty page is given at once.
    assert (await page(client, start, types="store.updated", wait=20))["has_more"]


async def test_a_cursor_may_go_on_with_another_filter(house, client, start):
    await put(
        house.services.db, an_event("store.updated", 1), an_event("customer.created", 2), an_event("store.updated", 3)
    )
    first = await page(client, start, types="store.updated", limit=1)
    rest = await read_on(client, first["next_cursor"])
    assert [event["version"] for event in rest] == [2, 3]


@pytest.mark.parametrize(("limit", "count"), [(1, 1), (None, 200), (1000, 1000)])
async def test_limits(house, client, start, limit, count):
    await put(house.services.db, *(an_event() for _ in range(1001)))
    asked = {} if limit is None else {"limit": limit}
    found = await page(client, start, **asked)
    assert len(found["data"]) == count
    assert found["has_more"] is True


@pytest.mark.parametrize(
    ("query", "pointer", "code"),
    [
        ("limit=0", "?limit", "greater_than_equal"),
        ("limit=1001", "?limit", "less_than_equal"),
        ("limit=-1", "?limit", "greater_than_equal"),
        ("limit=ten", "?limit", "int_parsing"),
        ("limit=1.5", "?limit", "int_parsing"),
        ("limit=", "?limit", "int_parsing"),
        ("limit=9223372036854775808", "?limit", "less_than_equal"),
        ("limit=" + "9" * 5000, "?limit", "int_parsing"),
        ("wait=31", "?wait", "less_than_equal"),
        ("wait=-1", "?wait", "greater_than_equal"),
        ("wait=0.5", "?wait", "int_parsing"),
        ("types=", "?types", "unknown_type"),
        ("types=receipt.invented", "?types", "unknown_type"),
        ("types=store.updated,", "?types", "unknown_type"),
        ("types=" + ",".join(["store.updated"] * 51), "?types", "too_long"),
        ("types[]=store.updated", "?types[]", "unknown_field"),
        ("cursor=1", "?cursor", "unknown_field"),
        ("limit=1&limit=2", "?limit", "repeated"),
        ("limit=1&limit=1", "?limit", "repeated"),
        ("after=" + "a" * 1001, "?after", "string_too_long"),
    ],
)
async def test_a_wrong_question_is_told_what_is_wrong(client, query, pointer, code):
    answer = await client.get(f"/v1/changes?{query}")
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, "invalid_input")
    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [(pointer, code)]


@pytest.mark.parametrize(
    "cursor", ["", "0", "1", "null", "x.y.z", "WyJjaGFuZ2VzIiwwXQ.abc", "%00", "%F0%9F%92%A9", "a b"]
)
async def test_a_cursor_that_we_never_gave_is_refused(client, cursor):
    answer = await client.get(f"/v1/changes?after={cursor}")
    assert answer.status_code == 400
    assert answer.json()["code"] in {"invalid_cursor", "bad_request"}


async def test_a_cursor_of_another_list_or_a_changed_one_is_refused(house, client, start):
    other = house.services.cursors.write("customers", [uuid.uuid4().hex, 1])
    body, signature = start.split(".")
    forged = [
        start.swapcase(),
        f"{body[:-1]}{'A' if body[-1] != 'A' else 'B'}.{signature}",
        f"{body}.{signature[:-2]}",
        body,
    ]
    for cursor in (other, *forged):
        answer = await client.get("/v1/changes", params={"after": cursor})
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_cursor")


async def test_a_cursor_from_the_future_has_to_resync(house, client):
    epoch, newest = await house.services.db.run(queries.head)
    at_the_end = await client.get("/v1/changes", params={"after": write_cursor(house.services.cursors, epoch, newest)})
    assert at_the_end.status_code == 200
    beyond = write_cursor(house.services.cursors, epoch, newest + 1)
    answer = await client.get("/v1/changes", params={"after": beyond, "wait": 30})
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (410, "cursor_gone")
    assert problem["resync"] == "/v1/customers/snapshot"
    assert "/v1/customers/snapshot" in problem["detail"]
    assert answer.headers["content-type"] == "application/problem+json"


async def test_every_role_that_may_read_the_feed_sees_the_same(house, clients, start):
    await put(house.services.db, an_event(data={"receipt": str(uuid.uuid4())}))
    seen = [await page(each, start) for role, each in clients.items() if role in {"pos", "analyst", "admin"}]
    assert len(seen) >= 2 and all(one == seen[0] for one in seen)
    assert [route.scope for route in HOT] == ["feed:read"]


async def test_a_page_is_one_statement(house, client, start, count_reads):
    await put(house.services.db, *(an_event() for _ in range(30)))
    seen = count_reads(house.services.db)
    await page(client, start, limit=20)
    await page(client, start, limit=20, types="customer.updated")
    assert len(seen) == 2


def rows_read(node: dict) -> float:
    """Rows of the feed that a plan looked at, as EXPLAIN ANALYZE counted them."""
    own = 0
    if node.get("Relation Name", "").startswith("events"):
        own = node["Actual Loops"] * (node["Actual Rows"] + node.get("Rows Removed by Filter", 0))
    return own + sum(rows_read(child) for child in node.get("Plans", ()))


async def test_what_a_page_reads_does_not_grow_with_the_feed(house, sql):
    """By the rows that it looks at, however the plan was made: a rare type and no filter at all."""
    await sql.execute(
        "INSERT INTO events SELECT s.last_sequence + g, s.recorded_at, uuidv7(), gen_random_uuid(), 'receipt.recorded',"
        " g, 1, now(), '{}' FROM feed_state s, generate_series(1, 60000) g"
    )
    await sql.execute("ANALYZE events")
    first = await sql.fetchval("SELECT min(sequence) FROM events")
    for statement, bound in ((hot._PAGE, 1000), (hot._FILTERED, queries.REACH)):
        for mode in ("force_generic_plan", "force_custom_plan"):
            await sql.execute(f"SET plan_cache_mode = {mode}")
            for after in (first - 1, first + 30000):
                values = {"after": after, "limit": 1000, "types": ["store.updated"]}
                text = await sql.fetchval(
                    "EXPLAIN (ANALYZE, FORMAT JSON) " + statement.text, *statement.arguments(values)
                )
                seen = rows_read(json.loads(text)[0]["Plan"])
                assert 0 < seen <= bound, (mode, after, text)


def test_the_operation_is_documented():
    (route,) = HOT
    made = route.operation()
    assert made["operationId"] == "list_changes"
    assert {parameter["name"] for parameter in made["parameters"]} == {"after", "types", "limit", "wait"}
    assert not any(parameter["required"] for parameter in made["parameters"])
    by_name = {parameter["name"]: parameter for parameter in made["parameters"]}
    assert by_name["limit"]["schema"] == {
        "type": "integer",
        "minimum": 1,
        "maximum": 1000,
        "default": 200,
        "title": "Limit",
    }
    assert "store.updated" in by_name["types"]["schema"]["items"]["enum"]
    assert (by_name["types"]["style"], by_name["types"]["explode"]) == ("form", False)
    assert made["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].endswith("/Changes")
    assert {"Changes", "FeedEvent"} <= set(made["x-schemas"])


async def test_the_answer_is_what_the_documentation_says(house, client, start):
    await put(house.services.db, an_event(), an_event("store.updated", None, customer_id=COMPANY, subject="S-1"))
    found = await page(client, start)
    assert Changes.model_validate(found, strict=False).model_dump(mode="json").keys() == found.keys()
    assert found["data"][0].keys() == FeedEvent.model_fields.keys()
