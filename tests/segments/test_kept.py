"""Kept segments: filled, followed, asked of the past, and forgotten."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert

from app.segments import verify
from app.segments.jobs import Keeper
from app.segments.models import Membership
from tests.feed import factories as feed
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


async def test_every_page_of_a_customers_segments_is_of_the_day_that_was_asked_for(keeping, client):
    await keeping.segment("everybody", "language is missing or language is not missing")
    rich = await keeping.segment("rich", RICH)
    mei = await customer(client)
    bought = await receipt(client, mei, 20_000, "2026-11-20")
    await keeping.follow()
    keeping.at(NOON + timedelta(days=1))
    (await client.post(f"/v1/receipts/{bought}/void", json={})).raise_for_status()
    await keeping.follow()
    for asked, there in (({"as_of": "2026-11-20"}, True), ({}, False)):
        first = await keeping.get(f"/customers/{mei}/segments", limit="1", **asked)
        second = await keeping.get(f"/customers/{mei}/segments", limit="1", cursor=first["next_cursor"])
        assert first["as_of"] == second["as_of"] == asked.get("as_of", "2026-11-21")
        assert [one["id"] for one in second["data"]] == [rich] * there


async def rich_mei(keeping, client):
    """A kept segment of the rich, which Mei came into."""
    rich = await keeping.segment("rich", RICH)
    await keeping.follow()
    mei = await customer(client)
    await receipt(client, mei, 20_000, "2026-11-20")
    await keeping.follow()
    return rich, mei


async def test_an_edit_is_followed_and_told(keeping, client):
    rich, mei = await rich_mei(keeping, client)
    bo = await customer(client)
    keeping.at(NOON + timedelta(days=2))
    difference = await client.post(f"/v1/segments/{rich}/difference", json={"text": "figures.receipts = 0"})
    assert [difference.json()[side]["count"] for side in ("enter", "leave", "stay")] == [1, 1, 0]
    await keeping.patch(rich, text="figures.receipts = 0")
    # Until the worker has looked, what was kept is what is kept.
    assert await keeping.members(rich) == {mei}
    await keeping.follow()
    assert await keeping.members(rich) == {bo}
    assert sorted(await keeping.changes(rich, **{"from": "2026-11-22"})) == sorted(
        [(mei, "left", "2026-11-22"), (bo, "entered", "2026-11-22")]
    )
    assert await keeping.members(rich, as_of="2026-11-21") == {mei}
    # A new name changes nobody.
    await keeping.patch(rich, name="poor")
    told = await keeping.told()
    await keeping.follow()
    assert await keeping.told() == told


async def test_a_day_that_begins_is_followed(keeping, client):
    """By the company's clock: at 16:00 in UTC it is the next day in Shanghai."""
    mei = await customer(client)
    await receipt(client, mei, 100, "2026-11-20")
    today = await keeping.segment("today", "any(receipts during last 1 day)")
    await keeping.follow()
    keeping.at(datetime(2026, 11, 20, 15, 59, 59, tzinfo=UTC))
    await keeping.follow()
    assert await keeping.members(today) == {mei}
    keeping.at(datetime(2026, 11, 20, 16, tzinfo=UTC))
    assert (await keeping.get(f"/segments/{today}/count"))["as_of"] == "2026-11-20"
    # Of a day that the worker has not come to yet it is asked.
    asked = await keeping.get(f"/segments/{today}/count", as_of="2026-11-21")
    assert asked == {"count": 0, "as_of": "2026-11-21", "version": 1}
    await keeping.follow()
    assert await keeping.members(today) == set()
    assert await keeping.changes(today) == [(mei, "left", "2026-11-21")]


