"""Tasks: made of what falls due and by rules, once; closed by people, or because nothing is left to do."""

import asyncio
import uuid
from datetime import timedelta

import pytest
from sqlalchemy import text

from app.engagement import commands
from app.engagement.due import Terms
from app.engagement.jobs import Follower
from tests.feed.factories import until
from tests.till.factories import line


def terms(desk) -> Terms:
    return Terms(desk.services.settings.company, desk.services.settings.engagement)


async def managed(house, customer: str, manager: str) -> None:
    async with house.services.db.engine.begin() as connection:
        change = text("UPDATE customers SET account_manager = :manager WHERE id = :id")
        await connection.execute(change, {"manager": manager, "id": customer})


@pytest.mark.parametrize(
    ("plural", "more", "days", "due"),
    [
        ("complaints", {"severity": "minor"}, 6, "2026-03-09T04"),
        ("promises", {"due_at": "2026-03-06T01:00:00Z"}, 3, "2026-03-06T01"),
        ("care", {"planned_for": "2026-03-20"}, 17, "2026-03-19T16"),
        ("interactions", {"follow_up_at": "2026-03-12T01:00:00Z"}, 9, "2026-03-12T01"),
    ],
)
async def test_what_falls_due_makes_one_task_a_day_before(desk, plural, more, days, due):
    made = await desk.add(plural, **more)
    desk.pass_days(days - 1)
    await desk.work()
    assert await desk.listed("/tasks") == []
    desk.pass_days(1)
    start = await desk.here()
    await desk.work()
    await desk.work()
    (task,) = await desk.listed("/tasks")
    reason = {"complaints": "complaint", "promises": "promise", "care": "care", "interactions": "interaction"}[plural]
    assert (task["reason"], task["source_id"], task["customer_id"]) == (reason, made["id"], desk.mei)
    assert (task["due_at"], task["store"], task["status"]) == (f"{due}:00:00.000000Z", "S1", "open")
    told = await desk.told(start)
    assert ("task.created", {"reason": reason, "source_id": made["id"], "status": "open"}) in told
    assert [kind for kind, _ in told if kind == "promise.due"] == (["promise.due"] if plural == "promises" else [])
    # The record itself is as it was.
    assert (await desk.call("GET", f"/customers/{desk.mei}/{plural}/{made['id']}"))["version"] == 1


async def test_a_task_goes_to_the_owner_or_the_account_manager(desk, house):
    await managed(house, desk.mei, "emp-8")
    await desk.add("complaints", severity="critical", owner="emp-1")
    await desk.add("complaints", severity="critical", occurred_at="2026-03-01T00:00:00Z")
    await desk.work()
    assert sorted(task["owner"] for task in await desk.listed("/tasks")) == ["emp-1", "emp-8"]


async def test_open_tasks_go_to_the_new_account_manager(desk, client):
    await desk.add("complaints", severity="critical", owner="emp-1")
    await desk.add("complaints", severity="critical", occurred_at="2026-03-01T00:00:00Z")
    body = {"customers": [desk.mei], "to": {"account_manager": "emp-7"}, "reason": "First"}
    (await client.post("/v1/handovers", json=body)).raise_for_status()
    await desk.work()
    assert sorted(task["owner"] for task in await desk.listed("/tasks")) == ["emp-1", "emp-7"]
    (await client.post("/v1/handovers", json={**body, "to": {"account_manager": "emp-8"}})).raise_for_status()
    await desk.work()
    assert sorted(task["owner"] for task in await desk.listed("/tasks")) == ["emp-1", "emp-8"]


async def test_a_task_ends_with_what_it_is_about(desk):
    made = await desk.add("complaints", severity="critical")
    await desk.work()
    start = await desk.here()
    await desk.act("complaints", made, "resolve", outcome="solved")
    assert await desk.listed("/tasks") == []
    (task,) = await desk.listed("/tasks", status="done")
    assert task["source_id"] == made["id"] and task["closed_at"] is not None
    assert [kind for kind, _ in await desk.told(start)].count("task.closed") == 1
    await desk.act("complaints", made, "reopen")
    await desk.work()
    (again,) = await desk.listed("/tasks")
    assert (again["source_id"], again["status"]) == (made["id"], "open") and again["id"] != task["id"]


