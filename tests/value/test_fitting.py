"""The fit finds what is published, and what made the data; and says so when there is nothing to find."""

import random
from collections import Counter
from math import log

import pytest

from app.value import fitting
from app.value.fitting import compressed, fit, log_likelihood, minimum
from app.value.rhythm import History, Rhythm
from tests.value import cdnow

needs_cdnow = pytest.mark.skipif(not cdnow.PATH.exists(), reason="needs ../shared/data/CDNOW_sample.txt")


@needs_cdnow
def test_the_sample_is_the_known_one():
    days = cdnow.purchases()
    all_days = sorted((day, customer) for customer, spent in days.items() for day in spent)
    assert len(days) == 2357
    assert len(all_days) == 6696
    assert sum(history.repeats for history in cdnow.histories()) == 2457
    assert sum(day > cdnow.END for day, _ in all_days) == 1882


@needs_cdnow
def test_the_published_fit():
    found = fit(compressed(cdnow.histories()))
    assert found.customers == 2357
    assert found.log_likelihood == pytest.approx(-9582.13, abs=0.01)
    rhythm = found.rhythm
    assert (rhythm.r, rhythm.alpha, rhythm.a, rhythm.b) == pytest.approx((0.525, 6.183, 0.891, 1.614), rel=0.005)


@needs_cdnow
def test_the_fit_under_our_own_rule_that_an_occasion_is_a_day_with_net_above_zero():
    found = fit(compressed(cdnow.histories(paid_only=True)))
    assert found.customers == 2349
    assert found.log_likelihood == pytest.approx(-9577.98, abs=0.05)
    rhythm = found.rhythm
    assert (rhythm.r, rhythm.alpha, rhythm.a, rhythm.b) == pytest.approx((0.528, 6.201, 0.894, 1.623), rel=0.005)


@needs_cdnow
def test_the_unit_of_time_does_not_matter():
    weeks = cdnow.histories()
    days = [History(one.repeats, one.recency * 7, one.age * 7) for one in weeks]
    found, other = fit(compressed(weeks)).rhythm, fit(compressed(days)).rhythm
    assert (other.r, other.alpha / 7, other.a, other.b) == pytest.approx(
        (found.r, found.alpha, found.a, found.b), rel=0.005
    )


def test_compressing_changes_nothing():
    rhythm = Rhythm(0.7, 30, 0.4, 2.5)
    people = invented(rhythm, 300, seed=3)
    counted = compressed(people)
    assert sum(counted.values()) == 300
    each = log_likelihood(rhythm, ((history, 1) for history in people))
    assert log_likelihood(rhythm, counted.items()) == pytest.approx(each)


def test_the_fit_finds_what_made_the_data():
    made = Rhythm(r=1.2, alpha=40, a=0.6, b=3.0)
    counts = compressed(invented(made, 6000, seed=1))
    found = fit(counts)
    # What made the data cannot be likelier than the best; and the best is near it in what it says of customers.
    assert found.log_likelihood >= log_likelihood(made, counts.items())
    assert (found.rhythm.r, found.rhythm.alpha) == pytest.approx((1.2, 40), rel=0.15)
    share = found.rhythm.a / (found.rhythm.a + found.rhythm.b)
    assert share == pytest.approx(0.6 / 3.6, rel=0.2)


def test_a_ridge_does_not_keep_the_search_busy(monkeypatch):
    """Where nobody is ever lost only the ratio of a to b is to be found, and a search for both would never end."""
    asked = 0
    plain = fitting.log_likelihood

    def counted(rhythm, rows):
        nonlocal asked
        asked += 1
        return plain(rhythm, rows)

    counts = compressed(invented(Rhythm(r=0.5, alpha=20, a=1e-4, b=1e6), 1000, seed=2))
    monkeypatch.setattr(fitting, "log_likelihood", counted)
    found = fit(counts)
    assert found.log_likelihood >= plain(Rhythm(0.5, 20, 1e-4, 1e6), counts.items())
    assert asked < 1000


def invented(rhythm: Rhythm, count: int, seed: int) -> list[History]:
    """Customers who buy as the model says, seen for up to two years, in whole days."""
    chance = random.Random(seed)
    return [invented_one(rhythm, chance) for _ in range(count)]


def invented_one(rhythm: Rhythm, chance: random.Random) -> History:
    rate, drop = chance.gammavariate(rhythm.r, 1 / rhythm.alpha), chance.betavariate(rhythm.a, rhythm.b)
    age, last, repeats = chance.randint(30, 730), 0.0, 0
    while chance.random() >= drop:
        following = last + chance.expovariate(rate)
        if following > age:
            break
        last, repeats = following, repeats + 1
    return History(repeats, float(round(last)), float(age))


def test_without_anybody_who_came_back_there_is_no_rhythm():
    with pytest.raises(ValueError, match="came back"):
        fit(Counter({History(0, 0.0, 10.0): 1000}))
    with pytest.raises(ValueError, match="came back"):
        fit({})


@pytest.mark.parametrize(
    "counts",
    [
        # Everybody alike, nobody ever lost; all on one day; one customer only.
        {History(9, 90.0, 100.0): 1000},
        {History(3, 0.0, 0.0): 500, History(0, 0.0, 0.0): 500},
        {History(1, 5.0, 500.0): 1},
        {History(2000, 3000.0, 3001.0): 10, History(1, 1.0, 3000.0): 10_000},
    ],
)
def test_odd_data_still_gives_numbers(counts):
    rhythm = fit(counts).rhythm
    assert all(0 < value < 1e12 for value in (rhythm.r, rhythm.alpha, rhythm.a, rhythm.b))


def test_the_search_finds_the_least():
    found = minimum(lambda point: (point[0] - 3) ** 2 + abs(point[1] + 1) + 2, [0.0, 0.0])
    assert found == pytest.approx([3, -1], abs=0.01)
    valley = minimum(lambda p: log(1 + (1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2), [-1.2, 1.0])
    assert valley == pytest.approx([1, 1], abs=0.02)
