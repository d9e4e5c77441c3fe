"""Random stories against a plain model: what a customer is after any sequence of writes."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
FIELDS: dict[str, list[Any]] = {
    "display_name": ["Wang", "Li", None],
    "gender": ["female", "male", None],
    "language": ["zh", "en", None],
    "birthday": [None, {"month": 2, "day": 29, "year": None}, {"month": 5, "day": 1, "year": 1990}],
    "status": ["active", "lost"],
    "kind": ["person", "business"],
}
CARDS = [f"K{number}" for number in range(8)]


class Model:
    """Customers as dictionaries, with the rules written down once more in the simplest way."""

    def __init__(self) -> None:
        self.customers: list[dict[str, Any]] = []

    def holder(self, card):
        return next((one for one in self.customers if card in one["cards"]), None)

    def create(self, fields, cards, at):
        made = {name: values[0] if name in {"status", "kind"} else None for name, values in FIELDS.items()}
        made |= {"status": "active", "kind": "person", **fields}
        made |= {"cards": set(cards), "version": 1, "times": dict.fromkeys(fields, at)}
        self.customers.append(made)
        return made

    def upsert(self, fields, cards, at, now):
        """The status an item must get."""
        holders = [holder for card in cards if (holder := self.holder(card)) is not None]
        if any(holder is not holders[0] for holder in holders):
            return "failed"
        if not holders:
            self.create(fields, cards, at or now)
            return "created"
        (one, *_), changed = holders, not set(cards) <= holders[0]["cards"]
        one["cards"] |= set(cards)
        for name, value in fields.items():
            held = one["times"].get(name)
            if at is not None and held is not None and held > at:
                continue
            if one[name] != value:
                one[name], one["times"][name], changed = value, max(at or now, held or (at or now)), True
            elif at is not None:
                one["times"][name] = at
        one["version"] += changed
        return "updated" if changed else "duplicate"

    def patch(self, one, fields, now):
        changed = {name: value for name, value in fields.items() if one[name] != value}
        one.update(changed)
        one["times"] |= dict.fromkeys(changed, now)
        one["version"] += bool(changed)


def some_fields(chance):
    names = chance.sample(sorted(FIELDS), chance.randint(0, 3))
    return {name: chance.choice(FIELDS[name]) for name in names}


async def shown(client):
    data = (await client.get("/v1/customers", params={"limit": 200})).json()["data"]
    return sorted(
        (
            {name: one[name] for name in (*FIELDS, "version")}
            | {"cards": sorted(i["value"] for i in one["identifiers"])}
            for one in data
        ),
        key=lambda one: one["cards"],
    )


@pytest.mark.parametrize("seed", range(6))
async def test_a_random_story_ends_as_the_model_says(client, house, seed):
    chance, model, clock = random.Random(seed), Model(), house.services.clock
    for step in range(40):
        now = NOON + timedelta(hours=100 + step)
        clock.set(now)
        at = chance.choice([None, None, NOON + timedelta(hours=chance.randint(0, 100 + step))])
        fields, cards = some_fields(chance), chance.sample(CARDS, chance.randint(1, 2))
        body = {**fields, "identifiers": [{"kind": "card", "value": card} for card in cards]}
        dated = {**body, "collected_at": at.isoformat()} if at else body
        action = chance.choice(["create", "batch", "patch", "read"])
        if action == "create":
            answer = await client.post("/v1/customers", json=dated)
            taken = any(model.holder(card) for card in cards)
            assert answer.status_code == (409 if taken else 201)
            if not taken:
                model.create(fields, cards, at or now)
        elif action == "batch":
            answer = await client.post("/v1/customers/batch", json={"items": [dated]})
            assert answer.json()["results"][0]["status"] == model.upsert(fields, cards, at, now)
        elif action == "patch" and (one := model.holder(cards[0])) is not None:
            listed = (await client.get("/v1/customers", params={"limit": 200})).json()["data"]
            mine = next(found for found in listed if any(i["value"] == cards[0] for i in found["identifiers"]))
            headers = {"If-Match": f'"{mine["version"]}"'}
            # A merge patch with a whole birthday is the same as the birthday.
            answer = await client.patch(f"/v1/customers/{mine['id']}", json=fields, headers=headers)
            assert answer.status_code == 200
            model.patch(one, fields, now)
    expected = sorted(
        (
            {name: one[name] for name in (*FIELDS, "version")} | {"cards": sorted(one["cards"])}
            for one in model.customers
        ),
        key=lambda one: one["cards"],
    )
    assert await shown(client) == expected


@pytest.mark.parametrize("seed", range(4))
async def test_one_batch_is_the_same_as_its_items_one_by_one(client, house, seed):
    """Statuses and final values; only versions are fewer, since a batch makes one per customer."""
    chance, model, now = random.Random(seed), Model(), NOON + timedelta(hours=200)
    house.services.clock.set(now)
    items, expected = [], []
    for _ in range(60):
        at = chance.choice([None, NOON + timedelta(hours=chance.randint(0, 150))])
        fields, cards = some_fields(chance), chance.sample(CARDS, chance.randint(1, 2))
        body: dict[str, Any] = {**fields, "identifiers": [{"kind": "card", "value": card} for card in cards]}
        items.append({**body, "collected_at": at.isoformat()} if at else body)
        expected.append(model.upsert(fields, cards, at, now))
    results = (await client.post("/v1/customers/batch", json={"items": items})).json()["results"]
    assert [result["status"] for result in results] == expected
    found = [{**one, "version": 0} for one in await shown(client)]
    assert found == sorted(
        (
            {name: one[name] for name in FIELDS} | {"version": 0, "cards": sorted(one["cards"])}
            for one in model.customers
        ),
        key=lambda one: one["cards"],
    )
