"""What people do about warnings besides taking them on and resolving them, and about many at once."""

import asyncio
import uuid

import pytest
from sqlalchemy import event

from tests.early_warning.factories import noon


@pytest.fixture
async def over(town):
    """A warning about a customer who owes too much."""
    customer = await town.customer("Dealer")
    await town.credit(customer, 1_000)
    await town.sell(customer, 1_050, on_account=True)
    return (await town.warnings())[0]


async def owing(town, count, amount=1_050):
    """So many warnings, the oldest first."""
    for number in range(count):
        customer = await town.customer(f"Owes {number}")
        await town.credit(customer, 1_000)
        await town.sell(customer, amount, on_account=True)
    return list(reversed(await town.warnings(limit=200)))


async def test_every_step_is_told_once_with_audit_and_history(town, over, client):
    start = await town.here()
    until = noon(town.day).replace(day=9).isoformat()
    await town.step(over, "acknowledge", note="Mine")
    await town.step(over, "snooze", until=until)
    await town.step(over, "investigate", owner="emp-5")
    await town.step(over, "assign", owner="emp-6", due_at=until)
    await town.step(over, "comments", text="Invoice went astray")
    await town.step(
        over, "resolve", outcome="other", cause="Invoice lost", finding="Wrong address", remedy="Sent again"
    )
    last = await town.step(over, "reopen", note="Came back")
    assert (last["status"], last["resolution"], last["resolved_at"], last["version"]) == ("open", None, None, 8)

    verbs = ["acknowledged", "snoozed", "investigated", "assigned", "commented", "resolved", "reopened"]
    statuses = ["acknowledged", "snoozed", "investigating", "investigating", "investigating", "resolved", "open"]
    history = (await town.history(over))[1:]
    assert [(step["action"], step["status"]) for step in history] == list(zip(verbs, statuses, strict=True))
    assert [step["note"] for step in history] == ["Mine", None, None, None, "Invoice went astray", None, "Came back"]
    assert history[3]["details"] == {"owner": "emp-6", "due_at": "2026-03-09T04:00:00.000000Z"}
    assert history[5]["details"] == {
        "outcome": "other", "cause": "Invoice lost", "finding": "Wrong address", "remedy": "Sent again",
    }  # fmt: skip
    assert len({step["actor"] for step in history}) == 1 and history[0]["actor"] is not None

    types = ("warning.opened", "warning.changed", "warning.commented", "warning.resolved")
    told = await town.events(start, *types)
    assert [(data["action"], data["status"]) for _, data in told] == list(zip(verbs, statuses, strict=True))
    assert [kind.removeprefix("warning.") for kind, _ in told] == [
        *["changed"] * 4, "commented", "resolved", "opened",
    ]  # fmt: skip
    audit = (await client.get("/v1/audit", params={"limit": 50})).json()["data"]
    mine = [one for one in audit if one["record_id"] == over["id"] and one["action"] != "warning.read"]
    assert sorted(one["action"] for one in mine) == sorted(f"warning.{verb}" for verb in verbs)
    said = {"Invoice", "astray", "emp-6", "address"}
    assert not any(word in str(one) for word in said for one in [*told, *audit])


async def test_what_is_snoozed_is_listed_as_such_and_sleeps_until_its_time(town, over):
    until = noon(town.day).replace(day=5).isoformat()
    asleep = await town.step(over, "snooze", until=until)
    assert (asleep["status"], asleep["snoozed_until"], asleep["due_at"]) == (
        "snoozed", "2026-03-05T04:00:00.000000Z", "2026-03-08T04:00:00.000000Z",
    )  # fmt: skip
    assert [len(await town.warnings(status=one)) for one in ("live", "snoozed", "open")] == [1, 1, 0]
    # Neither does the rule move it while nothing gets worse, nor does it escalate.
    await town.sell(over["customer_id"], 10, on_account=True)
    town.pass_hours(71.9)
    await town.keep()
    assert (await town.warnings())[0]["version"] == asleep["version"]
    town.pass_hours(0.2)
    await town.keep()
    awake = (await town.warnings())[0]
    assert (awake["status"], awake["snoozed_until"], awake["escalated_at"]) == ("open", None, None)
    assert [step["action"] for step in await town.history(over)] == ["opened", "snoozed", "woken"]


