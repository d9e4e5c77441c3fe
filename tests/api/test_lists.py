"""Every list: its pages together are all of it, and `count=true` tells how many that are."""

import orjson
import pytest

from tests.api.world import DOCUMENT, SAMPLES, request

FEED = "GET /v1/changes"


def lists():
    """The operations that answer page by page, with the names of their parameters."""
    for path, methods in orjson.loads(DOCUMENT.read_bytes())["paths"].items():
        named = {one["name"] for one in methods.get("get", {}).get("parameters", [])}
        if {"cursor", "limit"} <= named and f"GET {path}" != FEED:
            yield f"GET {path}", named


LISTS = dict(lists())


def test_every_list_can_be_counted():
    assert len(LISTS) > 45
    assert [operation for operation, named in LISTS.items() if "count" not in named] == []


@pytest.mark.parametrize("operation", LISTS)
async def test_the_total_is_what_all_pages_have(client, names, operation):
    # A sample may ask for one page of many; here all are wanted.
    query = {name: value for name, value in SAMPLES[operation].query.items() if name != "limit"}
    plain = await client.send(request(client, operation, names, query=query))
    assert plain.status_code == 200, plain.text
    assert "total" not in plain.json()
    found: list[object] = []
    totals: list[int] = []
    cursor = None
    while cursor is not None or not totals:
        more = {"count": "true", "limit": "1", **({"cursor": cursor} if cursor else {})}
        answer = await client.send(request(client, operation, names, query={**query, **more}))
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += page["data"]
        totals.append(page["total"])
        cursor = page["next_cursor"]
    assert set(totals) == {len(found)}, (operation, totals, len(found))
