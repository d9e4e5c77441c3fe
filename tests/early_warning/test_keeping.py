"""What the clock does: escalating, promises; and warnings that go with a customer to another account manager."""

import asyncio

import pytest

from app.early_warning import commands
from tests.early_warning.factories import noon

WARNINGS = ("warning.opened", "warning.changed", "warning.escalated", "warning.resolved")


async def looked_after(town, name="Dealer", manager="emp-1", sponsor="boss-1"):
    """A customer of somebody."""
    customer = await town.customer(name)
    await assign(town, customer, account_manager=manager, sponsor=sponsor)
    return customer


async def assign(town, customer, **parts):
    shown = await town.client.get(f"/v1/customers/{customer}")
    answer = await town.client.put(
        f"/v1/customers/{customer}/assignment", json={**parts, "reason": "Because"},
        headers={"If-Match": shown.headers["etag"]},
    )  # fmt: skip
    assert answer.status_code == 200, answer.text


async def warned(town, customer, amount=1_050):
    await town.credit(customer, 1_000)
    await town.sell(customer, amount, on_account=True)
    (warning,) = await town.warnings(customer_id=customer)
    return warning


async def test_it_is_the_account_managers_and_due_by_its_severity(town):
    theirs = await warned(town, await looked_after(town))
    assert (theirs["owner"], theirs["due_at"]) == ("emp-1", "2026-03-05T04:00:00.000000Z")
    nobodys = await warned(town, await town.customer("Nobody's"), amount=2_000)
    assert (nobodys["owner"], nobodys["due_at"]) == (None, "2026-03-03T04:00:00.000000Z")
    handling = {"owner": "desk", "critical_hours": 2}
    rule = await town.call("PUT", "/warning-rules/credit", {"handling": handling})
    assert rule["settings"]["handling"] == {
        "owner": "desk", "escalate_to": None, "notice_hours": 168, "warning_hours": 72, "critical_hours": 2,
    }  # fmt: skip
    desks = await warned(town, await town.customer("The desk's"), amount=2_000)
    assert (desks["owner"], desks["due_at"]) == ("desk", "2026-03-02T06:00:00.000000Z")


async def test_when_its_due_time_passes_it_escalates_once(town, client):
    warning = await warned(town, await looked_after(town))
    await town.step(warning, "acknowledge")
    start = await town.here()
    town.pass_hours(71.9)
    await town.keep()
    assert await town.events(start, *WARNINGS) == []
    town.pass_hours(0.2)
    await asyncio.gather(*(town.services.db.run(commands.escalate) for _ in range(4)))
    await town.keep()
    late = (await town.warnings())[0]
    assert (late["owner"], late["status"]) == ("boss-1", "acknowledged")
    assert late["escalated_at"] is not None
    ((kind, data),) = await town.events(start, *WARNINGS)
    assert (kind, data["action"]) == ("warning.escalated", "escalated")
    step = (await town.history(warning))[-1]
    assert (step["action"], step["actor"], step["details"]) == ("escalated", None, {"from": "emp-1", "to": "boss-1"})
    audit = (await client.get("/v1/audit", params={"limit": 20})).json()["data"]
    assert [one["record_id"] for one in audit if one["action"] == "warning.escalated"] == [warning["id"]]
    # Another due time may pass as well.
    await town.step(warning, "assign", owner="emp-2", due_at=noon(town.day).replace(hour=23).isoformat())
    assert (await town.warnings())[0]["escalated_at"] is None
    town.pass_hours(24)
    await town.keep()
    assert (await town.warnings())[0]["owner"] == "boss-1"
    assert [kind for kind, _ in await town.events(start, "warning.escalated")] == ["warning.escalated"] * 2


async def test_without_a_sponsor_it_goes_to_whom_the_rule_names_or_stays(town):
    stays = await warned(town, await looked_after(town, "Stays", sponsor=None))
    town.pass_days(4)
    await town.keep()
    assert (await town.warnings(customer_id=stays["customer_id"]))[0]["owner"] == "emp-1"
    await town.call("PUT", "/warning-rules/credit", {"handling": {"escalate_to": "head"}})
    goes = await warned(town, await looked_after(town, "Goes", sponsor=None))
    town.pass_days(4)
    await town.keep()
    assert (await town.warnings(customer_id=goes["customer_id"]))[0]["owner"] == "head"
    assert (await town.warnings(customer_id=stays["customer_id"]))[0]["owner"] == "emp-1"


