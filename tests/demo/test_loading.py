"""The same company every time: in two databases, twice in one, after a stop and after a kill."""

from __future__ import annotations

from datetime import date

import pytest

from app.core.errors import Problem
from app.core.jobs import Stopped
from app.demo.commands import Wanted, state
from app.demo.company import parts
from app.demo.order import DAYS, Order
from app.receipts import verify
from tests.demo.conftest import PEOPLE, TODAY


def test_the_same_order_is_the_same_company():
    one, same, other = (parts(Order(seed, 60, TODAY)) for seed in (5, 5, 6))
    assert [part.items() for part in one] == [part.items() for part in same]
    assert [part.items() for part in one] != [part.items() for part in other]


def test_it_moves_with_its_last_day():
    """History ends on the day before, and nothing of it lies in the future."""
    for until in (date(2026, 2, 28), date(2028, 3, 1)):
        found = [item for part in parts(Order(1, 60, until)) if part.kind == "receipts" for item in part.items()]
        days = sorted(item["business_date"] for item in found)
        assert days[-1] < until.isoformat() and (until - date.fromisoformat(days[-1])).days <= 3
        assert 0 <= (date.fromisoformat(days[0]) - until).days + DAYS <= 30


async def test_two_databases_hold_the_same_and_a_second_load_does_nothing(company, databases):
    other = await databases()
    await other.load()
    before = await company.contents()
    assert await other.contents() == before
    assert {name for name, rows in before.items() if not rows} == set()
    jobs = "SELECT count(*) FROM audit_entries"
    written = await other.number(jobs)
    order, loaded = await other.load()
    assert (order, loaded) == (Order(1, PEOPLE, TODAY), False)
    assert (await other.contents(), await other.number(jobs)) == (before, written)


async def test_it_goes_on_after_stops_and_kills_and_ends_the_same(company, databases):
    other = await databases()
    with pytest.raises(Stopped):
        await other.load(until=lambda what, _: what == "credit limits")
    assert await other.read(state) == "begun"
    stopped_at = await other.number("SELECT count(*) FROM receipts")
    # The first part that the other process begins is the next one; it dies in the middle of its third.
    await other.load_and_die(3)
    killed_at = await other.number("SELECT count(*) FROM receipts")
    await other.load_and_die(2)
    assert stopped_at <= killed_at < await other.number("SELECT count(*) FROM receipts") + 1
    assert await other.read(state) == "begun"
    other.told.clear()
    order, loaded = await other.load()
    assert (order.until, loaded) == (TODAY, True)
    assert other.told[0][1] > 0, "it began anew"
    assert await other.contents() == await company.contents()
    assert await other.read(state) == "loaded"


async def test_figures_verify(company):
    assert await company.read(verify.differences) == []
    wrong = """SELECT count(*) FROM credit_accounts a WHERE balance <>
        (SELECT coalesce(sum(amount), 0) FROM receivables r WHERE r.customer_id = a.customer_id)"""
    assert await company.number(wrong) == 0


async def test_every_receipt_has_the_customer_who_was_meant(company):
    flagged = "SELECT count(*) FROM receipts r JOIN customers c ON c.id = r.customer_id WHERE c.kind = 'walk_in'"
    strangers = [
        item
        for part in parts(Order(1, PEOPLE, TODAY))
        if part.kind == "receipts"
        for item in part.items()
        if not item["customer"]
    ]
    assert await company.number(flagged) == len(strangers) > 0


async def test_another_demo_company_is_refused(company):
    for wanted in (Wanted(seed=2), Wanted(people=61), Wanted(until=date(2025, 1, 1))):
        with pytest.raises(Problem, match="Another demo company"):
            await company.load(wanted)


async def test_other_peoples_data_are_left_alone(house, client, databases):
    other = await databases()
    await other.rows("INSERT INTO categories (path) SELECT 'x' WHERE false")
    assert await other.read(state) == "empty"
    put = await client.put("/v1/stores/S01", json={"name": "Somebody's", "kind": "own"})
    assert put.status_code == 201
    own = type(other)(house.services)
    assert await own.read(state) == "taken"
    with pytest.raises(Problem, match="holds data already"):
        await own.load()
    assert await own.number("SELECT count(*) FROM jobs") == 0


async def test_books_in_another_currency_are_refused(databases):
    other = await databases()
    settings = other.services.settings
    company = settings.company.model_copy(update={"currency": "EUR"})
    other.services.settings = settings.model_copy(update={"company": company})
    with pytest.raises(Problem, match="books in CNY"):
        await other.load()
    assert await other.read(state) == "empty"
