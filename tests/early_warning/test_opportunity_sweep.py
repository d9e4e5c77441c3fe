"""Opportunities without anybody asking: by the worker from the feed, and by the sweep, wherever and however often."""

import asyncio
from datetime import date, timedelta

import pytest
from sqlalchemy import text

from app.core import jobs
from app.core.caller import SYSTEM
from app.early_warning.opportunities import commands
from app.early_warning.opportunities.jobs import OpportunityFollower, sweep
from app.early_warning.opportunities.rules import KINDS
from tests.early_warning.chances import brief, customer_of, judge, listed, rule

_NOBODY = SYSTEM.client_id


@pytest.fixture
async def follower(town):
    """Who follows the feed, from now on."""
    made = OpportunityFollower(town.services)
    await town.here()
    await made.turn()
    return made


async def follow(town, *followers):
    """Let the feed be followed to its end; how many events lay there."""
    await town.here()
    seen = 0
    while found := sum(await asyncio.gather(*(one.turn() for one in followers))):
        seen += found
    return seen


async def test_what_an_event_brings_is_there_when_the_feed_was_followed(town, follower):
    customer = await town.customer("Mr Wu", birthday={"month": 3, "day": 4})
    assert await follow(town, follower) > 0
    assert brief(await listed(town)) == [("birthday", "open", None)]
    await town.sell(customer)
    await town.call("PUT", f"/customers/{customer}/contact-policy", {"wanted_days": 14})
    promise = await town.call(
        "POST", f"/customers/{customer}/promises", {"promise": "Ring", "due_at": "2026-03-03T10:00:00+08:00"}
    )
    await follow(town, follower)
    assert {one["kind"] for one in await listed(town)} == {"birthday", "welcome", "contact_due", "promise_due"}
    made = {"channel": "visit", "direction": "outbound", "occurred_at": "2026-03-02T10:00:00+08:00"}
    await town.call("POST", f"/customers/{customer}/interactions", made)
    await town.call("POST", f"/customers/{customer}/promises/{promise['id']}/break", {})
    await follow(town, follower)
    assert {one["kind"] for one in await listed(town)} == {"birthday", "welcome"}


async def test_a_receipt_ends_what_was_due_when_the_feed_was_followed(town, follower):
    await town.call("PUT", "/products/FILTER", {"name": "Filter", "replaces_after_days": 30})
    customer = await town.customer("Mr Lin")
    sold = town.sale(customer, 2_500)
    sold["lines"][0]["product"] = "FILTER"
    await town.call("POST", "/receipts", sold)
    town.pass_days(30)
    await swept(town)
    assert brief(await listed(town)) == [("due_to_rebuy", "open", None)]
    again = town.sale(customer, 2_500)
    again["lines"][0]["product"] = "FILTER"
    await town.call("POST", "/receipts", again)
    await follow(town, follower)
    assert await listed(town) == []


async def test_two_who_follow_do_it_once(town, follower):
    start = await town.here()
    for place in range(20):
        customer = await town.customer(f"C{place}")
        await town.sell(customer)
    await follow(town, follower, OpportunityFollower(town.services))
    assert len(await town.events(start, "opportunity.opened")) == 20
    assert len(await listed(town, limit=200)) == 20


async def test_two_records_become_one_with_one_opportunity_of_a_sort(town, follower):
    one = await town.customer("One", birthday={"month": 3, "day": 4})
    other = await town.customer("Other", birthday={"month": 3, "day": 4})
    for customer in (one, other):
        await town.sell(customer)
    await follow(town, follower)
    assert len(await listed(town)) == 4
    merge = await town.call("POST", "/merges", {"winner": one, "loser": other})
    await follow(town, follower)
    assert {found["customer_id"] for found in await listed(town)} == {one}
    assert sorted(brief(await listed(town))) == [("birthday", "open", None), ("welcome", "open", None)]
    await town.call("POST", f"/merges/{merge['id']}/undo", {})
    await follow(town, follower)
    assert len(await listed(town)) == 4


async def swept(town, times=1):
    """Have everybody judged by a job, perhaps by several at once; what each has done."""
    done = []
    for _ in range(times):
        job_id = await town.services.db.run(
            lambda tx: jobs.enqueue(tx, commands.SWEEP, {"kinds": list(KINDS)}, _NOBODY)
        )
        settings = town.services.settings.jobs
        job = await jobs.claim(town.services.db, [commands.SWEEP], settings, asyncio.Event(), job_id)
        assert job is not None
        done.append(job)
    await asyncio.gather(*(jobs.run_job(town.services, sweep, job) for job in done))
    return [job.progress for job in done]


