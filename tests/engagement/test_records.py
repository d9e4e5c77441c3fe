"""Records of every kind: made, read, listed, changed; what every one of them keeps to."""

import asyncio
import json
import uuid
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from app.core.types import rfc3339
from tests.api.world import DOCUMENT
from tests.engagement.factories import CHANGE, LEAST

KINDS = sorted(LEAST)
# What clients are told of events.
EVENT = json.loads(DOCUMENT.read_bytes())["components"]["schemas"]["FeedEvent"]["properties"]
SINGULAR = {"care": "care", "losses": "loss", "development-plans": "development_plan"}


def one_of(plural: str) -> str:
    return SINGULAR.get(plural, plural[:-1])


@pytest.mark.parametrize("plural", KINDS)
async def test_a_record_is_made_read_and_told(desk, client, plural):
    start = await desk.here()
    made = await desk.add(plural, by="emp-1")
    assert (made["customer_id"], made["version"], made["by"]) == (desk.mei, 1, "emp-1")
    assert made["occurred_at"] == made["created_at"] == "2026-03-02T04:00:00.000000Z"
    assert made["occurred_on"] == "2026-03-02"
    read = await client.get(f"/v1/customers/{desk.mei}/{plural}/{made['id']}")
    assert read.headers["etag"] == '"1"'
    shown = read.json()
    assert shown.pop("history", []) == []
    assert shown == made
    assert await desk.listed(f"/customers/{desk.mei}/{plural}") == [made]
    told = await desk.told(start)
    assert len(told) == 1 and told[0][0] in EVENT["type"]["description"]
    assert set(told[0][1]) <= {"status", "state"}
    audit = (await client.get("/v1/audit", params={"record_id": made["id"]})).json()["data"]
    assert (f"{one_of(plural)}.create", made["id"]) in {(entry["action"], entry["record_id"]) for entry in audit}


@pytest.mark.parametrize("plural", KINDS)
async def test_the_sender_may_name_it_and_a_repeat_is_told(desk, client, plural):
    sent = {**LEAST[plural], "id": str(uuid.uuid4()), "occurred_at": "2026-02-28T20:00:00Z"}
    path = f"/v1/customers/{desk.mei}/{plural}"
    first = await client.post(path, json=sent, headers={"Idempotency-Key": "k1"})
    assert (first.status_code, first.json()["id"]) == (201, sent["id"])
    assert first.json()["occurred_on"] == "2026-03-01"
    again = await client.post(path, json=sent, headers={"Idempotency-Key": "k1"})
    assert (again.status_code, again.headers["idempotency-replayed"]) == (201, "true")
    assert again.json() == first.json()
    twice = await client.post(path, json=sent)
    assert (twice.status_code, twice.json()["code"]) == (409, "record_exists")
    other = await desk.customer("Other")
    assert (await client.post(f"/v1/customers/{other}/{plural}", json=sent)).status_code == 201


@pytest.mark.parametrize("plural", KINDS)
async def test_customers_who_are_not_there_get_no_record(desk, client, house, plural):
    await desk.sell(None)
    async with house.services.db.engine.connect() as connection:
        walk_in = (await connection.execute(text("SELECT id FROM customers WHERE kind = 'walk_in'"))).scalar_one()
    for nobody in (uuid.uuid4(), walk_in):
        problem = await desk.add(plural, of=str(nobody), expect=404)
        assert problem["code"] == "not_found"
    assert (await client.get(f"/v1/customers/{uuid.uuid4()}/{plural}")).status_code == 404
    made = await desk.add(plural)
    async with house.services.db.engine.begin() as connection:
        await connection.execute(text("UPDATE customers SET status = 'merged' WHERE id = :id"), {"id": desk.mei})
    await desk.add(plural, expect=404)
    if plural in CHANGE:
        assert (await desk.patch(plural, made, **CHANGE[plural])).status_code == 404


@pytest.mark.parametrize("plural", KINDS)
async def test_a_list_goes_page_by_page_also_where_moments_are_equal(desk, client, plural):
    moments = ["2026-02-01T00:00:00Z"] * 4 + ["2026-02-02T00:00:00Z", "2026-01-31T00:00:00.000001Z"]
    made = [await desk.add(plural, occurred_at=moment) for moment in moments]
    expected = [one["id"] for one in sorted(made, key=lambda one: (one["occurred_at"], one["id"]), reverse=True)]
    path = f"/v1/customers/{desk.mei}/{plural}"
    pages = [(await client.get(path, params={"limit": 2})).json()]
    while pages[-1]["has_more"]:
        pages.append((await client.get(path, params={"limit": 2, "cursor": pages[-1]["next_cursor"]})).json())
    assert [len(page["data"]) for page in pages] == [2, 2, 2]
    assert [one["id"] for page in pages for one in page["data"]] == expected
    other = await desk.customer("Other")
    stray = await client.get(f"/v1/customers/{other}/{plural}", params={"cursor": pages[0]["next_cursor"]})
    assert (stray.status_code, stray.json()["code"]) == (400, "invalid_cursor")


