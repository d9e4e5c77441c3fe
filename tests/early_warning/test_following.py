"""What people do about warnings, and what they see of them."""

import asyncio
import uuid
from typing import Any

import pytest

from app.core import jobs
from app.early_warning import commands


@pytest.fixture
async def over(town):
    """A warning about a customer who owes too much."""
    customer = await town.customer("Dealer")
    await town.credit(customer, 1_000)
    await town.sell(customer, 1_050, on_account=True)
    return (await town.warnings())[0]


async def test_taking_on_keeps_it_on_the_board(town, over):
    body = {"owner": "emp-1", "due_at": "2026-03-05T09:00:00+08:00", "note": "Calling"}
    taken = await town.call("POST", f"/warnings/{over['id']}/acknowledge", body)
    assert (taken["status"], taken["owner"], taken["due_at"]) == (
        "acknowledged",
        "emp-1",
        "2026-03-05T01:00:00.000000Z",
    )
    assert taken["acknowledged_at"] == "2026-03-02T04:00:00.000000Z"
    assert [one["id"] for one in await town.warnings()] == [over["id"]]
    assert await town.warnings(status="open") == []


async def test_taking_on_twice_is_once_and_another_owner_is_noted(town, over):
    path = f"/warnings/{over['id']}/acknowledge"
    first = await town.call("POST", path, {"owner": "emp-1"})
    start = await town.here()
    assert await town.call("POST", path, {"owner": "emp-1"}) == first
    assert await town.call("POST", path) == first
    assert await town.events(start, "warning.changed") == []
    handed = await town.call("POST", path, {"owner": "emp-2"})
    assert (handed["owner"], handed["version"]) == ("emp-2", first["version"] + 1)
    history = (await town.call("GET", f"/warnings/{over['id']}"))["history"]
    assert [step["action"] for step in history] == ["opened", "acknowledged", "acknowledged"]


async def test_resolving_tells_what_came_of_it(town, over, client):
    start = await town.here()
    body = {"outcome": "promised", "cause": "Late harvest", "finding": "Two invoices open", "remedy": "Pays in April"}
    done = await town.call("POST", f"/warnings/{over['id']}/resolve", body)
    assert (done["status"], done["resolution"]) == ("resolved", body)
    assert done["resolved_by"] is not None
    ((kind, data),) = await town.events(start, "warning.resolved")
    assert (kind, data["status"], data["state"]) == ("warning.resolved", "resolved", "over_limit")
    audit = (await client.get("/v1/audit", params={"limit": 20})).json()["data"]
    assert ("warning.resolved", over["id"]) in {(one["action"], one["record_id"]) for one in audit}


async def test_nobody_takes_on_or_resolves_what_is_resolved(town, over):
    await town.call("POST", f"/warnings/{over['id']}/resolve", {"outcome": "paid"})
    for action, body in (("resolve", {"outcome": "lost"}), ("acknowledge", {})):
        problem = await town.call("POST", f"/warnings/{over['id']}/{action}", body, status=409)
        assert problem["code"] == "warning_resolved"


