"""Stores that receipts come from, and short ways to push and look."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.till.ledger import ZONES

Figures = Callable[[str], Awaitable[dict[str, Any]]]


@pytest.fixture(autouse=True)
async def stores(client):
    for code, zone in ZONES.items():
        store = {
            "name": f"Store {code}",
            "kind": "own",
            "time_zone": zone,
            "phone_region": "US" if code == "NY" else "CN",
        }
        answer = await client.put(f"/v1/stores/{code}", json=store)
        assert answer.status_code in {200, 201}, answer.text


@pytest.fixture
def push(client) -> Callable[..., Awaitable[dict[str, Any]]]:
    """Push one receipt and answer its document."""

    async def run(sent: dict[str, Any], status: int = 201) -> dict[str, Any]:
        answer = await client.post("/v1/receipts", json=sent)
        assert answer.status_code == status, answer.text
        return dict(answer.json())

    return run


@pytest.fixture
def push_many(client) -> Callable[..., Awaitable[list[dict[str, Any]]]]:
    """Push a batch and answer its results."""

    async def run(*sent: dict[str, Any]) -> list[dict[str, Any]]:
        answer = await client.post("/v1/receipts/batch", json={"items": sent})
        assert answer.status_code == 200, answer.text
        results = answer.json()["results"]
        assert [result["index"] for result in results] == list(range(len(sent)))
        return list(results)

    return run


@pytest.fixture
def figures(client) -> Figures:
    """The figures of a customer."""

    async def run(customer: str) -> dict[str, Any]:
        answer = await client.get(f"/v1/customers/{customer}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json()["figures"])

    return run


@pytest.fixture
def customer(client) -> Callable[..., Awaitable[str]]:
    """A new customer with these identifiers; answers its id."""

    async def run(*identifiers: dict[str, Any], **more: Any) -> str:
        body = {"kind": "person", "identifiers": list(identifiers), **more}
        answer = await client.post("/v1/customers", json=body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    return run
