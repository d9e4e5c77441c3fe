"""Lives of records: complaints, promises, suggestions, care; and the work lists of the company."""

import asyncio

import pytest


async def test_a_complaint_from_first_to_last(desk, client):
    start = await desk.here()
    made = await desk.add("complaints", severity="serious", customer_did=["told_us", "legal_step", "told_us"])
    assert (made["status"], made["due_at"]) == ("open", "2026-03-03T04:00:00.000000Z")
    assert made["customer_did"] == ["told_us", "legal_step"]
    taken = await desk.act("complaints", made, "start", owner="emp-1", note="Mine")
    assert (taken["status"], taken["owner"], taken["version"], taken["closed_at"]) == ("in_progress", "emp-1", 2, None)
    desk.pass_days(1)
    said = {
        "outcome": "replaced", "outcome_note": "A new lid", "compensation_cost": 1500, "satisfied_after": True,
        "then_did": ["bought_again"],
    }  # fmt: skip
    done = await desk.act("complaints", made, "resolve", **said)
    assert {name: done[name] for name in said} == said
    assert (done["status"], done["closed_at"]) == ("resolved", "2026-03-03T04:00:00.000000Z")
    assert done["closed_by"] == done["recorded_by"]
    back = await desk.act("complaints", made, "reopen", note="Cracked again")
    assert (back["status"], back["reopened"], back["due_at"]) == ("open", 1, "2026-03-04T04:00:00.000000Z")
    assert (back["closed_at"], back["outcome"], back["satisfied_after"]) == (None, None, None)
    assert back["compensation_cost"] == 1500
    read = await desk.call("GET", f"/customers/{desk.mei}/complaints/{made['id']}")
    assert [(step["action"], step["state"]) for step in read["history"]] == [
        ("start", "in_progress"), ("resolve", "resolved"), ("reopen", "open"),
    ]  # fmt: skip
    assert read["history"][1]["details"] == said
    assert await desk.told(start) == [
        ("complaint.opened", {"status": "open"}), ("complaint.updated", {"status": "in_progress"}),
        ("complaint.resolved", {"status": "resolved"}), ("complaint.reopened", {"status": "open"}),
    ]  # fmt: skip
    audit = (await client.get("/v1/audit", params={"limit": 20})).json()["data"]
    entry = next(one for one in audit if one["action"] == "complaint.resolve")
    assert (entry["record_id"], entry["customer_id"]) == (made["id"], desk.mei)
    assert "outcome" in entry["fields"] and "note" not in entry["fields"]


@pytest.mark.parametrize(
    ("severity", "due"), [("minor", "09T04"), ("moderate", "05T04"), ("serious", "03T04"), ("critical", "02T08")]
)
async def test_a_complaint_is_due_by_its_severity_or_as_told(desk, severity, due):
    made = await desk.add("complaints", severity=severity)
    assert made["due_at"] == f"2026-03-{due}:00:00.000000Z"
    told = await desk.add("complaints", severity=severity, due_at="2026-04-01T00:00:00Z")
    assert told["due_at"] == "2026-04-01T00:00:00.000000Z"


WRONG_STATES = [
    ("complaints", [], "reopen"),
    ("complaints", ["start"], "start"),
    ("complaints", ["resolve"], "resolve"),
    ("complaints", ["resolve"], "start"),
    ("promises", ["keep"], "break"),
    ("promises", ["break"], "break"),
    ("suggestions", [], "complete"),
    ("suggestions", ["decline"], "complete"),
    ("suggestions", ["accept", "complete"], "decline"),
    ("care", ["complete"], "cancel"),
    ("care", ["cancel"], "complete"),
    ("development-plans", [], "reopen"),
    ("development-plans", ["complete"], "abandon"),
]


def said(verb: str) -> dict[str, str]:
    return {"outcome": "solved"} if verb == "resolve" else {}


