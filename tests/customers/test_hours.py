"""Hours of the week on the wall clock, with the days on which clocks are changed: against trying every minute."""

import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from app.customers.contact_rules import windows_of
from app.customers.hours import is_open, next_open
from tests.customers.wishes import open_at

# A zone, and a moment (UTC) shortly before its clocks are changed.
CHANGES = [
    ("Europe/Berlin", "2026-03-29T01:00"),
    ("Europe/Berlin", "2026-10-25T01:00"),
    ("America/New_York", "2026-03-08T07:00"),
    ("America/New_York", "2026-11-01T06:00"),
    ("Australia/Lord_Howe", "2026-04-04T15:00"),
    ("Australia/Lord_Howe", "2026-10-03T15:30"),
    ("America/Santiago", "2026-09-06T04:00"),
    ("Pacific/Apia", "2011-12-30T10:00"),
    ("Asia/Shanghai", "2026-01-01T00:00"),
    ("Asia/Kathmandu", "2026-06-01T12:00"),
]
TIMES = ["00:00", "00:30", "01:00", "01:30", "02:00", "02:15", "02:30", "02:45", "03:00", "09:00", "18:00", "24:00"]


def drawn(chance):
    found = []
    for _ in range(chance.randint(1, 3)):
        start, end = sorted(chance.sample(TIMES, 2))
        found.append({"days": chance.sample(range(1, 8), chance.randint(1, 7)), "start": start, "end": end})
    return found


@pytest.mark.parametrize(("zone", "change"), CHANGES)
def test_the_next_opening_is_the_first_minute_that_is_open(zone, change):
    chance, there = random.Random(f"{zone} {change}"), ZoneInfo(zone)
    for _ in range(25):
        hours = drawn(chance)
        windows = windows_of(hours)
        asked = datetime.fromisoformat(change).replace(tzinfo=UTC) + timedelta(minutes=chance.randint(-3000, 200))
        assert is_open(windows, there, asked) == open_at(hours, zone, asked)
        minutes = (asked + timedelta(minutes=ahead) for ahead in range(15 * 24 * 60))
        expected = next((one for one in minutes if open_at(hours, zone, one)), None)
        assert next_open(windows, there, asked) == expected, (hours, asked)


def test_without_hours_it_is_always_open():
    now = datetime(2026, 1, 1, 3, tzinfo=UTC)
    assert is_open((), ZoneInfo("UTC"), now)
    assert next_open((), ZoneInfo("UTC"), now) == now


def test_seconds_count_towards_their_minute():
    windows = windows_of([{"start": "09:00", "end": "20:00"}])
    zone, last = ZoneInfo("UTC"), datetime(2026, 1, 1, 19, 59, 59, 999_999, tzinfo=UTC)
    assert is_open(windows, zone, last)
    assert next_open(windows, zone, last + timedelta(microseconds=1)) == datetime(2026, 1, 2, 9, tzinfo=UTC)