@pytest.mark.parametrize("plural", sorted(CHANGE))
async def test_a_patch_needs_the_version_and_changes_what_it_says(desk, client, plural):
    made = await desk.add(plural)
    path = f"/v1/customers/{desk.mei}/{plural}/{made['id']}"
    assert (await client.patch(path, json=CHANGE[plural])).status_code == 428
    changed = await desk.patch(plural, made, **CHANGE[plural])
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    expected = {**made, **CHANGE[plural], "version": 2, "updated_at": changed.json()["updated_at"]}
    assert changed.json() == expected
    stale = await desk.patch(plural, made, by="emp-7")
    assert (stale.status_code, stale.json()["version"]) == (412, 2)
    start = await desk.here()
    same = await desk.patch(plural, changed.json(), **CHANGE[plural])
    assert same.json() == expected
    assert await desk.told(start) == []


async def test_a_survey_is_never_changed(desk, client):
    made = await desk.add("surveys")
    assert (await desk.patch("surveys", made, comment="x")).status_code == 405


async def test_a_survey_keeps_all_that_was_answered(desk, client):
    said: dict[str, Any] = {
        "recommend": 9, "repurchase_intention": 5, "willingness_to_pay": 2, "promotion_liking": 1, "reward_liking": 4,
        "then_did": ["bought_again"], "comment": "Fine", "alternative": "The other shop", "channel": "app",
        "product": "P1",
        "dimensions": [{"dimension": "delivery", "expected": 4, "perceived": 5},
                       {"dimension": "staff", "expected": None, "perceived": 3}],
        "benefits": [{"benefit": "enjoyment", "score": 5, "alternative": None},
                     {"benefit": "quality", "score": 5, "alternative": 3}],
        "sacrifices": [{"sacrifice": "price", "score": 2, "alternative": 4}],
        "shares": [{"category": "food", "share": "1"}, {"category": "food/tea", "share": "0.350"}],
    }  # fmt: skip
    made = await desk.add("surveys", **said)
    assert {name: made[name] for name in said} == said
    assert await desk.call("GET", f"/customers/{desk.mei}/surveys/{made['id']}") == made


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("interactions", {"channel": "pigeon"}, "/channel"),
    ("interactions", {"direction": None}, "/direction"),
    ("interactions", {"topic": "two words"}, "/topic"),
    ("interactions", {"follow_up_at": "2026-03-06"}, "/follow_up_at"),
    ("interactions", {"id": "00000000-0000-0000-0000-000000000000"}, "/id"),
    ("interactions", {"occurred_at": "2026-03-06T10:00:00"}, "/occurred_at"),
    ("complaints", {"about": "weather"}, "/about"),
    ("complaints", {"severity": 3}, "/severity"),
    ("complaints", {"subject": ""}, "/subject"),
    ("complaints", {"customer_did": ["told_us", "wept"]}, "/customer_did/1"),
    ("complaints", {"customer_did": None}, "/customer_did"),
    ("complaints", {"status": "resolved"}, "/status"),
    ("complaints", {"compensation_cost": 5}, "/compensation_cost"),
    ("promises", {"due_at": None}, "/due_at"),
    ("promises", {"promise": "x" * 501}, "/promise"),
    ("promises", {"complaint_id": "17"}, "/complaint_id"),
    ("surveys", {"recommend": 11}, "/recommend"),
    ("surveys", {"recommend": "9"}, "/recommend"),
    ("surveys", {"repurchase_intention": 0}, "/repurchase_intention"),
    ("surveys", {"willingness_to_pay": 6}, "/willingness_to_pay"),
    ("surveys", {"dimensions": [{"dimension": "staff"}]}, "/dimensions/0/perceived"),
    ("surveys", {"benefits": [{"benefit": "price", "score": 1}]}, "/benefits/0/benefit"),
    ("surveys", {"sacrifices": [{"sacrifice": "price", "score": 7}]}, "/sacrifices/0/score"),
    ("surveys", {"shares": [{"category": "tea", "share": "1.01"}]}, "/shares/0/share"),
    ("surveys", {"shares": [{"category": "tea", "share": "-0.1"}]}, "/shares/0/share"),
    ("surveys", {"shares": [{"category": "tea", "share": "NaN"}]}, "/shares/0/share"),
    ("surveys", {"shares": [{"category": "tea", "share": "0.1"}] * 2}, ""),
    ("suggestions", {"about": None}, "/about"),
    ("suggestions", {"status": "done"}, "/status"),
    ("needs", {"category": "tea//green"}, "/category"),
    ("needs", {"stage": "buying"}, "/stage"),
    ("needs", {"budget": -1}, "/budget"),
    ("needs", {"met": "yes"}, "/met"),
    ("losses", {"reason": "fate"}, "/reason"),
    ("losses", {"won_back_on": "2026-02-30"}, "/won_back_on"),
    ("care", {"planned_cost": 10**15}, "/planned_cost"),
    ("care", {"planned_for": "soon"}, "/planned_for"),
    ("care", {"cost": 5}, "/cost"),
]


