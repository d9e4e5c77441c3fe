"""The formulas of the rhythm against published values, and what must hold for every customer."""

from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.value.rhythm import PARENT, History, Rhythm, alive, buys_within, overdue, usual_gap

PUBLISHED = Rhythm(r=0.525, alpha=6.183, a=0.891, b=1.614)
GOOD_CUSTOMER = History(2, 30.43, 38.86)

rhythms = st.builds(
    Rhythm,
    r=st.floats(0.01, 50),
    alpha=st.floats(0.1, 1000),
    a=st.floats(0.01, 50),
    b=st.floats(0.01, 50),
)


@st.composite
def customers(draw):
    repeats = draw(st.integers(0, 3000))
    recency = draw(st.floats(0, 4000)) if repeats else 0.0
    return History(repeats, recency, recency + draw(st.floats(0, 4000)))


@pytest.mark.parametrize(
    ("found", "published"),
    [
        (alive(PUBLISHED, GOOD_CUSTOMER), 0.7062),
        (buys_within(PUBLISHED, GOOD_CUSTOMER, 39), 0.5600),
        (alive(PUBLISHED, History(0, 0, 38.86)), 0.3897),
    ],
)
def test_published_values(found, published):
    assert found == pytest.approx(published, abs=1e-3)


def test_the_parent_is_the_published_fit_in_days():
    days = History(2, 30.43 * 7, 38.86 * 7)
    assert alive(PARENT, days) == pytest.approx(alive(PUBLISHED, GOOD_CUSTOMER))
    assert buys_within(PARENT, days, 39 * 7) == pytest.approx(0.5600, abs=1e-3)


@given(rhythms, customers(), st.floats(0.1, 1000))
def test_probabilities_are_probabilities(rhythm, history, horizon):
    shares = (overdue(rhythm, history), alive(rhythm, history), buys_within(rhythm, history, horizon))
    assert all(0 <= share <= 1 for share in shares)
    assert buys_within(rhythm, history, horizon) <= alive(rhythm, history)


@given(rhythms, customers(), st.floats(0.1, 1000))
def test_the_longer_the_silence_the_worse(rhythm, history, more):
    later = history._replace(age=history.age + more)
    assert overdue(rhythm, later) >= overdue(rhythm, history)
    assert alive(rhythm, later) <= alive(rhythm, history)


@given(rhythms, customers(), st.floats(0.05, 0.95))
def test_who_is_silent_for_a_quantile_of_the_gaps_is_overdue_by_it(rhythm, history, quantile):
    gap = usual_gap(rhythm, history, quantile)
    if gap < 1e9:
        silent = history._replace(age=history.recency + gap)
        assert isclose(overdue(rhythm, silent), quantile, rel_tol=1e-4, abs_tol=1e-4)


def test_few_purchases_are_shrunk_towards_the_population_and_many_speak_for_themselves():
    weekly = [History(repeats, 7.0 * repeats, 7.0 * repeats) for repeats in (1, 4, 20, 200)]
    usual = [usual_gap(PARENT, history, 0.8) for history in weekly]
    assert usual == sorted(usual, reverse=True)
    # A customer whose visits come at random, once a week on average, stays away for longer than 11.3 days one time
    # in five.
    assert usual[-1] == pytest.approx(11.3, rel=0.05)
    assert usual[0] > 60
