"""Every field says truly which events may have changed it: what is kept is followed by nothing else."""

from collections import defaultdict
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import Text, cast, select

from app.core.caller import SYSTEM
from app.core.fields import Evaluation, Field
from app.receipts.models import ReceiptLine
from app.segments.queries import happened
from app.segments.queries.operands import Rowset
from tests.early_warning.chances import judge
from tests.feed import factories as feed
from tests.office.people import People

ZONE = "Asia/Shanghai"
# (field, collection or nothing) -> customer -> value
Values = dict[str, dict[Any, Any]]


class Watch:
    """All values of everybody, read as the language reads them, and who the feed says may have changed."""

    def __init__(self, services: Any, registry: Any, day: date) -> None:
        self.db, self.registry = services.db, registry
        asked = Evaluation(day, ZONE)
        self.fields = {one.name: one for one in registry.fields.values() if one.followed}
        rows = Rowset(registry.population.rows(), asked)
        columns = [cast(rows.operand(one).full, Text).label(f"c{n}") for n, one in enumerate(self.fields.values())]
        whose = registry.population.id(rows.row)
        self.customers = select(whose, *columns).select_from(rows.joined).where(registry.population.counted(rows.row))
        self.collections = {}
        for one in registry.collections.values():
            rows = Rowset(one.relation(), asked)
            values = [cast(rows.operand(field).full, Text) for field in one.fields]
            # A row that does not count, or is none of the customer's, has no values.
            found = select(one.customer(rows.row), *values)
            found = found.select_from(rows.joined)
            if one.counted is not None:
                found = found.where(one.counted(rows.row))
            self.collections[one.name] = found

    async def read(self) -> Values:
        found: Values = defaultdict(dict)

        async def work(tx: Any) -> None:
            found.clear()
            for row in await tx.rows(self.customers):
                for name, value in zip(self.fields, row[1:], strict=True):
                    found[name][row[0]] = value
            for name, statement in self.collections.items():
                fields = self.registry.collections[name].fields
                for row in await tx.rows(statement):
                    for field, value in zip(fields, row[1:], strict=True):
                        found[f"{name}.{field.name}"].setdefault(row[0], []).append(value or "")

        await self.db.run(work)
        return {name: {who: sorted(v) if isinstance(v, list) else v for who, v in of.items()}
                for name, of in found.items()}  # fmt: skip

    def field(self, name: str) -> Field:
        head, _, rest = name.partition(".")
        if name in self.fields:
            return self.fields[name]
        return self.registry.collections[head].by_name[rest]

    async def unnoticed(self, before: Values, after: Values, since: int) -> list[tuple[str, Any]]:
        """Fields that are others now, of customers of whom the feed says nothing that would tell."""
        changed = {
            name: {who for who in {*of, *after.get(name, {})} if of.get(who) != after.get(name, {}).get(who)}
            for name, of in ((name, before.get(name, {})) for name in {*before, *after})
        }

        async def work(tx: Any) -> list[tuple[str, Any]]:
            found = []
            _, upto = await happened.feed_ends(tx) or (0, 0)
            for name, people in changed.items():
                if not people:
                    continue
                field = self.field(name)
                news = await happened.news(tx, since, upto, field.changed_by, [])
                rows = self.registry.collections.get(name.partition(".")[0])
                spreads = [each.spreads for each in (field, rows) if each is not None and each.spreads is not None]
                told = await happened.spread(tx, news.customers, spreads)
                if not news.everybody:
                    found += [(name, who) for who in people - set(told)]
            return found

        return await self.db.run(work)