async def test_what_is_due_at_another_time_makes_another_task(desk):
    made = await desk.add("promises", due_at="2026-03-03T01:00:00Z")
    await desk.work()
    later = await desk.patch("promises", made, due_at="2026-03-10T01:00:00Z")
    assert [task["status"] for task in await desk.listed("/tasks", status="all")] == ["cancelled"]
    desk.pass_days(7)
    await desk.work()
    assert [task["due_at"] for task in await desk.listed("/tasks")] == ["2026-03-10T01:00:00.000000Z"]
    earlier = await desk.patch("promises", later.json(), due_at="2026-03-03T01:00:00Z")
    assert earlier.status_code == 200
    await desk.work()
    assert [task["due_at"] for task in await desk.listed("/tasks")] == ["2026-03-03T01:00:00.000000Z"]


async def test_what_is_done_in_time_makes_no_task(desk):
    promise, gift = await desk.add("promises"), await desk.add("care")
    await desk.act("promises", promise, "keep")
    await desk.act("care", gift, "cancel")
    desk.pass_days(60)
    await desk.work()
    assert await desk.listed("/tasks", status="all") == []


async def test_people_assign_complete_and_cancel(desk):
    await desk.add("complaints", severity="critical")
    await desk.add("promises", due_at="2026-03-03T01:00:00Z")
    await desk.work()
    first, second = await desk.listed("/tasks")
    path = f"/tasks/{first['id']}"
    given = await desk.call("POST", f"{path}/assign", {"owner": "emp-2", "due_at": "2026-03-04T01:00:00Z"})
    assert (given["owner"], given["due_at"], given["version"]) == ("emp-2", "2026-03-04T01:00:00.000000Z", 2)
    assert [task["id"] for task in await desk.listed("/tasks", owner="emp-2")] == [first["id"]]
    done = await desk.call("POST", f"{path}/complete", {"note": "Called"})
    assert (done["status"], done["closed_at"]) == ("done", "2026-03-02T04:00:00.000000Z")
    assert (await desk.call("POST", f"{path}/cancel", status=409))["code"] == "wrong_state"
    assert (await desk.call("POST", f"{path}/assign", {"owner": "emp-3"}, status=409))["code"] == "wrong_state"
    assert (await desk.call("POST", f"/tasks/{second['id']}/cancel"))["status"] == "cancelled"
    read = await desk.call("GET", path)
    assert [step["action"] for step in read["history"]] == ["assign", "complete"]
    assert await desk.listed("/tasks") == []
    assert await desk.listed("/tasks", status="all", customer_id=str(uuid.uuid4())) == []
    assert len(await desk.listed("/tasks", status="all", reason="complaint", store="S1", customer_id=desk.mei)) == 1
    # The worker does not bring back what people have closed.
    await desk.work()
    assert await desk.listed("/tasks") == []


async def test_a_rule_makes_a_task_of_a_receipt_of_its_category(desk, house):
    await desk.work()
    await desk.rule(category="food/tea", assignee="store")
    await managed(house, desk.mei, "emp-8")
    tea = await desk.sell(desk.mei, lines=[line(3000, category="food/tea/green")])
    await desk.sell(desk.mei, lines=[line(3000, category="food/teapots")])
    await desk.sell(None, lines=[line(3000, category="food/tea")])
    await desk.work()
    (task,) = await desk.listed("/tasks")
    assert (task["reason"], task["rule"], task["title"]) == ("rule", "ask", "Ask how it was")
    assert (task["source_id"], task["owner"], task["store"]) == (tea["id"], None, tea["store"])
    assert task["due_at"] == "2026-03-15T16:00:00.000000Z"


