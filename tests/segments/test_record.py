"""Questions about how complete records are, about key people, relationships and contacts: through the API."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.dialects import postgresql

from app.core.caller import SYSTEM
from app.segments.check import World, check
from app.segments.parse import parse
from app.segments.queries import evaluate
from app.segments.queries.columns import values
from app.segments.queries.evaluate import Question, matching
from app.segments.queries.explain import explain
from tests.segments import factories
from tests.segments.belongings import completeness
from tests.segments.company import make
from tests.segments.test_same import ANCHORS, ZONE

NOON = datetime(2026, 3, 2, 4, tzinfo=UTC)
RENTED = {"channel": "rented_list", "licence_end": "2026-03-01"}


async def found(client: Any, asked: str) -> set[str]:
    answer = await client.post("/v1/segments/preview", json={"text": asked, "sample": 50})
    assert answer.status_code == 200, answer.text
    assert answer.json()["count"] == len(answer.json()["sample"])
    return {one["id"] for one in answer.json()["sample"]}


def asking(registry: Any, asked: str, as_of: Any) -> Question:
    checked, faults = check(parse(asked).tree, World(registry, 2), from_text=True)
    assert checked is not None, [fault.detail for fault in faults.all]
    return Question(registry, checked.tree, as_of, ZONE)


@pytest.mark.parametrize("anchor", ANCHORS, ids=str)
async def test_the_score_is_that_of_plain_python(house, registry, anchor):
    """Every score of several companies, whole and one by one; among them suspect, unlicensed and shared values."""
    company = make(anchor.toordinal() + 7, anchor, people=28)
    await house.services.db.run(company.insert)
    expected = {one.id: completeness(one, company.people, anchor) for one in company.people if one.counted}
    assert len(set(expected.values())) > 10
    question = asking(registry, "completeness is not missing", anchor)
    async with house.services.db.reading(SYSTEM) as tx:
        shown = await values(tx, question, [registry.fields["completeness"]], list(expected))
        assert {one: score for one, (score,) in shown} == expected
        # To make this statement takes longer than to run it.
        for one in list(expected)[::4]:
            told = await explain(tx, question, one)
            assert told is not None and told.outcomes[0].value == expected[one], company.people
        for least in (0, 35, 50, 65, 100):
            members = await evaluate.page(
                tx, asking(registry, f"completeness >= {least}", anchor), after=None, limit=100
            )
            assert set(members) == {one for one, score in expected.items() if score >= least}


async def _anybody(client: Any, chance: random.Random, number: int) -> str:
    business = chance.random() < 0.3
    identifiers = [
        {"kind": "phone", "value": chance.choice(["+8613812345678", f"+86138001380{number:02}"])},
        {"kind": "email", "value": chance.choice(["test@a.example", f"li{number}@a.example"])},
    ]  # fmt: skip
    profile: dict[str, Any] = {"nature": {"industry": "tea"}, "buying_habits": {"season": ["May"]}}
    if not business:
        profile = {"life": {"hobbies": ["tea"]}, "career": {"occupation": chance.choice(["cook", "test"])}}
    body: dict[str, Any] = {
        "kind": "business" if business else "person", "display_name": chance.choice(["Wang", "test", None]),
        "language": chance.choice(["zh", None]), "identifiers": chance.sample(identifiers, chance.randint(0, 2)),
        "profile": {name: section for name, section in profile.items() if chance.random() < 0.6},
    }  # fmt: skip
    if not business:
        body["birthday"] = chance.choice([None, {"month": 5, "day": chance.choice([1, 2]), "year": 1990}])
    if chance.random() < 0.4:
        body["provenance"] = RENTED
    made = await client.post("/v1/customers", json=body)
    assert made.status_code == 201, made.text
    customer = str(made.json()["id"])
    if chance.random() < 0.4:
        given = {"kind": "home", "city": "Guiyang", **({"provenance": RENTED} if chance.random() < 0.4 else {})}
        answer = await client.post(f"/v1/customers/{customer}/addresses", json=given)
        assert answer.status_code == 201, answer.text
    if chance.random() < 0.3:
        number_too = {"kind": "phone", "value": f"+86139001390{number:02}"}
        answer = await client.post(f"/v1/customers/{customer}/identifiers", json=number_too)
        assert answer.is_success, answer.text
    if chance.random() < 0.3:
        version = (await client.get(f"/v1/customers/{customer}")).json()["version"]
        answer = await client.patch(
            f"/v1/customers/{customer}", json={"display_name": chance.choice([None, "Zhou"])},
            headers={"If-Match": f'"{version}"'},
        )  # fmt: skip
        assert answer.is_success, answer.text
    return customer


async def test_a_statement_is_made_once_to_be_priced_and_asked(client, monkeypatch):
    """The statement of this field costs as much to make as most questions cost to answer."""
    made, make_it = list[Any](), evaluate._matching

    def counted(*given: Any) -> Any:
        made.append(given)
        return make_it(*given)

    monkeypatch.setattr(evaluate, "_matching", counted)
    assert await found(client, "completeness >= 90") == set()
    assert len(made) == 1


async def test_the_score_is_the_one_that_the_customers_answer_shows(client, house):
    """Customers made through the API, before and after a licence ends and the company declares an attribute."""
    chance, clock = random.Random(3), house.services.clock
    clock.set(NOON - timedelta(days=10))
    customers = [await _anybody(client, chance, number) for number in range(16)]
    everybody = {"name": "Known", "text": "completeness is not missing"}
    saved = (await client.post("/v1/segments", json=everybody)).json()["id"]

    async def compared() -> list[int]:
        scores = []
        for customer in customers:
            answer = (await client.get(f"/v1/customers/{customer}/completeness")).json()
            scores.append(answer["score"])
        listed = (await client.get(f"/v1/segments/{saved}/members", params={"columns": "completeness"})).json()["data"]
        shown = {one["id"]: one["values"]["completeness"] for one in listed}
        assert shown == {one: {"number": str(score)} for one, score in zip(customers, scores, strict=True)}
        middle = sorted(scores)[len(scores) // 2]
        expected = {one for one, found in zip(customers, scores, strict=True) if found == middle}
        assert await found(client, f"completeness = {middle}") == expected
        return scores

    first = await compared()
    clock.set(NOON)
    second = await compared()
    assert first != second and len({*second}) > 5
    attribute = {"label": "Shoe size", "type": "integer", "weight": 40}
    assert (await client.put("/v1/custom-attributes/shoe", json=attribute)).status_code == 201
    assert all(after <= before for before, after in zip(second, await compared(), strict=True))
    given = {"id": customers[0], "profile": {"custom": {"shoe": 44}}}
    assert (await client.post("/v1/customers/batch", json={"items": [given]})).status_code == 200
    await compared()
    assert customers[0] in await found(client, "custom.shoe = 44 and completeness > 0")


async def test_a_birthday_of_too_many_does_not_count_in_a_segment_either(client):
    many = [{"display_name": "Li", "birthday": {"month": 1, "day": 1, "year": 1980}} for _ in range(100)]
    other = {"display_name": "Li", "birthday": {"month": 1, "day": 2, "year": 1980}}
    results = (await client.post("/v1/customers/batch", json={"items": [*many, other]})).json()["results"]
    few, full = [(await client.get(f"/v1/customers/{results[place]['id']}/completeness")).json()["score"]
                 for place in (0, -1)]  # fmt: skip
    assert few < full
    asked = await client.post("/v1/segments/preview", json={"text": f"completeness = {few}", "sample": 0})
    assert asked.json()["count"] == 100
    assert await found(client, f"completeness = {full}") == {results[-1]["id"]}


async def test_who_may_not_see_every_group_is_not_offered_the_score(client, house):
    made = await client.post("/v1/api-keys", json={"name": "Analyst", "role": "analyst"})
    async with house.client(None, Authorization=f"Bearer {made.json()['key']}") as analyst:
        refused = await analyst.post("/v1/segments/preview", json={"text": "completeness > 50", "sample": 0})
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
        offered = (await analyst.get("/v1/segments/fields")).json()
        assert "completeness" not in {one["name"] for one in offered["fields"]}
        contacts = next(one for one in offered["collections"] if one["name"] == "contacts")
        assert {one["name"] for one in contacts["fields"]} == {"role", "title", "authority", "standing", "collected"}
        asked = {"text": "any(contacts where name = 'Wang')", "sample": 0}
        assert (await analyst.post("/v1/segments/preview", json=asked)).status_code == 403
    offered = (await client.get("/v1/segments/fields")).json()
    mine = next(one for one in offered["fields"] if one["name"] == "completeness")
    assert (mine["type"], mine["temporal"], mine["pii"]) == ("number", True, "none")
    collections = {one["name"]: one for one in offered["collections"]}
    assert [collections[name]["windows"] for name in ("contacts", "relationships", "contact_log")] == [
        False,
        False,
        True,
    ]
    pii = {one["name"]: (one["pii"], one["field_group"]) for one in collections["contacts"]["fields"]}
    assert (pii["name"], pii["has_phone"]) == (("identifying", "personal"), ("none", "contact"))


async def test_key_people_whose_birthday_is_near(client, house):
    house.services.clock.set(NOON)
    near, far, person = [
        await factories.customer(client, kind=kind, display_name=kind) for kind in ("business", "business", "person")
    ]
    people = ((near, {"month": 3, "day": 10}), (far, {"month": 3, "day": 20}))
    for customer, birthday in people:
        body = {"role": "key_person", "name": "Zhao", "birthday": birthday, "likes": ["tea"], "phones": ["1"]}
        answer = await client.post(f"/v1/customers/{customer}/contacts", json=body)
        assert answer.status_code == 201, answer.text
    asked = "kind = 'business' and any(contacts where role = 'key_person' and birthday anniversary during next 14 days)"
    assert await found(client, asked) == {near}
    assert await found(client, "any(contacts where likes contains 'tea' and has_phone = true)") == {near, far}
    assert await found(client, "none(contacts)") == {person}


async def test_who_was_referred_by_a_business(client):
    firm = await factories.customer(client, kind="business", display_name="Firm")
    one, two = [await factories.customer(client, display_name=name) for name in ("One", "Two")]
    for customer, other, kind in ((one, firm, "employer"), (two, one, "referrer")):
        body = {"other": other, "kind": kind}
        answer = await client.post(f"/v1/customers/{customer}/relationships", json=body)
        assert answer.status_code == 201, answer.text
    assert await found(client, "any(relationships where other.kind = 'business')") == {one}
    assert await found(client, "count(relationships where kind = 'referred') >= 1") == {one}
    assert await found(client, "count(distinct relationships.other) = 2") == {one}


async def test_how_often_somebody_was_reached_lately(client, house):
    house.services.clock.set(NOON)
    often, tried = [await factories.customer(client, display_name=name) for name in ("Often", "Tried")]
    for customer, reached in ((often, True), (tried, False)):
        for days in (0, 3, 40):
            body = {"channel": "phone", "direction": "outbound", "reached": reached}
            body["occurred_at"] = (NOON - timedelta(days=days)).isoformat()
            answer = await client.post(f"/v1/customers/{customer}/interactions", json=body)
            assert answer.status_code == 201, answer.text
    assert await found(client, "count(contact_log during last 30 days where reached = true) = 2") == {often}
    assert await found(client, "count(contact_log) = 3 and none(contact_log where reached = true)") == {tried}
    asked = "any(interactions where direction = 'outbound' and reached = true)"
    assert await found(client, asked) == {often}


async def test_the_score_of_many_reads_each_table_once(house, registry):
    """No table is read once per customer, and of facts only those whose licence has ended."""
    one = "lpad(to_hex(n), 32, '0')::uuid"
    statements = [
        f"""INSERT INTO customers (id, kind, status, display_name, birth_month, birth_day, version, created_at,
            updated_at)
        SELECT {one}, 'person', 'active', 'Name', 1 + n % 12, 1 + n % 28, 1, now(), now()
        FROM generate_series(1, 20000) n""",
        f"""INSERT INTO identifiers (kind, value, customer_id, id, typed, exclusive, created_at)
        SELECT 'phone', '+86138' || n, {one}, {one}, n::text, false, now() FROM generate_series(1, 20000) n""",
        f"""INSERT INTO facts (customer_id, path, collected_at, channel, collector, licence_end)
        SELECT {one}, 'display_name', now(), 'staff', 'emp', CASE WHEN n % 100 = 0 THEN DATE '2026-01-01' END
        FROM generate_series(1, 20000) n""",
        *(f"ANALYZE {table}" for table in ("customers", "identifiers", "facts")),
    ]
    async with house.services.db.engine.begin() as connection:
        for statement in statements:
            await connection.execute(text(statement))
    question = asking(registry, "completeness < 30", NOON.date())
    asked = matching(question).compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True})
    async with house.services.db.reading(SYSTEM) as tx:
        explained = text(f"EXPLAIN (ANALYZE, BUFFERS OFF) {asked}".replace(":", "\\:"))
        plan = [row[0] for row in await tx.rows(explained)]
        assert await evaluate.cost(tx, question) * 50 < house.services.settings.segments.cost_max
    # A table that a vacuum has seen empty is planned for as empty: reading it however often costs nothing.
    scans = [line for line in plan if "Seq Scan" in line and "cost=0.00..0.00 " not in line]
    assert scans and all("loops=1)" in line or "never executed" in line for line in scans), scans
    assert not [line for line in scans if " on facts" in line], scans
    assert [line for line in plan if "ix_facts_licence_end" in line and "never" not in line], plan
