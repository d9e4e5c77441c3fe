"""Small factories for tests of customers."""

import itertools
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import text

from app.core.caller import SYSTEM
from tests.catalog.conftest import explain
from tests.customers.seeker import Seeker

__all__ = ["explain"]

_numbers = itertools.count(1)


@pytest.fixture
def card() -> Callable[[], dict[str, str]]:
    """A card that nobody has."""
    return lambda: {"kind": "card", "value": f"C{next(_numbers):08}"}


@pytest.fixture
def make(client) -> Callable[..., Awaitable[dict[str, Any]]]:
    """Create a customer through the API."""

    async def made(**fields: Any) -> dict[str, Any]:
        answer = await client.post("/v1/customers", json=fields)
        assert answer.status_code == 201, answer.text
        return answer.json()

    return made


@pytest.fixture
def rows(house) -> Callable[..., Awaitable[list[Any]]]:
    """What a SELECT finds."""

    async def found(sql: str, **values: Any) -> list[Any]:
        return await house.services.db.read(SYSTEM, lambda tx: tx.rows(text(sql), values))

    return found


@pytest.fixture
def published(rows) -> Callable[[str], Awaitable[list[tuple[str, int]]]]:
    """(type, version) of every event about a customer, in order."""

    async def events(customer: str) -> list[tuple[str, int]]:
        both = "SELECT id, type, subject, version FROM outbox UNION ALL SELECT id, type, subject, version FROM events"
        found = await rows(
            f"SELECT type, version FROM ({both}) AS all_events WHERE subject = :one ORDER BY id", one=customer
        )
        return [tuple(row) for row in found]

    return events


@pytest.fixture
def audited(rows) -> Callable[[str], Awaitable[list[tuple[str, set[str]]]]]:
    """(action, fields) of every write to a customer in the audit trail, in order."""

    async def entries(customer: str) -> list[tuple[str, set[str]]]:
        found = await rows(
            "SELECT action, fields FROM audit_entries WHERE record_id = :one"
            " AND action IN ('customer.create', 'customer.update') ORDER BY id",
            one=customer,
        )
        return [(row.action, set(row.fields)) for row in found]

    return entries


@pytest.fixture
async def store(client) -> str:
    """A store in Taiwan."""
    body = {"name": "Taipei", "kind": "own", "time_zone": "Asia/Taipei", "currency": "TWD", "phone_region": "TW"}
    (await client.put("/v1/stores/TPE", json=body)).raise_for_status()
    return "TPE"


@pytest.fixture
async def seeker(house, client) -> Seeker:
    """A worker that follows the feed in search of duplicates."""
    return await Seeker(house, client).watch()
