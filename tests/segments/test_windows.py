"""Windows as days, 29 February, and anniversaries, against plain counting of days."""

import calendar
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.segments.values import After, Before, Last, Next, Span
from app.segments.windows import Days, add_months, days, falls_into, key

TODAY = date(2026, 11, 21)


@pytest.mark.parametrize(
    ("window", "first", "last"),
    [
        (Last(last=1, unit="days"), TODAY, TODAY),
        (Last(last=30, unit="days"), date(2026, 10, 23), TODAY),
        (Last(last=2, unit="weeks"), date(2026, 11, 8), TODAY),
        (Last(last=1, unit="months"), date(2026, 10, 22), TODAY),
        (Last(last=12, unit="months"), date(2025, 11, 22), TODAY),
        (Last(last=1, unit="years"), date(2025, 11, 22), TODAY),
        (Next(next=1, unit="days"), TODAY, TODAY),
        (Next(next=14, unit="days"), TODAY, date(2026, 12, 4)),
        (Next(next=1, unit="months"), TODAY, date(2026, 12, 20)),
        (Span(start=date(2026, 1, 1), to=date(2026, 1, 1)), date(2026, 1, 1), date(2026, 1, 1)),
        (Before(before=date(2026, 1, 1)), None, date(2025, 12, 31)),
        (After(after=date(2026, 1, 1)), date(2026, 1, 2), None),
    ],
)
def test_windows_are_whole_days_with_both_ends(window, first, last):
    found = days(window, TODAY)
    assert (found.first, found.last) == (first, last)
    for edge in (first, last):
        assert edge is None or edge in found
    assert first is None or first - timedelta(1) not in found
    assert last is None or last + timedelta(1) not in found


@pytest.mark.parametrize(
    ("today", "window", "first"),
    [
        (date(2024, 2, 29), Last(last=1, unit="years"), date(2023, 3, 1)),
        (date(2023, 2, 28), Last(last=1, unit="years"), date(2022, 3, 1)),
        (date(2025, 2, 28), Last(last=1, unit="years"), date(2024, 2, 29)),
        (date(2024, 3, 31), Last(last=1, unit="months"), date(2024, 3, 1)),
        (date(2023, 3, 31), Last(last=1, unit="months"), date(2023, 3, 1)),
        (date(2024, 12, 31), Last(last=10, unit="months"), date(2024, 3, 1)),
    ],
)
def test_the_end_of_february(today, window, first):
    assert days(window, today).first == first


@given(st.dates(date(1900, 1, 1), date(2200, 1, 1)), st.integers(-1200, 1200))
def test_months_keep_the_day_where_they_can(day, months):
    found = add_months(day, months)
    assert (found.year * 12 + found.month) - (day.year * 12 + day.month) == months
    assert found.day == min(day.day, calendar.monthrange(found.year, found.month)[1])


def test_windows_end_at_the_ends_of_the_calendar():
    assert days(Last(last=100, unit="years"), date(50, 1, 1)).first == date(1, 1, 2)
    assert days(Next(next=36_500, unit="days"), date(9990, 1, 1)).last == date(9999, 12, 30)


def lived(month, day, year, span):
    """Whether a day of the window is an anniversary, by walking through it."""
    walk = span.first
    while walk <= span.last:
        there = 28 if (month, day) == (2, 29) and not calendar.isleap(walk.year) else day
        if (walk.month, walk.day) == (month, there) and (year is None or walk.year > year):
            return True
        walk += timedelta(days=1)
    return False


NEAR = st.sampled_from([date(2023, 2, 28), date(2024, 2, 29), date(2023, 12, 31), date(2024, 6, 1)])
LENGTHS = st.sampled_from([0, 1, 2, 14, 58, 59, 60, 363, 364, 365, 366, 367, 730, 1100])


@given(
    NEAR,
    st.integers(-3, 3),
    LENGTHS,
    st.dates(date(2020, 1, 1), date(2020, 12, 31)),
    st.none() | st.integers(2021, 2026),
)
def test_anniversaries_are_those_that_a_calendar_shows(near, shift, length, born, year):
    first = near + timedelta(days=shift)
    span = Days(first, first + timedelta(days=length))
    assert falls_into(key(born), year, span) == lived(born.month, born.day, year, span)


@pytest.mark.parametrize(
    ("day", "expected"),
    [(date(2023, 2, 28), True), (date(2023, 3, 1), False), (date(2024, 2, 28), False), (date(2024, 2, 29), True)],
)
def test_the_29th_of_february_counts_as_the_28th_in_other_years(day, expected):
    assert falls_into(229, None, Days(day, day)) is expected


def test_an_empty_window_has_no_anniversary():
    assert not falls_into(229, None, Days(date(2024, 3, 1), date(2024, 2, 1)))
