"""The profile: sections of typed values, merged like any merge patch, each with a note of where it came from."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.customers.attributes import ATTRIBUTES, PROFILE, SECTIONS, Type

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def match(version):
    return {"If-Match": f'"{version}"'}


async def noted(rows, customer):
    found = await rows("SELECT * FROM facts WHERE customer_id = :one ORDER BY path", one=customer)
    return {row.path: row for row in found}


async def test_a_profile_is_kept_shown_and_noted(client, make, rows):
    body = await make(
        display_name="王芳",
        profile={"life": {"hobbies": ["tea", "tea", "golf"]}, "family": {"wedding_day": "2011-05-01"}},
        provenance={"channel": "survey", "collector": "emp-12"},
    )
    assert body["profile"] == {"life": {"hobbies": ["tea", "golf"]}, "family": {"wedding_day": "2011-05-01"}}
    facts = await noted(rows, body["id"])
    assert set(facts) == {"display_name", "life.hobbies", "family.wedding_day"}
    assert {(one.channel, one.collector, one.previous) for one in facts.values()} == {("survey", "emp-12", None)}
    patch = {"profile": {"life": {"hobbies": ["chess"], "pace": "calm"}, "family": None}}
    changed = await client.patch(f"/v1/customers/{body['id']}", json=patch, headers=match(1))
    assert (changed.status_code, changed.json()["version"]) == (200, 2)
    assert changed.json()["profile"] == {"life": {"hobbies": ["chess"], "pace": "calm"}}
    assert (await client.get(f"/v1/customers/{body['id']}")).json() == changed.json()
    facts = await noted(rows, body["id"])
    hobbies, wedding = facts["life.hobbies"], facts["family.wedding_day"]
    assert (hobbies.channel, hobbies.previous, hobbies.retired_at) == ("staff", ["tea", "golf"], None)
    assert (wedding.previous, wedding.retired_at is None) == ("2011-05-01", False)
    assert facts["display_name"].channel == "survey"


@pytest.mark.parametrize(
    ("profile", "pointer"),
    [
        ({"life": {"pace": "fast"}}, "/profile/life/pace"),
        ({"career": {"promotion_cycle_months": "12"}}, "/profile/career/promotion_cycle_months"),
        ({"career": {"last_promotion": "yesterday"}}, "/profile/career/last_promotion"),
        ({"family": {"members": [{"name": "A"}]}}, "/profile/family/members/0/relation"),
        ({"custom": {"nobody_knows": 1}}, "/profile/custom/nobody_knows"),
        ({"nature": {"ownership": "mine"}}, "/profile/nature/ownership"),
    ],
)
async def test_a_wrong_value_is_named(client, make, profile, pointer):
    refused = await client.post("/v1/customers", json={"profile": profile})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer)
    body = await make(display_name="X")
    again = await client.patch(f"/v1/customers/{body['id']}", json={"profile": profile}, headers=match(1))
    assert (again.status_code, again.json()["errors"][0]["pointer"]) == (422, pointer)


async def test_an_older_value_does_not_overwrite_and_the_same_one_confirms(client, rows):
    def item(hobby, hours):
        at = (NOON + timedelta(hours=hours)).isoformat()
        return {
            "identifiers": [{"kind": "card", "value": "P1"}], "profile": {"life": {"hobbies": [hobby]}},
            "provenance": {"channel": "fair", "collector": f"at {hours}", "collected_at": at},
        }  # fmt: skip

    async def push(*items):
        answer = await client.post("/v1/customers/batch", json={"items": [*items]})
        return [one["status"] for one in answer.json()["results"]], answer.json()["results"][0]["id"]

    assert (await push(item("tea", 5)))[0] == ["created"]
    assert (await push(item("golf", 3), item("tea", 7)))[0] == ["duplicate", "duplicate"]
    _, customer = await push(item("golf", 6))
    fact = (await noted(rows, customer))["life.hobbies"]
    assert (fact.collector, fact.collected_at) == ("at 5", NOON + timedelta(hours=5))
    assert (fact.confirmed_by, fact.confirmed_at) == ("at 7", NOON + timedelta(hours=7))
    await push(item("golf", 8))
    fact = (await noted(rows, customer))["life.hobbies"]
    assert (fact.collector, fact.previous, fact.confirmed_at) == ("at 8", ["tea"], None)


async def test_who_lacks_a_field_group_neither_sees_nor_writes_it(house, client, make):
    made = await client.post(
        "/v1/api-keys", json={"name": "clerk", "role": "call_center", "field_groups": ["basic", "contact"]}
    )
    body = await make(profile={"life": {"pace": "calm"}, "nature": {"industry": "tea"}, "dealings": {"delivery": "x"}})
    key = {"Authorization": f"Bearer {made.json()['key']}"}
    async with house.client(None, **key) as clerk:
        shown = (await clerk.get(f"/v1/customers/{body['id']}")).json()
        assert shown["profile"] == {"nature": {"industry": "tea"}}
        refused = await clerk.patch(
            f"/v1/customers/{body['id']}", json={"profile": {"life": {"pace": "hurried"}}}, headers=match(1)
        )
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (403, "/profile/life/pace")
        item = {"id": body["id"], "profile": {"dealings": {"delivery": "y"}}}
        (result,) = (await clerk.post("/v1/customers/batch", json={"items": [item]})).json()["results"]
        assert (result["status"], result["problem"]["code"]) == ("failed", "forbidden")
        fine = {"profile": {"nature": {"industry": "coffee"}}}
        assert (await clerk.patch(f"/v1/customers/{body['id']}", json=fine, headers=match(1))).status_code == 200


def some_value(chance, attribute):
    return {
        Type.TEXT: chance.choice(["a b", "c"]), Type.TAGS: chance.sample(["x", "y", "z"], 2),
        Type.INTEGER: chance.randint(0, 9), Type.MONEY: chance.randint(0, 9), Type.DATE: "2020-02-29",
        Type.BOOLEAN: chance.random() < 0.5, Type.MEMBERS: [{"relation": "child"}],
        Type.CHOICE: chance.choice(attribute.choices or ("",)),
    }[attribute.type]  # fmt: skip


def some_patch(chance):
    patch: dict[str, Any] = {}
    for one in chance.sample(PROFILE, 4):
        value = None if chance.random() < 0.3 else some_value(chance, one)
        patch.setdefault(one.section, {})[one.name] = value
    if chance.random() < 0.2:
        patch[chance.choice(list(SECTIONS))] = None
    return patch


def merged(before, patch):
    """RFC 7396 over plain dictionaries; a section without values is not kept."""
    after = {name: dict(values) for name, values in before.items()}
    for section, values in patch.items():
        after[section] = {} if values is None else {**after.get(section, {}), **values}
    return {
        section: kept
        for section, values in after.items()
        if (kept := {name: value for name, value in values.items() if value is not None})
    }


@pytest.mark.parametrize("seed", range(3))
async def test_a_merge_patch_is_a_plain_merge_and_notes_agree_with_the_record(client, make, rows, seed):
    chance = random.Random(seed)
    expected: dict[str, Any] = {}
    body = await make(display_name="X")
    for _ in range(25):
        patch, before = some_patch(chance), expected
        expected = merged(expected, patch)
        answer = await client.patch(
            f"/v1/customers/{body['id']}", json={"profile": patch}, headers=match(body["version"])
        )
        assert answer.status_code == 200, answer.text
        assert answer.json()["profile"] == expected
        assert answer.json()["version"] == body["version"] + (expected != before)
        body = answer.json()
        facts = await noted(rows, body["id"])
        held = {f"{section}.{name}" for section, values in expected.items() for name in values}
        assert {path for path, fact in facts.items() if fact.retired_at is None} == held | {"display_name"}


def test_every_attribute_says_what_a_person_needs():
    for one in ATTRIBUTES:
        assert one.label and one.kinds, one
        assert bool(one.weight) <= bool(one.question), one.path
        assert (one.type is Type.CHOICE) == bool(one.choices), one.path
    assert len({one.path for one in ATTRIBUTES}) == len(ATTRIBUTES)
