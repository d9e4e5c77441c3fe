"""Decisions of customers: what is in force, what stays in the history, and who sees the proof."""

import itertools
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Text, cast, select, update

from app.core.caller import SYSTEM
from app.customers.models import Customer
from app.customers.queries.contact import wishes
from tests.customers.wishes import Desk

NOON = datetime(2026, 3, 2, 4, tzinfo=UTC)


@pytest.fixture
def desk(house, client):
    house.services.clock.set(NOON)
    return Desk(client)


def at(days):
    return (NOON + timedelta(days=days)).isoformat()


async def test_the_newest_decision_is_in_force_and_the_others_are_its_history(desk):
    customer = await desk.customer()
    first = await desk.decide(customer, "granted", "sms", proof="Form 7, signed", decided_at=at(-2))
    assert (first["state"], first["proof"], first["decided_at"]) == (
        "granted",
        "Form 7, signed",
        "2026-02-28T04:00:00.000000Z",
    )
    await desk.decide(customer, "withdrawn", "sms")
    assert await desk.in_force(customer) == {("marketing", "sms", None, "withdrawn")}
    history = await desk.call("GET", f"/customers/{customer}/consents", history="true")
    assert [one["state"] for one in history["data"]] == ["withdrawn", "granted"]
    assert history["data"][1] == first


async def test_a_late_decision_takes_its_place_in_time(desk):
    customer = await desk.customer()
    await desk.decide(customer, "withdrawn", "sms", decided_at=at(-1))
    await desk.decide(customer, "granted", "sms", decided_at=at(-2))
    assert await desk.in_force(customer) == {("marketing", "sms", None, "withdrawn")}


async def test_of_two_at_the_same_moment_the_one_recorded_later_counts(desk):
    customer = await desk.customer()
    for state in ("granted", "denied", "granted", "withdrawn"):
        await desk.decide(customer, state, "sms", decided_at=at(-1))
        assert await desk.in_force(customer) == {("marketing", "sms", None, state)}


async def test_a_channel_comes_before_any_but_a_later_no_to_everything_ends_its_yes(desk):
    customer = await desk.customer()
    await desk.decide(customer, "denied", "any", decided_at=at(-9))
    await desk.decide(customer, "granted", "sms", decided_at=at(-8))
    assert await desk.codes(customer, channel="sms") == []
    assert await desk.codes(customer, channel="email") == ["denied"]
    await desk.decide(customer, "withdrawn", "any", decided_at=at(-7))
    assert await desk.codes(customer, channel="sms") == ["withdrawn"]
    assert await desk.in_force(customer) == {("marketing", "any", None, "withdrawn")}
    await desk.decide(customer, "granted", "any", decided_at=at(-6))
    await desk.decide(customer, "denied", "email", decided_at=at(-10))
    assert await desk.codes(customer, channel="sms") == []
    assert await desk.codes(customer, channel="email") == ["denied"]
    assert await desk.codes(customer, channel="letter") == []


async def test_every_order_of_recording_ends_in_the_same(desk):
    said = [("granted", "any", -5), ("granted", "sms", -4), ("withdrawn", "any", -3), ("granted", "email", -2)]
    for order in itertools.permutations(said):
        customer = await desk.customer()
        for state, channel, day in order:
            await desk.decide(customer, state, channel, decided_at=at(day))
        assert await desk.in_force(customer) == {
            ("marketing", "any", None, "withdrawn"),
            ("marketing", "email", None, "granted"),
        }


async def test_partners_and_purposes_stand_apart(desk):
    customer = await desk.customer()
    await desk.decide(customer, "granted", "sms", "sharing", partner="acme")
    assert await desk.codes(customer, "sharing", "sms", partner="acme") == []
    assert await desk.codes(customer, "sharing", "sms", partner="bond") == ["no_consent"]
    assert await desk.codes(customer, "sharing", "sms") == ["no_consent"]
    assert await desk.codes(customer, "marketing", "sms", partner="acme") == ["no_consent"]
    await desk.decide(customer, "withdrawn", "any", "sharing")
    assert await desk.codes(customer, "sharing", "sms", partner="acme") == []


