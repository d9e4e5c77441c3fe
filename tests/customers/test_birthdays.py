"""A birthday of too many looks made up, and to find that out costs little however many they are."""

import uuid
from datetime import UTC, datetime

import pytest
from sqlalchemy import insert, select, text

from app.core.caller import FIELD_GROUPS, SYSTEM
from app.core.fields import Evaluation
from app.core.hot import compiled
from app.core.settings import CompletenessSettings
from app.customers.completeness import judge, weighted
from app.customers.fields.completeness import completeness_field
from app.customers.models import Customer
from app.customers.queries import quality

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
BORN = {
    "kind": "person", "status": "active", "display_name": "Li", "version": 1, "created_at": NOON, "updated_at": NOON,
    "birth_month": 1, "birth_day": 1,
}  # fmt: skip


async def test_a_birthday_of_too_many_is_suspect(client, house):
    items = [{"display_name": f"Name {n}", "birthday": {"month": 1, "day": 1, "year": 1980}} for n in range(100)]
    items.append({"display_name": "Apart", "birthday": {"month": 1, "day": 2, "year": 1980}})
    results = (await client.post("/v1/customers/batch", json={"items": items})).json()["results"]
    for result, suspect in ((results[0], ["birthday"]), (results[-1], [])):
        found = (await client.get(f"/v1/customers/{result['id']}/completeness")).json()
        assert [one["path"] for one in found["suspect"]] == suspect


@pytest.mark.parametrize("year", [None, 1980])
@pytest.mark.parametrize(("in_sample", "suspect"), [(11, True), (10, False)])
async def test_thousands_on_a_birthday_are_told_by_a_sample(house, year, in_sample, suspect):
    """From 3,000 on it looks made up here, so from 11 on of every 256th: those whose id ends in 00."""
    ids = [uuid.UUID(int=n << 8) for n in range(1, in_sample + 1)] + [uuid.UUID(int=(n << 8) + 1) for n in range(200)]
    people = [{**BORN, "id": one, "birth_year": year} for one in ids]
    await house.services.db.run(lambda tx: tx.execute(insert(Customer), people))
    known, _ = await house.services.db.read(SYSTEM, lambda tx: quality.basis(tx, ids[0], 3000))
    assert ("birthday" in known.suspect) is suspect
    score = completeness_field(CompletenessSettings(shared_birthday=3000)).value
    asked = Evaluation(NOON.date(), "UTC")
    everybody = await house.services.db.read(SYSTEM, lambda tx: tx.rows(select(score(Customer.__table__, asked))))
    found = judge(known, weighted({}, "person"), frozenset(FIELD_GROUPS), NOON, NOON.date())
    assert {one[0] for one in everybody} == {found["score"]}


@pytest.mark.parametrize("year", [None, 1980])
async def test_a_birthday_reads_no_more_than_it_must(house, year):
    """Not everybody's of the day, whatever the year, which is what a card once waited for."""
    years = [year] * 50 + [1990] * 3000
    people = [{**BORN, "id": uuid.UUID(int=n + 1), "birth_year": one} for n, one in enumerate(years)]
    await house.services.db.run(lambda tx: tx.execute(insert(Customer), people))

    wanted = select(quality.basis_document(100)).where(Customer.id == people[0]["id"])

    async def plan(tx):
        await tx.execute(text("ANALYZE customers"))
        found = await tx.connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {compiled(wanted).text}")
        return found.scalar_one()[0]["Plan"]

    def read(node):
        rows = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
        own = rows * node["Actual Loops"] if node.get("Relation Name") == "customers" else 0
        return own + sum(read(one) for one in node.get("Plans", ()))

    assert read(await house.services.db.run(plan)) <= 51
