"""Reading customers: one, many, lists; who sees what; and the log of who saw it."""

import json
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from app.core.caller import SYSTEM
from app.core.documents import Sections
from app.customers import commands, queries

BASIC = {
    "id", "kind", "status", "display_name", "language", "home_store", "account_manager", "sponsor", "grade", "version",
    "created_at", "updated_at",
}  # fmt: skip
PERSONAL = {"given_name", "family_name", "reading", "gender", "birthday", "source", "profile"}
CONTACT = {"identifiers"}
FIGURES = {"figures"}

SEES = {
    "admin": BASIC | PERSONAL | CONTACT | FIGURES,
    "pos": BASIC | PERSONAL | CONTACT | FIGURES,
    "call_center": BASIC | PERSONAL | CONTACT | FIGURES,
    # Sections of the profile stand in several groups: it is there with those that are shown.
    "analyst": BASIC | FIGURES | {"profile"},
}


@pytest.fixture
async def walk_in(client, house) -> str:
    await client.put("/v1/stores/S01", json={"name": "S", "kind": "own"})
    return str((await house.services.db.run(lambda tx: commands.ensure_walk_ins(tx, ["S01"])))["S01"])


async def shown_everywhere(client, customer):
    """A customer's document, which is the same wherever it stands."""
    one = (await client.get(f"/v1/customers/{customer}")).json()
    assert (await client.get("/v1/customers")).json()["data"] == [one]
    assert (await client.post("/v1/customers/read", json={"ids": [customer]})).json()["data"] == [one]
    lines = (await client.get("/v1/customers/snapshot")).text.splitlines()
    assert json.loads(lines[1]) == one
    return one


async def test_a_field_outside_the_grant_is_absent_not_null(clients, make, card):
    body = await make(display_name="Wang", identifiers=[card()])
    for role, fields in SEES.items():
        assert set(await shown_everywhere(clients[role], body["id"])) == fields, role


@pytest.mark.parametrize(
    ("groups", "fields"),
    [
        (["basic"], BASIC | {"profile"}),
        (["basic", "contact"], BASIC | CONTACT | {"profile"}),
        (["personal"], PERSONAL | {"id", "version"}),
        (["financial"], FIGURES | {"id", "version", "profile"}),
        (["contact"], CONTACT | {"id", "version"}),
    ],
)
async def test_groups_decide_one_by_one(client, house, make, card, groups, fields):
    body = await make(display_name="Wang", identifiers=[card()])
    made = await client.post("/v1/api-keys", json={"name": "narrow", "role": "call_center", "field_groups": groups})
    async with house.client(None, Authorization=f"Bearer {made.json()['key']}") as narrow:
        assert set(await shown_everywhere(narrow, body["id"])) == fields


async def test_for_a_partner_without_an_agreement_nobody_is_there(clients, make, walk_in):
    """Exactly as if there were no such customer."""
    body, partner = await make(display_name="Wang"), clients["partner"]
    for customer in (body["id"], walk_in):
        foreign = await partner.get(f"/v1/customers/{customer}")
        absent = await partner.get(f"/v1/customers/{uuid.uuid4()}")
        assert foreign.status_code == absent.status_code == 404
        assert {**foreign.json(), "request_id": ""} == {**absent.json(), "request_id": ""}
        many = (await partner.post("/v1/customers/read", json={"ids": [customer]})).json()
        assert many == {"data": [], "missing": [customer]}
    assert (await partner.get("/v1/customers")).json() == {"data": [], "next_cursor": None, "has_more": False}
    assert (await partner.get("/v1/customers", params={"kind": "walk_in"})).json()["data"] == []
    lines = (await partner.get("/v1/customers/snapshot")).text.splitlines()
    assert [list(json.loads(line)) for line in lines] == [["cursor"], ["end", "count"]]


