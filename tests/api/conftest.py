"""The OpenAPI document, and the small company that the API tests walk over."""

import orjson
import pytest

from app.main import api, openapi_bytes
from tests.api import world


@pytest.fixture(scope="session")
def document():
    """The OpenAPI document of the running code."""
    return orjson.loads(openapi_bytes(api()))


@pytest.fixture
async def names(client):
    """The records of a fresh small company."""
    return await world.build(client)
