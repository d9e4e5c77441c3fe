"""Distance to a place: stores, places and points; near the poles, over the date line; why somebody is too far."""

import random
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from sqlalchemy import insert, text

from app.core.caller import SYSTEM
from app.customers.models import Address
from app.segments import tree as t
from app.segments import values as v
from app.segments.check import World, check
from app.segments.parse import parse
from app.segments.queries import evaluate
from app.segments.queries.evaluate import Question
from tests.segments.company import make
from tests.segments.factories import customer, segment, store
from tests.segments.reference import apart

TODAY = date(2026, 11, 21)
CENTRE = {"latitude": "26.647", "longitude": "106.63"}
# 0.09 degrees of latitude are 10.0075 km.
NORTH = {"latitude": "26.737", "longitude": "106.63"}


@pytest.fixture(autouse=True)
def today(house):
    house.services.clock.set(datetime(2026, 11, 21, 4, tzinfo=UTC))


async def live_at(client, where, **more):
    made = await customer(client, **more)
    answer = await client.post(f"/v1/customers/{made}/addresses", json={"kind": "home", **where})
    assert answer.status_code == 201, answer.text
    return made, answer.json()


async def count(client, text):
    answer = await client.post("/v1/segments/preview", json={"text": text, "sample": 0})
    assert answer.status_code == 200, answer.text
    return answer.json()["count"]


async def test_who_lives_near_a_store_a_place_or_a_point(client):
    await store(client, "GY-01")
    put = await client.put("/v1/stores/GY-01", json=CENTRE)
    assert {name: put.json().get(name) for name in CENTRE} == CENTRE, put.text
    assert (await client.put("/v1/places/fair", json={"name": "Fair", **NORTH})).status_code == 201
    far, _ = await live_at(client, NORTH, home_store="GY-01")
    near, _ = await live_at(client, CENTRE)
    await customer(client)
    assert await count(client, "location within 10.1 km of 'GY-01'") == 2
    assert await count(client, "location within 10 km of 'GY-01'") == 1
    assert await count(client, "location within 1 km of 'fair'") == 1
    assert await count(client, "not location within 10 km of (26.647, 106.63)") == 2
    assert await count(client, "any(addresses where kind = 'home' and location within 1 km of 'fair')") == 1
    assert await count(client, "home.location within 1 km of 'GY-01' and location is not missing") == 1
    saved = await segment(client, "near", "location within 10 km of 'GY-01'")
    assert saved["text"] == "location within 10 km of 'GY-01'"
    assert saved["tree"]["of"] == {"place": "GY-01"}
    why = (await client.get(f"/v1/segments/{saved['id']}/explain/{far}")).json()["explanation"]
    assert (why["truth"], why["value"], why["needed"]) == (False, {"number": "10.008"}, {"number": "10"})
    assert why["distance"] == "0.008 km too far"
    assert (await client.get(f"/v1/segments/{saved['id']}/explain/{near}")).json()["member"] is True
    # The place moves, and the saved question with it.
    await client.put("/v1/stores/GY-01", json=NORTH)
    assert (await client.get(f"/v1/segments/{saved['id']}/explain/{far}")).json()["member"] is True
    await client.put("/v1/stores/GY-01", json={"latitude": None, "longitude": None})
    assert (await client.get(f"/v1/segments/{saved['id']}/count")).json()["count"] == 0


async def test_a_place_that_nobody_knows_is_refused_with_a_near_name(client):
    await store(client, "GY-01")
    await client.put("/v1/stores/GY-01", json=CENTRE)
    await store(client, "GY-02")
    for code, near in (("GY-1", "GY-01"), ("GY-02", "GY-01")):
        body = {"text": f"location within 5 km of '{code}'"}
        problem = (await client.post("/v1/segments/parse", json=body)).json()
        assert problem["errors"][0]["code"] == "unknown_place"
        assert problem["places"][0]["near"] == near
        assert (problem["places"][0]["start"], problem["places"][0]["end"]) == (24, 26 + len(code))
    tree = {"op": "within_km", "field": "location", "km": "5", "of": {"place": "nowhere"}}
    problem = (await client.post("/v1/segments/parse", json={"tree": tree})).json()
    assert problem["errors"][0]["pointer"] == "/tree/of"


async def test_an_address_that_moves_loses_its_coordinates(client):
    made, address = await live_at(client, {"city": "Guiyang", **CENTRE})
    path, patch = f"/v1/customers/{made}/addresses/{address['id']}", {"city": "Zunyi"}
    moved = (await client.patch(path, json=patch, headers={"If-Match": '"1"'})).json()
    assert (moved["latitude"], moved["longitude"]) == (None, None)
    noted = (await client.patch(path, json={**NORTH, "city": "Renhuai"}, headers={"If-Match": '"2"'})).json()
    assert {name: noted[name] for name in NORTH} == NORTH
    same = (await client.patch(path, json={"note": "Ring twice"}, headers={"If-Match": '"3"'})).json()
    assert {name: same[name] for name in NORTH} == NORTH