async def test_what_is_worse_has_the_time_of_its_severity_again(town):
    warning = await warned(town, await looked_after(town))
    town.pass_days(4)
    await town.keep()
    await town.sell(warning["customer_id"], 500, on_account=True)
    worse = (await town.warnings())[0]
    assert (worse["escalated_at"], worse["due_at"]) == (None, "2026-03-07T04:00:00.000000Z")
    town.pass_days(2)
    await town.keep()
    actions = [step["action"] for step in await town.history(warning)]
    assert actions == ["opened", "escalated", "changed", "escalated"]


async def test_open_warnings_go_with_the_customer_if_they_were_the_account_managers(town):
    customer = await looked_after(town)
    mine = await warned(town, customer)
    other = await warned(town, await looked_after(town, "Another"))
    await town.keep()
    start = await town.here()
    await assign(town, customer, account_manager="emp-9")
    await town.keep()
    owners = {one["id"]: one["owner"] for one in await town.warnings()}
    assert owners == {mine["id"]: "emp-9", other["id"]: "emp-1"}
    assert [data["action"] for _, data in await town.events(start, *WARNINGS)] == ["handed_over"]
    assert (await town.history(mine))[-1]["details"] == {"from": "emp-1", "to": "emp-9"}
    # What somebody else was given stays with him; what the manager was given goes on.
    await town.step(mine, "assign", owner="emp-5")
    await town.step(other, "assign", owner="emp-1")
    for one in (mine, other):
        await assign(town, one["customer_id"], account_manager="emp-7")
    await town.keep()
    owners = {one["id"]: one["owner"] for one in await town.warnings()}
    assert owners == {mine["id"]: "emp-5", other["id"]: "emp-7"}


async def test_after_an_undone_merge_they_are_their_managers_again(town):
    loser, winner = await looked_after(town), await looked_after(town, "Winner", "emp-2")
    await warned(town, loser)
    await town.keep()
    made = await town.call("POST", "/merges", {"winner": winner, "loser": loser})
    await town.keep()
    assert [one["owner"] for one in await town.warnings()] == ["emp-2"]
    await town.call("POST", f"/merges/{made['id']}/undo", {})
    await town.keep()
    assert [(one["customer_id"], one["owner"]) for one in await town.warnings()] == [(loser, "emp-1")]


async def test_a_handover_of_many_takes_the_open_warnings_along(town):
    warning = await warned(town, await looked_after(town))
    await town.keep()
    body = {"customers": [warning["customer_id"]], "to": {"account_manager": "emp-4"}, "reason": "Left"}
    await town.call("POST", "/handovers", body)
    await town.keep()
    assert (await town.warnings())[0]["owner"] == "emp-4"


@pytest.fixture
async def promised(town):
    """A warning that was resolved with a promise to pay 500 by 12 March."""
    warning = await warned(town, await looked_after(town), amount=1_500)
    promise = {"amount": 500, "due_on": "2026-03-12"}
    await town.step(warning, "resolve", outcome="promised", promise=promise)
    town.pass_a_minute()
    return warning


async def test_a_promise_rests_until_its_day_is_over_and_is_told_as_broken(town, promised):
    start = await town.here()
    await town.pay(promised["customer_id"], 200)
    # Longer than the cooling time of a debt.
    town.pass_days(10)
    assert await town.evaluate(promised["customer_id"]) == {}
    await town.keep()
    assert await town.warnings() == []
    assert await town.events(start, *WARNINGS) == []
    town.pass_days(1)
    await asyncio.gather(
        *(town.services.db.run(lambda tx: commands.end_promises(tx, town.services.settings.company)) for _ in range(3))
    )
    await town.keep()
    (back,) = await town.warnings()
    assert (back["id"], back["status"], back["due_at"]) == (promised["id"], "open", "2026-03-14T04:00:00.000000Z")
    broken = {"amount": 500, "currency": "CNY", "due_on": "2026-03-12", "state": "broken", "paid": 200}
    assert back["promise"] == back["evidence"]["promise"] == broken
    ((kind, data),) = await town.events(start, *WARNINGS)
    assert (kind, data["reopened"], data["status"]) == ("warning.opened", True, "open")
    step = (await town.history(promised))[-1]
    assert (step["action"], step["evidence"]["promise"]["state"]) == ("reopened", "broken")
    assert await town.evaluate(promised["customer_id"]) == {}


async def test_a_promise_is_kept_with_the_payment_that_completes_it(town, promised):
    start = await town.here()
    for amount in (300, 200):
        await town.pay(promised["customer_id"], amount)
    kept = await town.call("GET", f"/warnings/{promised['id']}")
    assert (kept["status"], kept["promise"]["state"], kept["promise"]["paid"]) == ("resolved", "kept", 500)
    assert [data["action"] for _, data in await town.events(start, *WARNINGS)] == ["promise_kept"]
    town.pass_days(20)
    await town.keep()
    assert [step["action"] for step in await town.history(promised)] == ["opened", "resolved", "promise_kept"]


