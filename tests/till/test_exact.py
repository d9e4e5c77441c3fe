"""Figures are exact: after any interleaving of sales, returns, exchanges, late and repeated pushes, voids and
attributions, what is kept = a plain-Python recomputation = what `verify` computes in the database.
"""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.core.caller import SYSTEM
from app.receipts import verify
from tests.till.factories import receipt
from tests.till.ledger import Entry, Ledger, compare

CARDS = ("A1", "B2", "C3", None)
FIRST = datetime(2026, 3, 1, tzinfo=UTC)


class Story:
    """Random things that happen at tills, told to the service and to a ledger."""

    def __init__(self, client, seed: int) -> None:
        self.client = client
        self.chance = random.Random(seed)
        self.ledger = Ledger()

    async def step(self) -> None:
        happenings = [self.push, self.push, self.push_many, self.push_many, self.repeat, self.void, self.attribute]
        await self.chance.choice(happenings)()

    def made(self) -> Entry:
        chance = self.chance
        kind = "return" if chance.random() < 0.2 else "sale"
        exchange = kind == "sale" and chance.random() < 0.15
        lines = [self.line(negative=exchange and chance.random() < 0.6) for _ in range(chance.randint(1, 4))]
        # Few moments, so that receipts meet: on a day, at a minute, in two stores at once.
        at = FIRST + timedelta(days=chance.randrange(40), hours=chance.choice([1, 3, 15, 16, 23]))
        owner = chance.choice(CARDS)
        sent = receipt(
            *lines, card=owner, kind=kind, store=chance.choice(["S1", "S2", "NY"]), occurred_at=at.isoformat()
        )
        if chance.random() < 0.1:
            sent["business_date"] = (at + timedelta(days=chance.randint(-3, 3))).date().isoformat()
        return Entry(sent, owner)

    def line(self, *, negative: bool) -> dict[str, Any]:
        chance = self.chance
        net = chance.choice([0, 1, 50, 100, 100, 5000])
        made: dict[str, Any] = {"product": f"P{chance.randrange(5)}", "quantity": "1", "net": net}
        made["category"] = chance.choice(["c1", "c1/a", "c2", "d"])
        if chance.random() < 0.5:
            made["cost"] = chance.randrange(0, 120)
            if chance.random() < 0.5:
                made["tax"] = net // 20
        if chance.random() < 0.3:
            made |= {"discount": 10} if chance.random() < 0.5 else {"gross": net + 30}
        if negative:
            made |= {name: -value for name, value in made.items() if isinstance(value, int)}
            made["quantity"] = "-1"
        return made

    async def push(self) -> None:
        entry = self.made()
        answer = await self.client.post("/v1/receipts", json=entry.sent)
        assert answer.status_code == 201, answer.text
        entry.id = answer.json()["id"]
        assert answer.json()["attributed"] is (entry.owner is not None)
        self.ledger.entries[entry.sent["number"]] = entry

    async def push_many(self) -> None:
        entries = [self.made() for _ in range(self.chance.randint(2, 9))]
        old = self.chance.sample(list(self.ledger.entries.values()), min(2, len(self.ledger.entries)))
        sent = [*entries, *old, *self.chance.sample(entries, 1)]
        self.chance.shuffle(sent)
        answer = await self.client.post("/v1/receipts/batch", json={"items": [one.sent for one in sent]})
        for entry, result in zip(sent, answer.json()["results"], strict=True):
            number = entry.sent["number"]
            known = self.ledger.entries.get(number)
            assert result["status"] == ("created" if known is None else "duplicate"), result
            if known is None:
                entry.id = result["id"]
                self.ledger.entries[number] = entry
            else:
                assert result["id"] == known.id

    def any(self) -> Entry | None:
        return self.chance.choice(list(self.ledger.entries.values())) if self.ledger.entries else None

    async def repeat(self) -> None:
        entry = self.any()
        if entry:
            answer = await self.client.post("/v1/receipts", json=entry.sent)
            assert (answer.status_code, answer.json()["id"]) == (200, entry.id)

    async def void(self) -> None:
        entry = self.any()
        if entry:
            answer = await self.client.post(f"/v1/receipts/{entry.id}/void")
            assert answer.status_code == 200, answer.text
            entry.void = True

    async def attribute(self) -> None:
        entry = self.any()
        if entry:
            owner = self.chance.choice(CARDS)
            customer = owner and {"identifier": {"kind": "card", "value": owner}}
            order = {"customer": customer, "on_unknown_customer": "create"}
            answer = await self.client.post(f"/v1/receipts/{entry.id}/attribution", json=order)
            assert answer.status_code == 200, answer.text
            assert answer.json()["attributed"] is (owner is not None)
            entry.owner = owner


@pytest.mark.parametrize("seed", range(8))
async def test_any_interleaving(house, client, seed):
    story = Story(client, seed)
    for step in range(60):
        await story.step()
        if step % 10 == 9:
            await house.services.db.read(SYSTEM, lambda tx: compare(tx, story.ledger))
    assert await house.services.db.read(SYSTEM, verify.differences) == []
    assert len(story.ledger.entries) > 60
