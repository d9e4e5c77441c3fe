"""Policies, reservations, the log of contacts, and when the next one is due."""

import asyncio
import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from app.core.ids import new_id
from app.core.settings import ContactSettings
from app.customers import commands
from app.customers.commands import NewContact
from tests.customers.wishes import Desk

NOON = datetime(2026, 3, 2, 4, tzinfo=UTC)  # a Monday, noon in Shanghai


@pytest.fixture
def desk(house, client):
    house.services.clock.set(NOON)
    return Desk(client)


@pytest.fixture
def company(house):
    """Sets the company's defaults for one test."""
    settings = house.services.settings
    before = settings.contact

    def put(**values):
        settings.contact = ContactSettings(**values)

    yield put
    settings.contact = before


# --- policies ---------------------------------------------------------------------------------------------------------


async def test_a_policy_is_set_whole_and_has_versions(desk):
    path = f"/customers/{await desk.customer()}/contact-policy"
    usual = await desk.call("GET", path)
    assert (usual["version"], usual["updated_at"], usual["hours"]) == (0, None, None)
    assert usual["in_force"] == {"time_zone": "Asia/Shanghai", "hours": [], "cap": None}
    body = {
        "preferred_channel": "chat", "time_zone": "Europe/Berlin", "cap": {"most": 2, "within_days": 7},
        "hours": [{"days": [1], "start": "09:00", "end": "24:00"}], "wanted_days": 30,
    }  # fmt: skip
    made = await desk.call("PUT", path, body, status=201)
    assert {name: made[name] for name in body} == body
    assert made["version"] == 1
    assert (await desk.call("PUT", path, body, status=200))["version"] == 1
    changed = await desk.call("PUT", path, {"do_not_call": True}, status=200)
    assert (changed["version"], changed["do_not_call"], changed["cap"], changed["time_zone"]) == (2, True, None, None)
    assert await desk.call("GET", path) == changed


async def test_a_stale_policy_is_refused(desk, client):
    path = f"/v1/customers/{await desk.customer()}/contact-policy"
    first = await client.put(path, json={"wanted_days": 7}, headers={"If-Match": '"0"'})
    assert (first.status_code, first.headers["etag"]) == (201, '"1"')
    stale = await client.put(path, json={"wanted_days": 8}, headers={"If-Match": '"0"'})
    assert stale.status_code == 412


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"hours": [{"start": "20:00", "end": "09:00"}]}, "/hours/0"),
        ({"hours": [{"start": "9:00", "end": "10:00"}]}, "/hours/0/start"),
        ({"hours": [{"days": [8], "start": "09:00", "end": "10:00"}]}, "/hours/0/days/0"),
        ({"time_zone": "Mars/Olympus"}, "/time_zone"),
        ({"cap": {"most": 0, "within_days": 3}}, "/cap/most"),
        ({"cap": {"most": 3}}, "/cap/within_days"),
        ({"wanted_days": 4000}, "/wanted_days"),
        ({"preferred_channel": "any"}, "/preferred_channel"),
    ],
)
async def test_what_is_no_policy_is_refused_with_its_place(desk, body, pointer):
    refused = await desk.call("PUT", f"/customers/{await desk.customer()}/contact-policy", body, status=422)
    assert [one["pointer"] for one in refused["errors"]] == [pointer]


async def test_the_zone_is_the_customers_then_the_home_stores(desk, store):
    at_home = await desk.customer(home_store=store)
    assert (await desk.may(at_home))["time_zone"] == "Asia/Taipei"
    await desk.call("PUT", f"/customers/{at_home}/contact-policy", {"time_zone": "Europe/Berlin"})
    assert (await desk.may(at_home))["time_zone"] == "Europe/Berlin"


async def test_the_companys_defaults_count_until_the_customer_says_otherwise(desk, company):
    company(opens="13:00", closes="20:00", most=1, within_days=2)
    customer = await desk.customer()
    found = await desk.may(customer, "service")
    assert [one["code"] for one in found["reasons"]] == ["quiet_hours"]
    assert found["next_allowed_at"] == "2026-03-02T05:00:00.000000Z"
    await desk.contact(customer, NOON - timedelta(hours=1))
    assert await desk.codes(customer, "service") == ["quiet_hours", "cap_reached"]
    own = {"hours": [], "cap": {"most": 2, "within_days": 2}}
    shown = await desk.call("PUT", f"/customers/{customer}/contact-policy", own)
    assert shown["in_force"]["cap"] == own["cap"]
    assert await desk.codes(customer, "service") == []


# --- reservations -----------------------------------------------------------------------------------------------------