@pytest.mark.parametrize(
    ("where", "code"),
    [
        ({"latitude": "26.6"}, "location"),
        ({"latitude": "26.6", "longitude": None}, "location"),
        ({"latitude": "90.1", "longitude": "0"}, "less_than_equal"),
        ({"latitude": "0", "longitude": "-180.5"}, "greater_than_equal"),
        ({"latitude": "1e1", "longitude": "NaN"}, "invalid_decimal"),
        ({"latitude": 26, "longitude": "106"}, "invalid_decimal"),
    ],
)
async def test_coordinates_come_in_pairs_and_lie_on_earth(client, where, code):
    made = await customer(client)
    await store(client, "GY-01")
    for answer in (
        await client.post(f"/v1/customers/{made}/addresses", json={"kind": "home", **where}),
        await client.put("/v1/stores/GY-01", json=where),
        # A place without coordinates is none.
        *([] if None in where.values() else [await client.put("/v1/places/fair", json=where)]),
    ):
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"][0]["code"] == code
    alone = await client.put("/v1/places/fair", json={"name": "Fair"})
    assert [error["pointer"] for error in alone.json()["errors"]] == ["/latitude", "/longitude"]


async def test_a_key_without_contact_data_neither_asks_nor_is_told(client, clients):
    saved = await segment(client, "near", "location within 5 km of (26.6, 106.6)")
    analyst = clients["analyst"]
    for asked in ("location is missing", "any(addresses where location within 3 km of (0, 0))", "in segment 'near'"):
        answer = await analyst.post("/v1/segments/preview", json={"text": asked})
        assert (answer.status_code, "field group contact" in answer.json()["detail"]) == (403, True)
    assert (await analyst.get(f"/v1/segments/{saved['id']}/count")).status_code == 403
    offered = {field["name"] for field in (await analyst.get("/v1/segments/fields")).json()["fields"]}
    assert "home.location" in offered
    assert "location" not in offered


async def test_any_circle_holds_whom_plain_python_finds_in_it(house, registry):
    """Many addresses everywhere, and circles around poles, over the date line, and around the whole earth."""
    company, chance = make(3, TODAY), random.Random(5)
    await house.services.db.run(company.insert)
    whose = [person for person in company.people if person.counted]
    spots = {person.id: (chance.choice([-1, 1]) * 90 * chance.random() ** 0.3, chance.uniform(-180, 180))
             for person in whose}  # fmt: skip
    at = datetime(2023, 1, 1, tzinfo=UTC)
    fixed = {"kind": "store", "channel": "staff", "collector": "emp-1", "collected_at": at, "version": 1,
             "created_at": at, "updated_at": at}  # fmt: skip
    rows = [
        {"customer_id": one, "id": one, "latitude": latitude, "longitude": longitude, **fixed}
        for one, (latitude, longitude) in spots.items()
    ]
    asked = []
    for _ in range(60):
        latitude = chance.choice([90, -90, 89.9, 0, chance.uniform(-90, 90)])
        longitude = chance.choice([180, -180, 179.9, chance.uniform(-180, 180)])
        point = (round(latitude, 6), round(longitude, 6))
        km = chance.choice([100, 1000, 2500, 8000, 10_007.6, 15_000, 20_000])
        asked.append((point, km, {one for one, spot in spots.items() if apart(spot, point) <= km}))

    async def ask(tx):
        await tx.execute(insert(Address), rows)
        found = []
        for point, km, _ in asked:
            of = v.Point(latitude=str(Decimal(str(point[0]))), longitude=str(Decimal(str(point[1]))))
            near = t.Near(field="location", km=str(km), of=of)
            mine = t.And(items=(near, t.OneOf(field="kind", values=(v.TextValue(text="store"),))))
            tree = t.Rows(op="any", collection="addresses", where=mine)
            found.append(
                set(await evaluate.page(tx, Question(registry, tree, TODAY, "Asia/Shanghai"), after=None, limit=99))
            )
        return found

    found = await house.services.db.run(ask)
    assert found == [expected for _, _, expected in asked]
    assert 100 < sum(map(len, found)) < 400


async def test_the_index_of_the_coordinates_leads_to_who_is_near(house, registry):
    async def work(tx):
        stamps = "1, now(), now()"
        await tx.execute(text(
            "INSERT INTO customers (id, kind, status, profile, collected, suspect, version, created_at, updated_at)"
            f" SELECT uuidv7(), 'person', 'active', '{{}}', '{{}}', '{{}}', {stamps} FROM generate_series(1, 5000) i"
        ))  # fmt: skip
        await tx.execute(text(
            "INSERT INTO addresses (customer_id, id, kind, channel, collector, latitude, longitude, version,"
            " created_at, updated_at, collected_at) SELECT id, id, 'home', 'till', 'x', 20 + 20 * random(),"
            " 100 + 20 * random(),"
            f" {stamps}, now() FROM customers"
        ))  # fmt: skip
        await tx.execute(text(
            "INSERT INTO places (code, latitude, longitude, version, created_at, updated_at)"
            f" VALUES ('fair', 30, 110, {stamps})"
        ))  # fmt: skip
        await tx.execute(text("ANALYZE customers, addresses, places"))

    await house.services.db.run(work)
    everybody = Question(registry, parse("created > 2020-01-01").tree, TODAY, "UTC")
    async with house.services.db.reading(SYSTEM) as tx:
        await evaluate.limited(tx, 10)
        for asked in ("location within 5 km of 'fair'", "any(addresses where location within 5 km of (30, 110))"):
            checked, _ = check(parse(asked).tree, World(registry, 2), from_text=True)
            assert checked is not None
            question = Question(registry, checked.tree, TODAY, "UTC")
            # Less than reading the customers once.
            assert await evaluate.cost(tx, question) < await evaluate.cost(tx, everybody), asked
