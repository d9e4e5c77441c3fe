"""The OpenAPI document, and the small company that the API tests walk over."""

import orjson
import pytest

from app.main import api, openapi_bytes
from tests.api import world


@pytest.fixture(scope="session")
def document():
    """The OpenAPI document of the running code."""
    return orjson.loads(openapi_bytes(api()))


@pytest.fixture(scope="session")
def kept():
    """The names of the small company once it was built; its rows lie in the schema `kept`."""
    return {}


@pytest.fixture
async def names(house, client, kept):
    """The records of a fresh small company: made through the API once, and from then on put back as they were."""
    if kept:
        await house.sweeper.connection.execute(kept["restore"])
    else:
        kept["names"] = await world.build(client)
        kept["restore"] = await world.keep(house.sweeper.connection)
    return dict(kept["names"])
