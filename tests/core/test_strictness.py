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
        ("OPTIONS", "/v1/customers", "GET, HEAD, POST"),
        ("DELETE", "/v1/customers/lookup", "GET, HEAD, POST"),
        ("POST", "/v1/changes", "GET, HEAD"),
        ("PUT", "/v1/customers/{id}/standing", "GET, HEAD"),
        ("DELETE", "/v1/stores/S1", "GET, HEAD, PUT"),
    ],
)
async def test_a_method_that_is_not_offered_is_told_which_are(client, method, path, allowed):
    answer = await client.request(method, path.format(id=uuid.uuid4()))
    assert (answer.status_code, answer.headers.get("allow")) == (405, allowed)
    assert answer.json()["code"] == "method_not_allowed"


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/v1/stores?limit=1", "/v1/customers/lookup?phone=13800138000"])
async def test_head_tells_what_get_would(client, path):
    got, asked = await client.get(path), await client.head(path)
    assert (asked.status_code, asked.content) == (got.status_code, b"") == (200, b"")
    assert asked.headers["content-length"] == got.headers["content-length"] != "0"
    assert asked.headers["content-type"] == got.headers["content-type"]


async def test_head_is_refused_where_get_is(client, house):
    async with house.client(None) as nobody:
        assert (await nobody.head("/v1/stores")).status_code == 401
    assert (await client.head(f"/v1/customers/{uuid.uuid4()}")).status_code == 404
    refused = await client.head(f"/v1/merges/{uuid.uuid4()}/undo")
    assert (refused.status_code, refused.headers["allow"]) == (405, "POST")


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
