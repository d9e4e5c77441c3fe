"""Who the customers of a question are by a field: each value counted as plain Python counts it, and kept over time."""

from collections import Counter, defaultdict
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import orjson
import pytest
from sqlalchemy import text

from app.core.caller import SYSTEM
from app.core.fields import FieldType
from app.segments.check import World, check
from app.segments.parse import parse
from app.segments.queries.composition import Wanted, composed
from app.segments.queries.evaluate import Question
from tests.segments.company import make
from tests.segments.factories import customer, receipt, segment, store
from tests.segments.reference import Reference
from tests.segments.test_same import ANCHORS, ZONE

NOW = datetime(2026, 11, 21, 4, tzinfo=UTC)


def key_of(value, wanted, cuts):
    """The group that a value of the reference belongs to."""
    kind = wanted.field.type
    if value is None:
        return None
    if kind in {FieldType.NUMBER, FieldType.MONEY}:
        return sum(1 for cut in cuts if value >= cut)
    if kind is FieldType.DATE:
        return value.replace(day=1) if wanted.unit == "month" else date(value.year, 1, 1)
    if kind is FieldType.BIRTHDAY:
        return value[0]
    return str(value).lower() if kind is FieldType.BOOLEAN else value


@pytest.mark.parametrize("anchor", ANCHORS, ids=str)
async def test_every_field_divides_customers_as_plain_python_does(house, registry, anchor):
    company = make(anchor.toordinal() + 3, anchor, people=25, receipts=60)
    await house.services.db.run(company.insert)
    reference = Reference(company, anchor)
    checked, _ = check(parse("not figures.net > 100.00 or age > 20").tree, World(registry, 2), from_text=True)
    assert checked is not None
    question = Question(registry, checked.tree, anchor, ZONE)
    members = reference.members(checked.tree)
    people = [one for one in company.people if one.id in members]
    assert len(people) > 5
    measure = registry.fields["net_365d"]
    async with house.services.db.reading(SYSTEM) as tx:
        for number, field in enumerate(registry.fields.values()):
            if field.type in {FieldType.LOCATION, FieldType.REFERENCE}:
                # Nobody is divided by these: the route says so.
                continue
            cuts = (Decimal(0), Decimal(3), Decimal("100.5")) if number % 2 else None
            wanted = Wanted(field, measure, cuts, "year" if number % 3 else "month", 200)
            found = await composed(tx, question, wanted)
            expected, totals = Counter[Any](), defaultdict[Any, int](int)
            for one in people:
                key = key_of(reference.value(field.name, one), wanted, found.cuts)
                expected[key] += 1
                totals[key] += reference.value("net_365d", one)
            shown = {one.value: one.count for one in found.groups}
            if expected[None]:
                shown[None] = found.missing.count
            assert shown == dict(expected), field.name
            assert {one.value: one.total for one in found.groups} == {
                key: total for key, total in totals.items() if key is not None
            }, field.name
            assert found.whole.count == len(people)
            assert found.others.count == 0
            if cuts is None and found.cuts:
                values = sorted(v for one in people if (v := reference.value(field.name, one)) is not None)
                assert found.cuts[0] > values[0]
                assert set(found.cuts) <= {Decimal(value) for value in values}


async def test_the_rest_of_many_values_is_counted_together(house, client):
    await store(client, "GY-01")
    for number in range(12):
        await customer(client, language=("zh", "zh", "zh", "en", "en", "ko")[number % 6] if number else None)
    body = {"field": "language", "limit": 1}
    found = (await client.post("/v1/segments/composition", json=body)).json()
    assert (found["count"], found["label"], found["measure"]) == (12, "Language", None)
    assert found["groups"] == [{"value": {"text": "zh"}, "count": 5, "share": "0.4167"}]
    assert found["others"] == {"count": 6, "share": "0.5"}
    assert found["missing"] == {"count": 1, "share": "0.0833"}


async def spenders(house, client):
    house.services.clock.set(NOW)
    await store(client, "GY-01")
    await store(client, "GY-02", city="Zunyi")
    for net, home in ((100, "GY-01"), (200, "GY-01"), (300, "GY-02"), (0, None)):
        made = await customer(client, home_store=home, display_name=str(net))
        if net:
            await receipt(client, made, net * 100, "2026-11-01")