async def test_of_many_who_resolve_at_once_one_does(town, client, over):
    path = f"/v1/warnings/{over['id']}/resolve"
    answers = await asyncio.gather(*(client.post(path, json={"outcome": "paid"}) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 9


async def test_what_a_person_resolved_stays_resolved_until_it_gets_worse_or_has_cooled(town, over):
    customer = over["customer_id"]
    await town.call("POST", f"/warnings/{over['id']}/resolve", {"outcome": "promised"})
    await town.sell(customer, 20, on_account=True)
    assert await town.warnings() == []
    await town.sell(customer, 500, on_account=True)
    assert [(one["id"], one["state"]) for one in await town.warnings()] == [(over["id"], "far_over_limit")]
    await town.call("POST", f"/warnings/{over['id']}/resolve", {"outcome": "promised"})
    town.pass_days(7)
    await town.sell(customer, 20, on_account=True)
    again = await town.warnings()
    assert [one["state"] for one in again] == ["far_over_limit"]
    assert again[0]["id"] != over["id"]


async def test_who_was_within_the_limit_in_between_is_told_at_once(town, over):
    customer = over["customer_id"]
    await town.call("POST", f"/warnings/{over['id']}/resolve", {"outcome": "promised"})
    await town.pay(customer, 800)
    resolved = await town.call("GET", f"/warnings/{over['id']}")
    town.pass_days(1)
    await town.sell(customer, 790, on_account=True)
    (again,) = await town.warnings()
    assert (again["id"], again["state"], again["status"]) == (over["id"], "over_limit", "open")
    # That it was over is nothing that happened to the warning.
    assert (resolved["status"], resolved["resolution"]) == ("resolved", {"outcome": "promised"})
    history = (await town.call("GET", f"/warnings/{over['id']}"))["history"]
    assert [step["action"] for step in history] == ["opened", "resolved", "reopened"]


async def test_who_was_not_overdue_in_between_is_told_at_once(town):
    customer = await town.customer("Dealer")
    await town.credit(customer, 10_000, term_days=2)
    await town.sell(customer, 500, on_account=True)
    town.pass_days(2)
    await town.sell(customer, 700, on_account=True)
    town.pass_days(1)
    await town.evaluate(customer)
    (late,) = await town.warnings()
    await town.call("POST", f"/warnings/{late['id']}/resolve", {"outcome": "promised"})
    await town.pay(customer, 500)
    town.pass_days(2)
    assert await town.evaluate(customer) == {"reopened": 1}


async def test_who_owes_far_more_than_when_it_was_resolved_is_told_again(town, over):
    customer = over["customer_id"]
    await town.sell(customer, 950, on_account=True)
    await town.call("POST", f"/warnings/{over['id']}/resolve", {"outcome": "promised"})
    await town.sell(customer, 200, on_account=True)
    assert await town.warnings() == []
    await town.sell(customer, 1, on_account=True)
    assert [(one["id"], one["state"]) for one in await town.warnings()] == [(over["id"], "far_over_limit")]


async def test_within_the_cooling_time_it_reopens_and_after_it_a_new_one_is_raised(town, over):
    customer = over["customer_id"]
    await town.pay(customer, 1_050)
    town.pass_days(3)
    start = await town.here()
    await town.sell(customer, 1_100, on_account=True)
    (again,) = await town.warnings()
    assert (again["id"], again["status"], again["opened_at"]) == (over["id"], "open", over["opened_at"])
    assert [(kind, data["reopened"]) for kind, data in await town.events(start, "warning.opened")] == [
        ("warning.opened", True)
    ]
    await town.pay(customer, 1_100)
    town.pass_days(8)
    await town.sell(customer, 1_100, on_account=True)
    (new,) = await town.warnings()
    assert new["id"] != over["id"]


async def test_a_resolved_silence_is_not_told_again_while_it_lasts(town):
    customer = await town.customer("Regular")
    for _ in range(8):
        await town.sell(customer)
        town.pass_days(7)
    town.pass_days(20)
    await town.evaluate(customer)
    (late,) = await town.warnings()
    await town.call("POST", f"/warnings/{late['id']}/resolve", {"outcome": "other", "cause": "On holiday"})
    # Not even after the cooling time; but when it gets worse.
    rule = (await town.call("GET", "/warning-rules/loss"))["settings"]
    await town.call("PUT", "/warning-rules/loss", {**rule, "cooling_days": 0})
    assert await town.evaluate(customer) == {}
    town.pass_days(200)
    assert await town.evaluate(customer) == {"opened": 1}
    assert [one["state"] for one in await town.warnings()] == ["lost"]


async def test_a_silence_that_is_old_news_is_not_told(town):
    customer = await town.customer("Long gone")
    for _ in range(5):
        await town.sell(customer)
        town.pass_days(7)
    town.pass_days(400)
    assert await town.evaluate(customer) == {}
    rule = (await town.call("GET", "/warning-rules/loss"))["settings"]
    await town.call("PUT", "/warning-rules/loss", {**rule, "silent_days": 500})
    assert await town.evaluate(customer) == {"opened": 1}


async def test_the_board_shows_the_worst_first_and_goes_page_by_page(town):
    states = {}
    for amount in (1_050, 2_000, 1_060, 3_000, 1_070):
        customer = await town.customer(f"Owes {amount}")
        await town.credit(customer, 1_000)
        await town.sell(customer, amount, on_account=True)
        states[customer] = amount
    pages: list[Any] = []
    cursor: dict[str, str] = {}
    while True:
        page = await town.client.get("/v1/warnings", params={"limit": 2, **cursor})
        pages.append(page.json())
        if not pages[-1]["has_more"]:
            break
        cursor = {"cursor": pages[-1]["next_cursor"]}
    shown = [one for page in pages for one in page["data"]]
    assert [one["severity"] for one in shown] == ["critical"] * 2 + ["warning"] * 3
    assert sorted(states[one["customer_id"]] for one in shown) == sorted(states.values())
    stray = await town.client.get("/v1/warnings", params={"kind": "loss", **cursor})
    assert stray.json()["code"] == "invalid_cursor"


async def test_the_list_is_filtered(town, over):
    await town.call("POST", f"/warnings/{over['id']}/acknowledge", {"owner": "emp-1"})
    for query, count in (
        ({"kind": "credit"}, 1), ({"kind": "loss"}, 0), ({"severity": "warning"}, 1), ({"severity": "critical"}, 0),
        ({"owner": "emp-1"}, 1), ({"owner": "emp-2"}, 0), ({"customer_id": over["customer_id"]}, 1),
        ({"customer_id": str(uuid.uuid4())}, 0), ({"status": "acknowledged"}, 1), ({"status": "open"}, 0),
        ({"status": "resolved"}, 0), ({"status": "all"}, 1),
    ):  # fmt: skip
        assert len(await town.warnings(**query)) == count, query
    for query in ({"kind": "weather"}, {"status": "gone"}, {"owner": ""}, {"surprise": "1"}):
        assert (await town.client.get("/v1/warnings", params=query)).status_code == 422


async def test_money_is_for_those_who_may_see_it(town, over, client):
    key = await client.post(
        "/v1/api-keys", json={"name": "Basic", "role": "call_center", "field_groups": ["basic", "contact"]}
    )
    headers = {"Authorization": f"Bearer {key.json()['key']}"}
    seen = (await client.get("/v1/warnings", headers=headers)).json()["data"][0]
    assert (seen["id"], seen["state"]) == (over["id"], "over_limit")
    assert not {"sentence", "evidence"} & seen.keys()
    await town.pay(over["customer_id"], 500)
    one = (await client.get(f"/v1/warnings/{over['id']}", headers=headers)).json()
    assert one["resolution"] == {"outcome": "cause_gone"}
    assert all("evidence" not in step for step in one["history"])
    full = await town.call("GET", f"/warnings/{over['id']}")
    assert full["resolution"]["evidence"]["balance"] == 550
    assert full["history"][0]["evidence"]["balance"] == 1_050


async def test_a_rule_is_read_set_and_given_back(town):
    usual = await town.call("GET", "/warning-rules/loss")
    assert (usual["version"], usual["updated_at"], usual["settings"]["late_percent"]) == (0, None, 80)
    changed = await town.call("PUT", "/warning-rules/loss", {"late_percent": 70})
    assert (changed["version"], changed["settings"]) == (1, {**usual["settings"], "late_percent": 70})
    assert await town.call("GET", "/warning-rules/loss") == changed
    back = await town.call("PUT", "/warning-rules/loss", {})
    assert back["settings"] == usual["settings"]
    for wrong in ({"late_percent": 95}, {"lost_chance_percent": 60}, {"late_percent": "80"}, {"late": 80}):
        assert (await town.client.put("/v1/warning-rules/loss", json=wrong)).status_code == 422, wrong
    assert (await town.client.get("/v1/warning-rules/weather")).status_code == 422


async def test_a_rule_that_is_switched_off_ends_its_warnings(town, over):
    await town.call("PUT", "/warning-rules/credit", {"enabled": False})
    assert await town.evaluate(over["customer_id"]) == {"resolved": 1}
    await town.call("PUT", "/warning-rules/credit", {"notice_percent": 80})
    await town.pay(over["customer_id"], 200)
    assert [(one["state"], one["severity"]) for one in await town.warnings()] == [("near_limit", "notice")]
    assert (await town.warnings())[0]["sentence"] == "Owes 8.50 CNY, 85 % of the limit."


async def test_evaluations_of_all_that_have_not_begun_are_one(town, clients):
    async def asked(client, **body):
        answer = await client.post("/v1/warnings/evaluations", json=body)
        assert answer.status_code == 202, answer.text
        return answer.json()["job_id"]

    first = await asked(town.client)
    assert await asked(town.client) == first
    assert await asked(town.client, kinds=["sales_progress", "loss", "sales_expense", "credit"]) == first
    assert await asked(town.client, kinds=["credit"]) != first
    # Everybody can read his own job.
    theirs = await asked(clients["call_center"])
    assert theirs != first
    settings = town.services.settings.jobs
    running = await jobs.claim(town.services.db, [commands.SWEEP], settings, asyncio.Event(), uuid.UUID(first))
    assert running is not None
    # What has begun may have passed those who have changed since.
    second = await asked(town.client)
    assert second not in {first, theirs}
