"""The OpenAPI document, and the small company that the API tests walk over."""

import orjson
import pytest

from app.engagement.jobs import Follower
from tests.api import world


@pytest.fixture(scope="session")
def document():
    """The OpenAPI document."""
    return orjson.loads(world.DOCUMENT.read_bytes())


@pytest.fixture(scope="session")
def kept():
    """The names of the small company once it was built; its rows lie in the schema `kept`."""
    return {}


@pytest.fixture
async def names(house, client, kept):
    """The records of a fresh small company, where the worker has made a task of a complaint.

    Made through the API once, and from then on put back as they were.
    """
    if kept:
        await house.sweeper.run(kept["restore"])
    else:
        found = await world.build(client)
        await Follower(house.services).turn()
        found["task_id"] = (await client.get("/v1/tasks", params={"reason": "complaint"})).json()["data"][0]["id"]
        kept["names"] = found
        kept["restore"] = await world.keep(house.sweeper.connection)
    return dict(kept["names"])
