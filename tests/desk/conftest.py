"""A desk whose customers have a bit of everything, made at random from a fixed beginning."""

from __future__ import annotations

import itertools
import random
from datetime import date
from typing import Any

import pytest

from tests.engagement.factories import Desk
from tests.till.factories import line, returned

__all__ = ["desk"]
KINDS = ("parent", "colleague", "referrer", "friend")


class Company(Desk):
    """A desk, and ways to make one customer's life interesting."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.chooser = random.Random(20261126)
        # In turns, so that few customers do.
        self.debts = itertools.cycle([(9_000, "active"), (100, "active"), (0, "active"), (4_900, "suspended")])

    async def varied(self, count: int) -> list[str]:
        """So many customers; each feature is had by about half of them, and none by the last."""
        made = [await self._somebody(number) for number in range(count)]
        features = (
            self.shop, self.take_back, self.owe, self.complain, self.promise, self.talk, self.agree,
            self.ask_not_to_call, self.hold, self.stay_away,
        )  # fmt: skip
        for customer in made:
            for feature in () if customer == made[-1] else features:
                if self.chooser.random() < 0.5:
                    await feature(customer)
            for other in self.chooser.sample([one for one in made if one != customer], 2):
                body = {"other": other, "kind": self.chooser.choice(KINDS), "note": "Told us so"}
                await self.client.post(f"/v1/customers/{customer}/relationships", json=body)
        self.pass_days(40)
        await self.evaluate(*made)
        return made

    async def _somebody(self, number: int) -> str:
        more: dict[str, Any] = {"kind": self.chooser.choice(["person", "business"])}
        if self.chooser.random() < 0.5:
            more |= {"given_name": "伟", "family_name": "张", "birthday": {"month": 4, "day": 11, "year": None}}
        if self.chooser.random() < 0.5:
            more |= {"profile": {"life": {"hobbies": ["tea"]}} if more["kind"] == "person" else {}}
        return await self.customer(f"C{number}", home_store="S1", **more)

    async def shop(self, customer: str) -> None:
        """Some receipts of some lines, on some days."""
        for _ in range(self.chooser.randint(1, 8)):
            lines = [line(100 * place, cost=50 * place) for place in range(1, self.chooser.randint(2, 5))]
            sent = self.sale(customer, purpose="gift", extensions={"table": "7"}) | {"lines": lines, "tenders": []}
            await self.call("POST", "/receipts", sent)
            if self.chooser.random() < 0.5:
                self.pass_days(1)

    async def take_back(self, customer: str) -> None:
        """A right return, one too many, one of nothing known, and one that is void."""
        sale = self.sale(customer)
        await self.call("POST", "/receipts", sale)
        who = {"customer": {"id": customer}, "occurred_at": sale["occurred_at"]}
        unknown = {"source": "till", "number": "never"}
        for original in (sale, sale, unknown, unknown)[: self.chooser.randint(1, 4)]:
            await self.call("POST", "/receipts", returned(original, line(), **who))
        void = await self.call("POST", "/receipts", returned(unknown, line(), **who))
        await self.call("POST", f"/receipts/{void['id']}/void")

    async def owe(self, customer: str) -> None:
        """More or less than the limit, some of it overdue in the end."""
        amount, status = next(self.debts)
        await self.credit(customer, 5_000, status=status)
        if amount:
            entry = {"external_id": "1", "kind": "charge", "amount": amount}
            await self.call("POST", f"/customers/{customer}/receivables/batch", {"items": [entry]})

    async def complain(self, customer: str) -> None:
        """Complaints in every state."""
        for verb in (None, "start", "resolve", None):
            record = await self.add("complaints", of=customer, severity=self.chooser.choice(["minor", "critical"]))
            if verb:
                said: dict[str, Any] = {"outcome": "solved", "compensation_cost": 100} if verb == "resolve" else {}
                await self.act("complaints", record, verb, **said)

    async def promise(self, customer: str) -> None:
        """Promises, one of them kept."""
        await self.act("promises", await self.add("promises", of=customer), "keep")
        for day in (9, 7):
            await self.add("promises", of=customer, due_at=f"2026-04-0{day}T00:00:00Z")

    async def talk(self, customer: str) -> None:
        """More or fewer interactions than a card shows."""
        for hour in self.chooser.sample(range(10), self.chooser.randint(1, 8)):
            await self.add("interactions", of=customer, occurred_at=f"2026-03-01T0{hour}:00:00Z", note="Rang")

    async def agree(self, customer: str) -> None:
        """Decisions that end one another."""
        for channel, state in (("sms", "granted"), ("any", "denied"), ("phone", "granted"), ("phone", "withdrawn")):
            if self.chooser.random() < 0.7:
                said: dict[str, Any] = {
                    "purpose": "marketing",
                    "channel": channel,
                    "state": state,
                    "source": "till",
                    "proof": "Form",
                }
                partner = self.chooser.choice([None, "acme"])
                await self.call("POST", f"/customers/{customer}/consents", {**said, "partner": partner})

    async def ask_not_to_call(self, customer: str) -> None:
        """A policy."""
        body = {"do_not_call": self.chooser.random() < 0.5, "preferred_channel": "chat"}
        await self.call("PUT", f"/customers/{customer}/contact-policy", body)

    async def hold(self, customer: str) -> None:
        """Two holds, one of them released, and more often than not the other too."""
        path = f"/customers/{customer}/holds"
        made = [await self.call("POST", path, {"reason": reason}) for reason in ("Cheque returned", "Address wrong")]
        for one in made[: 1 if self.chooser.random() < 0.3 else 2]:
            await self.call("POST", f"/holds/{one['id']}/release", {"reason": "Paid"})

    async def stay_away(self, customer: str) -> None:
        """Regular purchases, and then none."""
        today = self.day
        for week in range(8, 0, -1):
            self.go_to(date.fromordinal(today.toordinal() - 3 * week))
            await self.sell(customer, 500)
        self.go_to(today)


@pytest.fixture
async def desk(house, client):
    """A store, on a Monday, with nobody in it yet."""
    made = Company(house.services, client, date(2026, 3, 2))
    await made.call("PUT", "/stores/S1", {"name": "First", "kind": "own", "time_zone": "Asia/Shanghai"})
    return made


@pytest.fixture
def asked(house, monkeypatch):
    """What is asked of the database's hot pool from now on."""
    found, pool = [], house.services.db.hot

    class Counted:
        def __getattr__(self, name):
            def call(query, *arguments, **options):
                found.append(query)
                return getattr(pool, name)(query, *arguments, **options)

            return call

    monkeypatch.setattr(house.services.db, "_hot", Counted())
    return found
