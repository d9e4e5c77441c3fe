"""Keys that reach only some customers: every operation on the others answers exactly as if they were not there."""

import re
import uuid

import pytest

from app.access import commands as access
from app.access.keyring import Keyring
from app.access.roles import ROLES, UNLIMITED_SCOPES
from tests.api.world import SAMPLES, request

REACHES = ("own", "store", "region")
NEAR = {"staff": "emp-7", "store": "S01"}
FAR = {"staff": "emp-0", "store": "S02"}
# Records of a customer; the other names of the world stand for what belongs to the company.
OF_CUSTOMERS = re.compile(
    r"\{((customer|other|identifier|address|contact|relationship|receipt|warning|hold|reservation|task|interaction"
    r"|opportunity|authorisation|allowance|candidate|change|charge"
    r"|resolved_warning|complaint|promise|survey|suggestion|need|loss|care)_id)\}"
)
PUSHES = {"POST /v1/receipts", "POST /v1/receipts/batch"}
# Answers with an id and a time of their own.
MAKES = {"POST /v1/handovers"}
# A handover is shown to who has made it, and here the admin has.
OTHERS = {"GET /v1/handovers/{handover_id}"}
# They are of all customers, and refused to who reaches only some.
WHOLE = {"POST /v1/segments/{segment_id}/snapshots", "GET /v1/segments/{segment_id}/snapshots"}
GRANTED = {name for name, sample in SAMPLES.items() if sample.scope not in UNLIMITED_SCOPES and not sample.own} - WHOLE
ABOUT = sorted(
    name for name in GRANTED - PUSHES if OF_CUSTOMERS.search(f"{name} {SAMPLES[name].query} {SAMPLES[name].body}")
)
_keys: dict[tuple[str, str], str] = {}


@pytest.fixture
async def reaching(house, names):
    """A client with every scope that it can have, for a reach, near the company's customers or far from them."""

    async def made(reach, where):
        keyring, scopes = Keyring(house.services.settings.secret), ROLES["admin"].scopes - UNLIMITED_SCOPES
        terms = access.Terms(sorted(scopes), staff=where["staff"], reach=reach)
        name = (reach, where["store"])
        if name not in _keys:
            _keys[name] = (
                await house.services.db.run(
                    lambda tx: access.create_key(
                        tx, keyring, f"test {reach}", "admin", store=where["store"], terms=terms
                    )
                )
            )[1]
        found = house.client(None)
        found.headers["Authorization"] = f"Bearer {_keys[name]}"
        return found

    return made


@pytest.fixture
def absent(names):
    """The names of the world with records of customers that are not there."""
    return {
        name: str(uuid.uuid4()) if OF_CUSTOMERS.fullmatch(f"{{{name}}}") else value for name, value in names.items()
    }


def told(answer, names):
    """An answer without what differs from request to request, and with every id under its name."""
    found = re.sub(r'"request_id":"[^"]*"|"as_of":"[^"]*"', "", answer.text)
    for name, value in names.items():
        if name.endswith("_id"):
            found = found.replace(value, name)
    return answer.status_code, found


@pytest.mark.parametrize("operation", ABOUT)
async def test_what_is_out_of_reach_is_exactly_as_absent(client, reaching, names, absent, operation):
    whole = {name: value for name, value in names.items() if name.endswith("_id")}
    for reach in REACHES:
        async with await reaching(reach, FAR) as far:
            there = await far.send(request(far, operation, names))
            gone = await far.send(request(far, operation, absent))
        # The other records of the world have names of their own, which no absent one has.
        assert there.status_code == gone.status_code < 500, there.text
        if operation not in MAKES:
            assert told(there, names) == told(gone, absent), reach
        assert not [name for name, value in whole.items() if value in there.text and value not in there.request.url.path
                    and f"{{{name}}}" not in str(SAMPLES[operation])]  # fmt: skip


def turns():
    """Reads are asked for each reach in turn; a write begins anew: for one reach here, for all in the proof."""
    for place, operation in enumerate(sorted(GRANTED - OTHERS)):
        if operation.startswith("GET"):
            yield operation, REACHES
            continue
        for reach in REACHES:
            others = [] if reach == REACHES[place % len(REACHES)] else [pytest.mark.proof]
            yield pytest.param(operation, (reach,), marks=others)


@pytest.mark.parametrize(("operation", "reaches"), list(turns()))
async def test_within_reach_everything_is_as_for_everybody(reaching, names, operation, reaches):
    for reach in reaches:
        async with await reaching(reach, NEAR) as near:
            answer = await near.send(request(near, operation, names))
        assert answer.status_code == SAMPLES[operation].status, (reach, answer.text)


@pytest.mark.parametrize("operation", sorted(PUSHES))
async def test_pushing_receipts_is_never_limited(reaching, names, operation):
    async with await reaching("own", {**FAR, "store": "S01"}) as till:
        body = SAMPLES[operation].body
        one = (body["items"][0] if "items" in body else body) | {"customer": {"id": "{customer_id}"}}
        answer = await till.send(request(till, operation, names, body={"items": [one]} if "items" in body else one))
    assert answer.status_code == SAMPLES[operation].status, answer.text
    assert names["customer_id"] in answer.text or answer.json()["results"][0]["status"] == "created"


@pytest.mark.parametrize("operation", sorted(WHOLE))
async def test_what_is_of_all_customers_is_refused_to_who_reaches_some(names, reaching, operation):
    async with await reaching("store", NEAR) as near:
        answer = await near.send(request(near, operation, names))
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