async def test_of_twenty_at_once_one_gets_the_customer(desk, rows):
    customer = await desk.customer()
    path = f"/v1/customers/{customer}/contact-reservations"
    calls = (desk.client.post(path, json={"agent": f"emp-{number}"}) for number in range(20))
    answers = await asyncio.gather(*calls)
    assert Counter(one.status_code for one in answers) == {201: 1, 409: 19}
    won = next(one.json() for one in answers if one.status_code == 201)
    for one in answers:
        if one.status_code == 409:
            told = one.json()
            assert (told["code"], told["until"], told["agent"]) == ("contact_reserved", won["expires_at"], won["agent"])
    assert await rows("SELECT count(*) FROM contact_reservations") == [(1,)]


async def test_an_ended_reservation_is_won_by_one_of_twenty(desk, house):
    customer = await desk.customer()
    await desk.reserve(customer)
    house.services.clock.set(NOON + timedelta(minutes=15))
    path = f"/v1/customers/{customer}/contact-reservations"
    answers = await asyncio.gather(*(desk.client.post(path, json={"agent": "emp-2"}) for _ in range(20)))
    assert Counter(one.status_code for one in answers) == {201: 1, 409: 19}


async def test_a_reservation_ends_by_time_alone(desk, house):
    customer = await desk.customer()
    made = await desk.reserve(customer, minutes=20)
    assert made["expires_at"] == "2026-03-02T04:20:00.000000Z"
    found = await desk.may(customer, "service", agent="emp-2")
    assert found["reasons"] == [
        {"code": "reserved_by_other", "detail": "Somebody is in touch with the customer right now.",
         "until": "2026-03-02T04:20:00.000000Z"},
    ]  # fmt: skip
    assert found["next_allowed_at"] == "2026-03-02T04:20:00.000000Z"
    assert await desk.codes(customer, "service", agent="emp-1") == []
    house.services.clock.set(NOON + timedelta(minutes=20) - timedelta(microseconds=1))
    await desk.reserve(customer, "emp-2", status=409)
    house.services.clock.set(NOON + timedelta(minutes=20))
    assert await desk.codes(customer, "service", agent="emp-2") == []
    assert (await desk.reserve(customer, "emp-2"))["agent"] == "emp-2"


async def test_a_released_customer_is_free_at_once(desk):
    customer = await desk.customer()
    made = await desk.reserve(customer)
    path = f"/contact-reservations/{made['id']}/release"
    assert (await desk.call("POST", path))["expires_at"] == "2026-03-02T04:00:00.000000Z"
    assert (await desk.call("POST", path, status=409))["code"] == "reservation_ended"
    taken = await desk.reserve(customer, "emp-2")
    await desk.call("POST", path, status=404)
    assert taken["id"] != made["id"]


async def test_who_holds_a_customer_is_told_to_its_own_client_and_to_auditors_alone(desk, clients):
    customer, call_center = await desk.customer(), Desk(clients["call_center"])
    await call_center.reserve(customer)
    assert (await call_center.reserve(customer, "emp-2", status=409))["agent"] == "emp-1"
    assert (await desk.reserve(customer, "emp-2", status=409))["agent"] == "emp-1"
    refused = await Desk(clients["pos"]).reserve(customer, "emp-2", status=409)
    assert "agent" not in refused
    assert "emp-1" not in str(refused)
    # The agent of another client who is called the same is somebody else.
    assert await Desk(clients["pos"]).codes(customer, "service", agent="emp-1") == ["reserved_by_other"]


@pytest.mark.parametrize("minutes", [0, 241, -1, "15", None])
async def test_a_reservation_lasts_a_minute_to_four_hours(desk, minutes):
    body = {"agent": "emp-1", "minutes": minutes}
    await desk.call("POST", f"/customers/{await desk.customer()}/contact-reservations", body, status=422)


async def test_reserving_is_told_and_audited(desk, rows):
    customer = await desk.customer()
    made = await desk.reserve(customer)
    await desk.call("POST", f"/contact-reservations/{made['id']}/release")
    told = await rows(
        "SELECT type FROM (SELECT id, type, subject FROM outbox UNION ALL SELECT id, type, subject FROM events) e"
        " WHERE subject = :one ORDER BY id", one=made["id"],
    )  # fmt: skip
    assert [one.type for one in told] == ["contact.reserved", "contact.released"]
    noted = await rows("SELECT action FROM audit_entries WHERE record_id = :one", one=made["id"])
    assert {one.action for one in noted} == {"contact_reservation.create", "contact_reservation.release"}


# --- contacts ---------------------------------------------------------------------------------------------------------