async def test_the_same_receipt_never_makes_two_tasks(desk, client, house):
    await desk.work()
    await desk.rule()
    await managed(house, desk.mei, "emp-8")
    sale = desk.sale(desk.mei)
    await desk.call("POST", "/receipts", sale)
    assert (await client.post("/v1/receipts", json=sale)).status_code == 200
    await desk.here()
    turns = [Follower(house.services).turn() for _ in range(6)]
    await asyncio.gather(*turns)
    await desk.work()
    (task,) = await desk.listed("/tasks", status="all")
    assert task["owner"] == "emp-8"
    # Not even when the worker has forgotten how far it was, or the rule has changed.
    await desk.rule(days=3)
    async with house.services.db.engine.begin() as connection:
        await connection.execute(text("UPDATE follow_up_state SET sequence = 0"))
    await asyncio.gather(*(Follower(house.services).turn() for _ in range(4)))
    await desk.work()
    assert await desk.listed("/tasks", status="all") == [task]


async def test_workers_at_once_make_of_much_that_is_due_each_task_once(desk, house):
    made = [await desk.add("complaints", severity="critical") for _ in range(12)]
    counts = await asyncio.gather(
        *(house.services.db.run(lambda tx: commands.make_due_tasks(tx, terms(desk))) for _ in range(5))
    )
    assert sum(counts) == 12
    tasks = await desk.listed("/tasks")
    assert sorted(task["source_id"] for task in tasks) == sorted(one["id"] for one in made)


async def test_rules_count_for_what_happens_after_they_are_set(desk):
    await desk.work()
    await desk.sell(desk.mei)
    desk.pass_days(1)
    await desk.rule()
    assert await desk.listed("/tasks") == []
    await desk.sell(desk.mei)
    await desk.work()
    assert len(await desk.listed("/tasks")) == 1


async def test_a_rule_that_is_off_or_gone_makes_none(desk):
    await desk.work()
    await desk.rule(enabled=False)
    await desk.sell(desk.mei)
    await desk.work()
    await desk.call("PUT", "/follow-up-rules", {"rules": []})
    await desk.sell(desk.mei)
    await desk.work()
    assert await desk.listed("/tasks") == []


async def test_a_receipt_that_is_voided_or_anothers_calls_its_task_off(desk):
    await desk.work()
    await desk.rule()
    wrong, mine = await desk.sell(desk.mei), await desk.sell(desk.mei)
    await desk.work()
    assert len(await desk.listed("/tasks")) == 2
    other = await desk.customer("Other")
    await desk.call("POST", f"/receipts/{wrong['id']}/void")
    await desk.call("POST", f"/receipts/{mine['id']}/attribution", {"customer": {"id": other}})
    start = await desk.here()
    await desk.work()
    (task,) = await desk.listed("/tasks")
    assert (task["customer_id"], task["source_id"]) == (other, mine["id"])
    assert sorted(kind for kind, _ in await desk.told(start)) == ["task.closed", "task.closed", "task.created"]
    returned = desk.sale(desk.mei, kind="return")
    await desk.call("POST", "/receipts", returned)
    await desk.work()
    assert len(await desk.listed("/tasks")) == 1


async def test_a_receipt_that_comes_back_brings_its_task_back(desk):
    await desk.work()
    await desk.rule()
    made, other = await desk.sell(desk.mei), await desk.customer("Other")
    await desk.work()

    async def give(*whose):
        for one in whose:
            await desk.call("POST", f"/receipts/{made['id']}/attribution", {"customer": {"id": one}})
        start = await desk.here()
        await desk.work()
        return sorted(kind for kind, _ in await desk.told(start))

    assert await give(other) == ["task.closed", "task.created"]
    assert await give(desk.mei) == ["task.closed", "task.updated"]
    (task,) = await desk.listed("/tasks")
    assert (task["customer_id"], task["status"], task["version"]) == (desk.mei, "open", 3)
    # There and back between two looks is nothing at all.
    assert await give(other, desk.mei) == []
    assert await desk.listed("/tasks") == [task]
    # What a person has called off stays so.
    await desk.call("POST", f"/tasks/{task['id']}/cancel")
    assert await give(other) == ["task.updated"]
    assert await give(desk.mei) == ["task.closed"]
    assert await desk.listed("/tasks") == []