async def test_who_may_write(clients, make):
    body = await make(display_name="Wang")
    path = f"/v1/customers/{body['id']}"
    for role, client in clients.items():
        allowed = role in {"admin", "pos", "call_center"}
        answers = [
            await client.post("/v1/customers", json={}),
            await client.post("/v1/customers/batch", json={"items": [{}]}),
            await client.put("/v1/customers/by-external/erp/1", json={}),
            await client.patch(path, json={}, headers={"If-Match": '"1"'}),
            await client.post(f"{path}/identifiers", json={"kind": "phone", "value": "x"}),
            await client.delete(f"{path}/identifiers/{uuid.uuid4()}", headers={"If-Match": '"1"'}),
        ]
        assert all((answer.status_code != 403) == allowed for answer in answers), role
        assert all(answer.json()["code"] == "forbidden" for answer in answers if not allowed)


async def test_nobody_without_a_key(house, make):
    body = await make()
    async with house.client(None) as stranger:
        for method, path in (("GET", ""), ("GET", f"/{body['id']}"), ("GET", "/snapshot"), ("POST", "/read")):
            assert (await stranger.request(method, f"/v1/customers{path}")).status_code == 401


async def test_an_absent_customer(client):
    for one in (uuid.uuid4(), uuid.UUID(int=0)):
        answer = await client.get(f"/v1/customers/{one}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert (await client.get("/v1/customers/x")).status_code == 422


async def test_many_in_the_order_asked_for(client, make):
    one, two = await make(display_name="1"), await make(display_name="2")
    absent = [str(uuid.uuid4()), str(uuid.UUID(int=0))]
    asked = [two["id"], absent[0], one["id"].upper(), two["id"], absent[1]]
    answer = (await client.post("/v1/customers/read", json={"ids": asked})).json()
    assert answer == {"data": [two, one], "missing": absent}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"ids": []},
        {"ids": ["x"]},
        {"ids": [None]},
        {"ids": [str(uuid.UUID(int=n)) for n in range(1001)]},
        {"ids": [], "x": 1},
    ],
)
async def test_wrong_ids(client, body):
    assert (await client.post("/v1/customers/read", json=body)).status_code == 422


async def test_a_thousand_at_once_in_one_statement(client, statements, house):
    items = [{"display_name": f"Name {n}"} for n in range(1000)]
    results = (await client.post("/v1/customers/batch", json={"items": items})).json()["results"]
    ids = [result["id"] for result in results]
    with statements() as found:
        answer = await client.post("/v1/customers/read", json={"ids": ids})
    assert [one["display_name"] for one in answer.json()["data"]] == [f"Name {n}" for n in range(1000)]
    assert len(found) == 1


async def test_a_list_in_pages_sees_each_customer_once(client, make):
    made = sorted([(await make(display_name=str(n)))["id"] for n in range(7)])
    seen, cursor = [], None
    for _ in range(10):
        page = (await client.get("/v1/customers", params={"limit": 2, **({"cursor": cursor} if cursor else {})})).json()
        seen += [one["id"] for one in page["data"]]
        cursor = page["next_cursor"]
        assert page["has_more"] == (cursor is not None)
        if cursor is None:
            break
    assert seen == made


async def test_filters(client, make, store, walk_in):
    person = await make(status="prospect", home_store=store)
    business = await make(kind="business", status="prospect")
    other = await make()

    async def found(**query):
        return {one["id"] for one in (await client.get("/v1/customers", params=query)).json()["data"]}

    assert await found() == {person["id"], business["id"], other["id"]}
    assert await found(kind="business") == {business["id"]}
    assert await found(status="prospect") == {person["id"], business["id"]}
    assert await found(status="prospect", kind="person") == {person["id"]}
    assert await found(home_store=store) == {person["id"]}
    assert await found(home_store="NOWHERE") == set()
    assert await found(kind="walk_in") == {walk_in}
    assert await found(home_store="S01") == set()


