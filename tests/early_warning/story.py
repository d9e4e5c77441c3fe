"""Random happenings in a company, told to the service and to a plain reading of the rules."""

import asyncio
import random
import uuid
from datetime import date, timedelta
from typing import Any

import pytest

from app.core.jobs import claim, run_job
from app.credit.period import period
from app.early_warning import commands
from app.early_warning.jobs import HANDLERS
from app.early_warning.life import STATUSES
from app.early_warning.rules import KINDS
from tests.credit.reference import Entry
from tests.early_warning.factories import Town, noon
from tests.early_warning.reading import KIND_OF, SEVERITY, Customer, Reading, Told
from tests.early_warning.reading_plans import BUDGET, EXPENSE, PROGRESS, SALES_PLAN, Planned, now_planned

NAMES = ("A", "B", "C", "D")
TERM = 20
ENOUGH = 4
Key = tuple[str, str]


class Story:
    """Four customers to whom anything may happen."""

    def __init__(self, town: Town, seed: int) -> None:
        self.town = town
        self.chance = random.Random(seed)
        self.reading = Reading()
        self.ids: dict[str, str] = {}
        self.kinds: dict[str, str] = {}
        # (customer, id, on account, day, net) of what can be voided; what came back is below zero.
        self.receipts: list[tuple[str, str, int, date, int]] = []
        self.number = 0
        # Whose credit warnings must be right before anybody evaluates them.
        self.prompt: set[str] = set()

    async def begin(self) -> None:
        for name in NAMES:
            await self.newcomer(name)

    async def newcomer(self, name: str) -> None:
        self.number += 1
        self.kinds[name] = self.chance.choice(["person", "business"])
        self.ids[name] = await self.town.customer(f"{name}{self.number}", kind=self.kinds[name])
        await self.town.credit(self.ids[name], 5_000, TERM)
        self.reading.customers[name] = Customer(limit=5_000)

    @property
    def now(self):
        return self.town.services.clock.now()

    async def go_on(self, steps: int) -> None:
        """So many steps, and more until enough has been told of."""
        for number in range(4 * steps):
            if number >= steps and self.reading.count() > ENOUGH:
                return
            await self.step()
        raise AssertionError("a story of nothing")

    async def step(self) -> None:
        deeds = [self.visit] * 4 + [self.borrow] * 4 + [self.wait] * 4 + [self.pay] * 2
        deeds += [self.bring_back, self.remember, self.void, self.change_limit, self.change_rule, self.merge]
        deeds += [self.acknowledge, self.resolve, self.resolve]
        if PROGRESS in KINDS:
            deeds += [self.plan] * 3 + [self.spend] * 3
        if "snoozed" in STATUSES:
            deeds += [self.snooze, self.investigate, self.reopen]
        # Nobody resolves a warning in the very moment that it was opened in, nor is the next one opened then.
        self.town.pass_a_minute()
        for deed in self.chance.choices(deeds, k=self.chance.choice([1, 1, 2])):
            self.prompt.clear()
            await deed()
            await self.check_prompt()
        await self.wake()
        await self.evaluate()
        self.reading.evaluate(self.now, self.town.day)
        await self.check()

    async def wake(self) -> None:
        """What the clock does to what was put aside."""
        wake = getattr(commands, "wake", None)
        if wake is not None:
            await self.town.services.db.run(wake)
        self.reading.wake(self.now)

    async def evaluate(self) -> None:
        """By name or by a sweep over all; twice is once."""
        ids = list(self.ids.values())
        if self.chance.random() < 0.3:
            await self.sweep()
        else:
            await self.town.evaluate(*ids)
        assert await self.town.evaluate(*ids) == {}

    async def sweep(self) -> None:
        services = self.town.services
        queued = uuid.UUID((await self.town.call("POST", "/warnings/evaluations", status=202))["job_id"])
        job = await claim(services.db, [commands.SWEEP], services.settings.jobs, asyncio.Event(), queued)
        assert job is not None
        await run_job(services, HANDLERS[commands.SWEEP], job)
        assert job.over

    def customer(self) -> tuple[str, str, Customer]:
        name = self.chance.choice(NAMES)
        return name, self.ids[name], self.reading.customers[name]

    # --- what customers do --------------------------------------------------------------------------------------------

    async def wait(self) -> None:
        self.town.pass_days(self.chance.choice([1, 2, 5, 15, 40]))

    async def visit(self) -> None:
        name, customer, _ = self.customer()
        for _ in range(self.chance.choice([1, 4, 6])):
            sold = await self.town.sell(customer)
            self.bought(name, sold["id"], 0, self.town.day, 3000)
            self.town.pass_days(self.chance.choice([0, 3, 7]))

    async def remember(self) -> None:
        """A receipt that the till sends days later."""
        name, customer, _ = self.customer()
        day = self.town.day - timedelta(days=self.chance.choice([1, 6, 30]))
        sold = await self.town.sell(customer, 1500, occurred_at=noon(day).isoformat())
        self.bought(name, sold["id"], 0, day, 1500)

    async def borrow(self) -> None:
        name, customer, read = self.customer()
        amount = self.chance.choice([500, 1_050, 5_200])
        sold = await self.town.sell(customer, amount, on_account=True)
        self.bought(name, sold["id"], amount, self.town.day, amount)
        read.ledger.entries.append(Entry(amount, self.town.day + timedelta(days=TERM)))
        self.prompt.add(name)

    async def bring_back(self) -> None:
        """What comes back takes from what is owed, or from the sales of the day."""
        name, customer, read = self.customer()
        amount, owed = self.chance.choice([500, 3_000, 9_000]), self.chance.random() < 0.5
        back = await self.town.sell(customer, amount, on_account=owed, kind="return")
        self.bought(name, back["id"], -amount if owed else 0, self.town.day, -amount)
        if owed:
            read.ledger.entries.append(Entry(-amount))
            self.prompt.add(name)

    def bought(self, name: str, receipt: str, owed: int, day: date, net: int) -> None:
        self.receipts.append((name, receipt, owed, day, net))
        self.reading.customers[name].sold[day] += net
        self.reading.came(name, self.now, self.town.day)

    async def pay(self) -> None:
        name, customer, read = self.customer()
        amount = self.chance.choice([300, 3_000, max(1, read.ledger.balance)])
        await self.town.pay(customer, amount, self.chance.choice(["payment", "payment", "credit_note", "write_off"]))
        read.ledger.entries.append(Entry(-amount))
        self.prompt.add(name)

    async def void(self) -> None:
        if not self.receipts:
            return
        name, receipt, owed, day, net = self.receipts.pop(self.chance.randrange(len(self.receipts)))
        await self.town.call("POST", f"/receipts/{receipt}/void")
        read = self.reading.customers[name]
        if owed:
            # A charge that is taken back keeps its due day; what came back was never due.
            read.ledger.entries.append(Entry(-owed, day + timedelta(days=TERM) if owed > 0 else None))
            self.prompt.add(name)
        read.sold[day] -= net
        self.reading.came(name, self.now, self.town.day)

    # --- what the company does ----------------------------------------------------------------------------------------

    async def change_limit(self) -> None:
        name, customer, read = self.customer()
        before, read.limit = read.limit, self.chance.choice([0, 1_000, 5_000, 10_000])
        await self.town.credit(customer, read.limit, TERM)
        if read.limit != before:
            self.prompt.add(name)

    async def plan(self) -> None:
        """A plan or a budget for a period of today."""
        _, customer, read = self.customer()
        kind = self.chance.choice([SALES_PLAN, BUDGET])
        unit = self.chance.choice(list(now_planned(self.town.day).values()))
        found = period(unit)
        assert found is not None
        phases = None
        planned = self.chance.choice([0, 2_000, 10_000, 40_000])
        if found.months > 1 and self.chance.random() < 0.4:
            phases = tuple(self.chance.choice([0, 1_000, 9_000]) for _ in range(found.months))
            planned = sum(phases)
        body = {"planned": planned} | ({"monthly_amounts": list(phases)} if phases else {})
        await self.town.call("PUT", f"/customers/{customer}/{kind}/{unit}", body)
        read.plans[kind, unit] = Planned(unit, planned, phases)

    async def spend(self) -> None:
        _, customer, read = self.customer()
        items = []
        for _ in range(self.chance.choice([1, 3])):
            day = self.town.day - timedelta(days=self.chance.choice([0, 0, 20, 50, 80, 120, 200]))
            amount = self.chance.choice([100, 700, 2_500])
            items.append({"external_id": uuid.uuid4().hex, "kind": "visit", "amount": amount, "occurred_on": str(day)})
            read.expenses.append((day, amount))
        await self.town.call("POST", f"/customers/{customer}/expenses/batch", {"items": items})

    async def merge(self) -> None:
        """Two records turn out to be one's, and somebody new takes the other name."""
        winner, loser = self.chance.sample(NAMES, 2)
        if self.kinds[winner] != self.kinds[loser] or self.chance.random() < 0.5:
            return
        order = {"winner": self.ids[winner], "loser": self.ids[loser]}
        await self.town.call("POST", "/merges", order, status=201)
        self.reading.merge(winner, loser)
        # A merge judges the winner by every rule at once, not only by that of credit.
        self.reading.evaluate(self.now, self.town.day, names=[winner])
        self.receipts = [(winner if one[0] == loser else one[0], *one[1:]) for one in self.receipts]
        self.prompt.add(winner)
        await self.newcomer(loser)

    async def change_rule(self) -> None:
        kinds: tuple[str, ...] = KINDS
        kind = self.chance.choice(kinds)
        rule, chosen = self.reading.rule.of(kind), self.chance.choice
        if kind == "credit":
            rule |= {"notice_percent": chosen([None, 50, 80]), "cooling_days": chosen([0, 7, 30])}
        elif kind == "loss":
            rule |= {"late_percent": chosen([60, 80, 85]), "occasions": chosen([1, 2, 4])}
            rule |= {"silent_days": chosen([60, 365]), "cooling_days": chosen([0, 30, 100])}
        elif kind == PROGRESS:
            rule |= {
                "tolerance_percent": chosen([0, 5, 20]),
                "early_days": chosen([0, 9]),
                "from_percent": chosen([0, 10]),
            }
            rule |= {"critical_percent": chosen([10, 25, 60]), "cooling_days": chosen([0, 7, 30])}
        elif kind == EXPENSE:
            rule |= {
                "budget_percent": chosen([50, 100]),
                "share_days": chosen([30, 90]),
                "trend_percent": chosen([0, 20]),
            }
            rule |= {"share_factor_percent": chosen([100, 150]), "cooling_days": chosen([0, 7, 30])}
        rule["enabled"] = self.chance.random() < 0.95
        path = "/warning-rules/" + kind
        await self.town.call("PUT", path, rule)

    # --- what people do about warnings --------------------------------------------------------------------------------

    async def acknowledge(self) -> None:
        for told, warning in await self.some():
            if told.status in {"open", "acknowledged", "snoozed"}:
                await self.town.call("POST", f"/warnings/{warning}/acknowledge")
                told.status = "acknowledged"

    async def investigate(self) -> None:
        for told, warning in await self.some():
            await self.town.call("POST", f"/warnings/{warning}/investigate")
            told.status = "investigating"

    async def snooze(self) -> None:
        for told, warning in await self.some():
            until = self.now + timedelta(days=self.chance.choice([1, 10, 50]))
            await self.town.call("POST", f"/warnings/{warning}/snooze", {"until": until.isoformat()})
            told.status, told.until = "snoozed", until

    async def resolve(self) -> None:
        for told, warning in await self.some():
            await self.town.call("POST", f"/warnings/{warning}/resolve", {"outcome": "other"})
            told.status, told.resolved_at, told.by_person = "resolved", self.now, True
            told.settled, told.accepted = False, None
            for name, about in self.reading.told:
                if about == "limit" and told in self.reading.told[name, about]:
                    told.accepted = self.reading.customers[name].ledger.balance

    async def reopen(self) -> None:
        """The last warning about something, if nothing about the same lives."""
        ended = [key for key, told in self.reading.told.items() if told and told[-1].status == "resolved"]
        if not ended:
            return
        name, about = self.chance.choice(sorted(ended))
        listed = await self.town.warnings(status="resolved", customer_id=self.ids[name], kind=KIND_OF[about], limit=200)
        told = self.reading.told[name, about][-1]
        found = [one for one in listed if one["about"] == about and _moment(one["opened_at"]) == told.opened_at]
        if len(found) == 1:
            await self.town.call("POST", f"/warnings/{found[0]['id']}/reopen")
            told.status, told.resolved_at, told.by_person, told.settled = "open", None, False, False

    async def some(self) -> list[tuple[Told, str]]:
        """At most one live warning, and its id."""
        found, live = await self.live(), self.reading.live()
        return [(live[key], found[key]["id"]) for key in self.chance.sample(sorted(found), min(1, len(found)))]

    # --- the comparison -----------------------------------------------------------------------------------------------

    async def live(self) -> dict[Key, dict[str, Any]]:
        names = {customer: name for name, customer in self.ids.items()}
        listed = await self.town.warnings(limit=200)
        found = {(names[one["customer_id"]], one["about"]): one for one in listed}
        assert len(found) == len(listed)
        return found

    async def check_prompt(self) -> None:
        """What a change of an account causes is there as soon as that is: nobody has evaluated anything since."""
        if not self.prompt:
            return
        self.reading.evaluate(self.now, self.town.day, ["credit"], self.prompt)
        found = {
            key: one for key, one in (await self.live()).items() if key[0] in self.prompt and one["kind"] == "credit"
        }
        wanted = {
            key: one
            for key, one in self.reading.live().items()
            if key[0] in self.prompt and KIND_OF[key[1]] == "credit"
        }
        _same(found, wanted)

    async def check(self) -> None:
        _same(await self.live(), self.reading.live())
        ever = len(await self.town.warnings(status="all", limit=200)), min(200, self.reading.count())
        assert ever[0] == ever[1], f"found {ever[0]} warnings, read {ever[1]}"


def _same(found: dict[Key, dict[str, Any]], wanted: dict[Key, Told]) -> None:
    states = {key: (one["state"], one["status"]) for key, one in found.items()}
    read = {key: (told.state, told.status) for key, told in wanted.items()}
    assert states == read, (
        f"found {sorted(states.items() - read.items())}, read {sorted(read.items() - states.items())}"
    )
    for key, told in wanted.items():
        one = found[key]
        assert (one["kind"], one["severity"]) == (KIND_OF[key[1]], SEVERITY.get(told.state, "warning")), key
        numbers = {name: one["evidence"][name] for name in told.numbers}
        # What is a probability is rounded.
        alike = pytest.approx(told.numbers, abs=1e-4) if "chance" in numbers else told.numbers
        assert numbers == alike, f"{key}: found {numbers}, read {told.numbers}"


def _moment(text: str) -> Any:
    return noon(date(2000, 1, 1)).fromisoformat(text)