async def test_only_real_contacts_count_towards_the_cap(desk):
    customer = await desk.customer()
    await desk.call("PUT", f"/customers/{customer}/contact-policy", {"cap": {"most": 2, "within_days": 7}})
    await desk.contact(customer, NOON - timedelta(days=7))
    await desk.contact(customer, NOON - timedelta(days=6), reached=False)
    await desk.contact(customer, NOON - timedelta(days=6))
    assert await desk.codes(customer, "service") == []
    await desk.contact(customer, NOON - timedelta(days=7) + timedelta(microseconds=1))
    found = await desk.may(customer, "service")
    assert [one["code"] for one in found["reasons"]] == ["cap_reached"]
    assert found["next_allowed_at"] == "2026-03-02T04:00:00.000001Z"


async def test_a_contact_with_an_id_of_its_own_is_noted_once(desk, rows):
    customer, mine = await desk.customer(), str(uuid.uuid4())
    path, body = f"/customers/{customer}/contact-log", {"id": mine, "channel": "phone", "agent": "emp-1"}
    first = await desk.call("POST", path, body, status=201)
    assert await desk.call("POST", path, {**body, "reached": False}, status=200) == first
    assert await rows("SELECT count(*) FROM contact_log") == [(1,)]
    assert len(await rows("SELECT 1 FROM audit_entries WHERE record_id = :one", one=mine)) == 1
    await desk.call("POST", f"/customers/{uuid.uuid4()}/contact-log", body, status=404)
    refused = await desk.call("POST", path, {"channel": "phone", "at": "2026-03-03T04:00:00Z"}, status=422)
    assert refused["errors"][0]["pointer"] == "/at"


async def test_many_contacts_cost_as_many_statements_as_one(desk, house, statements):
    customers = [uuid.UUID(await desk.customer()) for _ in range(3)]
    counts = []
    for size in (1, 200):
        made = [NewContact(customers[number % 3], new_id(), "phone", NOON) for number in range(size)]
        absent = NewContact(uuid.uuid4(), new_id(), "phone", NOON)
        with statements() as seen:
            done = await house.services.db.run(
                lambda tx, made=made, absent=absent: commands.record_contacts(tx, [*made, absent])
            )
        assert done == {(one.customer_id, one.id) for one in made}
        counts.append(len(seen))
    assert counts[0] == counts[1] <= 6


# --- when the next one is due -----------------------------------------------------------------------------------------


async def test_a_contact_is_due_when_the_last_real_one_is_long_enough_ago(desk, house):
    """Days are the company's: 2026-02-22T23:30 in Shanghai is another day in UTC."""
    never, due, recent, unwanted = [await desk.customer() for _ in range(4)]
    for customer, days in ((never, 30), (due, 7), (recent, 7)):
        await desk.call("PUT", f"/customers/{customer}/contact-policy", {"wanted_days": days})
    await desk.contact(due, datetime(2026, 2, 22, 15, 30, tzinfo=UTC))
    await desk.contact(due, datetime(2026, 3, 1, tzinfo=UTC), reached=False)
    await desk.contact(recent, datetime(2026, 2, 23, 16, 30, tzinfo=UTC))
    await desk.contact(unwanted, datetime(2025, 1, 1, tzinfo=UTC))
    found = (await desk.call("GET", "/contacts-due"))["data"]
    assert [(one["customer_id"], one["due_on"]) for one in found] == [(due, "2026-03-01"), (never, "2026-03-02")]
    assert found[0]["last_at"] == "2026-02-22T15:30:00.000000Z"
    assert (await desk.call("GET", "/contacts-due", before="2026-03-02"))["data"] == found[:1]
    later = (await desk.call("GET", "/contacts-due", before="2026-03-04"))["data"]
    assert [one["customer_id"] for one in later] == [due, never, recent]
    question = {"text": "contact.due = true"}
    asked = await desk.call("POST", "/segments/preview", question)
    assert {one["id"] for one in asked["sample"]} == {due, never}
    await desk.contact(due)
    assert [one["customer_id"] for one in (await desk.call("GET", "/contacts-due"))["data"]] == [never]


async def test_what_is_due_is_listed_by_store_and_in_pages(desk, store):
    there = [await desk.customer(home_store=store) for _ in range(5)]
    elsewhere = await desk.customer()
    for customer in (*there, elsewhere):
        await desk.call("PUT", f"/customers/{customer}/contact-policy", {"wanted_days": 7, "do_not_call": True})
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = await desk.call("GET", "/contacts-due", store=store, limit=2, **cursor)
        seen += [one["customer_id"] for one in page["data"]]
        if not page["has_more"]:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert seen == sorted(there)
    assert len((await desk.call("GET", "/contacts-due"))["data"]) == 6


@pytest.mark.parametrize(
    "values",
    [{"opens": "09:00"}, {"opens": "20:00", "closes": "09:00"}, {"opens": "9:00", "closes": "20:00"}, {"most": 3},
     {"most": 0, "within_days": 3}],
)  # fmt: skip
def test_defaults_that_say_half_of_something_are_refused(values):
    with pytest.raises(ValidationError):
        ContactSettings(**values)
