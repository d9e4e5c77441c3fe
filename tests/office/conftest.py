"""Fixtures of the office's tests."""

from datetime import date

import pytest

from tests.office.people import People


@pytest.fixture
async def people(house, client):
    """A town on a Monday, with a random course of events."""
    made = People(house.services, client, date(2026, 3, 2)).begin(1)
    await made.call("PUT", "/stores/S1", {"name": "First", "kind": "own", "time_zone": "Asia/Shanghai"})
    return made
