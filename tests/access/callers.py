"""Callers, headers and a clock for the tests of access."""

from __future__ import annotations

import asyncio
import inspect
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.access.roles import ROLES
from app.core.caller import Caller


@dataclass
class Moving:
    """A monotonic clock that moves when told."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


def bearer(key: str | bytes) -> dict[bytes, bytes]:
    """The headers of a request with this key, as the edge hands them over."""
    return {b"authorization": b"Bearer " + (key.encode() if isinstance(key, str) else key)}


def a_caller(role: str = "analyst", **given: Any) -> Caller:
    """A caller of a role, with ids of its own."""
    scopes, groups, rate_class = ROLES[role]
    found: dict[str, Any] = {
        "client_id": uuid.uuid4(), "key_id": uuid.uuid4(), "name": role, "role": role, "scopes": scopes,
        "field_groups": groups, "rate_class": rate_class, "request_id": "request-1",
    }  # fmt: skip
    return Caller(**{**found, **given})


async def until(condition: Callable[[], Any], seconds: float) -> None:
    """Return when `condition()` (or what it awaits) is true; fails after `seconds`."""
    async with asyncio.timeout(seconds):
        while True:
            found = condition()
            if await found if inspect.isawaitable(found) else found:
                return
            await asyncio.sleep(0.02)


def on_the_wire(moment: datetime) -> str:
    """A moment as answers show it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