async def state(town):
    """Every opportunity there ever was, without ids and times."""
    found = text(
        "SELECT c.display_name, o.kind, o.subject, o.episode, o.status, o.outcome, o.evidence::text, o.version"
        " FROM opportunities o JOIN customers c ON c.id = o.customer_id ORDER BY 1, 2, 3, 4, 5, 6"
    )
    return [tuple(row) for row in await town.services.db.run(lambda tx: tx.rows(found))]


async def test_a_sweep_twice_or_two_at_once_end_alike(town, monkeypatch):
    """Some of everything, in stretches that are smaller than the company."""
    monkeypatch.setattr("app.early_warning.opportunities.commands.evaluating.STRETCH_SIZE", 3)
    monkeypatch.setattr("app.early_warning.opportunities.commands.evaluating.LOCKED_MAX", 2)
    await rule(town, "key_customer_silent", days=5)
    for place in range(8):
        born = {"month": 3, "day": 1 + place} if place % 2 else None
        customer = await customer_of(town, f"C{place}", sponsor="chief" if place % 3 else None, birthday=born)
        if place % 4:
            await town.sell(customer)
    start = await town.here()
    town.pass_days(6)
    both = await swept(town, times=2)
    first = await state(town)
    assert len(first) > 8
    opened = await town.events(start, "opportunity.opened")
    assert len(opened) == len(first) == sum(one.get("opened", 0) for done in both for one in done.values())
    again = (await swept(town))[0]
    assert [one for one in again.values() if one] == []
    assert await state(town) == first
    # Days later much of it is over.
    town.pass_days(20)
    await swept(town, times=2)
    second = await state(town)
    assert {row[5] for row in second} >= {None, "lapsed"}
    await swept(town)
    assert await state(town) == second


async def test_a_sweep_that_is_killed_goes_on(town, monkeypatch):
    monkeypatch.setattr("app.early_warning.opportunities.commands.evaluating.STRETCH_SIZE", 2)
    customers = [await town.customer(f"C{place}", birthday={"month": 3, "day": 5}) for place in range(7)]
    job_id = await town.services.db.run(lambda tx: jobs.enqueue(tx, commands.SWEEP, {"kinds": ["birthday"]}, _NOBODY))
    settings, killed = town.services.settings.jobs, 0
    while True:
        stop = asyncio.Event()
        job = await jobs.claim(town.services.db, [commands.SWEEP], settings, stop, job_id)
        assert job is not None
        stop.set()
        try:
            await jobs.run_job(town.services, sweep, job)
        except jobs.Stopped:
            killed += 1
            await job.give_back(attempts=0)
            continue
        break
    assert killed > 3
    assert {one["customer_id"] for one in await listed(town)} == set(customers)
    assert len(await listed(town)) == 7


async def test_judging_costs_as_many_statements_for_many_as_for_one(town, statements):
    customers = [await town.customer(f"C{place}", birthday={"month": 3, "day": 5}) for place in range(12)]
    counts = []
    for some in (customers[:1], customers[1:]):
        with statements() as seen:
            assert await judge(town, *some) == {"opened": len(some)}
        counts.append(len(seen))
    assert counts[0] == counts[1] <= len(KINDS) + 3
    ids = [one["id"] for one in await listed(town)]
    counts = []
    for some in (ids[:1], ids[1:]):
        items = [{"id": one, "action": "take"} for one in some]
        with statements() as seen:
            await town.call("POST", "/opportunities/batch", {"items": items})
        counts.append(len(seen))
    assert counts[0] == counts[1] <= 6


async def test_the_worker_sweeps_once_a_day(town):
    company = town.services.settings.company
    for _ in range(2):
        await town.services.db.run(lambda tx: commands.enqueue_daily_sweep(tx, company))
    town.go_to(town.day + timedelta(days=1))
    await town.services.db.run(lambda tx: commands.enqueue_daily_sweep(tx, company))
    found = text("SELECT count(*) FROM jobs WHERE kind = :kind").bindparams(kind=commands.SWEEP)
    assert await town.services.db.run(lambda tx: tx.scalar(found)) == 2
    assert town.day > date(2026, 3, 2)
