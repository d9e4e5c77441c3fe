"""What keys of staff reach: every list, of any assignment of customers, and what they create."""

import random
import uuid

import orjson
import pytest
from sqlalchemy import text

from app.access import commands as access
from app.access.keyring import Keyring
from app.access.roles import ROLES, UNLIMITED_SCOPES
from tests.till.factories import line, receipt

STORES = {"N1": "north", "N2": "north", "S1": "south", "X1": None, "X2": None}
STAFF = ("emp-1", "emp-2", "emp-3")


@pytest.fixture
def key(house):
    """A client with every scope that a key of a reach can have."""

    async def made(reach, staff=None, store=None, **terms):
        keyring = Keyring(house.services.settings.secret)
        wanted = access.Terms(staff=staff, reach=reach, **terms)
        found = await house.services.db.run(
            lambda tx: access.create_key(tx, keyring, "limited", "admin", store=store, terms=wanted)
        )
        client = house.client(None)
        client.headers["Authorization"] = f"Bearer {found[1]}"
        return client

    return made


@pytest.fixture
async def stores(client):
    for code, region in STORES.items():
        body = {"name": code, "kind": "own", "time_zone": "Asia/Shanghai", "region": region}
        (await client.put(f"/v1/stores/{code}", json=body)).raise_for_status()


async def company(client, house, make, seed):
    """Customers of random stores and staff, each with one of everything; (id, store, account manager, sponsor)."""
    chance, people = random.Random(seed), []
    for number in range(12):
        store, manager, sponsor = (chance.choice((*some, None)) for some in (STORES, STAFF, STAFF))
        one = await make(
            display_name=f"Zhang Wei {number}", home_store=store,
            identifiers=[{"kind": "phone", "value": "+8613812345678"}, {"kind": "card", "value": f"CARD{number:04}"}],
        )  # fmt: skip
        people.append((one["id"], store, manager, sponsor))
        base = f"/v1/customers/{one['id']}"
        for method, path, body in (
            ("PUT", "/contact-policy", {"wanted_days": 1}),
            ("PUT", "/credit", {"limit": 100, "term_days": 30}),
            ("POST", "/receivables/batch", {"items": [{"external_id": "a", "kind": "charge", "amount": 300}]}),
            ("POST", "/complaints", {"about": "delivery", "severity": "critical", "subject": "Late"}),
            ("POST", "/promises", {"promise": "Soon", "due_at": "2030-01-01T00:00:00Z"}),
        ):
            answer = await client.request(method, base + path, json=body)
            assert answer.is_success, answer.text
        pushed = await client.post("/v1/receipts", json=receipt(line(300), store="N1", customer={"id": one["id"]}))
        assert pushed.status_code == 201, pushed.text
    assigned = text("UPDATE customers SET account_manager = :manager, sponsor = :sponsor WHERE id = :id")
    rows = [{"id": one, "manager": manager, "sponsor": sponsor} for one, _, manager, sponsor in people]
    await house.services.db.run(lambda tx: tx.execute(assigned, rows))
    return people


def within(people, reach, staff, store):
    """Whom a key reaches, said once more."""
    if reach == "own":
        return {one for one, _, *looking_after in people if staff in looking_after}
    near = {store}
    if reach == "region" and STORES[store] is not None:
        near = {code for code, region in STORES.items() if region == STORES[store]}
    return {one for one, home, *_ in people if home in near}


async def every(client, path, **params):
    """All rows of a list, which are as many as it says that it has."""
    found, cursor = [], None
    while True:
        more = {"limit": 3, "count": "true", **({"cursor": cursor} if cursor else {})}
        answer = await client.get(path, params={**params, **more})
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += page["data"]
        cursor = page["next_cursor"]
        if not page["has_more"]:
            assert page["total"] == len(found)
            return found


