"""Rows that follow each other, ratios and samples, in stories through the API."""

from datetime import UTC, datetime

import pytest

from tests.segments.factories import customer, receipt, segment, store

NOW = datetime(2026, 11, 21, 4, tzinfo=UTC)
THEN = "sequence(receipts where store = 'WEB' then receipts where store != 'WEB' within 14 days)"


@pytest.fixture(autouse=True)
async def today(house, client):
    house.services.clock.set(NOW)
    for code in ("GY-01", "WEB"):
        await store(client, code)


async def found(client, asked):
    answer = await client.post("/v1/segments/preview", json={"text": asked, "sample": 50})
    assert answer.status_code == 200, answer.text
    assert answer.json()["count"] == len(answer.json()["sample"])
    return {one["id"] for one in answer.json()["sample"]}


async def bought(client, *what):
    one = await customer(client)
    made = [await receipt(client, one, 100, day, store=where) for day, where in what]
    return one, made


async def test_who_bought_online_and_then_in_a_store(client):
    soon, receipts = await bought(client, ("2026-11-01", "WEB"), ("2026-11-15", "GY-01"))
    late, _ = await bought(client, ("2026-11-01", "WEB"), ("2026-11-16", "GY-01"))
    before, _ = await bought(client, ("2026-11-01", "GY-01"), ("2026-11-02", "WEB"))
    long_ago, _ = await bought(client, ("2026-01-01", "WEB"), ("2026-01-02", "GY-01"))
    same_day, _ = await bought(client, ("2026-11-20", "WEB"), ("2026-11-20", "GY-01"))
    assert await found(client, f"{THEN} during last 60 days") == {soon, same_day}
    assert await found(client, THEN) == {soon, same_day, long_ago}
    assert await found(client, THEN.replace("14 days", "15 days")) == {soon, same_day, long_ago, late}
    assert await found(client, f"not {THEN}") == {late, before}
    saved = await segment(client, "web then store", THEN)
    assert (saved["text"], saved["temporal"]) == (THEN, False)
    assert saved["uses"] == ["receipts", "receipts.store"]
    why = (await client.get(f"/v1/segments/{saved['id']}/explain/{soon}")).json()["explanation"]
    assert (why["truth"], why["value"], why["evidence"]) == (True, {"number": "1"}, [receipts[0]])
    why = (await client.get(f"/v1/segments/{saved['id']}/explain/{before}")).json()["explanation"]
    far = "up to step 1 it is there once; step 2 does not follow"
    assert (why["truth"], why["evidence"], why["distance"]) == (False, [], far)


async def test_what_has_not_followed(client):
    once, _ = await bought(client, ("2026-11-01", "WEB"))
    again, _ = await bought(client, ("2026-11-01", "WEB"), ("2026-11-08", "GY-01"))
    much_later, _ = await bought(client, ("2026-11-01", "WEB"), ("2026-11-09", "GY-01"))
    asked = "sequence(receipts where store = 'WEB' then not receipts within 7 days)"
    assert await found(client, asked) == {once, much_later}
    asked = "sequence(receipts where store = 'WEB' then not receipts within 7 days then receipts within 1 month)"
    assert await found(client, asked) == {much_later}
    # The receipt itself does not follow itself, and one of the window may be followed by one outside of it.
    assert await found(client, f"{asked[:-1]}) from 2026-11-01 to 2026-11-05") == set()
    assert again


async def test_a_month_after_the_31st_is_the_last_day_of_a_shorter_month(client):
    just, _ = await bought(client, ("2026-01-31", "WEB"), ("2026-02-28", "GY-01"))
    _, _ = await bought(client, ("2026-01-31", "WEB"), ("2026-03-01", "GY-01"))
    assert await found(client, THEN.replace("14 days", "1 month")) == {just}


async def test_a_share_of_what_was_spent(client):
    half = await customer(client)
    for day in ("2025-01-01", "2026-11-01"):
        await receipt(client, half, 1000, day)
    whole, nobody = await customer(client), await customer(client)
    await receipt(client, whole, 1000, "2026-11-01")
    asked = "ratio(sum(receipts.net during last 12 months), figures.net)"
    assert await found(client, f"{asked} = 0.5") == {half}
    assert await found(client, f"{asked} <= 1") == {half, whole}
    # Nothing of nothing is no share.
    assert await found(client, f"{asked} <= 1 including missing") == {half, whole, nobody}
    saved = await segment(client, "share", f"{asked} > 0.9")
    why = (await client.get(f"/v1/segments/{saved['id']}/explain/{half}")).json()["explanation"]
    assert (why["value"], why["needed"], why["distance"]) == ({"number": "0.5"}, {"number": "0.9"}, "0.4 short")


async def test_a_sample_is_the_same_customers_whatever_the_segment_is_called(client):
    everybody = {await customer(client) for _ in range(45)}
    saved = await segment(client, "a tenth", "sample 30% seed 'autumn'")
    where = f"/v1/segments/{saved['id']}"

    async def members():
        return {one["id"] for one in (await client.get(f"{where}/members?limit=200")).json()["data"]}

    some = await members()
    assert 3 < len(some) < 30
    renamed = await client.patch(where, json={"name": "another"}, headers={"If-Match": '"1"'})
    assert renamed.status_code == 200
    assert await members() == some
    assert some < await found(client, "sample 60% seed 'autumn'") < everybody
    assert await found(client, "sample 100% seed 'autumn'") == everybody
    assert await found(client, "sample 30% seed 'winter'") != some
    assert await found(client, "not sample 30% seed 'autumn'") == everybody - some


async def test_a_sequence_needs_what_its_collections_need(client, clients):
    asked = {"text": "sequence(receipts then complaints within 3 days)"}
    lacking = (await clients["pos"].post("/v1/segments/parse", json=asked)).json()["lacking"]
    assert "the scope engagement:read" in lacking