async def test_a_list_that_is_kept_tells_who_was_in_it(keeping, client):
    mei, bo = await customer(client), await customer(client)
    letter = await keeping.segment("letter", None)
    both = await keeping.segment("both", "not in segment 'letter'")
    await keeping.follow()
    path = f"/v1/segments/{letter}/members/batch"
    (await client.post(path, json={"items": [{"id": mei}, {"id": bo}]})).raise_for_status()
    await keeping.follow()
    keeping.at(NOON + timedelta(days=1))
    (await client.post(path, json={"items": [{"id": bo, "action": "remove"}]})).raise_for_status()
    await keeping.follow()
    assert (await keeping.members(letter), await keeping.members(both)) == ({mei}, {bo})
    assert await keeping.members(letter, as_of="2026-11-20") == {mei, bo}
    assert await keeping.changes(both) == [(one, "left", "2026-11-20") for one in sorted([mei, bo])] + [
        (bo, "entered", "2026-11-21")
    ]


async def test_the_past_can_be_asked_about(keeping, client):
    rich, mei = await rich_mei(keeping, client)
    keeping.at(NOON + timedelta(days=3))
    await keeping.follow()
    ask = {
        "entered segment 'rich' during last 4 days": 1, "entered segment 'rich' during last 3 days": 0,
        "was in segment 'rich' on 2026-11-20": 1, "left segment 'rich' during last 4 days": 0,
        "not was in segment 'rich' on 2026-11-23": 0,
    }  # fmt: skip
    for question, count in ask.items():
        found = (await client.post("/v1/segments/preview", json={"text": question})).json()
        assert (found["count"], found["text"]) == (count, question)
    answer = await client.post("/v1/segments/preview", json={"text": "was in segment 'rich' on 2026-11-19"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["code"] == "before_kept"
    new = await keeping.segment("new", "entered segment 'rich' during last 4 days", materialised=False)
    explained = (await keeping.get(f"/segments/{new}/explain/{mei}"))["explanation"]
    assert (explained["truth"], explained["value"]) == (True, {"date": "2026-11-20"})
    # What is asked about is not forgotten, nor its segment deleted.
    assert (await keeping.patch(rich, 409, materialised=False))["code"] == "segment_in_use"
    gone = await client.delete(f"/v1/segments/{rich}", headers={"If-Match": '"1"'})
    assert gone.json()["code"] == "segment_in_use"
    plain = await keeping.segment("plain", "age > 3", materialised=False)
    answer = await client.post("/v1/segments/preview", json={"text": "entered segment 'plain' during last 4 days"})
    assert answer.json()["errors"][0]["code"] == "not_kept"
    assert (await keeping.get(f"/segments/{plain}/changes", 409))["code"] == "not_kept"


async def test_what_is_kept_no_longer_is_forgotten(keeping, client, monkeypatch):
    monkeypatch.setattr("app.segments.commands.keeping.PORTION", 1)
    rich, mei = await rich_mei(keeping, client)
    bo = await customer(client)
    await receipt(client, bo, 20_000, "2026-11-20")
    await keeping.follow()
    assert (await keeping.patch(rich, materialised=False))["version"] == 2
    assert await keeping.members(rich) == {mei, bo}
    assert "refreshed_at" not in await keeping.get(f"/segments/{rich}/count")
    # Kept again before the worker came: it begins anew.
    keeping.at(NOON + timedelta(days=1))
    await keeping.patch(rich, materialised=True)
    await keeping.follow()
    assert await keeping.changes(rich) == []
    assert (await keeping.get(f"/segments/{rich}/changes"))["since"] == "2026-11-21"
    assert await keeping.members(rich) == {mei, bo}
    versions = (await keeping.get(f"/segments/{rich}/versions"))["data"]
    assert [one["fields"] for one in versions] == [["materialised"], ["materialised"], ["name", "tree", "materialised"]]
    (await client.delete(f"/v1/segments/{rich}", headers={"If-Match": '"3"'})).raise_for_status()
    await keeping.follow()
    assert await keeping.rows("SELECT 1 FROM memberships UNION ALL SELECT 1 FROM kept_segments") == []


async def test_what_nothing_tells_of_cannot_be_kept(keeping, client):
    for text in ("completeness > 50", "plan_forecast > 1.00"):
        answer = await client.post("/v1/segments", json={"name": "x", "text": text, "materialised": True})
        assert (answer.status_code, answer.json()["code"]) == (422, "cannot_be_kept")
    plain = await keeping.segment("plain", "completeness > 50", materialised=False)
    assert (await keeping.patch(plain, 422, materialised=True))["code"] == "cannot_be_kept"
    rich = await keeping.segment("rich", RICH, materialised=False)
    above = await keeping.segment("above", "in segment 'rich'")
    assert (await keeping.patch(rich, 422, text="completeness > 50"))["code"] == "cannot_be_kept"
    assert (await keeping.patch(above, 422, text="completeness > 50"))["code"] == "cannot_be_kept"


async def test_a_customers_segments_are_those_that_are_kept_and_those_that_are_asked(keeping, client):
    rich, mei = await rich_mei(keeping, client)
    asked = await keeping.segment("asked", RICH, materialised=False)
    keeping.at(NOON + timedelta(days=1))
    held = await keeping.get(f"/customers/{mei}/segments")
    moment = "2026-11-20T04:00:00.000000Z"
    assert held["data"] == [
        {"id": rich, "name": "rich", "version": 1, "refreshed_at": moment},
        {"id": asked, "name": "asked", "version": 1},
    ]
    await keeping.follow()
    then = await keeping.get(f"/customers/{mei}/segments", as_of="2026-11-20")
    assert [one["name"] for one in then["data"]] == ["rich", "asked"]


async def test_who_was_merged_was_there_and_who_is_erased_was_not(keeping, client):
    rich, mei = await rich_mei(keeping, client)
    bo, an = await customer(client), await customer(client)
    await receipt(client, an, 20_000, "2026-11-20")
    await keeping.follow()
    keeping.at(NOON + timedelta(days=1))
    made = await client.post("/v1/merges", json={"winner": bo, "loser": mei})
    await keeping.follow()
    assert await keeping.members(rich) == {bo, an}
    assert (mei, "left", "2026-11-21") in await keeping.changes(rich)
    assert (bo, "entered", "2026-11-21") in await keeping.changes(rich)
    # Who was there as Mei is Bo today.
    assert await keeping.members(rich, as_of="2026-11-20") == {bo, an}
    preview = await client.post("/v1/segments/preview", json={"text": "was in segment 'rich' on 2026-11-20"})
    assert {one["id"] for one in preview.json()["sample"]} == {bo, an}
    (await client.post(f"/v1/merges/{made.json()['id']}/undo", json={})).raise_for_status()
    await keeping.follow()
    assert await keeping.members(rich) == await keeping.members(rich, as_of="2026-11-20") == {mei, an}
    shown = (await keeping.get(f"/customers/{an}/export"))["sections"]["memberships"]
    assert [(one["segment_id"], one["entered_on"], one["left_on"]) for one in shown] == [(rich, "2026-11-20", None)]
    (await client.post("/v1/erasures", json={"customer_id": an, "reason": "request"})).raise_for_status()
    assert await keeping.rows(f"SELECT 1 FROM memberships WHERE customer_id = '{an}'") == []
    await keeping.follow()
    assert await keeping.members(rich, as_of="2026-11-20") == {mei}


async def test_whoever_was_erased_while_the_worker_wrote_leaves_nothing(keeping, client):
    """The erasure did not see what the worker had not committed."""
    rich, mei = await rich_mei(keeping, client)
    row = (await keeping.rows(f"SELECT id FROM memberships WHERE customer_id = '{mei}'"))[0]
    (await client.post("/v1/erasures", json={"customer_id": mei, "reason": "request"})).raise_for_status()

    async def write(tx):
        values = {"customer_id": mei, "id": row.id, "segment_id": rich, "entered_on": NOON.date(), "entered_at": NOON}
        await tx.execute(insert(Membership).values(values))

    await keeping.services.db.run(write)
    await keeping.follow()
    assert await keeping.rows("SELECT 1 FROM memberships") == []


async def test_workers_at_once_and_killed_tell_everything_once(keeping, client, monkeypatch):
    monkeypatch.setattr("app.segments.commands.keeping.EVENTS_MAX", 2)
    rich = await keeping.segment("rich", RICH)
    top = await keeping.segment("top", "figures.net in top 2 customers")
    await keeping.follow()
    services = keeping.services
    people = []
    for number in range(6):
        people.append(await customer(client))
        await receipt(client, people[-1], 20_000 + number, "2026-11-20")
        while await feed.move(services.db):
            pass
        workers = [asyncio.create_task(Keeper(services).turn()) for _ in range(3)]
        await asyncio.sleep(0.004 * number)
        workers[0].cancel()
        await asyncio.gather(*workers, return_exceptions=True)
    await keeping.follow()
    assert await keeping.kept() == {rich: set(people), top: set(people[-2:])}
    told = await keeping.told()
    assert sorted(one for kind, one, segment, _ in told if segment == rich) == sorted(people)
    assert len(told) == len({*told}), "nobody comes twice on one day here"


class Heard(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def heard(monkeypatch):
    """What the keeper writes to its log, whatever other tests have made of logging."""
    log, handler = logging.getLogger("clientele.segments"), Heard()
    monkeypatch.setattr(log, "disabled", False)
    log.addHandler(handler)
    yield handler.records
    log.removeHandler(handler)


async def test_a_segment_that_cannot_be_refreshed_keeps_no_other_waiting(keeping, client, heard):
    (await client.put("/v1/custom-attributes/size", json={"label": "Size", "type": "integer"})).raise_for_status()
    odd = await keeping.segment("odd", "custom.size > 3")
    rich = await keeping.segment("rich", RICH)
    await keeping.rows(
        f"UPDATE segments SET tree = jsonb_set(tree, '{{left,field}}', '\"gone\"') WHERE id = '{odd}' RETURNING 1"
    )
    mei = await customer(client)
    await receipt(client, mei, 20_000, "2026-11-20")
    while await feed.move(keeping.services.db):
        pass
    await Keeper(keeping.services).turn()
    assert await keeping.kept() == {rich: {mei}}
    assert ["could not be refreshed" in one.getMessage() for one in heard] == [True]


async def test_a_feed_that_is_no_longer_there_is_made_up_for(keeping, client, monkeypatch):
    """After so many events that it is quicker to ask about everybody, or that they were not kept."""
    rich, mei = await rich_mei(keeping, client)
    bo = await customer(client)
    await receipt(client, bo, 20_000, "2026-11-20")
    monkeypatch.setattr("app.segments.commands.keeping.EVENTS_TOO_MANY", 0)
    await keeping.follow()
    assert await keeping.members(rich) == {mei, bo}
    await keeping.rows("UPDATE kept_segments SET sequence = sequence + 1000000 RETURNING 1")
    await receipt(client, bo, 19_000, "2026-11-20", kind="return")
    await keeping.follow()
    assert await keeping.members(rich) == {mei}


async def test_verify_finds_and_repairs_who_is_kept_wrongly(keeping, client):
    rich, mei = await rich_mei(keeping, client)
    bo = await customer(client)
    await keeping.follow()

    async def differences(**more):
        return [str(one) async for found in verify.check(keeping.services, **more) for one in found]

    assert await differences() == []
    await keeping.rows(f"UPDATE memberships SET customer_id = '{bo}' RETURNING 1")
    wrong = [f"{mei} segment {rich}: true, not kept", f"{bo} segment {rich}: kept, not true"]
    assert await differences(repair=True) == wrong
    assert await differences() == []
    assert await keeping.members(rich) == {mei}


async def test_changes_come_page_by_page(keeping, client):
    rich = await keeping.segment("rich", RICH)
    await keeping.follow()
    for day in range(3):
        for _ in range(2):
            await receipt(client, await customer(client), 20_000, "2026-11-20")
        keeping.at(NOON + timedelta(days=day))
        await keeping.follow()
    whole = await keeping.changes(rich)
    assert [on for _, _, on in whole] == [f"2026-11-2{day}" for day in (0, 0, 1, 1, 2, 2)]
    assert await keeping.changes(rich, size=1) == whole
    assert await keeping.members(rich, size=2) == {who for who, _, _ in whole}
    assert await keeping.members(rich, size=2, as_of="2026-11-21") == {who for who, _, _ in whole[:4]}
