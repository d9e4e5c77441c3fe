"""The registry as the service has it, and a world without saved segments."""

import pytest

from app.core.fields import Registry
from app.core.settings import CompletenessSettings
from app.registry import build_registry
from app.segments.check import World
from tests.segments.belongings import SHARED_BIRTHDAY


@pytest.fixture(scope="session")
def registry() -> Registry:
    return build_registry(CompletenessSettings(shared_birthday=SHARED_BIRTHDAY))


@pytest.fixture(scope="session")
def world(registry: Registry) -> World:
    """Amounts have two decimals."""
    return World(registry, 2)
