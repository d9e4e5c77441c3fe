"""Where facts come from, what still holds, what is missing, and who collects well."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.customers.completeness import unknown_weights, weighted
from app.customers.suspect import made_up, made_up_identifier, made_up_text

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def match(version):
    return {"If-Match": f'"{version}"'}


async def told(client, customer, what):
    answer = await client.get(f"/v1/customers/{customer}/{what}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def facts_of(client, customer):
    return {one["path"]: one for one in (await told(client, customer, "provenance"))["data"]}


async def test_a_fact_is_current_then_stale_then_confirmed(client, house, make, published):
    house.services.clock.set(NOON)
    phone = {"kind": "phone", "value": "+8613800138000"}
    body = await make(display_name="Wang", identifiers=[phone], profile={"consumption": {"habits": "Saturdays"}})
    assert {one["state"] for one in (await facts_of(client, body["id"])).values()} == {"current"}
    house.services.clock.set(NOON + timedelta(days=1100))
    facts = await facts_of(client, body["id"])
    assert {path: one["state"] for path, one in facts.items()} == {
        "consumption.habits": "stale", "display_name": "current", "phone": "stale",
    }  # fmt: skip
    said = {"paths": ["consumption.habits", "phone"], "provenance": {"collector": "emp-3", "channel": "call_centre"}}
    answer = await client.post(f"/v1/customers/{body['id']}/confirm", json=said)
    assert answer.status_code == 200, answer.text
    facts = await facts_of(client, body["id"])
    habits = facts["consumption.habits"]
    assert (habits["state"], habits["confirmed_by"], habits["channel"]) == ("current", "emp-3", "staff")
    assert facts["phone"]["state"] == "current"
    after = (await client.get(f"/v1/customers/{body['id']}")).json()
    assert after == body
    assert (await published(body["id"]))[-1] == ("customer.confirmed", 1)
    # What was confirmed is as new as that: an older report does not undo it.
    late = {
        "id": body["id"], "profile": {"consumption": {"habits": "Sundays"}},
        "collected_at": (NOON + timedelta(days=1099)).isoformat(),
    }  # fmt: skip
    answer = await client.post("/v1/customers/batch", json={"items": [late]})
    assert answer.json()["results"][0]["status"] == "duplicate"


@pytest.mark.parametrize(
    ("path", "code"), [("life.pace", "no_value"), ("nothing", "unknown_path"), ("email", "no_value")]
)
async def test_only_what_is_there_can_be_confirmed(client, make, path, code):
    body = await make(display_name="Wang")
    refused = await client.post(f"/v1/customers/{body['id']}/confirm", json={"paths": ["display_name", path]})
    assert (refused.status_code, [(one["pointer"], one["code"]) for one in refused.json()["errors"]]) == (
        422, [("/paths/1", code)],
    )  # fmt: skip


async def test_what_is_no_longer_licensed_does_not_count(client, house, make):
    house.services.clock.set(NOON)
    rented = {"channel": "rented_list", "licence_end": "2026-01-31"}
    body = await make(display_name="Wang", birthday={"month": 5, "day": 1}, provenance=rented)
    before = await told(client, body["id"], "completeness")
    house.services.clock.set(NOON + timedelta(days=40))
    after = await told(client, body["id"], "completeness")
    assert before["score"] > 0 and after["score"] == 0
    assert [one["path"] for one in after["unlicensed"]] == ["birthday", "display_name"]
    assert after["ask_next"]["path"] == "birthday"
    assert (await facts_of(client, body["id"]))["birthday"]["state"] == "retired"
    refused = await client.post("/v1/customers", json={"provenance": {"channel": "rented_list"}})
    assert refused.status_code == 422


async def test_one_number_that_may_be_used_is_enough(client, house, make):
    """Found: a rented number whose licence had ended hid the number that the customer gave himself."""
    house.services.clock.set(NOON)
    rented = {"channel": "rented_list", "licence_end": "2026-01-31"}
    body = await make(identifiers=[{"kind": "phone", "value": "+8613800138000"}])
    own = await told(client, body["id"], "completeness")
    late = {"identifiers": [{"kind": "phone", "value": "+8613900139000"}], "provenance": rented, "id": body["id"]}
    house.services.clock.set(NOON + timedelta(days=1))
    answer = await client.post("/v1/customers/batch", json={"items": [late]})
    assert answer.json()["results"][0]["status"] == "updated"
    house.services.clock.set(NOON + timedelta(days=60))
    after = await told(client, body["id"], "completeness")
    assert (after["score"], after["unlicensed"]) == (own["score"], [])


def test_what_looks_made_up():
    for text in ("test", "Test ", "xxx", "aaaa", "12345678", "张三", "N/A", "---"):
        assert made_up_text(text), text
    for text in ("Wang", "王芳", "Testa", "Ann", "Li", "O'Neil", "1234"):
        assert not made_up_text(text), text
    for number in ("+8613812345678", "+8613888888888", "+886912345678"):
        assert made_up_identifier("phone", number), number
    assert not made_up_identifier("phone", "+8613800138000")
    assert made_up_identifier("email", "test@company.example") and not made_up_identifier("email", "li@test.example")
    assert made_up({"birthday": {"year": 1900, "month": 1, "day": 1}, "display_name": "Li"}) == ["birthday"]


async def test_what_looks_made_up_does_not_count(client, make, rows):
    body = await make(
        display_name="test", identifiers=[{"kind": "phone", "value": "+8613812345678"}],
        profile={"career": {"occupation": "asdf"}},
    )  # fmt: skip
    found = await told(client, body["id"], "completeness")
    assert found["score"] == 0
    assert {one["path"] for one in found["suspect"]} == {"display_name", "phone", "career.occupation"}
    await client.patch(f"/v1/customers/{body['id']}", json={"display_name": "Li Na"}, headers=match(1))
    assert (await told(client, body["id"], "completeness"))["score"] > 0
    assert (await rows("SELECT suspect FROM customers"))[0][0] == ["career.occupation"]


async def test_a_birthday_of_too_many_is_suspect(client, house):
    items = [{"display_name": f"Name {n}", "birthday": {"month": 1, "day": 1, "year": 1980}} for n in range(100)]
    items.append({"display_name": "Apart", "birthday": {"month": 1, "day": 2, "year": 1980}})
    results = (await client.post("/v1/customers/batch", json={"items": items})).json()["results"]
    for result, suspect in ((results[0], ["birthday"]), (results[-1], [])):
        found = await told(client, result["id"], "completeness")
        assert [one["path"] for one in found["suspect"]] == suspect


async def test_totals_by_store_and_collector(client, house, make):
    (await client.put("/v1/stores/S01", json={"name": "S01", "kind": "own"})).raise_for_status()
    made = await client.post("/v1/api-keys", json={"name": "till 1", "role": "pos", "store": "S01"})
    house.services.clock.set(NOON)
    async with house.client(None, Authorization=f"Bearer {made.json()['key']}") as till:
        by = {"provenance": {"collector": "emp-1"}}
        for n, name in enumerate(("Li", "test")):
            item = {"display_name": name, "identifiers": [{"kind": "phone", "value": f"+861380013800{n}"}], **by}
            assert (await till.post("/v1/customers", json=item)).status_code == 201
    body = await make(profile={"life": {"pace": "calm"}})
    await client.post(f"/v1/customers/{body['id']}/confirm", json={"paths": ["life.pace"]})
    found = (await client.get("/v1/profile-quality", params={"since": "2026-01-01", "until": "2026-01-01"})).json()
    mine = {"collected": 4, "confirmed": 0, "suspect": 1, "customers": 2}
    office = {"collected": 1, "confirmed": 1, "suspect": 0, "customers": 1}
    assert found["by_store"] == [{"store": "S01", **mine}, {"store": None, **office}]
    assert found["by_collector"] == [{"collector": "emp-1", **mine}, {"collector": "test admin", **office}]
    other = (await client.get("/v1/profile-quality", params={"since": "2026-02-01", "until": "2026-02-02"})).json()
    assert (other["by_store"], other["by_collector"]) == ([], [])


def test_weights_are_settings():
    assert [one.path for _, one in weighted({})][:3] == ["birthday", "phone", "life.hobbies"]
    assert weighted({"email": 100, "birthday": 0})[0][1].path == "email"
    assert unknown_weights({"email": 1, "nothing": 1}) == ["nothing"]


VALUES: dict[str, list[Any]] = {
    "display_name": ["Wang", "test", None], "gender": ["female", None], "language": ["zh", None],
    "birthday": [{"month": 5, "day": 1, "year": 1990}, None],
}  # fmt: skip
PROFILE: dict[str, dict[str, list[Any]]] = {
    "life": {"hobbies": [["tea"], None], "pace": ["calm", None]},
    "career": {"occupation": ["cook", None]},
}


@pytest.mark.parametrize("seed", range(3))
async def test_completeness_and_provenance_never_contradict_the_record(client, house, make, rows, seed):
    chance, now = random.Random(seed), NOON
    body = await make(display_name="Start", identifiers=[{"kind": "card", "value": f"Q{seed}"}])
    for step in range(20):
        now += timedelta(hours=1)
        house.services.clock.set(now)
        patch: dict[str, Any] = {name: chance.choice(VALUES[name]) for name in chance.sample(sorted(VALUES), 2)}
        section = chance.choice(sorted(PROFILE))
        patch["profile"] = {section: {name: chance.choice(of) for name, of in PROFILE[section].items()}}
        if step % 2:
            at = (now - timedelta(hours=chance.randint(0, 3))).isoformat()
            item = {**patch, "identifiers": [{"kind": "card", "value": f"Q{seed}"}], "collected_at": at}
            result = (await client.post("/v1/customers/batch", json={"items": [item]})).json()["results"][0]
            assert result["status"] in {"updated", "duplicate"}
        else:
            version = (await client.get(f"/v1/customers/{body['id']}")).json()["version"]
            done = await client.patch(f"/v1/customers/{body['id']}", json=patch, headers=match(version))
            assert done.status_code == 200
        record = (await client.get(f"/v1/customers/{body['id']}")).json()
        known = {name for name in VALUES if record[name] is not None}
        known |= {f"{part}.{name}" for part, values in record["profile"].items() for name in values}
        facts = await facts_of(client, body["id"])
        assert {path for path, one in facts.items() if one["state"] != "retired"} == known
        found = await told(client, body["id"], "completeness")
        suspect = {one["path"] for one in found["suspect"]}
        assert not known & {one["path"] for one in found["missing"]}
        assert suspect == ({"display_name"} if record["display_name"] == "test" else set())
        assert (await rows("SELECT suspect FROM customers WHERE id = :id", id=body["id"]))[0][0] == sorted(suspect)
        counted = [(weight, one.path) for weight, one in weighted({}) if "person" in one.kinds]
        held = sum(weight for weight, path in counted if path in known - suspect)
        assert found["score"] == 100 * held // sum(weight for weight, _ in counted)
