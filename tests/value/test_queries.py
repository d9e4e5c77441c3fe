"""The formulas in SQL say what the formulas in Python say; fits are chosen and made of the right customers."""

import random
import uuid
from dataclasses import astuple
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import text

from app.core.caller import SYSTEM
from app.value import commands, jobs, queries
from app.value.fitting import Fit
from app.value.rhythm import PARENT, History, Rhythm, buys_within, overdue, usual_gap

TODAY = date(2026, 3, 31)


def some_histories(count: int) -> list[tuple[Rhythm, History]]:
    """Customers of every kind, those included whom a careless formula overflows on."""
    chance = random.Random(5)
    found = [(PARENT, History(4000, 1.0, 20_000.0)), (PARENT, History(0, 0.0, 0.0)), (PARENT, History(3, 0.0, 0.0))]
    while len(found) < count:
        rhythm = Rhythm(*(chance.uniform(0.01, 30) for _ in range(4)))
        repeats = chance.choice([0, 1, 2, 5, 50, 2000])
        recency = chance.uniform(0, 3000) if repeats else 0.0
        found.append((rhythm, History(repeats, recency, recency + chance.uniform(0, 3000))))
    return found


async def test_sql_and_python_agree(tx):
    given = some_histories(300)
    rows = ", ".join(
        f"({place}, " + ", ".join(f"{value!r}::float8" for value in (*astuple(rhythm), *history)) + ")"
        for place, (rhythm, history) in enumerate(given)
    )
    sql = f"""
      SELECT {queries.OVERDUE}, {queries.buys_within("45")}, {queries.usual_gap("0.8::float8")}
      FROM (VALUES {rows}) AS given(place, r, alpha, a, b, x, recency, age) ORDER BY place"""
    for (rhythm, history), row in zip(given, await tx.rows(text(sql)), strict=True):
        said = (overdue(rhythm, history), buys_within(rhythm, history, 45), usual_gap(rhythm, history, 0.8))
        assert row == pytest.approx(said, rel=1e-9, abs=1e-12), (rhythm, history)


async def rhythms(tx):
    """Which parameters count for each kind of customer, and where they are from."""
    name, body = queries.RHYTHM
    rows = await tx.rows(text(f"WITH {name} AS ({body}) SELECT kind, source, r, alpha, a, b FROM {name}"))
    return {row.kind: (row.source, Rhythm(*row[2:])) for row in rows}


async def test_without_a_fit_other_peoples_customers_stand_in(tx):
    assert await rhythms(tx) == {"person": ("parent", PARENT), "business": ("parent", PARENT)}


async def test_the_newest_fit_of_its_own_kind_counts_then_that_of_all(tx):
    fits = [Fit(Rhythm(*(float(number + step) for step in range(4))), -1.0, 10) for number in range(1, 4)]
    await commands.keep_fits(tx, TODAY, {"all": (fits[0], {}), "person": (fits[1], {})})
    assert await rhythms(tx) == {"person": ("person", fits[1].rhythm), "business": ("all", fits[0].rhythm)}
    tx.now += timedelta(days=1)
    await commands.keep_fits(tx, TODAY, {"person": (fits[2], {"buyers": 7})})
    assert (await rhythms(tx))["person"] == ("person", fits[2].rhythm)
    assert {one["population"]: one["basis"] for one in await queries.fits(tx)} == {
        "all": {"log_likelihood": -1.0},
        "person": {"log_likelihood": -1.0, "buyers": 7},
    }


async def buyer(tx, kind="person", first=date(2026, 1, 1), last=date(2026, 3, 1), occasions=5):
    """A customer with figures, and nothing else."""
    customer = uuid.uuid4()
    await tx.execute(
        text(
            "INSERT INTO customers (id, kind, status, version, created_at, updated_at)"
            " VALUES (:id, :kind, 'active', 1, :now, :now)"
        ),
        {"id": customer, "kind": kind, "now": tx.now},
    )
    await tx.execute(
        text(
            "INSERT INTO customer_figures (customer_id, receipts, occasions, net, costed, discount, returns, gap_sum,"
            " gap_square_sum, first_occasion, last_occasion) VALUES (:id, :n, :n, 1, 0, 0, 0, 0, 0, :first, :last)"
        ),
        {"id": customer, "n": occasions, "first": first, "last": last},
    )


async def test_histories_are_of_the_population_as_of_the_day(tx):
    await buyer(tx)
    await buyer(tx)
    await buyer(tx, kind="business", occasions=2)
    await buyer(tx, kind="walk_in")
    await buyer(tx, last=date(2026, 4, 2))
    found = await queries.histories(tx, "person", TODAY, 1)
    assert found == {History(4, 59.0, 89.0): 2}
    assert await queries.histories(tx, "all", TODAY, 1) == {**found, History(1, 59.0, 89.0): 1}
    assert await queries.buyers(tx, "person", TODAY) == (2, 89)
    assert await queries.buyers(tx, "all", date(2020, 1, 1)) == (0, 0)


async def test_a_sample_is_always_the_same_and_about_as_large_as_asked_for(tx):
    for _ in range(300):
        await buyer(tx)
    sizes = [sum((await queries.histories(tx, "person", TODAY, 3)).values()) for _ in range(2)]
    assert sizes[0] == sizes[1]
    assert 60 < sizes[0] < 140


@pytest.fixture
def small(house, monkeypatch):
    """Services of a company for which thirty customers are enough."""
    models = house.services.settings.models.model_copy(update={"buyers": 30, "days": 60})
    monkeypatch.setattr(house.services.settings, "models", models)
    house.services.clock.set(datetime(2026, 3, 31, 4, tzinfo=UTC))
    return house.services


async def people(services, count, **more):
    async def work(tx):
        for number in range(count):
            day = date(2026, 1, 1) + timedelta(days=number % 20)
            await buyer(tx, first=day, last=day + timedelta(days=number % 50), occasions=1 + number % 4, **more)

    await services.db.run(work)


async def test_a_kind_with_enough_customers_is_fitted_and_the_other_shares_the_fit_of_all(small):
    await people(small, 60)
    await people(small, 10, kind="business")
    found = await jobs.fits_if_old(small, TODAY)
    assert set(found) == {"person", "all"}
    assert found["person"][1] == {"buyers": 60, "days": 89, "sample": 60}
    assert found["all"][1]["buyers"] == 70


async def test_where_only_people_buy_their_fit_is_that_of_all(small):
    await people(small, 60)
    found = await jobs.fits_if_old(small, TODAY)
    assert set(found) == {"person", "all"}
    assert found["all"] is found["person"]


async def test_nothing_is_fitted_again_before_its_time(small):
    await people(small, 60)
    fits = await jobs.fits_if_old(small, TODAY)
    await small.db.run(lambda tx: commands.keep_fits(tx, TODAY, fits))
    assert await jobs.fits_if_old(small, TODAY) == {}
    small.clock.advance(timedelta(days=small.settings.models.refit_days))
    assert set(await jobs.fits_if_old(small, TODAY + timedelta(days=7))) == {"person", "all"}


async def test_too_few_customers_or_days_or_nobody_who_came_back_give_no_fit(small):
    assert await jobs.fits_if_old(small, TODAY) == {}
    await people(small, 29)
    assert await jobs.fits_if_old(small, TODAY) == {}
    await people(small, 29)
    assert await jobs.fits_if_old(small, date(2026, 2, 28)) == {}
    newest = await small.db.read(SYSTEM, queries.newest_fit)
    assert newest is None
