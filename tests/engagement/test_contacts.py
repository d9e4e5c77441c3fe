"""Interactions as contacts: which of them count for the cap, and that each counts once."""

import random
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from app.customers.purposes import LOGGED_CHANNELS
from app.engagement.choices import Channel, words

NOON = datetime(2026, 3, 2, 4, tzinfo=UTC)


@pytest.fixture
async def capped(desk):
    """The desk; Mei is to be contacted twice a week at most."""
    await cap(desk, 2)
    return desk


async def cap(desk, most):
    body = {"cap": {"most": most, "within_days": 7}, "hours": []}
    await desk.call("PUT", f"/customers/{desk.mei}/contact-policy", body)


async def reasons(desk, channel="phone"):
    answer = await desk.client.get(
        f"/v1/customers/{desk.mei}/may-contact", params={"purpose": "service", "channel": channel}
    )
    assert answer.status_code == 200, answer.text
    return [one["code"] for one in answer.json()["reasons"]]


async def log(house):
    async with house.services.db.engine.connect() as connection:
        found = await connection.execute(text("SELECT id::text, reached, channel, agent FROM contact_log ORDER BY id"))
        return [tuple(row) for row in found]


async def test_after_so_many_contacts_the_cap_says_no(capped):
    await capped.add("interactions", direction="outbound")
    assert await reasons(capped) == []
    await capped.add("interactions", direction="outbound", channel="email", by="emp-1")
    assert await reasons(capped) == ["cap_reached"]


async def test_who_calls_us_or_was_not_reached_has_not_been_contacted(capped, house):
    for _ in range(3):
        await capped.add("interactions", direction="inbound")
        await capped.add("interactions", direction="outbound", reached=False)
    assert await reasons(capped) == []
    assert [reached for _, reached, _, _ in await log(house)] == [False] * 3
    for _ in range(2):
        await capped.add("interactions", direction="outbound")
    assert await reasons(capped) == ["cap_reached"]


async def test_what_is_sent_again_counts_once(capped, client, house):
    mine = str(uuid.uuid4())
    body = {"id": mine, "channel": "phone", "direction": "outbound"}
    path = f"/v1/customers/{capped.mei}/interactions"
    codes = []
    for key in ("k1", "k1", "k2", None):
        headers = {} if key is None else {"Idempotency-Key": key}
        codes.append((await client.post(path, json=body, headers=headers)).status_code)
    assert codes == [201, 201, 409, 409]
    assert [one[0] for one in await log(house)] == [mine]
    assert await reasons(capped) == []
    # A dialler's own log entry and the agent's note about it are one contact, however late either is.
    entry = {"id": mine, "channel": "phone"}
    assert (await client.post(f"/v1/customers/{capped.mei}/contact-log", json=entry)).status_code == 200
    other = {"id": str(uuid.uuid4()), "channel": "phone", "reached": False, "agent": "dialler"}
    assert (await client.post(f"/v1/customers/{capped.mei}/contact-log", json=other)).status_code == 201
    assert await reasons(capped) == []
    await capped.add("interactions", direction="outbound", id=other["id"], by="emp-1")
    assert (other["id"], True, "phone", "emp-1") in await log(house) and len(await log(house)) == 2
    assert await reasons(capped) == ["cap_reached"]