@pytest.mark.parametrize("seed", range(2))
async def test_whatever_a_key_lists_is_within_its_reach_and_all_of_it(client, house, make, stores, key, seed):
    people = await company(client, house, make, seed)
    ids = [one for one, *_ in people]
    saved = (await client.post("/v1/segments", json={"name": "All", "text": "count(receipts) > 0"})).json()["id"]
    limited: list[tuple[str, str | None, str | None]] = [("own", staff, None) for staff in STAFF[:2]]
    limited += [(reach, None, store) for reach in ("store", "region") for store in ("N1", "X1")]
    for reach, staff, store in limited:
        wanted = within(people, reach, staff, store)
        async with await key(reach, staff, store) as caller:
            listed = {row["id"] for row in await every(caller, "/v1/customers")}
            members = {row["id"] for row in await every(caller, f"/v1/segments/{saved}/members")}
            many = (await caller.post("/v1/customers/read", json={"ids": ids})).json()
            lines = [orjson.loads(one) for one in (await caller.get("/v1/customers/snapshot")).text.splitlines()]
            searched = (await caller.get("/v1/customers/search", params={"q": "zhang wei", "limit": 20})).json()
            numbers = (await caller.get("/v1/customers/search", params={"q": "12345678", "limit": 20})).json()
            shared = (await caller.get("/v1/customers/lookup", params={"phone": "+8613812345678"})).json()
            preview = (await caller.post("/v1/segments/preview", json={"text": "has_card = true"})).json()
            assert listed == members == wanted, (reach, staff, store)
            assert {row["id"] for row in many["data"]} == set(ids) - set(many["missing"]) == wanted
            assert {row["id"] for row in lines[1:-1]} == wanted and lines[-1]["count"] == len(wanted)
            assert {row["id"] for row in searched["data"]} == wanted
            assert {row["id"] for row in numbers["data"]} == wanted
            assert {row["id"] for row in shared["data"]} == wanted
            assert preview["count"] == len(wanted) and {row["id"] for row in preview["sample"]} <= wanted
            assert (await caller.get(f"/v1/segments/{saved}/count")).json()["count"] == len(wanted)
            for path in ("/v1/warnings", "/v1/complaints", "/v1/promises"):
                assert {row["customer_id"] for row in await every(caller, path)} == wanted, path
            # Nobody is due yet, or everybody: it depends on no reach.
            due = {row["customer_id"] for row in await every(caller, "/v1/contacts-due", before="2100-01-01")}
            assert due == wanted
            for one in ids:
                card = await caller.get(f"/v1/customers/{one}/card")
                assert card.status_code == (200 if one in wanted else 404)


async def test_what_a_key_creates_is_within_its_reach(client, stores, key):
    async with await key("store", store="N1") as near, await key("own", "emp-1") as own:
        for caller, expected in ((near, {"home_store": "N1"}), (own, {"account_manager": "emp-1"})):
            one = await caller.post("/v1/customers", json={"display_name": "A"})
            assert (one.status_code, one.json() | expected) == (201, one.json())
            put = await caller.put(f"/v1/customers/by-external/crm/{uuid.uuid4()}", json={"display_name": "B"})
            assert (put.status_code, put.json() | expected) == (201, put.json())
            batch = (await caller.post("/v1/customers/batch", json={"items": [{"display_name": "C"}] * 3})).json()
            made = [one["id"] for one in batch["results"]]
            assert len((await caller.post("/v1/customers/read", json={"ids": made})).json()["data"]) == 3
    assert len(await every(client, "/v1/customers")) == 10


async def test_nothing_is_written_beyond_reach(client, make, stores, key):
    async with await key("region", store="N1") as near:
        body = {"display_name": "A", "home_store": "N2"}
        one = (await near.post("/v1/customers", json=body)).json()
        for home in ("S1", None):
            answers = [
                await near.post("/v1/customers", json={**body, "home_store": home}),
                await near.patch(
                    f"/v1/customers/{one['id']}", json={"home_store": home}, headers={"If-Match": '"1"'}
                ),
                await near.put("/v1/customers/by-external/crm/1", json={**body, "home_store": home}),
            ]  # fmt: skip
            for answer in answers:
                assert (answer.status_code, answer.json()["errors"][0]["code"]) == (403, "beyond_reach")
            batch = (await near.post("/v1/customers/batch", json={"items": [{**body, "home_store": home}]})).json()
            assert batch["results"][0]["problem"]["status"] == 403
    assert len(await every(client, "/v1/customers")) == 1


async def test_an_identifier_of_somebody_beyond_reach_is_taken_and_tells_of_nobody(make, stores, key):
    far = await make(display_name="Far", home_store="S1", identifiers=[{"kind": "card", "value": "F1234567"}])
    card = {"identifiers": [{"kind": "card", "value": "F1234567"}]}
    async with await key("store", store="N1") as near:
        one = (await near.post("/v1/customers", json={"display_name": "A"})).json()["id"]
        answers = [
            await near.post("/v1/customers", json=card),
            await near.post(f"/v1/customers/{one}/identifiers", json=card["identifiers"][0]),
        ]
        batch = (await near.post("/v1/customers/batch", json={"items": [card, {"id": far["id"]}]})).json()["results"]
    problems = [*(answer.json() for answer in answers), batch[0]["problem"]]
    for problem in problems:
        assert problem["code"] == "identifier_taken"
        assert "holder" not in problem and far["id"] not in str(problem)
    assert batch[1]["problem"]["code"] == "customer_exists"


async def test_a_lookup_neither_counts_nor_shows_who_is_beyond_reach(client, make, stores, key):
    phone = {"identifiers": [{"kind": "phone", "value": "+8613812345678"}]}
    mine = await make(display_name="Mine", home_store="N1", **phone)
    params = {"phone": "+8613812345678"}
    async with await key("store", store="N1") as near:
        alone = (await near.get("/v1/customers/lookup", params=params)).json()["data"]
        assert [(one["id"], one["match"]) for one in alone] == [(mine["id"], "exact_phone")]
        for number in range(22):
            await make(display_name=f"Far {number}", home_store="S1", **phone)
        assert (await near.get("/v1/customers/lookup", params=params)).json()["data"] == alone
    everybody = (await client.get("/v1/customers/lookup", params=params)).json()["data"]
    assert len(everybody) == 20 and everybody[0]["match"] != "exact_phone"


