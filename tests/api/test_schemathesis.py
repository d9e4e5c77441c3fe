"""Schemathesis over the OpenAPI document, in each role: no 5xx, and answers that are what the document says."""

import orjson
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api.world import DOCUMENT, SAMPLES

SCHEMA = schemathesis.openapi.from_dict(orjson.loads(DOCUMENT.read_bytes()))
ROLES = ("admin", "pos", "partner", "call_center", "analyst")
# The answers of these are streams, or wait for the feed.
LEFT_OUT = {"GET /v1/changes"}
OPERATIONS = sorted(set(SAMPLES) - LEFT_OUT)


def with_examples(count):
    """How many requests a test makes, the same each time."""
    return settings(
        max_examples=count, deadline=None, suppress_health_check=list(HealthCheck), database=None, derandomize=True
    )


@pytest.mark.parametrize("name", OPERATIONS)
@with_examples(3)
@given(data=st.data())
async def test_generated_requests_get_documented_answers(house, clients, name, data):
    # Half of them by who may do everything: of others many are refused at the door.
    role = data.draw(st.sampled_from(["admin", "admin", "pos", "partner"]))
    await answered(clients[role], name, data)


@pytest.mark.proof
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", OPERATIONS)
@with_examples(15)
@given(data=st.data())
async def test_so_do_many_in_every_role(house, clients, name, role, data):
    await answered(clients[role], name, data)


async def answered(client, name, data):
    """One generated request, valid or not, and what must be true of its answer."""
    method, path = name.split(" ")
    operation = SCHEMA[path][method]
    mode = data.draw(st.sampled_from(list(schemathesis.GenerationMode)))
    try:
        case = data.draw(operation.as_strategy(generation_mode=mode))
    except schemathesis.errors.SchemathesisError:
        # Nothing invalid can be made for an operation without input.
        return
    arguments = case.as_transport_kwargs(base_url="http://test")
    sent = {key: arguments[key] for key in ("method", "url", "params", "headers", "cookies") if arguments.get(key)}
    body = arguments.get("data") if arguments.get("data") is not None else None
    if "json" in arguments:
        body = orjson.dumps(arguments["json"]) if _fits(arguments["json"]) else b"null"
    try:
        request = client.build_request(**sent, content=body)
    except (ValueError, TypeError, UnicodeEncodeError):
        # The client itself refuses some generated headers and addresses.
        return
    answer = await client.send(request)
    assert answer.status_code < 500, (name, answer.status_code, answer.text[:300])
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        assert set(answer.json()) >= {"type", "title", "status", "detail", "code", "request_id"}
    else:
        declared = operation.definition.raw["responses"]
        assert str(answer.status_code) in declared, (name, answer.status_code)


def _fits(value):
    try:
        orjson.dumps(value)
    except TypeError:
        return False
    return True