async def test_a_corrected_interaction_leaves_no_wrong_count(capped, house):
    await cap(capped, 1)
    start = await capped.here()
    made = await capped.add("interactions", direction="outbound", by="emp-1")
    assert await reasons(capped) == ["cap_reached"]
    steps: list[tuple[dict[str, Any], list[str], list[bool], list[str]]] = [
        ({"reached": False}, [], [False], ["contact.corrected"]),
        ({"reached": True, "channel": "sms"}, ["cap_reached"], [True], ["contact.corrected"]),
        ({"direction": "inbound"}, [], [], ["contact.withdrawn"]),
        ({"reached": False}, [], [], []),
        ({"topic": "delivery"}, [], [], []),
        ({"direction": "outbound", "reached": True}, ["cap_reached"], [True], ["contact.made"]),
        ({"note": "Was friendly"}, ["cap_reached"], [True], []),
    ]
    told = ["interaction.recorded", "contact.made"]
    for version, (change, expected, logged, events) in enumerate(steps, 1):
        answer = await capped.patch("interactions", made, version=version, **change)
        assert answer.status_code == 200, answer.text
        assert await reasons(capped) == expected, change
        assert [reached for _, reached, _, _ in await log(house)] == logged, change
        told += ["interaction.updated", *events]
    assert await log(house) == [(made["id"], True, "sms", "emp-1")]
    assert [kind for kind, _ in await capped.told(start)] == told


async def test_a_refused_interaction_counts_nothing(capped, house):
    await capped.add("interactions", direction="outbound", reached="perhaps", expect=422)
    await capped.add("interactions", direction="outbound", reached=None, expect=422)
    await capped.add("interactions", of=str(uuid.uuid4()), direction="outbound", expect=404)
    assert await log(house) == []


async def test_the_log_has_the_interactions_that_plain_python_counts(desk, house):
    """Random interactions and corrections: the cap is reached exactly when plain Python counts as many."""
    chance, kept = random.Random(7), dict[str, Any]()
    await cap(desk, 4)
    for _ in range(40):
        if kept and chance.random() < 0.5:
            made = chance.choice(sorted(kept.values(), key=lambda one: one["id"]))
            change = {
                "direction": chance.choice(["inbound", "outbound"]), "reached": chance.random() < 0.5,
                "channel": chance.choice(words(Channel)),
            }  # fmt: skip
            answer = await desk.patch("interactions", made, **change)
            assert answer.status_code == 200
            made = answer.json()
        else:
            at = NOON - timedelta(days=chance.choice([0, 1, 6, 8, 20]), minutes=chance.randint(0, 600))
            made = await desk.add(
                "interactions", occurred_at=at.isoformat(), direction=chance.choice(["inbound", "outbound"]),
                reached=chance.random() < 0.7, channel=chance.choice(words(Channel)),
            )  # fmt: skip
        kept[made["id"]] = made
        ours = sorted(
            (one["id"], one["reached"], one["channel"], one["by"])
            for one in kept.values()
            if one["direction"] == "outbound"
        )
        assert await log(house) == ours
        real = [
            one for one in kept.values()
            if one["direction"] == "outbound" and one["reached"]
            and datetime.fromisoformat(one["occurred_at"]) > NOON - timedelta(days=7)
        ]  # fmt: skip
        assert await reasons(desk) == (["cap_reached"] if len(real) >= 4 else [])
    assert set(words(Channel)) <= set(LOGGED_CHANNELS)


async def test_a_contact_costs_two_statements_more(desk, statements):
    made = await desk.add("interactions", direction="outbound")
    with statements() as seen:
        await desk.add("interactions", direction="outbound")
    assert len(seen) == 4, seen
    with statements() as seen:
        assert (await desk.patch("interactions", made, reached=False)).status_code == 200
    assert len(seen) == 6, seen
    with statements() as seen:
        await desk.patch("interactions", made, version=2, note="Later")
    assert len(seen) == 3, seen


@pytest.mark.parametrize("channel", ["visit", None])
async def test_a_gift_that_was_given_is_a_contact(desk, channel):
    """Found: who had just been visited with a gift could be called again the same day."""
    more = {} if channel is None else {"channel": channel}
    care = await desk.add("care", owner="emp-4", **more)
    other = await desk.add("care")
    await cap(desk, 1)
    await desk.act("care", other, "cancel")
    before = await reasons(desk)
    start = await desk.here()
    await desk.act("care", care, "complete", cost=100)
    assert [data["channel"] for kind, data in await desk.told(start) if kind == "contact.made"] == [channel or "other"]
    assert (before, await reasons(desk)) == ([], ["cap_reached"])