async def test_rules_about_complaints_and_newcomers(desk, house):
    await desk.work()
    rules = [
        {"code": "after", "title": "Still fine?", "trigger": "complaint_resolved", "days": 7},
        {"code": "hello", "title": "Welcome", "trigger": "new_customer", "days": 1, "assignee": "store"},
    ]
    await desk.call("PUT", "/follow-up-rules", {"rules": rules})
    made = await desk.act("complaints", await desk.add("complaints"), "resolve", outcome="solved")
    new = await desk.customer("New", home_store="S1")
    await desk.work()
    found = {task["rule"]: task for task in await desk.listed("/tasks")}
    assert found["after"]["source_id"] == made["id"] and found["after"]["due_at"] == "2026-03-08T16:00:00.000000Z"
    assert found["hello"]["source_id"] == new and found["hello"]["store"] == "S1"
    await desk.act("complaints", made, "reopen")
    await desk.act("complaints", made, "resolve", outcome="refunded")
    await desk.work()
    after = [task["status"] for task in await desk.listed("/tasks", status="all") if task["rule"] == "after"]
    assert sorted(after) == ["cancelled", "open"]


async def test_rules_are_set_as_a_whole(desk, client):
    one = {"code": "b", "title": "Ask", "trigger": "receipt", "days": 0, "category": "tea"}
    two = {"code": "a", "title": "Thank", "trigger": "new_customer", "days": 2, "assignee": "store", "enabled": False}
    first = await desk.call("PUT", "/follow-up-rules", {"rules": [one, two]})
    assert first == await desk.call("GET", "/follow-up-rules")
    assert [(rule["code"], rule["version"]) for rule in first["rules"]] == [("a", 1), ("b", 1)]
    assert {name: first["rules"][0][name] for name in two} == two
    second = await desk.call("PUT", "/follow-up-rules", {"rules": [{**one, "days": 3}, two]})
    assert [(rule["code"], rule["version"]) for rule in second["rules"]] == [("a", 1), ("b", 2)]
    third = await desk.call("PUT", "/follow-up-rules", {"rules": [one]})
    assert [(rule["code"], rule["days"]) for rule in third["rules"]] == [("b", 0)]
    wrong = (
        [one, one], [{**one, "days": -1}], [{**one, "days": 3651}], [{**one, "trigger": "moon"}],
        [{**two, "category": "tea"}], [{**one, "category": "/"}], [{"code": "x"}],
        [{**one, "code": "two words"}], [one] * 101,
    )  # fmt: skip
    for rules in wrong:
        assert (await client.put("/v1/follow-up-rules", json={"rules": rules})).status_code == 422, rules
    assert await desk.call("GET", "/follow-up-rules") == third


async def test_the_worker_takes_a_fixed_few_statements(desk, statements):
    await desk.work()
    await desk.rule()
    for _ in range(5):
        await desk.add("promises", due_at="2026-03-03T01:00:00Z")
        await desk.sell(desk.mei)
    await desk.here()
    with statements() as seen:
        await Follower(desk.services).turn()
    assert len(seen) == 8, seen
    assert len(await desk.listed("/tasks")) == 10


async def test_the_follower_outlives_what_goes_wrong(desk, monkeypatch):
    made, stop, tries = await desk.add("promises", due_at="2026-03-03T01:00:00Z"), asyncio.Event(), 0
    follower = Follower(desk.services)
    monkeypatch.setattr(follower, "_pause", 0.01)
    whole = follower.turn

    async def turn() -> int:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise OSError
        return await whole()

    monkeypatch.setattr(follower, "turn", turn)
    running = asyncio.create_task(follower.run(stop))
    await until(lambda: desk.listed("/tasks"), seconds=20)
    stop.set()
    await running
    assert [task["source_id"] for task in await desk.listed("/tasks")] == [made["id"]]