async def test_changed_and_created_since(client, make, house):
    clock = house.services.clock
    clock.set(clock.now())
    ids, moments = [], []
    for n in range(5):
        clock.advance(timedelta(minutes=1))
        moments.append(clock.now().isoformat())
        ids.append((await make(display_name=str(n)))["id"])
    clock.advance(timedelta(minutes=1))
    await client.patch(f"/v1/customers/{ids[0]}", json={"display_name": "new"}, headers={"If-Match": '"1"'})

    async def found(**query):
        page = (await client.get("/v1/customers", params={"limit": 2, **query})).json()
        seen = [one["id"] for one in page["data"]]
        while page["next_cursor"]:
            page = (
                await client.get("/v1/customers", params={"limit": 2, **query, "cursor": page["next_cursor"]})
            ).json()
            seen += [one["id"] for one in page["data"]]
        return seen

    assert await found(updated_since=moments[2]) == [ids[2], ids[3], ids[4], ids[0]]
    assert await found(created_since=moments[2]) == [ids[2], ids[3], ids[4]]
    assert await found(created_since=moments[0], updated_since=moments[4]) == [ids[4], ids[0]]
    first = (await client.get("/v1/customers", params={"limit": 2, "updated_since": moments[0]})).json()
    wrong = await client.get("/v1/customers", params={"updated_since": moments[1], "cursor": first["next_cursor"]})
    assert (wrong.status_code, wrong.json()["code"]) == (400, "invalid_cursor")


@pytest.mark.parametrize(
    "query",
    [
        "limit=0", "limit=201", "limit=1.5", "kind=robot", "status=x", "home_store=a%20b", "created_since=yesterday",
        "updated_since=2026-01-01T00:00:00", "cursor=x", "cursor=", "q=wang", "updated_since=2026-13-01T00:00:00Z",
    ],
)  # fmt: skip
async def test_wrong_queries(client, query):
    answer = await client.get(f"/v1/customers?{query}")
    assert answer.status_code in {400, 422}, answer.text


async def test_a_walk_in_is_read_by_id_and_changed_by_nobody(client, walk_in, rows):
    body = (await client.get(f"/v1/customers/{walk_in}")).json()
    assert (body["kind"], body["home_store"], body["display_name"], body["version"]) == ("walk_in", "S01", None, 1)
    headers = {"If-Match": '"1"'}
    answers = [
        await client.patch(f"/v1/customers/{walk_in}", json={"display_name": "X"}, headers=headers),
        await client.post(f"/v1/customers/{walk_in}/identifiers", json={"kind": "card", "value": "1"}),
        await client.delete(f"/v1/customers/{walk_in}/identifiers/{body['identifiers'][0]['id']}", headers=headers),
    ]
    assert [answer.status_code for answer in answers] == [404] * 3
    assert (await rows("SELECT count(*) FROM outbox WHERE subject = :one", one=walk_in))[0][0] == 0
    assert (await rows("SELECT count(*) FROM events WHERE subject = :one", one=walk_in))[0][0] == 0


async def test_every_read_is_logged(clients, house, make, rows):
    one, two = await make(), await make()
    client = clients["call_center"]
    await client.get(f"/v1/customers/{one['id']}")
    await client.get("/v1/customers", params={"limit": 1})
    await client.post("/v1/customers/read", json={"ids": [two["id"], str(uuid.uuid4())]})
    await client.get("/v1/customers/snapshot")
    await house.services.reads.flush()
    # Reads of earlier tests may be written this late.
    mine = "record_id IN (:one, :two) AND action <> 'customer.create'"
    found = await rows(
        f"SELECT action, record_id::text AS record FROM audit_entries WHERE {mine}", one=one["id"], two=two["id"]
    )
    assert sorted((row.action, row.record) for row in found) == sorted(
        [
            ("customer.read", one["id"]), ("customer.list", one["id"]), ("customer.read", two["id"]),
            ("customer.snapshot", one["id"]), ("customer.snapshot", two["id"]),
        ]
    )  # fmt: skip


