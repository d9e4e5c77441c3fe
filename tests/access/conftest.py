"""Keys, callers and authenticators for the tests of access."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from app.access import commands
from app.access.authentication import Authenticator
from app.access.keyring import Keyring
from app.core.settings import Settings
from tests.access.callers import Moving

MakeKey = Callable[..., Awaitable[tuple[dict[str, Any], str]]]


@pytest.fixture
def keyring(settings: Settings) -> Keyring:
    return Keyring(settings.secret)


@pytest.fixture
def make_key(house, keyring: Keyring) -> MakeKey:
    """Make a key as the command line does: (the key as shown, the key itself)."""

    async def make(role: str = "analyst", name: str = "a client", **options: Any) -> tuple[dict[str, Any], str]:
        return await house.services.db.run(lambda tx: commands.create_key(tx, keyring, name, role, **options))

    return make


@pytest.fixture
def moving() -> Moving:
    return Moving()


@pytest.fixture
def unwatched(house, moving: Moving) -> Authenticator:
    """An authenticator without tasks, whose time moves when told: it trusts a key for as long as any ever does."""
    return Authenticator(house.services.db, house.services.settings, moving)


@pytest.fixture
async def watching(house) -> AsyncIterator[Authenticator]:
    """A second process's authenticator, with its tasks running."""
    found = Authenticator(house.services.db, house.services.settings)
    await found.start()
    yield found
    await found.close()