async def test_what_gets_worse_wakes_and_what_is_over_ends(town, over):
    until = noon(town.day).replace(day=30).isoformat()
    await town.step(over, "snooze", until=until)
    await town.sell(over["customer_id"], 500, on_account=True)
    (worse,) = await town.warnings()
    assert (worse["state"], worse["status"], worse["snoozed_until"]) == ("far_over_limit", "open", None)
    # Critical: a day, not the month that it was to sleep for.
    assert worse["due_at"] == "2026-03-03T04:00:00.000000Z"
    await town.step(over, "snooze", until=until)
    await town.pay(over["customer_id"], 1_550)
    assert await town.warnings() == []
    ended = await town.call("GET", f"/warnings/{over['id']}")
    assert (ended["status"], ended["snoozed_until"], ended["resolution"]["outcome"]) == (
        "resolved", None, "cause_gone",
    )  # fmt: skip


async def test_an_investigation_goes_on_when_it_gets_worse_and_that_is_told(town, over):
    begun = await town.step(over, "investigate", note="Asking the driver")
    assert (begun["status"], begun["acknowledged_at"] is None) == ("investigating", False)
    start = await town.here()
    await town.sell(over["customer_id"], 500, on_account=True)
    (worse,) = await town.warnings(status="investigating")
    assert worse["state"] == "far_over_limit"
    ((kind, data),) = await town.events(start, "warning.changed", "warning.opened")
    assert (kind, data["status"], data["severity"]) == ("warning.changed", "investigating", "critical")
    refused = await town.step(over, "acknowledge", status=409)
    assert refused["code"] == "warning_investigated"


async def test_what_was_resolved_is_reopened_unless_it_was_raised_again(town, over):
    assert (await town.step(over, "reopen", status=409))["code"] == "warning_live"
    await town.step(over, "resolve", outcome="false_alarm")
    again = await town.step(over, "reopen", note="It was true")
    assert (again["status"], again["id"], again["due_at"]) == ("open", over["id"], "2026-03-05T04:00:00.000000Z")
    await town.step(over, "resolve", outcome="false_alarm")
    town.pass_days(8)
    await town.sell(over["customer_id"], 10, on_account=True)
    (new,) = await town.warnings()
    assert new["id"] != over["id"]
    assert (await town.step(over, "reopen", status=409))["code"] == "warning_raised_again"


async def test_what_is_reopened_though_its_cause_is_gone_ends_by_itself(town, over):
    await town.step(over, "resolve", outcome="promised")
    await town.pay(over["customer_id"], 500)
    await town.step(over, "reopen")
    assert await town.evaluate(over["customer_id"]) == {"resolved": 1}