async def test_of_a_relationship_with_somebody_beyond_reach_nothing_is_told(client, make, stores, key):
    one, near, far = [(await make(display_name=name, home_store=store))["id"] for name, store in
                      (("One", "N1"), ("Near", "N1"), ("Far", "S1"))]  # fmt: skip
    path, made = f"/v1/customers/{one}/relationships", {}
    for other in (near, far):
        made[other] = (await client.post(path, json={"other": other, "kind": "friend"})).json()["id"]
    async with await key("store", store="N1") as limited:
        listed = await every(limited, path)
        card = (await limited.get(f"/v1/customers/{one}/card")).json()["relationships"]
        assert [row["id"] for row in listed] == [row["id"] for row in card] == [made[near]]
        for method, body in (("PATCH", {"kind": "colleague"}), ("DELETE", None)):
            for there in (made[far], str(uuid.uuid4())):
                answer = await limited.request(method, f"{path}/{there}", json=body, headers={"If-Match": '"1"'})
                assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        wanted = {"kind": "colleague", "other": far}
        refused = [await limited.post(path, json={**wanted, "other": other}) for other in (far, str(uuid.uuid4()))]
        assert [answer.json()["errors"][0]["code"] for answer in refused] == ["unknown_customer"] * 2
    assert len(await every(client, path)) == 2


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"reach": "own"}, "/staff", "needed_for_reach"),
        ({"reach": "store", "staff": "emp-1"}, "/store", "needed_for_reach"),
        ({"reach": "region"}, "/store", "needed_for_reach"),
        ({"reach": "own", "staff": "emp-1", "scopes": ["feed:read"]}, "/scopes", "beyond_reach"),
        ({"reach": "own", "staff": "emp-1", "scopes": ["customers:read", "imports:write"]}, "/scopes", "beyond_reach"),
        ({"role": "partner", "staff": "emp-1"}, "/reach", "not_for_partners"),
        ({"reach": "everything"}, "/reach", "literal_error"),
        ({"masked": ["basic"]}, "/masked/0", "literal_error"),
    ],
)
async def test_keys_that_make_no_sense_are_refused(client, body, pointer, code):
    answer = await client.post("/v1/api-keys", json={"name": "n", "role": "call_center", **body})
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["pointer"] == pointer
    assert error["code"] == code or code == "literal_error"


async def test_of_its_role_a_limited_key_has_what_is_about_some_and_keeps_it_when_rotated(client):
    sent = {"name": "n", "role": "call_center", "staff": "emp-1", "reach": "own", "masked": ["financial", "contact"]}
    made = (await client.post("/v1/api-keys", json=sent)).json()
    assert set(made["scopes"]) == ROLES["call_center"].scopes - UNLIMITED_SCOPES
    assert (made["staff"], made["reach"], made["masked"]) == ("emp-1", "own", ["contact", "financial"])
    rotated = (await client.post(f"/v1/api-keys/{made['id']}/rotate")).json()
    assert {name: rotated[name] for name in ("staff", "reach", "masked", "scopes")} == {
        name: made[name] for name in ("staff", "reach", "masked", "scopes")
    }


async def test_nobody_lets_others_see_what_he_sees_masked(house, client):
    async with house.client(None) as narrow:
        key = await client.post("/v1/api-keys", json={"name": "n", "role": "admin", "masked": ["contact"]})
        narrow.headers["Authorization"] = f"Bearer {key.json()['key']}"
        plain = await narrow.post("/v1/api-keys", json={"name": "m", "role": "call_center"})
        masked = await narrow.post("/v1/api-keys", json={"name": "m", "role": "call_center", "masked": ["contact"]})
    assert (plain.status_code, masked.status_code) == (403, 201)


async def test_a_handover_by_a_limited_key_is_of_its_own(client, make, key):
    ids = [(await make(display_name=name))["id"] for name in "AB"]
    body = {"customers": ids[:1], "to": {"account_manager": "emp-1"}, "reason": "New"}
    (await client.post("/v1/handovers", json=body)).raise_for_status()
    async with await key("own", "emp-1") as own:
        given = await own.post("/v1/handovers", json={**body, "customers": ids, "to": {"account_manager": "emp-2"}})
        assert (given.json()["changed"], given.json()["left_out"]) == (1, {"absent": 1})
        assert [one["id"] for one in await every(own, "/v1/handovers")] == [given.json()["id"]]
        assert await every(own, "/v1/customers") == []
    assert len(await every(client, "/v1/handovers")) == 2


async def test_a_key_of_reach_all_costs_no_more(house, client, make, statements):
    one = (await make(display_name="A"))["id"]
    with statements() as found:
        (await client.get(f"/v1/customers/{one}")).raise_for_status()
        (await client.get("/v1/customers")).raise_for_status()
    assert len(found) == 2
    assert not any("reach" in one for one in found)
