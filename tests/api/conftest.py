"""The OpenAPI document, and the small company that the API tests walk over."""

import importlib.util
import sys
from pathlib import Path

import orjson
import pytest

from app.main import api, openapi_bytes

# Test folders are no packages; this one shares a module.
_spec = importlib.util.spec_from_file_location("api_world", Path(__file__).parent / "world.py")
assert _spec is not None and _spec.loader is not None
world = importlib.util.module_from_spec(_spec)
sys.modules["api_world"] = world
_spec.loader.exec_module(world)


@pytest.fixture(scope="session")
def document():
    """The OpenAPI document of the running code."""
    return orjson.loads(openapi_bytes(api()))


@pytest.fixture
async def names(client):
    """The records of a fresh small company."""
    return await world.build(client)
