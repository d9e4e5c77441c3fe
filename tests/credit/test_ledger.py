"""Balance = sum of entries, overdue = a plain reading of them: whatever happened, in whatever order."""

import random
import uuid
from collections import Counter, defaultdict
from datetime import date, timedelta
from typing import Any

import pytest

from app.core.caller import SYSTEM
from app.credit import queries
from tests.credit.reference import Entry, Ledger

KINDS = ["payment", "payment", "credit_note", "write_off"]
TERMS = {"A": 30, "B": 0, "C": 7}


class Story:
    """Random sales, returns, payments, voids and attributions, told to the service and to ledgers."""

    def __init__(self, town, seed: int) -> None:
        self.town = town
        self.chance = random.Random(seed)
        self.ledgers: dict[str, Ledger] = defaultdict(Ledger)
        self.customers: dict[str, str] = {}
        self.receipts: dict[str, tuple[str | None, int, date]] = {}

    async def begin(self) -> None:
        for name, term in TERMS.items():
            self.customers[name] = await self.town.customer(name)
            await self.town.credit(self.customers[name], 50_000, term)

    async def step(self) -> None:
        happening = self.chance.choice(
            [
                self.sell,
                self.sell,
                self.sell_many,
                self.bill,
                self.pay,
                self.pay_by_name,
                self.pay_by_name,
                self.void,
                self.move,
                self.wait,
            ]
        )
        await happening()

    async def wait(self) -> None:
        self.town.pass_days(self.chance.randint(1, 12))

    def sale(self):
        name = self.chance.choice([*TERMS, None])
        net, back = self.chance.randint(1, 9000), self.chance.random() < 0.2
        part = self.chance.choice([net, net, net // 2])
        sent = self.town.sale(self.customers[name] if name else None, net, kind="return" if back else "sale")
        sent["tenders"] = [{"kind": "on_account", "amount": part}, {"kind": "cash", "amount": net - part}]
        return name, -part if back else part, sent

    async def sell(self) -> None:
        name, amount, sent = self.sale()
        document = await self.town.call("POST", "/receipts", sent)
        # A resend charges nobody twice.
        await self.town.call("POST", "/receipts", sent)
        self.sold(document["id"], name, amount)

    async def sell_many(self) -> None:
        sales = [self.sale() for _ in range(self.chance.randint(2, 8))]
        body = {"items": [sent for _, _, sent in sales]}
        body["items"].append(body["items"][0])
        results = (await self.town.call("POST", "/receipts/batch", body))["results"]
        assert [result["status"] for result in results] == ["created"] * len(sales) + ["duplicate"]
        for (name, amount, _), result in zip(sales, results[:-1], strict=True):
            self.sold(result["id"], name, amount)

    def sold(self, receipt: str, name: str | None, amount: int) -> None:
        self.receipts[receipt] = (name, amount, self.town.day)
        self.charge(name, amount, self.town.day, receipt)

    def charge(self, name: str | None, amount: int, day: date, key: str) -> None:
        if name is not None and amount:
            due = day + timedelta(days=TERMS[name]) if amount > 0 else None
            self.ledgers[name].entries.append(Entry(amount, due, key))

    def take_back(self, name: str | None, receipt: str, amount: int) -> None:
        if name is not None and amount:
            ledger = self.ledgers[name]
            if amount < 0:
                ledger.entries.append(Entry(-amount))
            else:
                ledger.take_back(next(one for one in ledger.charges() if one.key == receipt))

    async def bill(self) -> None:
        name, amount, key = self.chance.choice(list(TERMS)), self.chance.randint(1, 9000), uuid.uuid4().hex
        due = self.town.day + timedelta(days=self.chance.randint(0, 100))
        made = await self.enter(name, key, "charge", amount, due_on=due.isoformat())
        assert made["status"] == "created"
        self.ledgers[name].entries.append(Entry(amount, due, key))

    async def enter(self, name: str, key: str, kind: str, amount: int, **more):
        body = {"items": [{"external_id": key, "kind": kind, "amount": amount, **more}]}
        return (await self.town.call("POST", f"/customers/{self.customers[name]}/receivables/batch", body))["results"][
            0
        ]

    async def pay(self) -> None:
        name, kind = self.chance.choice(list(TERMS)), self.chance.choice(KINDS)
        amount = self.chance.randint(1, 6000)
        result = await self.town.pay(self.customers[name], amount, kind)
        assert result["status"] == "created"
        self.ledgers[name].entries.append(Entry(-amount))

    async def pay_by_name(self) -> None:
        """Name some charges for some of what is left of them, now and then for more than that; and send it twice."""
        name = self.chance.choice(list(TERMS))
        ledger = self.ledgers[name]
        left = {id(one): one.amount - ledger.named(one) for one in ledger.charges()}
        chosen = [one for one in ledger.charges() if left[id(one)] > 0 and self.chance.random() < 0.4][:4]
        if not chosen:
            return
        listed = (await self.town.call("GET", f"/customers/{self.customers[name]}/receivables?limit=200"))["data"]
        ids = {one["receipt_id"]: one["id"] for one in reversed(listed) if one["kind"] == "charge"}
        named = [(one, self.chance.randint(1, left[id(one)])) for one in chosen]
        too_much = self.chance.random() < 0.15
        sent: list[dict[str, Any]] = [
            {"id": ids[one.key], "amount": amount} if one.key in ids else {"external_id": one.key, "amount": amount}
            for one, amount in named
        ]
        if too_much:
            sent[-1]["amount"] = left[id(named[-1][0])] + 1
        amount = sum(one["amount"] for one in sent) + self.chance.choice([0, 0, 500])
        key, kind = uuid.uuid4().hex, self.chance.choice(KINDS)
        made = await self.enter(name, key, kind, amount, allocations=sent)
        if too_much:
            assert made["problem"]["errors"][0]["code"] == "more_than_open"
            return
        assert made["status"] == "created", made
        assert (await self.enter(name, key, kind, amount, allocations=sent))["status"] == "duplicate"
        ledger.entries.append(Entry(-amount, named=named))

    async def void(self) -> None:
        if not self.receipts:
            return
        receipt = self.chance.choice(list(self.receipts))
        name, amount, _ = self.receipts.pop(receipt)
        for _ in range(self.chance.choice([1, 2])):
            await self.town.call("POST", f"/receipts/{receipt}/void")
        self.take_back(name, receipt, amount)

    async def move(self) -> None:
        if not self.receipts:
            return
        receipt = self.chance.choice(list(self.receipts))
        name, amount, day = self.receipts[receipt]
        other = self.chance.choice([*TERMS, None])
        customer = {"id": self.customers[other]} if other else None
        await self.town.call("POST", f"/receipts/{receipt}/attribution", {"customer": customer})
        if other != name:
            self.take_back(name, receipt, amount)
            self.charge(other, amount, day, receipt)
            self.receipts[receipt] = (other, amount, day)

    async def check(self) -> None:
        for name, customer in self.customers.items():
            found = await self.town.call("GET", f"/customers/{customer}/credit")
            ledger = self.ledgers[name]
            overdue, since = ledger.overdue(self.town.day)
            told = (found["balance"], found["overdue"], found["overdue_since"])
            assert told == (ledger.balance, overdue, since and since.isoformat()), name
            assert found["available"] == max(0, 50_000 - ledger.balance)
            listed = await self.town.call("GET", f"/customers/{customer}/receivables?limit=200")
            amounts = [one["amount"] if one["kind"] == "charge" else -one["amount"] for one in listed["data"]]
            assert sorted(amounts) == sorted(entry.amount for entry in ledger.entries)
            await self.check_charges(customer, ledger)
        assert await self.town.services.db.read(SYSTEM, queries.differences) == []

    async def check_charges(self, customer: str, ledger: Ledger) -> None:
        listed = (await self.town.call("GET", f"/customers/{customer}/open-charges?limit=200"))["data"]
        still = [(one, left) for one, left in ledger.open() if left]
        # Of charges that came in one batch and fall due on one day, nobody knows which was entered last.
        days = Counter(str(one.due) for one in ledger.charges())
        told = [(one["receipt_id"] or one["external_id"], one["due_on"], one["paid_by_name"], one["open"])
                for one in listed if days[one["due_on"]] == 1]  # fmt: skip
        alone = [one for one in still if days[str(one[0].due)] == 1]
        assert told == [(one.key, str(one.due), ledger.named(one), left) for one, left in alone]
        owed = Counter[str]()
        for one, left in still:
            owed[str(one.due)] += left
        listed_owed = Counter[str]()
        for one in listed:
            listed_owed[one["due_on"]] += one["open"]
        assert listed_owed == owed
        ageing = await self.town.call("GET", f"/customers/{customer}/ageing")
        expected = ledger.ageing(self.town.day)
        assert {name: ageing[name] for name in expected} == expected
        overdue = ledger.overdue(self.town.day)[0]
        assert (ageing["overdue"], ageing["in_favour"]) == (overdue, max(0, -ledger.balance))
        assert sum(expected.values()) == max(0, ledger.balance)


@pytest.mark.parametrize("seed", range(4))
async def test_a_balance_is_the_sum_of_its_entries(town, seed):
    story = Story(town, seed)
    await story.begin()
    for number in range(40):
        await story.step()
        if number % 5 == 0:
            await story.check()
    await story.check()


async def test_a_wrong_balance_is_told(town, house):
    customer = await town.customer("A")
    await town.credit(customer, 100)

    async def spoil(tx):
        await tx.connection.exec_driver_sql("UPDATE credit_accounts SET balance = balance + 1")
        return await queries.differences(tx)

    assert await house.services.db.run(spoil) == [f"customer {customer}: balance is 1, its entries sum to 0"]