async def test_customers_and_spend_by_area(house, client):
    await spenders(house, client)
    body = {"field": "home.city", "measure": "net_365d", "text": "status = 'active'"}
    found = (await client.post("/v1/segments/composition", json=body)).json()
    assert found["groups"] == [
        {"value": {"text": "Guiyang"}, "count": 2, "share": "0.5", "total": {"money": 30_000}},
        {"value": {"text": "Zunyi"}, "count": 1, "share": "0.25", "total": {"money": 30_000}},
    ]
    assert found["missing"] == {"count": 1, "share": "0.25", "total": {"money": 0}}
    assert (found["total"], found["as_of"]) == ({"money": 60_000}, "2026-11-21")


async def test_amounts_stand_in_bands_and_days_in_months(house, client):
    await spenders(house, client)
    body = {"field": "figures.net", "cuts": [{"money": 10_000}, {"money": 30_000}]}
    found = (await client.post("/v1/segments/composition", json=body)).json()
    assert found["groups"] == [
        {"below": {"money": 10_000}, "count": 1, "share": "0.25"},
        {"from": {"money": 10_000}, "below": {"money": 30_000}, "count": 2, "share": "0.5"},
        {"from": {"money": 30_000}, "count": 1, "share": "0.25"},
    ]
    body = {"field": "figures.last_occasion"}
    found = (await client.post("/v1/segments/composition", json=body)).json()
    assert found["groups"] == [
        {"from": {"date": "2026-11-01"}, "below": {"date": "2026-12-01"}, "count": 3, "share": "0.75"}
    ]
    found = (await client.post("/v1/segments/composition", json={**body, "unit": "year"})).json()
    assert found["groups"][0]["below"] == {"date": "2027-01-01"}
    fifths = (await client.post("/v1/segments/composition", json={"field": "figures.net"})).json()
    assert sum(one["count"] for one in fifths["groups"]) == 4


async def test_the_composition_of_nobody(client):
    body = {"field": "figures.net", "measure": "figures.net", "text": "age > 200"}
    found = (await client.post("/v1/segments/composition", json=body)).json()
    assert (found["count"], found["groups"]) == (0, [])
    assert found["missing"] == {"count": 0, "share": None, "total": None}


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"field": "home.town"}, "/field", "unknown_field_name"),
        ({"field": "receipts.net"}, "/field", "unknown_field_name"),
        ({"field": "display_name"}, "/field", "identifying"),
        ({"field": "language", "measure": "language"}, "/measure", "type"),
        ({"field": "language", "measure": "lang"}, "/measure", "unknown_field_name"),
        ({"field": "language", "cuts": [{"number": "1"}]}, "/cuts", "type"),
        ({"field": "figures.net", "cuts": [{"number": "1"}]}, "/cuts", "type"),
        ({"field": "age", "cuts": [{"number": "2"}, {"number": "1"}]}, "/cuts", "cuts"),
        ({"field": "age", "cuts": [{"number": "2"}, {"money": 3}]}, "/cuts", "cuts"),
        ({"field": "age", "text": "age > 3", "tree": {"op": "missing", "field": "age"}}, "", "definition"),
    ],
)
async def test_what_cannot_be_grouped_is_refused(client, body, pointer, code):
    answer = await client.post("/v1/segments/composition", json=body)
    assert answer.status_code == 422, answer.text
    assert [(one["pointer"], one["code"]) for one in answer.json()["errors"]] == [(pointer, code)]


async def test_a_field_that_is_not_granted_is_not_grouped_by(client, clients):
    for body in ({"field": "age"}, {"field": "language", "measure": "age"}, {"field": "language", "text": "age > 3"}):
        assert (await clients["analyst"].post("/v1/segments/composition", json=body)).status_code == 403
    assert (await clients["analyst"].post("/v1/segments/composition", json={"field": "language"})).status_code == 200


