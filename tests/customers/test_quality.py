"""Where facts come from, what still holds, what is missing, and who collects well."""

import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from app.core.fields import Pii
from app.core.types import rfc3339
from app.customers.attributes import BOTH, Attribute, Type
from app.customers.completeness import unknown_weights, version_of, weighted
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
    assert [one.path for _, one in weighted({}, "person")][:3] == ["birthday", "phone", "life.hobbies"]
    assert weighted({"email": 100, "birthday": 0}, "person")[0][1].path == "email"
    by_kind = {"email": {"business": 100}, "phone": {"person": 50, "business": 1}}
    worth = {kind: {one.path: worth for worth, one in weighted(by_kind, kind)} for kind in ("person", "business")}
    assert [worth[kind]["email"] for kind in worth] == [5, 100]
    assert [worth[kind]["phone"] for kind in worth] == [50, 1]
    assert not worth["business"].keys() & {"birthday", "life.hobbies"}
    assert unknown_weights({"email": 1, "nothing": 1}) == ["nothing"]


def test_their_version_follows_from_them():
    """Found: who changed the weights had to think of their version."""
    own = Attribute("custom.size", "Size", Type.TEXT, BOTH, "basic", Pii.NONE, 5, "What size?")
    ways = [
        version_of({}), version_of({"email": 6}), version_of({"email": {"business": 6}}), version_of({"email": 0}),
        version_of({}, [own]), version_of({}, [replace(own, weight=6)]), version_of({}, [replace(own, fresh_days=9)]),
    ]  # fmt: skip
    assert len(set(ways)) == len(ways)
    # What changes nothing makes no other version.
    assert version_of({"email": 5}) == version_of({"email": {"person": 5}}) == version_of({})


async def test_weights_by_kind_count_the_same_for_one_customer_and_for_all(client, house, make):
    weights = {"email": {"business": 90}, "language": {"person": 40}}
    house.services.settings.completeness.weights.update(weights)
    try:
        for kind in ("person", "business"):
            body = await make(
                kind=kind, display_name="Li", language="zh", identifiers=[{"kind": "card", "value": kind}]
            )
            found = await told(client, body["id"], "completeness")
            counted = {one.path: worth for worth, one in weighted(weights, kind)}
            assert found["score"] == 100 * (counted["display_name"] + counted["language"]) // sum(counted.values())
            assert found["ask_next"]["path"] == {"person": "birthday", "business": "email"}[kind]
            card = (await client.get(f"/v1/customers/{body['id']}/card")).json()["customer"]
            assert card["ask_next"] == found["ask_next"]["path"]
    finally:
        house.services.settings.completeness.weights.clear()


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
        counted = [(weight, one.path) for weight, one in weighted({}, "person")]
        held = sum(weight for weight, path in counted if path in known - suspect)
        assert found["score"] == 100 * held // sum(weight for weight, _ in counted)


REACHES = {
    "phone": ["+8613800138000", "+8613800138001", "+8613888888888"],
    "email": ["a@example.org", "b@example.org", "test@example.org"],
}


class Model:
    """What a business should hold after what was done to it: by hand, a row at a time."""

    def __init__(self) -> None:
        # (kind, value) -> what is known of it; addresses and key people by their id.
        self.reached: dict[tuple[str, str], dict[str, Any]] = {}
        self.others: dict[str, dict[str, dict[str, Any]]] = {"addresses": {}, "contacts": {}}


def whence(at, collector, licence=None):
    return {"collected_at": rfc3339(at), "collector": collector, "licence_end": licence, "confirmed_at": None,
            "confirmed_by": None, "previous": None}  # fmt: skip


def again(row, at, by, licence):
    """The same value collected again."""
    if row["licence_end"] is not None and licence is None:
        row.update(whence(at, by), previous=row["previous"])
        return
    row.update(confirmed_at=rfc3339(at), confirmed_by=by)
    if row["licence_end"] is not None:
        row["licence_end"] = max(row["licence_end"], licence)


def stands(row, now, fresh_days):
    if row["licence_end"] is not None and date.fromisoformat(row["licence_end"]) < now.date():
        return "retired"
    latest = max(row["collected_at"], row["confirmed_at"] or "")
    return "stale" if (now - datetime.fromisoformat(latest)).days >= fresh_days else "current"