async def test_of_many_who_reopen_at_once_one_does(town, over, client):
    await town.step(over, "resolve", outcome="paid")
    path = f"/v1/warnings/{over['id']}/reopen"
    answers = await asyncio.gather(*(client.post(path, json={}) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 5
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"warning_live"}


async def test_comments_are_listed_page_by_page_whatever_the_status(town, over, client):
    first = await town.step(over, "comments", text="One", by="emp-3")
    assert (first["text"], first["by"], first["warning_id"]) == ("One", "emp-3", over["id"])
    await town.step(over, "resolve", outcome="paid")
    for text in ("Two", "Three"):
        await town.step(over, "comments", text=text)
    path, said = f"/v1/warnings/{over['id']}/comments", []
    query = {"limit": 2}
    while True:
        page = (await client.get(path, params=query)).json()
        said += [one["text"] for one in page["data"]]
        if not page["has_more"]:
            break
        query["cursor"] = page["next_cursor"]
    assert said == ["One", "Two", "Three"]
    assert (await client.get(f"/v1/warnings/{uuid.uuid4()}/comments")).status_code == 404
    assert (await town.call("GET", f"/warnings/{over['id']}"))["status"] == "resolved"


async def test_many_at_once_each_with_its_own_answer(town, client):
    found = await owing(town, 4)
    items = [
        {"id": found[0]["id"], "action": "acknowledge", "owner": "emp-1"},
        {"id": found[1]["id"], "action": "snooze", "until": "2026-03-01T00:00:00Z"},
        {"id": found[1]["id"], "action": "fly"},
        {"id": str(uuid.uuid4()), "action": "investigate"},
        {"id": found[2]["id"], "action": "resolve", "outcome": "paid"},
        {"id": found[2]["id"], "action": "comment", "text": "In cash"},
        {"id": found[0]["id"], "action": "acknowledge"},
        {"id": found[2]["id"], "action": "reopen"},
        {"id": found[3]["id"], "action": "reopen"},
    ]
    start = await town.here()
    results = (await town.call("POST", "/warnings/batch", {"items": items}))["results"]
    assert [one["index"] for one in results] == list(range(9))
    assert [one.get("problem", {}).get("code", one["status"]) for one in results] == [
        "updated", "invalid_input", "invalid_input", "not_found", "updated", "updated", "duplicate", "updated",
        "warning_live",
    ]  # fmt: skip
    assert results[1]["problem"]["errors"][0]["pointer"] == "/until"
    assert {one["status"] for one in await town.warnings(limit=200)} == {"acknowledged", "open"}
    steps = [step["action"] for step in await town.history(found[2])]
    assert steps == ["opened", "resolved", "commented", "reopened"]
    told = await town.events(start, "warning.opened", "warning.changed", "warning.resolved", "warning.commented")
    assert [data["action"] for _, data in told] == ["acknowledged", "resolved", "commented", "reopened"]


async def test_of_two_about_the_same_one_is_reopened(town, over):
    await town.step(over, "resolve", outcome="other")
    town.pass_days(8)
    await town.sell(over["customer_id"], 10, on_account=True)
    (new,) = await town.warnings()
    await town.step(new, "resolve", outcome="other")
    items = [{"id": one["id"], "action": "reopen"} for one in (over, new)]
    results = (await town.call("POST", "/warnings/batch", {"items": items}))["results"]
    assert [one.get("problem", {}).get("code", one["status"]) for one in results] == ["updated", "warning_raised_again"]


async def test_a_batch_takes_as_many_statements_however_long_it_is(town):
    found = await owing(town, 8)
    counted = []

    async def statements(items):
        seen = []
        engine = town.services.db.engine.sync_engine
        note = lambda *given: seen.append(given[2])  # noqa: E731
        event.listen(engine, "before_cursor_execute", note)
        try:
            results = (await town.call("POST", "/warnings/batch", {"items": items}))["results"]
        finally:
            event.remove(engine, "before_cursor_execute", note)
        assert {one["status"] for one in results} == {"updated"}
        # What was read before is written down when its second is over, and which keys were used every ten.
        own = [one for one in seen if not (one.startswith("INSERT INTO audit_entries") or "api_keys" in one)]
        counted.append(len(own))

    def all_of(some):
        ids = [one["id"] for one in some]
        return [
            *({"id": one, "action": "acknowledge", "owner": "e"} for one in ids),
            *({"id": one, "action": "resolve", "outcome": "paid"} for one in ids),
            *({"id": one, "action": "reopen"} for one in ids),
        ]

    await statements(all_of(found[:1]))
    await statements(all_of(found[1:]))
    assert counted[0] == counted[1] < 20


async def test_the_list_is_filtered_by_store_and_due_time(town):
    near, far = await owing(town, 2)
    await town.call("PUT", "/stores/S2", {"name": "Second", "kind": "own", "time_zone": "Asia/Shanghai"})
    shown = await town.client.get(f"/v1/customers/{far['customer_id']}")
    patched = await town.client.patch(
        f"/v1/customers/{far['customer_id']}", json={"home_store": "S2"}, headers={"If-Match": shown.headers["etag"]}
    )
    assert patched.status_code == 200, patched.text
    await town.step(near, "assign", owner="emp-1", due_at="2026-03-02T10:00:00Z")
    assert [one["id"] for one in await town.warnings(store="S2")] == [far["id"]]
    assert await town.warnings(store="S9") == []
    assert [one["id"] for one in await town.warnings(due_before="2026-03-03T00:00:00Z")] == [near["id"]]
    assert len(await town.warnings(due_before="2026-04-03T00:00:00Z", status="all")) == 2