async def end(services: Any) -> int:
    while await feed.move(services.db):
        pass
    return int((await services.db.run(happened.feed_ends))[1])


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.proof) for seed in range(2, 20))])
async def test_no_value_changes_without_an_event_that_it_names(house, client, registry, seed):
    people = People(house.services, client, date(2026, 3, 2)).begin(seed)
    await people.call("PUT", "/stores/S1", {"name": "First", "kind": "own", "time_zone": ZONE})
    three = [await people.person(name) for name in ("Mei", "Bo", "An")]
    watch = Watch(house.services, registry, people.day)
    since, before = await end(house.services), await watch.read()
    seen, unnoticed = set[str](), set[tuple[str, str]]()

    async def look(done: str) -> None:
        nonlocal since, before
        await end(house.services)
        after = await watch.read()
        unnoticed.update((name, done) for name, _ in await watch.unnoticed(before, after, since))
        seen.update(name for name, of in after.items() if of != before.get(name))
        since, before = await end(house.services), after

    deeds = {name: deed for name, deed in people.deeds().items() if name != "tomorrow"}
    # Every deed, in any order; then what changes two at once.
    often = 1 if seed == 1 else 6
    for name in people.dice.sample([*deeds] * often, k=len(deeds) * often):
        await deeds[name](*people.dice.sample(three, 2))
        await look(name)
    for number in range(often):
        one, other, third = people.dice.sample(three, 3)
        made = await people.call("POST", "/merges", {"winner": one, "loser": other}, status=201)
        await look(f"merged {number}")
        await people.anything(one, third)
        await people.call("POST", f"/merges/{made['id']}/undo", {})
        people.go_to(date(2026, 3, 2))
        await look(f"parted {number}")
    answer = await client.put("/v1/stores/S1", json={
        "name": "First", "kind": "dealer", "time_zone": ZONE, "city": "Zunyi", "region": "south",
    }, headers={"If-Match": (await client.get("/v1/stores/S1")).headers["etag"]})  # fmt: skip
    assert answer.is_success, answer.text
    await look("the store")
    rows = await house.services.db.read(SYSTEM, lambda tx: tx.rows(select(ReceiptLine.product).distinct()))
    for number, (code,) in enumerate(rows):
        body = {"code": code, "name": code, "brand": f"Brand {number}"}
        (await client.post("/v1/products/batch", json={"items": [body]})).raise_for_status()
    await look("the products")
    friend = await people.person("Friend")
    await people.call("POST", f"/customers/{friend}/relationships", {"other": three[0], "kind": "friend"})
    await look("a friend came")
    (await client.post("/v1/erasures", json={"customer_id": friend, "reason": "request"})).raise_for_status()
    await look("erased")
    assert {name for name, _ in unnoticed} == set(), sorted(unnoticed)
    assert len(seen) > (30 if seed == 1 else 60), sorted(seen)


async def test_every_step_in_the_life_of_warnings_holds_and_chances_is_told(house, client, registry):
    people = People(house.services, client, date(2026, 3, 20)).begin(1)
    await people.call("PUT", "/stores/S1", {"name": "First", "kind": "own", "time_zone": ZONE})
    await people.keep()
    dealer = await people.customer("Dealer", kind="business")
    await people.credit(dealer, 1_000)
    await people.plan(dealer, "2026", 1_000, "expense-budgets")
    watch = Watch(house.services, registry, people.day)
    seen = set[str]()

    async def look(done: str, deed: Any) -> Any:
        since, before = await end(house.services), await watch.read()
        answer = await deed
        await end(house.services)
        after = await watch.read()
        assert await watch.unnoticed(before, after, since) == [], done
        changed = {name for name, of in after.items() if of != before.get(name)}
        assert changed, done
        seen.update(changed)
        return answer

    await look("owes", people.sell(dealer, 1_050, on_account=True))
    (debt,) = await people.warnings()
    await look("costs", people.spend(dealer, 1_500))
    await look("judged", people.evaluate(dealer))
    await look("acknowledged", people.step(debt, "acknowledge"))
    until = (people.services.clock.now() + timedelta(hours=30)).isoformat()
    await look("snoozed", people.step(debt, "snooze", until=until))
    people.pass_hours(31)
    await look("woken", people.keep())
    await look("assigned", people.step(debt, "assign", owner="emp-2"))
    await look("investigated", people.step(debt, "investigate"))
    people.pass_days(30)
    await look("escalated", people.keep())
    promise = {"amount": 50, "due_on": (people.day + timedelta(days=3)).isoformat()}
    said: dict[str, Any] = {
        "cause": "Late",
        "finding": "Cash",
        "remedy": "Wait",
        "outcome": "promised",
        "promise": promise,
    }
    await look("promised", people.step(debt, "resolve", **said))
    people.pass_days(5)
    await look("broken", people.keep())
    await look("released", people.call("POST", f"/holds/{await people.hold_of(dealer)}/release", {"reason": "Agreed"}))
    await look("paid", people.pay(dealer, 1_050))
    chances, newcomer = [], ""
    for name in ("Taken", "Dismissed", "Expired"):
        newcomer = await people.customer(name)
        await people.sell(newcomer, 500)
        await look(f"offered {name}", judge(people, newcomer))
        (chance,) = (await client.get("/v1/opportunities", params={"customer_id": newcomer})).json()["data"]
        chances.append(chance["id"])
    await look("taken", people.call("POST", f"/opportunities/{chances[0]}/take", {"outcome": "sold"}))
    await look("dismissed", people.call("POST", f"/opportunities/{chances[1]}/dismiss", {"reason": "other"}))
    people.pass_days(90)
    await look("expired", judge(people, newcomer))
    told = {name for name in seen if name.partition(".")[0] in {"warnings", "holds", "opportunities"}}
    for name in (
        "warnings.status", "warnings.owner", "warnings.escalated", "warnings.snoozed_until", "warnings.promise",
        "warnings.outcome", "warnings.resolved", "holds.live", "holds.released", "opportunities.status",
        "opportunities.outcome", "opportunities.closed",
    ):  # fmt: skip
        assert name in told, name