async def test_what_was_not_seen_is_not_logged(clients, house, rows):
    client, logged = clients["partner"], "SELECT count(*) FROM audit_entries WHERE record_kind = 'customer'"
    await house.services.reads.flush()
    before = (await rows(logged))[0][0]
    await client.get(f"/v1/customers/{uuid.uuid4()}")
    await client.get("/v1/customers")
    await client.post("/v1/customers/read", json={"ids": [str(uuid.uuid4())]})
    assert (await rows(logged))[0][0] == before


NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
SOMEBODY = uuid.uuid4()


def page(after=None, **wanted):
    return lambda tx: queries.page(tx, queries.Filter(**wanted), Sections(), after=after, limit=10)


@pytest.mark.parametrize(
    ("ask", "index"),
    [
        (page(), "pk_customers"),
        (page([str(SOMEBODY)], home_store="S01"), "ix_customers_home_store"),
        (page([str(SOMEBODY)], account_manager="emp-7"), "ix_customers_account_manager"),
        (page(updated_since=NOON), "ix_customers_updated_at"),
        (page([NOON.isoformat(), str(SOMEBODY)], created_since=NOON), "ix_customers_updated_at"),
        (lambda tx: queries.one(tx, SOMEBODY, Sections()), "pk_customers"),
        (lambda tx: queries.many(tx, [SOMEBODY], Sections()), "pk_customers"),
        (lambda tx: queries.holders(tx, [("card", "1")]), "pk_identifiers"),
    ],
)
async def test_reads_find_their_rows_by_index(tx, explain, ask, index):
    plan = await explain(tx, ask)
    assert index in plan, plan
    assert "Seq Scan" not in plan, plan


@pytest.fixture
async def thousand(client, house):
    """A thousand customers, each with a card, whom the planner knows of."""
    items = [
        {"display_name": f"Name {n}", "identifiers": [{"kind": "card", "value": f"C{n:04d}"}]} for n in range(1000)
    ]
    answer = await client.post("/v1/customers/batch", json={"items": items})
    assert {one["status"] for one in answer.json()["results"]} == {"created"}
    await house.sweeper.run("ANALYZE customers, identifiers")
    yield
    await house.sweeper.run("DELETE FROM identifiers; DELETE FROM customers; ANALYZE customers, identifiers")


@pytest.mark.usefixtures("thousand")
async def test_the_identifiers_of_a_customer_are_found_by_index(tx, explain):
    plan = await explain(tx, lambda tx: queries.one(tx, SOMEBODY, Sections()))
    assert "ix_identifiers_customer_id" in plan, plan


@pytest.mark.usefixtures("thousand")
@pytest.mark.parametrize(
    ("wanted", "index"), [({"kind": "business"}, "ix_customers_kind"), ({"status": "lost"}, "ix_customers_status")]
)
async def test_a_list_of_a_rare_value_does_not_walk_over_the_others(tx, explain, wanted, index):
    plan = await explain(tx, page([str(uuid.UUID(int=0))], **wanted))
    assert index in plan, plan


@pytest.mark.usefixtures("thousand")
async def test_page_one_hundred_costs_what_page_one_costs(client, house):
    """By the rows that the database had to look at, not by a clock."""
    statement = text(
        "EXPLAIN (ANALYZE, FORMAT JSON, TIMING OFF, COSTS OFF) SELECT id FROM customers"
        " WHERE kind <> 'walk_in' AND id > :after ORDER BY id LIMIT 10"
    )

    async def touched(after):
        async def look(tx):
            await tx.execute(text("SET LOCAL enable_seqscan = off"))
            plan = (await tx.rows(statement, {"after": after}))[0][0][0]["Plan"]
            while "Plans" in plan:
                plan = plan["Plans"][0]
            return plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)

        return await house.services.db.read(SYSTEM, look)

    ids = [one["id"] for one in (await client.get("/v1/customers", params={"limit": 200})).json()["data"]]
    assert await touched(uuid.UUID(int=0)) == await touched(uuid.UUID(ids[150])) == 10