async def test_a_promise_lapses_when_what_it_was_about_is_over_without_it(town, promised):
    await town.credit(promised["customer_id"], 5_000)
    lapsed = await town.call("GET", f"/warnings/{promised['id']}")
    assert (lapsed["status"], lapsed["promise"]["state"]) == ("resolved", "lapsed")
    town.pass_days(20)
    await town.keep()
    assert await town.warnings() == []


async def test_who_owes_far_more_is_told_at_once_and_the_promise_is_still_watched(town, promised):
    town.pass_days(9)
    await town.sell(promised["customer_id"], 200, on_account=True)
    (back,) = await town.warnings()
    assert (back["id"], back["promise"]["state"]) == (promised["id"], "open")
    await town.step(promised, "snooze", until="2026-03-30T00:00:00Z")
    town.pass_days(2)
    await town.keep()
    (told,) = await town.warnings()
    assert (told["status"], told["promise"]["state"]) == ("open", "broken")
    actions = [step["action"] for step in await town.history(promised)]
    assert actions == ["opened", "resolved", "reopened", "snoozed", "promise_broken"]


async def test_of_a_promise_only_those_learn_who_may_see_money(town, promised, client):
    key = await client.post(
        "/v1/api-keys", json={"name": "Basic", "role": "call_center", "field_groups": ["basic", "contact"]}
    )
    headers = {"Authorization": f"Bearer {key.json()['key']}"}
    seen = (await client.get(f"/v1/warnings/{promised['id']}", headers=headers)).json()
    assert "promise" not in seen and seen["resolution"] == {"outcome": "promised"}
    assert [step["details"] for step in seen["history"]] == [None, {"outcome": "promised"}]
    full = await town.call("GET", f"/warnings/{promised['id']}")
    assert full["resolution"]["promise"] == {"amount": 500, "due_on": "2026-03-12"}


async def test_a_promise_that_does_not_fit_is_refused(town):
    warning = await warned(town, await town.customer("Dealer"))
    for body, pointer in (
        ({"outcome": "promised", "promise": {"amount": 5, "due_on": "2026-03-01"}}, "/promise/due_on"),
        ({"outcome": "promised", "promise": {"amount": 0, "due_on": "2026-03-09"}}, "/promise/amount"),
        ({"outcome": "paid", "promise": {"amount": 5, "due_on": "2026-03-09"}}, ""),
    ):
        problem = await town.step(warning, "resolve", 422, **body)
        assert [one["pointer"] for one in problem["errors"]] == [pointer]
    assert (await town.warnings())[0]["status"] == "open"


async def test_of_a_broken_promise_it_is_only_told_while_another_warning_about_the_same_is_open(town, promised):
    """Two customers become one, of whom one has promised and the other owes too much as well."""
    other = await warned(town, await looked_after(town, "Twin", manager="emp-2"))
    body = {"winner": other["customer_id"], "loser": promised["customer_id"]}
    await town.call("POST", "/merges", body)
    (live,) = await town.warnings()
    assert live["id"] == other["id"]
    town.pass_days(11)
    await town.keep()
    assert [one["id"] for one in await town.warnings(status="live")] == [other["id"]]
    shown = await town.call("GET", f"/warnings/{promised['id']}")
    assert (shown["customer_id"], shown["status"], shown["promise"]["state"]) == (
        other["customer_id"], "resolved", "broken",
    )  # fmt: skip
    assert [step["action"] for step in shown["history"]] == ["opened", "resolved", "promise_broken"]


async def test_of_two_that_met_in_a_merge_the_one_resolved_last_speaks(town):
    """Found by a long story: the other, opened later, was reopened in the moment that a person had resolved the one."""
    old, new = await town.customer("Old"), await town.customer("New")
    for customer in (old, new):
        await town.credit(customer, 100_000, 20)
    await town.sell(old, 500, on_account=True)
    town.pass_days(60)
    await town.evaluate(old)
    await town.sell(new, 500, on_account=True)
    town.pass_days(30)
    await town.evaluate(old, new)
    (younger,) = await town.warnings(customer_id=new)
    await town.step(younger, "resolve", outcome="other")
    town.pass_a_minute()
    await town.call("POST", "/merges", {"winner": old, "loser": new}, status=201)
    (elder,) = await town.warnings(customer_id=old)
    assert (elder["state"], younger["state"]) == ("overdue_61", "overdue")
    town.pass_a_minute()
    await town.step(elder, "resolve", outcome="other")
    town.pass_a_minute()
    assert await town.evaluate(old) == {}
    assert await town.warnings(customer_id=old) == []
