"""Whatever happens, opportunities are what a plain reading of the rules makes of it."""

import random
import uuid
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from tests.early_warning.chances import customer_of, graded, judge, listed, rule, survey
from tests.early_warning.chances_reading import Answered, Bought, Known, Promised, Reading
from tests.early_warning.factories import noon

PRODUCTS = {"FILTER": 20, "LAMP": 45}
RULES: dict[str, dict[str, Any]] = {
    "cumulative_spend": {"amounts": [5_000, 9_000, 20_000], "keep_days": 12},
    "birthday": {"days_before": 20},
    "anniversary": {"years": [1]},
    "due_to_rebuy": {"days_before": 3, "keep_days": 6},
    "key_customer_silent": {"days": 25},
    "grade_about_to_change": {
        "boundaries": [{"grade": "C", "net": 4_000}, {"grade": "B", "net": 9_000}, {"grade": "A", "net": 20_000}],
        "within_percent": 30,
    },
    "no_value_perceived": {"days": 40},
}
BORN = [None, (2, 29, 1980), (2, 28, None), (3, 20, 1990), (1, 3, 2000)]


class Course:
    """A company and its plain reading, to which the same happens."""

    def __init__(self, town, seed: int) -> None:
        self.town, self.random = town, random.Random(seed)
        self.reading = Reading(PRODUCTS, **RULES)
        self.receipts: dict[str, list[tuple[str, Bought]]] = {}

    async def begin(self, customers: int) -> None:
        for code, days in PRODUCTS.items():
            await self.town.call("PUT", f"/products/{code}", {"name": code, "replaces_after_days": days})
        for kind, settings in RULES.items():
            await rule(self.town, kind, **settings)
        for place in range(customers):
            born = BORN[place % len(BORN)]
            more = {} if born is None else {"birthday": dict(zip(("month", "day", "year"), born, strict=True))}
            sponsor = place % 2 == 0
            name = await customer_of(self.town, f"C{place}", **more, **({"sponsor": "chief"} if sponsor else {}))
            self.reading.customers[name] = Known(self.town.day, sponsor, born)
            self.receipts[name] = []

    async def something(self) -> None:
        name = self.random.choice(list(self.receipts))
        happens = self.random.choices(
            (
                self.buy,
                self.void,
                self.meet,
                self.want,
                self.promise,
                self.settle,
                self.decide,
                self.wait,
                self.grade,
                self.ask,
            ),
            (6, 2, 2, 1, 1, 1, 3, 6, 2, 2),
        )[0]
        await happens(name)

    async def buy(self, name: str) -> None:
        product, net = self.random.choice([*PRODUCTS, "TEA"]), self.random.randrange(500, 6_000)
        sale = self.town.sale(name, net)
        sale["lines"][0]["product"] = product
        known = self.reading.customers[name]
        before, bought = known.net, Bought(self.town.day, product, net)
        known.bought.append(bought)
        made = await self.town.call("POST", "/receipts", sale)
        self.receipts[name].append((made["id"], bought))
        self.reading.spent(name, before, self.town.day)

    async def void(self, name: str) -> None:
        left = [one for one in self.receipts[name] if not one[1].voided]
        if left:
            receipt, bought = self.random.choice(left)
            before = self.reading.customers[name].net
            bought.voided = True
            await self.town.call("POST", f"/receipts/{receipt}/void", {})
            self.reading.spent(name, before, self.town.day)

    async def meet(self, name: str) -> None:
        self.reading.customers[name].contacts.append(self.town.day)
        talk = {"channel": "visit", "direction": "outbound", "occurred_at": noon(self.town.day).isoformat()}
        await self.town.call("POST", f"/customers/{name}/interactions", talk)

    async def want(self, name: str) -> None:
        days = self.random.randrange(5, 40)
        if self.reading.customers[name].wanted_days is None:
            self.reading.customers[name].wanted_days = days
            await self.town.call("PUT", f"/customers/{name}/contact-policy", {"wanted_days": days})

    async def promise(self, name: str) -> None:
        due = self.town.day + timedelta(days=self.random.randrange(0, 10))
        promise = str(uuid.uuid4())
        body = {"id": promise, "promise": "Something", "due_at": noon(due).isoformat()}
        await self.town.call("POST", f"/customers/{name}/promises", body)
        self.reading.customers[name].promises[promise] = Promised(due)

    async def settle(self, name: str) -> None:
        for promise, one in self.reading.customers[name].promises.items():
            if one.open:
                one.open = False
                await self.town.call("POST", f"/customers/{name}/promises/{promise}/keep", {})

    async def decide(self, name: str) -> None:
        found = await listed(self.town, customer_id=name)
        if found:
            one = self.random.choice(found)
            told = self.reading.told[name, one["kind"], one["about"]][-1]
            taken = self.random.random() < 0.5
            body = {"outcome": "sold"} if taken else {"reason": "no_time"}
            await self.town.call("POST", f"/opportunities/{one['id']}/{'take' if taken else 'dismiss'}", body)
            told.status, told.outcome = ("taken", "sold") if taken else ("dismissed", "no_time")

    async def grade(self, name: str) -> None:
        wanted = self.random.choice((None, "C", "B", "A", "other"))
        if wanted != self.reading.customers[name].grade:
            await graded(self.town, name, wanted)
            self.reading.customers[name].grade = wanted

    async def ask(self, name: str) -> None:
        def scores(most: int) -> tuple[int, ...]:
            return tuple(self.random.randint(1, 5) for _ in range(self.random.randint(0, most)))

        dimensions = tuple((one, self.random.choice((None, 3, 4, 5))) for one in scores(2))
        answered = Answered(str(uuid.uuid4()), self.town.day, scores(3), scores(3), dimensions)
        await survey(self.town, name, answered.benefits, answered.sacrifices, answered.dimensions, id=answered.survey)
        self.reading.customers[name].surveys.append(answered)

    async def wait(self, _: str) -> None:
        self.town.pass_days(self.random.choice((1, 3, 8, 30)))

    async def judge(self) -> None:
        await judge(self.town, *self.receipts)
        self.reading.judge(self.town.day)

    async def found(self):
        rows = text(
            "SELECT customer_id::text, kind, subject, episode, status, outcome, expires_on, value FROM opportunities"
        )
        made = await self.town.services.db.run(lambda tx: tx.rows(rows))
        return sorted((tuple(row) for row in made), key=str)


async def run(town, seed: int, steps: int) -> None:
    course = Course(town, seed)
    town.go_to(date(2026, 1, 5))
    await course.begin(customers=5)
    for _ in range(steps):
        for _ in range(course.random.randrange(1, 4)):
            await course.something()
            # Two that come at one moment are told apart by nothing.
            town.pass_a_minute()
        if course.random.random() < 0.7:
            await course.judge()
            assert await course.found() == course.reading.all()
    await course.judge()
    assert await course.found() == course.reading.all()
    assert len(course.reading.all()) > steps / 4


@pytest.mark.parametrize("seed", [1, 2])
async def test_opportunities_are_what_the_rules_say(town, seed):
    await run(town, seed, steps=18)


@pytest.mark.proof
@pytest.mark.parametrize("seed", range(100, 130))
async def test_the_same_for_longer(town, seed):
    await run(town, seed, steps=150)
