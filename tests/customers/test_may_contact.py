"""May we contact a customer: random histories, zones and days of changed clocks, against plain Python."""

import random
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from app.core.ids import new_id
from app.customers import commands
from app.customers.commands import NewContact
from app.customers.models import Customer
from app.customers.purposes import CHANNELS, DECIDED_CHANNELS, PURPOSES, STATES
from tests.customers.test_hours import drawn
from tests.customers.wishes import Desk, Wishes

# Days around which clocks are changed in some of the zones.
ANCHORS = [
    datetime(2026, 3, 29, 1, tzinfo=UTC),
    datetime(2026, 10, 25, 1, tzinfo=UTC),
    datetime(2026, 4, 4, 15, tzinfo=UTC),
]
ZONES = ["Europe/Berlin", "Australia/Lord_Howe", "Asia/Shanghai", "America/New_York", "Asia/Kathmandu"]
AGENTS = [None, "emp-1", "emp-2"]
HORIZON_MINUTES = 18 * 24 * 60


class Story:
    """A customer with a random history, in the database and in Python."""

    def __init__(self, chance, anchor):
        self.chance, self.anchor = chance, anchor
        self.wishes = Wishes(zone=chance.choice(ZONES))

    def moment(self):
        return self.anchor + timedelta(minutes=self.chance.choice([-4000, -1500, -60, -1, 0, 0, 1, 59, 200, 1500]))

    def decide(self):
        few = self.chance.random() < 0.7
        return {
            "purpose": "marketing" if few else self.chance.choice(list(PURPOSES)),
            "channel": self.chance.choice(["any", "phone", "sms"] if few else DECIDED_CHANNELS),
            "partner": self.chance.choice([None, None, None, "acme"]),
            "state": self.chance.choice(["granted", *STATES]),
            "at": self.moment(),
        }

    async def tell(self, desk, house):
        """Live through it: at a late hour everything is recorded, in any order."""
        chance, wishes, clock = self.chance, self.wishes, house.services.clock
        self.customer = await desk.customer()
        one = uuid.UUID(self.customer)
        if chance.random() < 0.4:
            start = self.moment()
            wishes.reserved = (
                start,
                start + timedelta(minutes=chance.choice([1, 60, 240])),
                chance.choice(["emp-1", "emp-2"]),
            )
            clock.set(start)
            minutes = (wishes.reserved[1] - start) // timedelta(minutes=1)
            await desk.reserve(self.customer, wishes.reserved[2], minutes)
        clock.set(self.anchor + timedelta(days=2))
        wishes.decided = [self.decide() for _ in range(chance.choice([0, 1, 3, 7]))]
        wishes.hours = drawn(chance) if chance.random() < 0.6 else []
        wishes.cap = (chance.choice([1, 2, 3]), chance.choice([1, 2, 3])) if chance.random() < 0.6 else None
        wishes.do_not_call = chance.random() < 0.2
        wishes.contacts = [(self.moment(), chance.random() < 0.7) for _ in range(chance.choice([0, 1, 3, 5]))]
        wishes.gone = chance.random() < 0.1
        policy = {
            "do_not_call": wishes.do_not_call, "time_zone": wishes.zone, "hours": wishes.hours, "wanted_days": None,
            "cap": wishes.cap and {"most": wishes.cap[0], "within_days": wishes.cap[1]}, "preferred_channel": None,
        }  # fmt: skip

        async def write(tx):
            for said in wishes.decided:
                given = {name: value for name, value in said.items() if name != "at"}
                await commands.record_consent(tx, one, {**given, "decided_at": said["at"], "source": "till"})
            await commands.put_policy(tx, one, policy, None)
            made = [NewContact(one, new_id(), "phone", at, reached) for at, reached in wishes.contacts]
            await commands.record_contacts(tx, made)
            if wishes.gone:
                await tx.execute(update(Customer).where(Customer.id == one).values(status="merged"))

        await house.services.db.run(write)

    def question(self):
        few = self.chance.random() < 0.7
        return {
            "purpose": "marketing" if few else self.chance.choice(list(PURPOSES)),
            "channel": self.chance.choice(["phone", "sms"] if few else CHANNELS),
            "partner": self.chance.choice([None, None, None, "acme"]),
            "agent": self.chance.choice(AGENTS),
            "at": self.moment() + timedelta(minutes=self.chance.choice([0, 0, 1, 30, 700, 1440])),
        }

    def expected(self, purpose, channel, partner, agent, at):
        """(reasons, when it will be allowed) by trying every minute."""
        lasting = self.wishes.lasting(purpose, channel, partner, at)
        passing = self.wishes.passing(at, at, agent)
        if lasting or not passing:
            return lasting | passing, None
        minutes = (at + timedelta(minutes=ahead) for ahead in range(HORIZON_MINUTES))
        return passing, next(one for one in minutes if not self.wishes.passing(at, one, agent))


