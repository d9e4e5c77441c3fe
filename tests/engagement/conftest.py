"""The town that the stories happen in."""

from datetime import date

import pytest

from tests.engagement.factories import Desk


@pytest.fixture
async def desk(house, client):
    """A store with a customer, on a Monday."""
    made = Desk(house.services, client, date(2026, 3, 2))
    await made.call("PUT", "/stores/S1", {"name": "First", "kind": "own", "time_zone": "Asia/Shanghai"})
    made.mei = await made.customer("Mei", home_store="S1")
    return made
