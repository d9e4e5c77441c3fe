"""What a preview warns of: each is true, and what is fine is not warned of."""

from datetime import UTC, datetime

import pytest

from app.segments import doubts, reader
from app.segments.queries import evaluate
from tests.segments.factories import customer, receipt, store


@pytest.fixture(autouse=True)
async def company(house, client):
    """Twenty-four people, who speak zh but for one, and of whom one has bought."""
    house.services.clock.set(datetime(2026, 11, 21, 4, tzinfo=UTC))
    await store(client, "GY-01")
    await client.post("/v1/categories/batch", json={"items": [{"path": "garden/tools"}]})
    made = [await customer(client, language="en" if number == 0 else "zh", home_store="GY-01") for number in range(24)]
    await receipt(client, made[0], 22_000, "2026-11-01", category="garden/tools")


async def warned(client, text):
    answer = await client.post("/v1/segments/preview", json={"text": text, "sample": 0})
    assert answer.status_code == 200, answer.text
    found = answer.json()["warnings"]
    assert all(one["detail"] for one in found)
    return found


def codes(found):
    return [(one["code"], one.get("condition") or one.get("near")) for one in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("language = 'zh'", []),
        ("status = 'active' or language = 'en'", [("everybody", None), ("always_true", "status = 'active'")]),
        ("language = 'en' and status = 'active'", [("always_true", "status = 'active'")]),
        ("language = 'en' and status = 'lost'", [("nobody", None), ("never_true", "status = 'lost'")]),
        ("language = 'en' or status = 'lost'", [("never_true", "status = 'lost'")]),
        ("age > 3 and language = 'zh'", [
            ("often_missing", None), ("nobody", None), ("never_true", "age > 3")]),
        ("home_store = 'GY-1'", [("unknown_value", "GY-01"), ("nobody", None)]),
        ("home_store not in ('GY-01', 'XXXX')", [("unknown_value", None), ("nobody", None)]),
        ("any(lines where category under 'gardn')", [("unknown_value", "garden"), ("nobody", None)]),
        ("any(lines where category under 'garden')", []),
        ("last(receipts.store) = 'GY-02'", [("unknown_value", "GY-01"), ("nobody", None)]),
        ("any(receipts during next 14 days)", [
            ("nobody", None), ("window_in_future", "any(receipts during next 14 days)")]),
        ("sum(receipts.net after 2026-12-01) > 1.00", [
            ("nobody", None), ("window_in_future", "sum(receipts.net after 2026-12-01) > 1.00")]),
        ("sum(receipts.net after 2026-10-01) > 1.00", []),
        ("net_365d in top 1 customers", [("population_relative", None)]),
    ],
)  # fmt: skip
async def test_what_is_warned_of(client, text, expected):
    assert codes(await warned(client, text)) == expected


@pytest.fixture
async def near(client, house):
    """A client that reaches the customers of one store, and not two others."""
    await store(client, "FAR")
    for name in ("Li Lei", "Other"):
        await customer(client, display_name=name, home_store="FAR", language="ko")
    scopes = ["segments:read", "segments:write", "customers:read", "receipts:read"]
    terms = {"name": "Near", "role": "admin", "reach": "store", "store": "GY-01", "scopes": scopes}
    key = (await client.post("/v1/api-keys", json=terms)).json()["key"]
    async with house.client(None, Authorization=f"Bearer {key}") as found:
        yield found


async def test_a_look_is_at_whom_the_caller_reaches(client, near):
    asked = {"text": "display_name = 'Li Lei' or language = 'en'", "sample": 0}
    answer = await near.post("/v1/segments/preview", json=asked)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["count"] == 1
    assert codes(found["warnings"]) == [("often_missing", None), ("never_true", "display_name = 'Li Lei'")]
    assert "24 customers" in found["warnings"][1]["detail"]
    assert codes(await warned(client, asked["text"])) == [("often_missing", None)]


async def test_nothing_is_told_of_what_others_beyond_reach_have(client, near):
    mine = (await near.get("/v1/customers?limit=1")).json()["data"][0]["id"]
    for name in ("Li Lei", "Nobody"):
        text = f"net_365d in top 1 customers of (display_name = '{name}')"
        made = await near.post("/v1/segments", json={"name": name, "text": text})
        assert made.status_code == 201, made.text
        saved = made.json()
        shown = [
            (await one.get(f"/v1/segments/{saved['id']}/explain/{mine}")).json()["explanation"]
            for one in (near, client)
        ]
        assert "needed" not in shown[0] and "distance" not in shown[0], shown[0]
    for text in ("any(relationships where other.home_store = 'FAR')", "count(relationships) > 0", "in segment 'kin'"):
        if "kin" in text:
            await client.post("/v1/segments", json={"name": "kin", "text": "any(relationships)"})
        answer = await near.post("/v1/segments/preview", json={"text": text})
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), answer.text
    offered = [
        {row["name"] for row in (await one.get("/v1/segments/fields")).json()["collections"]} for one in (near, client)
    ]
    assert [("relationships" in names, "receipts" in names) for names in offered] == [(False, True), (True, True)]


async def test_of_many_unknown_names_few_are_compared_with_what_there_is(monkeypatch):
    compared: list[int] = []

    def close(_, known, **__):
        compared.append(len(known))
        return []

    monkeypatch.setattr(reader, "get_close_matches", close)
    said = [doubts.Said("/v1/products", f"X{number:07}", below=False) for number in range(500)]
    found = list(doubts.unlisted(said, [f"X{number:06}A" for number in range(1000)]))
    assert (len(found), len(compared), max(compared)) == (500, 20, 300)
    monkeypatch.undo()
    many = [*(f"Y{number}" for number in range(5000)), "GY-01"]
    assert reader.near("GY-1", many) == "GY-01"


async def test_a_difference_warns_as_a_preview_does(client):
    saved = (await client.post("/v1/segments", json={"name": "zh", "text": "language = 'zh'"})).json()
    text = "home_store = 'GY-1' and status = 'active'"
    answer = await client.post(f"/v1/segments/{saved['id']}/difference", json={"text": text, "sample": 0})
    assert answer.json()["warnings"] == await warned(client, text)


async def test_a_look_that_takes_too_long_is_left_out(client, monkeypatch):
    monkeypatch.setattr(evaluate, "LOOK_SECONDS", 0.0011)
    text = "all(lines where category under 'a') and status = 'active' and completeness >= 0"
    for _ in range(3):
        assert (await client.post("/v1/segments/preview", json={"text": text})).status_code == 200
