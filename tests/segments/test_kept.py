"""Kept segments: filled, followed, asked of the past, and forgotten."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.segments.factories import customer, receipt, store
from tests.segments.keeping import Keeping

NOON = datetime(2026, 11, 20, 4, tzinfo=UTC)
RICH = "figures.net >= 100.00"


@pytest.fixture
async def keeping(house, client):
    house.services.clock.set(NOON)
    await store(client, "GY-01")
    return Keeping(house, client)


async def test_who_is_there_at_first_has_not_come(keeping, client):
    mei = await customer(client)
    await receipt(client, mei, 20_000, "2026-11-19")
    rich = await keeping.segment("rich", RICH)
    assert (await keeping.get(f"/segments/{rich}"))["materialised"] is True
    # Until the worker has looked it is asked.
    assert "refreshed_at" not in await keeping.get(f"/segments/{rich}/count")
    assert (await keeping.get(f"/segments/{rich}/changes", 409))["code"] == "not_kept"
    await keeping.follow()
    count = await keeping.get(f"/segments/{rich}/count")
    assert count == {"count": 1, "as_of": "2026-11-20", "version": 1, "refreshed_at": "2026-11-20T04:00:00.000000Z"}
    assert await keeping.members(rich) == {mei}
    assert await keeping.changes(rich) == await keeping.told() == []
    page = await keeping.get(f"/segments/{rich}/changes")
    assert page == {
        "data": [], "next_cursor": None, "has_more": False, "since": "2026-11-20", "as_of": "2026-11-20",
        "refreshed_at": "2026-11-20T04:00:00.000000Z",
    }  # fmt: skip


async def test_who_comes_and_leaves_is_told_once(keeping, client):
    rich = await keeping.segment("rich", RICH)
    await keeping.follow()
    mei, bo = await customer(client), await customer(client)
    bought = await receipt(client, mei, 20_000, "2026-11-20")
    await receipt(client, bo, 5_000, "2026-11-20")
    assert await keeping.members(rich) == set()
    assert await keeping.members(rich, live=True) == {mei}
    await keeping.follow()
    assert await keeping.members(rich) == {mei}
    keeping.at(NOON + timedelta(days=1))
    (await client.post(f"/v1/receipts/{bought}/void", json={})).raise_for_status()
    await keeping.follow()
    assert await keeping.members(rich) == set()
    assert await keeping.changes(rich) == [(mei, "entered", "2026-11-20"), (mei, "left", "2026-11-21")]
    assert await keeping.changes(rich, **{"from": "2026-11-21"}) == [(mei, "left", "2026-11-21")]
    assert await keeping.changes(rich, to="2026-11-20") == [(mei, "entered", "2026-11-20")]
    assert await keeping.told() == [
        ("segment.entered", mei, rich, "2026-11-20"), ("segment.left", mei, rich, "2026-11-21"),
    ]  # fmt: skip
    # Who was in it when a day ended.
    assert await keeping.members(rich, as_of="2026-11-20") == {mei}
    assert await keeping.members(rich, as_of="2026-11-21") == set()
    for path in ("count", "members", "changes"):
        query = {"from": "2026-11-19"} if path == "changes" else {"as_of": "2026-11-19"}
        refused = await keeping.get(f"/segments/{rich}/{path}", 409, **query)
        assert (refused["code"], refused["since"]) == ("not_kept", "2026-11-20")
    assert await keeping.members(rich, as_of="2026-11-19", live=True) == set()