@pytest.mark.parametrize(("plural", "wrong", "pointer"), WRONG)
async def test_wrong_input_is_pointed_at(desk, plural, wrong, pointer):
    problem = await desk.add(plural, expect=422, **wrong)
    assert [error["pointer"] for error in problem["errors"]] == [pointer]
    assert await desk.listed(f"/customers/{desk.mei}/{plural}") == []


async def test_what_a_record_refers_to_must_be_there(desk):
    assert (await desk.add("complaints", expect=422, store="NOWHERE"))["code"] == "unknown_store"
    other = await desk.customer("Other")
    stranger = await desk.add("complaints", of=other)
    refused = await desk.add("promises", expect=422, complaint_id=stranger["id"])
    assert refused["code"] == "unknown_complaint"
    own = await desk.add("complaints")
    assert (await desk.add("promises", complaint_id=own["id"]))["complaint_id"] == own["id"]


async def test_what_a_caller_may_not_see_is_absent(desk, client, clients):
    await desk.add("complaints", note="Weeps", by="emp-1")
    await desk.add("care", planned_cost=700)
    await desk.add("needs", means="ample", budget=9)
    hidden = {"complaints": {"subject", "note", "outcome_note"}, "care": {"what", "note"}, "needs": {"need", "desire"}}
    shown = {"complaints": {"compensation_cost"}, "care": {"planned_cost", "cost"}, "needs": {"means", "budget"}}
    key = await client.post(
        "/v1/api-keys", json={"name": "Basic", "role": "call_center", "field_groups": ["basic", "contact"]}
    )
    basic = {"Authorization": f"Bearer {key.json()['key']}"}
    for plural, texts in hidden.items():
        path = f"/v1/customers/{desk.mei}/{plural}"
        analyst = (await clients["analyst"].get(path)).json()["data"][0]
        assert not texts & analyst.keys()
        assert shown[plural] <= analyst.keys()
        least = (await client.get(path, headers=basic)).json()["data"][0]
        assert not (texts | shown[plural]) & least.keys()
        assert texts | shown[plural] <= (await client.get(path)).json()["data"][0].keys()


async def test_a_till_may_write_a_complaint_down_and_no_more(desk, clients):
    till, path = clients["pos"], f"/v1/customers/{desk.mei}/complaints"
    made = await till.post(path, json=LEAST["complaints"])
    assert made.status_code == 201
    assert (await till.get(path)).status_code == 403
    resolve = await till.post(f"{path}/{made.json()['id']}/resolve", json={"outcome": "solved"})
    assert resolve.status_code == 403
    assert (await clients["partner"].post(path, json=LEAST["complaints"])).status_code == 403
    assert (await till.post(f"/v1/customers/{desk.mei}/losses", json=LEAST["losses"])).status_code == 403


@pytest.mark.parametrize("plural", KINDS)
async def test_how_many_statements_it_takes(desk, statements, plural):
    made = await desk.add(plural)
    with statements() as seen:
        await desk.add(plural)
    assert len(seen) == (3 if plural == "surveys" else 2), seen
    if plural in CHANGE:
        with statements() as seen:
            assert (await desk.patch(plural, made, **CHANGE[plural])).status_code == 200
        assert len(seen) == 3, seen
    # Last: that the list was read is written down a little later, by the way.
    with statements() as seen:
        await desk.listed(f"/customers/{desk.mei}/{plural}")
    assert len(seen) == 1, seen


async def test_of_many_who_patch_at_once_one_does(desk):
    made = await desk.add("needs")
    answers = await asyncio.gather(*(desk.patch("needs", made, note=f"n{number}") for number in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 7


@pytest.mark.parametrize("plural", LEAST)
async def test_nothing_has_happened_in_the_future(desk, plural):
    """Found: a call of next year was taken."""
    now = desk.services.clock.now()
    ahead = await desk.add(plural, occurred_at=(now + timedelta(minutes=6)).isoformat(), expect=422)
    assert [(one["pointer"], one["code"]) for one in ahead["errors"]] == [("/occurred_at", "future_time")]
    # A clock that is a little fast is now.
    near = await desk.add(plural, occurred_at=(now + timedelta(minutes=4)).isoformat())
    assert near["occurred_at"] == rfc3339(now)


async def test_nobody_was_told_in_the_future(desk):
    made = await desk.add("suggestions")
    answer = await desk.patch("suggestions", made, informed_at="2031-01-01T00:00:00Z")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "future_time")