async def test_service_needs_no_consent_but_a_no_stands(desk):
    customer = await desk.customer()
    assert await desk.codes(customer, "service") == []
    assert await desk.codes(customer, "survey") == ["no_consent"]
    await desk.decide(customer, "denied", "phone", "service")
    assert await desk.codes(customer, "service") == ["denied"]


async def test_nothing_is_decided_in_the_future(desk):
    customer = await desk.customer()
    fast = await desk.decide(customer, "granted", decided_at=(NOON + timedelta(minutes=2)).isoformat())
    assert fast["decided_at"] == "2026-03-02T04:00:00.000000Z"
    body = {"purpose": "marketing", "channel": "any", "state": "granted", "source": "till", "decided_at": at(1)}
    refused = await desk.call("POST", f"/customers/{customer}/consents", body, status=422)
    assert [(one["pointer"], one["code"]) for one in refused["errors"]] == [("/decided_at", "future_time")]


async def test_pages_are_complete_with_equal_times(desk):
    customer = await desk.customer()
    made = [(await desk.decide(customer, "granted", "sms", decided_at=at(-1)))["id"] for _ in range(5)]
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = await desk.call("GET", f"/customers/{customer}/consents", history="true", limit=2, **cursor)
        seen += [one["id"] for one in page["data"]]
        if not page["has_more"]:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert seen == made[::-1]


async def test_the_proof_needs_the_group_personal(desk, clients):
    customer = await desk.customer()
    await desk.decide(customer, "granted", proof="Recording 12")
    analyst = await Desk(clients["analyst"]).call("GET", f"/customers/{customer}/consents")
    assert "proof" not in analyst["data"][0]


async def test_a_decision_is_told_and_audited_without_its_words(desk, rows):
    customer = await desk.customer()
    made = await desk.decide(customer, "granted", "sms", proof="Recording 12")
    told = await rows("SELECT subject, data FROM outbox WHERE type = 'consent.changed' UNION ALL"
                      " SELECT subject, data FROM events WHERE type = 'consent.changed'")  # fmt: skip
    about = {"customer_id": customer, "purpose": "marketing", "channel": "sms", "partner": None, "state": "granted"}
    assert [tuple(one) for one in told] == [(made["id"], about)]
    noted = await rows("SELECT action, customer_id FROM audit_entries WHERE record_id = :one", one=made["id"])
    assert [tuple(one) for one in noted] == [("consent.record", uuid.UUID(customer))]


async def test_who_is_gone_or_a_walk_in_decides_nothing(desk, house):
    body = {"purpose": "marketing", "channel": "any", "state": "granted", "source": "till"}
    await desk.call("POST", f"/customers/{uuid.uuid4()}/consents", body, status=404)
    customer = await desk.customer()
    await house.services.db.run(lambda tx: tx.execute(update(Customer).values(status="erased")))
    await desk.call("POST", f"/customers/{customer}/consents", body, status=410)
    assert await desk.codes(customer, "service") == ["customer_state"]


async def test_a_document_can_carry_what_a_customer_wants(desk, house):
    customer, other = await desk.customer(), await desk.customer()
    await desk.decide(customer, "granted", "sms")
    await desk.decide(customer, "withdrawn", "any", decided_at=at(-1))
    await desk.decide(other, "denied", "any")
    await desk.call("PUT", f"/customers/{customer}/contact-policy", {"do_not_call": True, "preferred_channel": "chat"})
    shown = cast(wishes(Customer.__table__.c.id), Text)
    statement = select(Customer.id, cast(shown, Text)).order_by(Customer.id)
    found = {str(row[0]): row[1] for row in await house.services.db.read(SYSTEM, lambda tx: tx.rows(statement))}
    moment = '"decided_at" : "2026-03-0{}T04:00:00.000000Z"}}'
    assert found[other] == (
        '{"do_not_call" : false, "preferred_channel" : null, "consents" : [{"purpose" : "marketing", "channel" : "any",'
        ' "partner" : null, "state" : "denied", ' + moment.format(2) + "]}"
    )
    assert found[customer].startswith('{"do_not_call" : true, "preferred_channel" : "chat", "consents" : [{')
    assert found[customer].count('"state"') == 2
