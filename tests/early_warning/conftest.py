"""The town that the stories happen in."""

from datetime import date

import pytest

from tests.early_warning.factories import Town


@pytest.fixture
async def town(house, client):
    """A store, on a Monday."""
    made = Town(house.services, client, date(2026, 3, 2))
    await made.call("PUT", "/stores/S1", {"name": "First", "kind": "own", "time_zone": "Asia/Shanghai"})
    return made
