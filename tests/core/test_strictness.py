"""What no route offers is refused, whichever way the route is answered: parameters, methods, character sets."""

import uuid

import pytest


@pytest.mark.parametrize(
    ("path", "pointers"),
    [
        ("/v1/customers/{id}?foo=1", ["?foo"]),
        ("/v1/customers/{id}?limit=1", ["?limit"]),
        ("/v1/customers?limit=1&limit=2", ["?limit"]),
        ("/v1/stores?lmit=1&curso=x", ["?lmit", "?curso"]),
        ("/v1/customers/lookup?card=1&card=1", ["?card"]),
        ("/v1/idempotency/k?%E5%90%8D=1", ["?名"]),
    ],
)
async def test_a_parameter_that_is_unknown_or_repeated_is_refused_everywhere(client, path, pointers):
    answer = await client.get(path.format(id=uuid.uuid4()))
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")
    assert [error["pointer"] for error in answer.json()["errors"]] == pointers


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics"])
async def test_what_monitors_add_to_an_address_is_passed_over(client, path):
    assert (await client.get(path, params={"probe": "lb"})).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("OPTIONS", "/v1/customers", "GET, POST"),
        ("DELETE", "/v1/customers/lookup", "GET, POST"),
        ("POST", "/v1/changes", "GET"),
        ("PUT", "/v1/customers/{id}/standing", "GET"),
        ("DELETE", "/v1/stores/S1", "GET, PUT"),
    ],
)
async def test_a_method_that_is_not_offered_is_told_which_are(client, method, path, allowed):
    answer = await client.request(method, path.format(id=uuid.uuid4()))
    assert (answer.status_code, answer.headers.get("allow")) == (405, allowed)
    assert answer.json()["code"] == "method_not_allowed"


@pytest.mark.parametrize(
    ("media", "status"),
    [
        ("application/json; charset=utf-8", 201),
        ('application/json;charset="UTF-8"', 201),
        ("application/json; charset=gbk", 415),
        ("application/json; charset=utf-16", 415),
    ],
)
async def test_a_body_in_another_character_set_is_refused(client, media, status):
    headers = {"Content-Type": media}
    answer = await client.post("/v1/customers", content=b'{"kind": "person"}', headers=headers)
    assert answer.status_code == status