async def compare(house, desk, seed, anchor, customers, questions):
    chance, seen = random.Random(seed), set()
    for _ in range(customers):
        story = Story(chance, anchor)
        await story.tell(desk, house)
        for _ in range(questions):
            asked = story.question()
            reasons, later = story.expected(**asked)
            query = {name: value for name, value in asked.items() if value is not None and name != "at"}
            found = await desk.may(story.customer, **query, at=asked["at"].isoformat())
            told = {one["code"] for one in found["reasons"]}
            assert told == reasons, (asked, story.wishes)
            assert len(found["reasons"]) == len(told)
            assert found["allowed"] == (not reasons)
            next_at = found["next_allowed_at"] and datetime.fromisoformat(found["next_allowed_at"])
            assert next_at == later, (asked, story.wishes)
            seen |= told | ({"allowed"} if found["allowed"] else set()) | ({"later"} if later else set())
    return seen


@pytest.mark.parametrize("anchor", ANCHORS, ids=str)
async def test_random_histories_agree_with_plain_python(house, client, anchor):
    seen = await compare(house, Desk(client), anchor.isoformat(), anchor, customers=12, questions=12)
    assert {"allowed", "later", "no_consent", "quiet_hours", "cap_reached", "reserved_by_other"} <= seen


@pytest.mark.proof
@pytest.mark.parametrize("seed", range(10))
async def test_many_random_histories_agree(house, client, seed):
    await compare(house, Desk(client), seed, ANCHORS[seed % len(ANCHORS)], customers=100, questions=30)


async def test_the_question_is_one_statement(house, client, statements):
    desk = Desk(client)
    customer = await desk.customer()
    with statements() as seen:
        await desk.may(customer)
    assert len([one for one in seen if "FROM customers" in one]) == 1


async def test_reasons_are_told_all_at_once_and_a_lasting_one_leaves_no_later(house, client):
    house.services.clock.set(ANCHORS[0])
    desk = Desk(client)
    customer = await desk.customer()
    night = {"hours": [{"start": "23:00", "end": "24:00"}], "time_zone": "UTC", "do_not_call": True}
    await desk.call("PUT", f"/customers/{customer}/contact-policy", night)
    found = await desk.may(customer)
    assert [one["code"] for one in found["reasons"]] == ["no_consent", "do_not_contact", "quiet_hours"]
    assert found["next_allowed_at"] is None
    by_sms = await desk.may(customer, "service", "sms")
    assert [one["code"] for one in by_sms["reasons"]] == ["quiet_hours"]
    assert by_sms["next_allowed_at"] == by_sms["reasons"][0]["until"] == "2026-03-29T23:00:00.000000Z"


async def test_nobody_is_asked_about_who_is_not_there(client):
    await Desk(client).call(
        "GET", f"/customers/{uuid.uuid4()}/may-contact", purpose="service", channel="sms", status=404
    )
