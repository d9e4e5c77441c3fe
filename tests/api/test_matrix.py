"""Who may do what: every operation x every role x no key, and records that a caller may not see."""

import re
import uuid

import pytest

from app.access.roles import ROLES
from app.core.router import PUBLIC
from tests.api.world import SAMPLES, filled, request

OPERATIONS = sorted(SAMPLES)


def operations(document):
    return {
        f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item if path not in PUBLIC
    }


def test_every_operation_has_a_sample(document):
    assert operations(document) == set(SAMPLES)


def test_public_operations_are_only_those_of_the_service(document):
    open_paths = {
        path for path, item in document["paths"].items() for one in item.values() if one.get("security") == []
    }
    assert open_paths == {"/livez", "/readyz", "/metrics"}


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_without_a_key_nothing_is_told(house, names, operation):
    async with house.client(None) as nobody:
        answer = await nobody.send(request(nobody, operation, names))
        wrong = await nobody.send(request(nobody, operation, names, headers={"Authorization": "Bearer clk_a_b"}))
    for one in (answer, wrong):
        assert (one.status_code, one.json()["code"]) == (401, "unauthenticated")
        assert one.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_a_role_may_do_what_its_scopes_say(house, names, operation):
    sample = SAMPLES[operation]
    for role in ROLES:
        async with house.client(role) as caller:
            answer = await caller.send(request(caller, operation, names))
        said = (role, answer.text)
        if sample.scope not in ROLES[role].scopes:
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), said
        elif (role == "partner" and sample.hides) or (role != "admin" and sample.own):
            assert answer.status_code == 404, said
        else:
            assert answer.status_code == sample.status, said
        # The next role finds the company as this one did.
        await house.sweeper.back(company=True)


@pytest.mark.parametrize("operation", [name for name in OPERATIONS if SAMPLES[name].hides])
async def test_what_a_caller_may_not_see_is_exactly_as_absent(clients, names, operation):
    partner = clients["partner"]
    if SAMPLES[operation].scope not in ROLES["partner"].scopes:
        pytest.skip("partners lack the scope altogether")
    absent = names | {name: str(uuid.uuid4()) for name in ("customer_id", "receipt_id", "candidate_id")}
    there = await partner.send(request(partner, operation, names))
    gone = await partner.send(request(partner, operation, absent))
    same = [{key: value for key, value in one.json().items() if key != "request_id"} for one in (there, gone)]
    assert there.status_code == gone.status_code == 404
    assert same[0] == same[1]
    assert names["customer_id"] not in there.text


@pytest.mark.parametrize(
    "operation", [name for name in OPERATIONS if "_id}" in name and not name.startswith(("PUT", "DELETE"))]
)
async def test_an_absent_record_is_404(client, names, operation):
    absent = {name: str(uuid.uuid4()) if name.endswith("_id") else value for name, value in names.items()}
    sample = SAMPLES[operation]
    # What the body refers to is there; only the record of the path is not.
    answer = await client.send(request(client, operation, absent, body=filled(sample.body, names)))
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


GROUPS = {
    "contact": {"identifiers"},
    "personal": {"given_name", "family_name", "reading", "gender", "birthday", "birthday_today"},
    "financial": {"figures"},
}


@pytest.mark.parametrize("role", [role for role in ROLES if role != "partner"])
async def test_fields_outside_the_grant_are_absent_not_null(clients, names, role):
    caller, customer_id = clients[role], names["customer_id"]
    one = (await caller.get(f"/v1/customers/{customer_id}")).json()
    many = (await caller.post("/v1/customers/read", json={"ids": [customer_id]})).json()["data"][0]
    listed = (await caller.get("/v1/customers")).json()["data"]
    found = (await caller.get("/v1/customers/lookup", params={"phone": "13812345678"})).json()["data"]
    assert one["id"] == many["id"] == customer_id
    for shown in [one, many, *listed, *found]:
        for group, fields in GROUPS.items():
            if group not in ROLES[role].field_groups:
                assert not fields & shown.keys()
            else:
                assert fields - {"birthday_today"} <= shown.keys()


async def test_an_unknown_path_tells_nothing_without_a_key(house, client):
    async with house.client(None) as nobody:
        assert (await nobody.get("/v1/secrets")).status_code == 401
    answer = await client.get("/v1/secrets")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert (await client.delete("/v1/stores")).status_code == 405


OF_CUSTOMER = [operation for operation in SAMPLES if "{customer_id}" in operation]
# These follow a merge, and this one says that nobody is to be contacted; all others say where to go.
FOLLOWING, REFUSING = ("", "/card", "/standing"), "/may-contact"


@pytest.mark.parametrize("operation", OF_CUSTOMER)
async def test_an_old_id_answers_or_says_where_it_went(client, names, operation):
    there = {**names, "customer_id": names["merged_into_id"]}
    answer = await client.send(request(client, operation, {**names, "customer_id": names["old_id"]}))
    method, path = operation.split(" ")
    if method == "GET" and path.removeprefix("/v1/customers/{customer_id}") in FOLLOWING:
        new = await client.send(request(client, operation, there))
        assert answer.status_code == 200, answer.text
        old, new = (re.sub('"as_of":"[^"]*"', "", one.text) for one in (answer, new))
        assert old == new
        return
    if path.endswith(REFUSING):
        assert "customer_state" in [one["code"] for one in answer.json()["reasons"]]
        return
    assert answer.status_code == 409, answer.text
    problem = answer.json()
    assert (problem["code"], problem["merged_into"]) == ("customer_merged", names["merged_into_id"])
