"""What the desk can put into its own statement, and what segments can ask."""

import uuid

import pytest
from sqlalchemy import select
from sqlalchemy.sql import literal

from app.core.caller import FIELD_GROUPS, SYSTEM
from app.customers.models import Customer
from app.engagement import queries

ALL = frozenset(FIELD_GROUPS)


async def test_the_card_of_a_customer_is_one_statement(desk, house, statements):
    late = await desk.add("complaints", severity="minor")
    soon = await desk.add("complaints", severity="critical")
    await desk.act("complaints", await desk.add("complaints"), "resolve", outcome="solved")
    promise = await desk.add("promises")
    await desk.act("promises", await desk.add("promises"), "keep")
    contacts = [await desk.add("interactions", occurred_at=f"2026-03-01T0{hour}:00:00Z") for hour in range(4)]
    nobody = await desk.customer("Nobody")

    async def card(customer, **more):
        asked = select(queries.card(literal(uuid.UUID(customer)), **{"groups": ALL, **more}))
        with statements() as seen:
            found = await house.services.db.read(SYSTEM, lambda tx: tx.scalar(asked))
        assert len(seen) == 1
        return found

    found = await card(desk.mei, interactions=3)
    assert found["complaints"] == [soon, late]
    assert found["promises"] == [promise]
    assert found["interactions"] == contacts[:0:-1]
    assert await card(nobody) == {"complaints": [], "promises": [], "interactions": []}
    least = await card(desk.mei, groups=frozenset({"basic"}))
    assert not {"subject", "note", "compensation_cost"} & least["complaints"][0].keys()
    # Beside each row of somebody else's statement.
    beside = select(Customer.id, queries.card(Customer.id, ALL)).order_by(Customer.id)
    rows = await house.services.db.read(SYSTEM, lambda tx: tx.rows(beside))
    assert {str(row[0]): len(row[1]["complaints"]) for row in rows} == {desk.mei: 2, nobody: 0}


@pytest.mark.parametrize(
    ("question", "member"),
    [
        ("any(complaints where status = 'open')", True),
        ("any(complaints where status = 'open' and about = 'price')", False),
        ("any(complaints where did.legal_step = true and overdue = true)", True),
        ("count(interactions during last 90 days) = 1", True),
        ("count(interactions during last 90 days where channel = 'visit') >= 1", False),
        ("last(surveys.recommend) >= 9 and avg(surveys.gap) < 0", True),
        ("any(surveys) and none(surveys where later.told_others = true)", False),
        ("sum(complaints.compensation) > 0.00", False),
    ],
)
async def test_segments_ask_about_contacts_complaints_and_surveys(desk, client, question, member):
    await desk.add("complaints", customer_did=["legal_step"], due_at="2026-03-01T00:00:00Z")
    await desk.add("interactions", occurred_at="2026-02-01T00:00:00Z")
    await desk.add("interactions", occurred_at="2025-02-01T00:00:00Z", channel="visit")
    await desk.add(
        "surveys", recommend=9, then_did=["told_others"],
        dimensions=[{"dimension": "staff", "expected": 5, "perceived": 3}],
    )  # fmt: skip
    await desk.customer("Nobody")
    found = (await client.post("/v1/segments/preview", json={"text": question})).json()
    assert desk.mei in {one["id"] for one in found["sample"]} if member else found["count"] == 0, found


async def test_a_question_needs_the_right_to_read(desk, clients):
    body = {"text": "any(complaints where status = 'open')"}
    assert (await clients["pos"].post("/v1/segments/preview", json=body)).status_code in {403, 422}
    assert (await clients["analyst"].post("/v1/segments/preview", json=body)).status_code == 200