async def test_snapshots_show_a_segment_over_time(house, client, clients):
    await spenders(house, client)
    saved = await segment(client, "buyers", "figures.net > 0")
    where, body = f"/v1/segments/{saved['id']}/snapshots", {"field": "home.city", "measure": "net_365d"}
    first = await client.post(where, json=body)
    assert first.status_code == 201, first.text
    made = await customer(client, home_store="GY-02")
    await receipt(client, made, 5_000, "2026-11-20", store="GY-02")
    house.services.clock.set(NOW.replace(day=22))
    second = (await client.post(where, json=body)).json()
    await client.post(where, json={"field": "age"})
    found = (await client.get(where, params={"field": "home.city"})).json()
    assert found["data"] == [second, first.json()]
    course = [
        {one["value"]["text"]: (one["count"], one["total"]["money"]) for one in each["composition"]["groups"]}
        for each in reversed(found["data"])
    ]
    assert course == [
        {"Guiyang": (2, 30_000), "Zunyi": (1, 30_000)}, {"Guiyang": (2, 30_000), "Zunyi": (2, 35_000)},
    ]  # fmt: skip
    assert [one["composition"]["as_of"] for one in found["data"]] == ["2026-11-22", "2026-11-21"]
    page = (await client.get(where, params={"limit": "2"})).json()
    rest = (await client.get(where, params={"limit": "2", "cursor": page["next_cursor"]})).json()
    assert [len(page["data"]), len(rest["data"])] == [2, 1]
    analyst = (await clients["analyst"].get(where)).json()
    assert (len(analyst["data"]), analyst["not_granted"]) == (2, 1)
    assert (await client.delete(f"/v1/segments/{saved['id']}", headers={"If-Match": '"1"'})).status_code == 204
    assert await house.services.db.hot.fetchval("SELECT count(*) FROM segment_snapshots") == 0


async def test_who_may_not_ask_the_question_is_not_shown_its_snapshots(client, clients):
    await customer(client, birthday={"month": 1, "day": 1, "year": 1960})
    saved = await segment(client, "old", "age > 40")
    where = f"/v1/segments/{saved['id']}/snapshots"
    (await client.post(where, json={"field": "language"})).raise_for_status()
    assert len((await client.get(where)).json()["data"]) == 1
    for path in (where, f"/v1/segments/{saved['id']}/count"):
        answer = await clients["analyst"].get(path)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_what_was_saved_when_more_could_be_asked_is_answered(house, client):
    """A window on rows that have no day: it says nothing. And a question that nobody can answer any more."""
    one = await customer(client, kind="business")
    met = await client.post(f"/v1/customers/{one}/contacts", json={"name": "Li", "role": "buyer"})
    assert met.status_code == 201, met.text
    saved = await segment(client, "met", "count(contacts) >= 1 and any(contacts)")
    where = f"/v1/segments/{saved['id']}"
    (await client.post(f"{where}/snapshots", json={"field": "language"})).raise_for_status()
    tree, windows = saved["tree"], [{"last": 90, "unit": "days"}, {"last": 30, "unit": "days"}]
    tree["items"][0]["left"]["window"], tree["items"][1]["window"] = windows
    store_tree = text("UPDATE segments SET tree = CAST(:tree AS jsonb)")

    async def keep(given):
        await house.services.db.run(lambda tx: tx.execute(store_tree, {"tree": orjson.dumps(given).decode()}))

    await keep(tree)
    found = await client.get(f"{where}/count")
    assert (found.status_code, found.json()["count"]) == (200, 1), found.text
    assert (await client.post("/v1/segments/preview", json={"tree": tree})).status_code == 422
    await keep({**tree["items"][1], "collection": "nothing"})
    assert (await client.get(f"{where}/count")).status_code >= 400
    assert len((await client.get(f"{where}/snapshots")).json()["data"]) == 1


async def test_a_snapshot_keeps_nothing_that_few_said_of_themselves(client):
    for number in range(12):
        job = "teacher" if number else "lion tamer"
        await customer(client, profile={"career": {"occupation": job}})
    saved = await segment(client, "all", "status is not missing")
    body = {"field": "career.occupation"}
    live = (await client.post("/v1/segments/composition", json=body)).json()
    assert [one["value"]["text"] for one in live["groups"]] == ["teacher", "lion tamer"]
    kept = (await client.post(f"/v1/segments/{saved['id']}/snapshots", json=body)).json()["composition"]
    assert [(one["value"]["text"], one["count"]) for one in kept["groups"]] == [("teacher", 11)]
    assert (kept["others"]["count"], kept["count"]) == (1, 12)
    assert "lion" not in str(kept)


async def test_who_never_bought_has_no_usual_gap(house, client):
    """Figures there are of somebody who only brought something back, but no day with a purchase."""
    house.services.clock.set(NOW)
    await store(client, "GY-01")
    one = await customer(client)
    await receipt(client, one, 500, "2026-11-01", kind="return")
    assert (await client.get(f"/v1/customers/{one}")).json()["figures"]["usual_gap_days"] is None
    body = {"text": "figures.usual_gap_days is missing and figures.receipts = 1"}
    assert (await client.post("/v1/segments/preview", json=body)).json()["count"] == 1
