"""Open warnings = a plain reading of the rules, after any story of sales, payments, voids, people and changed rules."""

import random
from datetime import date, timedelta

import pytest

from app.early_warning import commands
from tests.credit.reference import Entry
from tests.early_warning.reading import Reading

NAMES = ("A", "B", "C", "D")
TERM = 20


class Story:
    """Random happenings, told to the service and to the reading."""

    def __init__(self, town, seed: int) -> None:
        self.town = town
        self.chance = random.Random(seed)
        self.reading = Reading()
        self.ids: dict[str, str] = {}
        self.receipts: list[tuple[str, str, int, date]] = []

    async def begin(self) -> None:
        for name in NAMES:
            self.ids[name] = await self.town.customer(name, kind=self.chance.choice(["person", "business"]))
            await self.town.credit(self.ids[name], 10_000, TERM)
            self.reading.customers[name].limit = 10_000

    async def step(self) -> None:
        steps = [self.visit] * 4 + [self.borrow] * 2 + [self.wait] * 4
        steps += [self.pay, self.pay, self.change_limit, self.acknowledge, self.resolve, self.void, self.change_rule]
        steps += [self.snooze, self.investigate, self.reopen]
        # Nobody resolves a warning in the very moment that it was opened in, nor is the next one opened then.
        self.town.pass_a_minute()
        await self.chance.choice(steps)()
        await self.town.services.db.run(commands.wake)
        self.reading.wake(self.town.services.clock.now())
        # Twice is once.
        ids = list(self.ids.values())
        await self.town.evaluate(*ids)
        assert await self.town.evaluate(*ids) == {}
        self.reading.evaluate(self.town.services.clock.now(), self.town.day)
        await self.check()

    def customer(self):
        name = self.chance.choice(NAMES)
        return name, self.ids[name], self.reading.customers[name]

    async def wait(self) -> None:
        self.town.pass_days(self.chance.choice([1, 2, 5, 15, 40]))

    async def visit(self) -> None:
        name, customer, read = self.customer()
        for _ in range(self.chance.choice([1, 1, 4])):
            sold = await self.town.sell(customer)
            self.receipts.append((name, sold["id"], 0, self.town.day))
            read.days.add(self.town.day)
            self.reading.came(name, self.town.services.clock.now(), self.town.day)
            self.town.pass_days(self.chance.choice([0, 3, 7]))

    async def borrow(self) -> None:
        name, customer, read = self.customer()
        amount = self.chance.choice([500, 2_000, 8_000])
        sold = await self.town.sell(customer, amount, on_account=True)
        self.receipts.append((name, sold["id"], amount, self.town.day))
        read.days.add(self.town.day)
        read.ledger.entries.append(Entry(amount, self.town.day + timedelta(days=TERM)))

    async def pay(self) -> None:
        _, customer, read = self.customer()
        amount = self.chance.choice([300, 3_000, max(1, read.ledger.balance)])
        await self.town.pay(customer, amount)
        read.ledger.entries.append(Entry(-amount))

    async def void(self) -> None:
        if not self.receipts:
            return
        name, receipt, amount, day = self.receipts.pop(self.chance.randrange(len(self.receipts)))
        await self.town.call("POST", f"/receipts/{receipt}/void")
        read = self.reading.customers[name]
        if amount:
            read.ledger.entries.append(Entry(-amount, day + timedelta(days=TERM)))
        if not any(other == name and bought == day for other, _, _, bought in self.receipts):
            read.days.discard(day)

    async def change_limit(self) -> None:
        _, customer, read = self.customer()
        read.limit = self.chance.choice([0, 5_000, 10_000, 20_000])
        await self.town.credit(customer, read.limit, TERM)

    async def change_rule(self) -> None:
        if self.chance.random() < 0.5:
            rule = self.reading.rule.credit
            rule["notice_percent"] = self.chance.choice([None, 50, 80])
            rule["cooling_days"] = self.chance.choice([0, 7, 30])
            await self.town.call("PUT", "/warning-rules/credit", rule)
            return
        rule = self.reading.rule.loss
        rule["late_percent"] = self.chance.choice([60, 80, 85])
        rule["occasions"] = self.chance.choice([1, 2, 4])
        rule["silent_days"] = self.chance.choice([60, 365])
        rule["cooling_days"] = self.chance.choice([0, 30, 100])
        rule["enabled"] = self.chance.random() < 0.9
        await self.town.call("PUT", "/warning-rules/loss", rule)

    async def acknowledge(self) -> None:
        for key, warning in await self.some():
            if self.reading.told[key][-1].status == "investigating":
                await self.town.call("POST", f"/warnings/{warning}/acknowledge", status=409)
                continue
            await self.town.call("POST", f"/warnings/{warning}/acknowledge")
            self.reading.told[key][-1].status = "acknowledged"

    async def snooze(self) -> None:
        for key, warning in await self.some():
            until = self.town.services.clock.now() + timedelta(days=self.chance.choice([1, 10, 60]))
            await self.town.call("POST", f"/warnings/{warning}/snooze", {"until": until.isoformat()})
            told = self.reading.told[key][-1]
            told.status, told.until = "snoozed", until

    async def investigate(self) -> None:
        for key, warning in await self.some():
            await self.town.call("POST", f"/warnings/{warning}/investigate")
            self.reading.told[key][-1].status = "investigating"

    async def reopen(self) -> None:
        """Take up again what was resolved last, about one thing of one customer."""
        over = [key for key, told in self.reading.told.items() if told and told[-1].status == "resolved"]
        for name, about in self.chance.sample(sorted(over), min(1, len(over))):
            listed = await self.town.warnings(status="resolved", customer_id=self.ids[name], limit=200)
            found = [one for one in listed if one["about"] == about]
            last = max(found, key=lambda one: (one["opened_at"], one["resolved_at"]))
            await self.town.call("POST", f"/warnings/{last['id']}/reopen")
            told = self.reading.told[name, about][-1]
            told.status, told.settled, told.resolved_at = "open", False, None

    async def resolve(self) -> None:
        for key, warning in await self.some():
            await self.town.call("POST", f"/warnings/{warning}/resolve", {"outcome": "other"})
            told = self.reading.told[key][-1]
            told.status, told.resolved_at, told.by_person = "resolved", self.town.services.clock.now(), True
            told.settled, told.accepted = False, None
            if key[1] == "limit":
                told.accepted = self.reading.customers[key[0]].ledger.balance

    async def some(self):
        """At most one live warning, as ((name, subject), id)."""
        found = await self.live()
        return [(key, found[key]["id"]) for key in self.chance.sample(sorted(found), min(1, len(found)))]

    async def live(self):
        names = {customer: name for name, customer in self.ids.items()}
        listed = await self.town.warnings(limit=200)
        found = {(names[one["customer_id"]], one["about"]): one for one in listed}
        assert len(found) == len(listed)
        return found

    async def check(self) -> None:
        found = {key: (one["state"], one["status"]) for key, one in (await self.live()).items()}
        assert found == self.reading.live()
        assert len(await self.town.warnings(status="all", limit=200)) == self.reading.count()


async def told(town, seed: int, steps: int) -> None:
    story = Story(town, seed)
    await story.begin()
    for _ in range(steps):
        await story.step()
    assert story.reading.count() >= 2


@pytest.mark.parametrize("seed", range(4))
async def test_open_warnings_are_a_plain_reading_of_the_rules(town, seed):
    await told(town, seed, 45)


@pytest.mark.proof
@pytest.mark.parametrize("seed", range(100, 200))
async def test_the_same_for_a_hundred_long_stories(town, seed):
    await told(town, seed, 120)