@pytest.mark.parametrize(("plural", "before", "verb"), WRONG_STATES)
async def test_what_does_not_fit_the_state_is_refused(desk, plural, before, verb):
    made = await desk.add(plural)
    for step in before:
        made = await desk.act(plural, made, step, **said(step))
    problem = await desk.act(plural, made, verb, expect=409, **said(verb))
    assert problem["code"] == "wrong_state"
    assert (problem["status"], problem["state"]) == (409, made["state" if plural == "promises" else "status"])
    read = await desk.call("GET", f"/customers/{desk.mei}/{plural}/{made['id']}")
    assert (read["version"], [step["action"] for step in read["history"]]) == (made["version"], before)


async def test_an_action_may_insist_on_the_version_that_was_read(desk, client):
    made = await desk.add("complaints")
    path = f"/v1/customers/{desk.mei}/complaints/{made['id']}/resolve"
    stale = await client.post(path, json={"outcome": "solved"}, headers={"If-Match": '"7"'})
    assert (stale.status_code, stale.json()["version"]) == (412, 1)
    done = await client.post(path, json={"outcome": "solved"}, headers={"If-Match": '"1"'})
    assert (done.status_code, done.headers["etag"]) == (200, '"2"')


async def test_of_two_who_resolve_at_once_one_does(desk, client):
    made = await desk.add("complaints")
    path = f"/v1/customers/{desk.mei}/complaints/{made['id']}/resolve"
    answers = await asyncio.gather(*(client.post(path, json={"outcome": "solved"}) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 5
    answers = await asyncio.gather(
        *(client.post(path.replace("resolve", "reopen"), json={}, headers={"If-Match": '"2"'}) for _ in range(6))
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 5
    read = await desk.call("GET", f"/customers/{desk.mei}/complaints/{made['id']}")
    assert (read["version"], read["reopened"], len(read["history"])) == (3, 1, 2)


async def test_a_keyed_action_is_done_once(desk, client):
    made = await desk.add("promises")
    path = f"/v1/customers/{desk.mei}/promises/{made['id']}/keep"
    first = await client.post(path, headers={"Idempotency-Key": "k"})
    again = await client.post(path, headers={"Idempotency-Key": "k"})
    assert (first.status_code, again.status_code, again.json()) == (200, 200, first.json())
    assert first.json()["state"] == "kept"


async def test_suggestions_and_gifts_come_to_an_end(desk):
    idea = await desk.add("suggestions")
    idea = await desk.act("suggestions", idea, "decline", outcome_note="Nobody comes")
    idea = await desk.act("suggestions", idea, "accept", outcome_note="From May on", owner="emp-1")
    assert (idea["status"], idea["outcome_note"], idea["owner"]) == ("accepted", "From May on", "emp-1")
    told = await desk.patch("suggestions", idea, informed_at="2026-03-02T03:00:00Z")
    assert told.json()["informed_at"] == "2026-03-02T03:00:00.000000Z"
    assert (await desk.act("suggestions", idea, "complete"))["status"] == "done"
    gift = await desk.act("care", await desk.add("care"), "complete", cost=480, note="Was glad")
    assert (gift["status"], gift["cost"], gift["note"]) == ("done", 480, None)


async def test_the_work_list_of_complaints(desk, client):
    other = await desk.customer("Other")
    late = await desk.add("complaints", severity="minor", owner="emp-1")
    soon = await desk.add("complaints", severity="critical", about="price", of=other, store="S1")
    gone = await desk.add("complaints", severity="serious")
    await desk.act("complaints", gone, "resolve", outcome="solved")
    taken = await desk.act("complaints", late, "start")

    async def ids(**query):
        return [one["id"] for one in await desk.listed("/complaints", **query)]

    assert await ids() == [soon["id"], late["id"]]
    assert await ids(status="open") == [soon["id"]]
    assert await desk.listed("/complaints", status="in_progress") == [taken]
    assert await ids(status="resolved") == [gone["id"]]
    assert await ids(status="all") == [gone["id"], soon["id"], late["id"]]
    assert await ids(owner="emp-1") == [late["id"]]
    assert await ids(about="price") == await ids(severity="critical") == await ids(store="S1") == [soon["id"]]
    assert await ids(due_before=late["due_at"]) == [soon["id"]]
    for query in ({"status": "gone"}, {"owner": ""}, {"due_before": "soon"}, {"surprise": "1"}, {"limit": "0"}):
        assert (await client.get("/v1/complaints", params=query)).status_code == 422, query


async def test_the_work_list_of_promises(desk):
    first = await desk.add("promises", due_at="2026-03-05T00:00:00Z", owner="emp-1")
    second = await desk.add("promises", due_at="2026-03-04T00:00:00Z")
    kept = await desk.act("promises", await desk.add("promises"), "keep")
    assert [one["id"] for one in await desk.listed("/promises")] == [second["id"], first["id"]]
    assert [one["id"] for one in await desk.listed("/promises", state="kept")] == [kept["id"]]
    assert await desk.listed("/promises", owner="emp-1", due_before="2026-03-06T00:00:00Z") == [first]
    assert await desk.listed("/promises", state="broken") == []
    assert len(await desk.listed("/promises", state="all")) == 3


@pytest.mark.parametrize("query", [{}, {"status": "all"}, {"owner": "emp-1"}])
async def test_a_work_list_goes_page_by_page_also_where_all_is_due_at_once(desk, client, query):
    made = [await desk.add("complaints", due_at="2026-03-09T00:00:00Z", owner="emp-1") for _ in range(5)]
    expected = sorted((one["id"] for one in made), reverse=query == {"status": "all"})
    pages = [(await client.get("/v1/complaints", params={"limit": 2, **query})).json()]
    while pages[-1]["has_more"]:
        page = await client.get("/v1/complaints", params={"limit": 2, "cursor": pages[-1]["next_cursor"], **query})
        pages.append(page.json())
    assert [one["id"] for page in pages for one in page["data"]] == expected
    stray = await client.get("/v1/complaints", params={"about": "price", "cursor": pages[0]["next_cursor"], **query})
    assert (stray.status_code, stray.json()["code"]) == (400, "invalid_cursor")


async def test_how_many_statements_an_action_takes(desk, statements):
    made, other = await desk.add("complaints"), await desk.add("complaints")
    await desk.act("complaints", other, "start")
    with statements() as seen:
        await desk.act("complaints", made, "start")
    assert len(seen) == 3, seen
    with statements() as seen:
        await desk.act("complaints", made, "resolve", outcome="solved")
    assert len(seen) == 4, seen
    with statements() as seen:
        await desk.listed("/complaints", status="all")
    assert len(seen) == 1, seen


async def test_a_development_plan_is_followed_step_by_step(desk):
    steps = [{"what": "A tasting", "who": "emp-4", "due_on": "2026-03-10"}, {"what": "An offer"}]
    made = await desk.add("development-plans", steps=steps, review_on="2026-04-01", owner="emp-4")
    whole = [{"what": "A tasting", "who": "emp-4", "due_on": "2026-03-10", "done_on": None},
             {"what": "An offer", "who": None, "due_on": None, "done_on": None}]  # fmt: skip
    assert (made["steps"], made["status"], made["review_on"]) == (whole, "active", "2026-04-01")
    # The same steps make no new version.
    same = (await desk.patch("development-plans", made, steps=steps)).json()
    assert (same["version"], same["steps"]) == (1, whole)
    whole[0]["done_on"] = "2026-03-09"
    changed = (await desk.patch("development-plans", made, steps=whole)).json()
    assert (changed["version"], changed["steps"]) == (2, whole)
    assert (await desk.patch("development-plans", made, goal="More")).status_code == 412
    done = await desk.act("development-plans", made, "complete", note="All four of them")
    assert (done["status"], done["closed_at"] is not None) == ("achieved", True)
    back = await desk.act("development-plans", made, "reopen")
    assert (back["status"], back["closed_at"], back["steps"]) == ("active", None, whole)
    path = f"/customers/{desk.mei}/development-plans/{made['id']}"
    assert [one["action"] for one in (await desk.call("GET", path))["history"]] == ["complete", "reopen"]
