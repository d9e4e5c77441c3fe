"""The registry as the service has it, and a world without saved segments."""

import pytest

from app.core.fields import Registry
from app.registry import build_registry
from app.segments.check import World


@pytest.fixture(scope="session")
def registry() -> Registry:
    return build_registry()


@pytest.fixture(scope="session")
def world(registry: Registry) -> World:
    """Amounts have two decimals."""
    return World(registry, 2)