async def another(client, chance, path, rows, whose):
    """Add, change or confirm an address or a key person."""
    now, by, licence, said = whose
    field, new = ("city", {"kind": "home"}) if path.endswith("addresses") else ("name", {"role": "buyer"})
    if not rows or chance.random() < 0.3:
        done = await client.post(path, json={**new, field: "A", "provenance": said})
        rows[done.json()["id"]] = {**whence(now, by, licence), field: "A", "version": 1}
        return done
    one = chance.choice(sorted(rows))
    row, value = rows[one], chance.choice("AB")
    if chance.random() < 0.4:
        again(row, now, by, licence)
        return await client.post(f"{path}/{one}/confirm", json={"provenance": said})
    done = await client.patch(f"{path}/{one}", json={field: value, "provenance": said}, headers=match(row["version"]))
    if row[field] != value:
        row.update({**whence(now, by, licence), "previous": {field: row[field]}, field: value})
        row["version"] += 1
    elif row["licence_end"] is not None:
        again(row, now, by, licence)
    return done


async def some_step(client, chance, path, model, now):
    """One thing that somebody does; what the model should hold afterwards."""
    by = chance.choice(["emp-1", "emp-2"])
    licence = chance.choice([None, None, (now + timedelta(days=chance.randint(20, 600))).date().isoformat()])
    said = {"collector": by, **({"channel": "rented_list", "licence_end": licence} if licence else {})}
    what = chance.choice(["reach", "reach", "addresses", "contacts", "confirm", "drop"])
    if what == "reach":
        kind = chance.choice(sorted(REACHES))
        key = (kind, chance.choice(REACHES[kind]))
        sent = {"kind": kind, "value": key[1], "provenance": said}
        done = await client.post(f"{path}/identifiers", json=sent)
        if key in model.reached:
            again(model.reached[key], now, by, licence)
        else:
            model.reached[key] = whence(now, by, licence)
    elif what == "confirm":
        paths = [kind for kind in REACHES if any(held == kind for held, _ in model.reached)]
        paths += ["address"] if model.others["addresses"] else []
        if not paths:
            return
        done = await client.post(f"{path}/confirm", json={"paths": paths, "provenance": said})
        for row in (*model.reached.values(), *model.others["addresses"].values()):
            again(row, now, by, licence)
    elif what == "drop" and model.reached:
        key = chance.choice(sorted(model.reached))
        record = (await client.get(path)).json()
        one = next(each["id"] for each in record["identifiers"] if (each["kind"], each["value"]) == key)
        done = await client.delete(f"{path}/identifiers/{one}", headers=match(record["version"]))
        del model.reached[key]
    else:
        what = what if what in model.others else "contacts"
        done = await another(client, chance, f"{path}/{what}", model.others[what], (now, by, licence, said))
    assert done.is_success, done.text


@pytest.mark.parametrize("seed", range(4))
async def test_so_do_those_of_numbers_addresses_and_key_people(client, house, make, seed):
    chance, now, model = random.Random(seed), NOON, Model()
    body = await make(kind="business", identifiers=[{"kind": "card", "value": f"B{seed}"}])
    path = f"/v1/customers/{body['id']}"
    names = ("collected_at", "collector", "licence_end", "confirmed_at", "confirmed_by", "previous")
    for _ in range(30):
        now += timedelta(days=chance.choice([1, 30, 300]))
        house.services.clock.set(now)
        await some_step(client, chance, path, model, now)
        record = (await client.get(path)).json()
        ids = {one["id"]: (one["kind"], one["value"]) for one in record["identifiers"] if one["kind"] in REACHES}
        facts = (await told(client, body["id"], "provenance"))["data"]
        shown = {ids.get(one["identifier_id"], one["identifier_id"]): one for one in facts}
        places = {one["id"]: one for one in (await told(client, body["id"], "addresses"))["data"]}
        people = {one["id"]: one for one in (await told(client, body["id"], "contacts"))["data"]}
        assert shown.keys() == model.reached.keys() | places.keys()
        assert (places.keys(), people.keys()) == tuple(rows.keys() for rows in model.others.values())
        for key, row in model.reached.items():
            assert {name: shown[key][name] for name in names} == row, key
            assert shown[key]["state"] == stands(row, now, 1095)
        for rows, listed, fresh in ((model.others["addresses"], places, 1095), (model.others["contacts"], people, 730)):
            for one, row in rows.items():
                assert {name: listed[one][name] for name in row} == row
                assert listed[one]["state"] == stands(row, now, fresh)
        lacks = await told(client, body["id"], "completeness")
        held = {kind for kind, _ in model.reached} | ({"address"} if places else set())
        missing = {one["path"] for one in lacks["missing"]} & {"phone", "email", "address"}
        assert missing == {"phone", "email", "address"} - held
        for kind in held & REACHES.keys():
            usable = [key for key in model.reached if key[0] == kind and not made_up_identifier(*key)
                      and stands(model.reached[key], now, 1095) != "retired"]  # fmt: skip
            lists = {one["path"] for name in ("suspect", "unlicensed") for one in lacks[name]}
            assert (kind in lists) is not bool(usable), kind