async def test_history_makes_no_tasks(desk):
    """Found: an import of old receipts, calls and complaints made a task of each."""
    await desk.rule(days=14)
    for days in (400, 22, 20, 1):
        await desk.sell(desk.mei, occurred_at=f"{desk.day - timedelta(days=days)}T12:00:00+08:00")
    for days in (90, 8, 6, 0):
        await desk.add("interactions", follow_up_at=f"{desk.day - timedelta(days=days)}T09:00:00+08:00")
    await desk.work()
    due = [(task["reason"], task["due_at"][:10]) for task in await desk.listed("/tasks")]
    # The rule's tasks fall due 14 days after the purchase, at the beginning of the day in Shanghai.
    assert sorted(due) == [
        ("interaction", str(desk.day - timedelta(days=6))), ("interaction", str(desk.day)),
        ("rule", str(desk.day - timedelta(days=7))), ("rule", str(desk.day + timedelta(days=12))),
    ]  # fmt: skip


@pytest.mark.parametrize(("days", "tasks"), [(200, 0), (3, 1)])
async def test_a_complaint_of_long_ago_is_followed_up_only_if_it_is_open(desk, days, tasks):
    await desk.rule(trigger="complaint_resolved", days=2)
    at = f"{desk.day - timedelta(days=days)}T09:00:00+08:00"
    complaint = await desk.add("complaints", severity="critical", occurred_at=at)
    await desk.work()
    assert [task["reason"] for task in await desk.listed("/tasks")] == ["complaint"]
    await desk.act("complaints", complaint, "resolve", outcome="solved")
    await desk.work()
    assert [task["reason"] for task in await desk.listed("/tasks", status="open")] == ["rule"] * tasks


@pytest.mark.parametrize(("verb", "status"), [("cancel", "cancelled"), ("complete", "done")])
async def test_what_becomes_of_a_gift_becomes_of_its_task(desk, verb, status):
    """Found: the task of a cancelled gift was done."""
    care = await desk.add("care", planned_for=str(desk.day))
    await desk.work()
    await desk.act("care", care, verb)
    assert [task["status"] for task in await desk.listed("/tasks", status=status)] == [status]


async def test_tasks_go_with_a_merge_and_come_back_with_its_undoing(desk, house):
    other = await desk.customer("Other")
    await managed(house, desk.mei, "emp-8")
    await managed(house, other, "emp-2")
    await desk.add("promises", due_at=f"{desk.day}T09:00:00Z")
    await desk.work()
    made = await desk.call(
        "POST", "/merges", {"winner": other, "loser": desk.mei, "choices": {"account_manager": "winner"}}
    )
    owners = []
    for undone in (False, True):
        if undone:
            await desk.call("POST", f"/merges/{made['id']}/undo", {})
        await desk.work()
        await desk.work()
        owners += [(task["customer_id"], task["owner"]) for task in await desk.listed("/tasks")]
    assert owners == [(other, "emp-2"), (desk.mei, "emp-8")]


async def test_tasks_go_with_the_customer_unless_somebody_has_chosen(desk, house):
    """Found: after a handover the tasks stayed with whom the customer had left."""
    await desk.call("PUT", "/stores/S2", {"name": "Second", "kind": "own"})
    await managed(house, desk.mei, "emp-8")
    mine = await desk.add("complaints", severity="critical", owner="emp-1", store="S1")
    follows, chosen = [await desk.add("promises", due_at=f"{desk.day}T09:00:00Z") for _ in range(2)]
    await desk.work()
    tasks = {task["source_id"]: task for task in await desk.listed("/tasks")}
    await desk.call("POST", f"/tasks/{tasks[chosen['id']]['id']}/assign", {"owner": "emp-5"})
    await managed(house, desk.mei, "emp-9")
    start = await desk.here()
    version = (await desk.call("GET", f"/customers/{desk.mei}"))["version"]
    moved = await desk.client.patch(
        f"/v1/customers/{desk.mei}", json={"home_store": "S2"}, headers={"If-Match": f'"{version}"'}
    )
    assert moved.status_code == 200, moved.text
    await desk.work()
    await desk.work()
    now = {task["source_id"]: (task["owner"], task["store"], task["version"]) for task in await desk.listed("/tasks")}
    assert now == {
        mine["id"]: ("emp-1", "S1", 1), follows["id"]: ("emp-9", "S2", 2), chosen["id"]: ("emp-5", "S2", 3),
    }  # fmt: skip
    assert [kind for kind, _ in await desk.told(start)].count("task.updated") == 2
