"""The examples of the OpenAPI document: every operation with a body has one, and it works as it stands."""

import json
import uuid
from pathlib import Path

import pytest
from sqlalchemy import text

from app.examples import CUSTOMER, OPPORTUNITY, PRODUCT, SECOND, STORE
from app.examples.early_warning import WARNING
from tests.api.world import PRODUCT as TEA
from tests.api.world import request

DOCUMENT = json.loads((Path(__file__).parents[2] / "openapi/openapi.json").read_text(encoding="utf-8"))
BODIES = {
    (f"{method.upper()} {path}", media_type): content
    for path, item in sorted(DOCUMENT["paths"].items())
    for method, operation in item.items()
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items()
}


@pytest.fixture
async def company(house, client, names):
    """The small company, with the records that examples name."""
    (await client.put(f"/v1/products/{PRODUCT}", json=TEA)).raise_for_status()
    (await client.post("/v1/customers", json={"id": CUSTOMER, "display_name": "Known"})).raise_for_status()
    (await client.post("/v1/customers", json={"id": SECOND, "display_name": "Twin"})).raise_for_status()
    terms = {"limit": 10**9, "term_days": 30}
    (await client.put(f"/v1/customers/{CUSTOMER}/credit", json=terms)).raise_for_status()
    # Its id is of our making, so no example can know it.
    named = text("UPDATE opportunities SET id = :id WHERE id = :made").bindparams(
        id=uuid.UUID(OPPORTUNITY), made=uuid.UUID(names["opportunity_id"])
    )
    await house.services.db.run(lambda tx: tx.execute(named))
    names = {**names, "opportunity_id": OPPORTUNITY}
    assert names["store"] == STORE
    return names


def test_every_body_has_an_example():
    assert BODIES
    assert [body for body, content in BODIES.items() if "example" not in content] == []


@pytest.mark.parametrize(("operation", "media_type"), sorted(BODIES))
async def test_an_example_works(client, company, operation, media_type):
    example = BODIES[operation, media_type]["example"]
    raw = (example if isinstance(example, str) else json.dumps(example)).encode()
    # We give it its id: no example can know it.
    raw = raw.replace(WARNING.encode(), company["warning_id"].encode())
    answer = await client.send(request(client, operation, company, raw=raw, headers={"Content-Type": media_type}))
    assert answer.is_success, answer.text
    if operation.endswith("/batch"):
        assert all(one["status"] in {"created", "updated"} for one in answer.json()["results"]), answer.text
