"""Search: names in three scripts, fragments, the order of hits, who may ask for what, and how the database answers."""

import json
from contextlib import AsyncExitStack

import asyncpg
import pytest

from app.core.caller import SYSTEM, Caller
from app.core.hot import compiled
from app.desk import queries
from app.desk.question import asked
from tests.desk.people import NAMES, PEOPLE
from tests.desk.phones import PHONES

# What people write around a number.
AROUND = (
    "{} ext. 12",
    "{} x12",
    "tel: {}",
    "\u7535\u8bdd {}",
    "\uc804\ud654: {}",
    "\u624b\u6a5f\uff1a{}",
    "Phone {}",
    "{} ext 7",
    "Tel.{}",
)
STORE = {"name": "First", "kind": "own"}


async def made(client, name=None, **fields):
    answer = await client.post("/v1/customers", json={"display_name": name, **fields})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def search(client, q, **more):
    answer = await client.get("/v1/customers/search", params={"q": q, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def hits(found):
    return [(one["display_name"], one["match"]) for one in found]


async def test_two_hundred_ways_to_type_twenty_numbers(client, house):
    assert len(PHONES) == 20
    assert sum(map(len, PHONES.values())) == 200
    ids = {
        number: (await made(client, number, identifiers=[{"kind": "phone", "value": number}]))["id"]
        for number in PHONES
    }
    regions = ("CN", "TW", "KR", "US", "GB", "DE")
    wrong = []
    async with AsyncExitStack() as stack:
        tills = {}
        for region in regions:
            await client.put(f"/v1/stores/{region}", json={**STORE, "phone_region": region})
            key = await client.post("/v1/api-keys", json={"name": region, "role": "pos", "store": region})
            till = house.client(None, Authorization=f"Bearer {key.json()['key']}")
            tills[region] = await stack.enter_async_context(till)
        for number, ways in PHONES.items():
            for place, (region, typed) in enumerate(ways):
                till = tills[region or regions[place % 6]]
                answer = await till.post("/v1/customers/lookup", json={"phone": typed})
                found = [one["id"] for one in answer.json()["data"]] if answer.status_code == 200 else answer.text
                if found != [ids[number]]:
                    wrong.append((number, region, typed, found))
                for around in ("{}", *AROUND[place % len(AROUND) :][:2]):
                    # Not a word more where the table has one.
                    asks = typed if any(map(str.isalpha, typed)) or "#" in typed else around.format(typed.strip())
                    answer = await till.post("/v1/customers/search", json={"q": asks})
                    found = [one["id"] for one in answer.json()["data"]] if answer.status_code == 200 else answer.text
                    if found != [ids[number]]:
                        wrong.append((number, region, asks, found))
    assert not wrong


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("GOLDEN1234", True), ("golden 1234", True), ("golden-1234", True), ("golden1235", False),
        ("8600X1234", True), ("vip7", True),
    ],
)  # fmt: skip
async def test_a_card_of_letters_and_digits(client, clients, typed, found):
    """Found: a card with more letters than digits was taken for a name."""
    cards = ("GOLDEN1234", "8600X1234", "VIP7")
    for card in cards:
        await made(client, "Wang", identifiers=[{"kind": "card", "value": card}])
    hit = [one["match"] for one in await search(client, typed)]
    assert hit == (["card"] if found else [])
    if typed == "GOLDEN1234":
        # Who may not see cards does not find by them.
        assert await search(clients["analyst"], typed) == []


async def test_a_hundred_questions_after_names_in_three_scripts(client):
    assert len(NAMES) >= 100
    for name, reading in PEOPLE:
        await made(client, name, reading=reading)
    wrong = []
    for typed, name, match in NAMES:
        found = hits(await search(client, typed))
        if found[:1] != [(name, match)]:
            wrong.append((typed, name, match, found[:3]))
    assert not wrong


async def test_numbers_and_addresses_by_their_parts(client):
    await made(
        client,
        "One",
        identifiers=[
            {"kind": "phone", "value": "+8613812345678"}, {"kind": "card", "value": "VIP-00815234"},
            {"kind": "email", "value": "zhang.wei@example.com"},
        ],
    )  # fmt: skip
    await made(client, "Two", identifiers=[{"kind": "phone", "value": "+8615678000011"}])
    for typed, expected in [
        ("5678", [("One", "phone_fragment"), ("Two", "phone_fragment")]),
        ("1234 56", [("One", "phone_fragment")]),
        ("138 1234 5678", [("One", "phone")]),
        ("0086-13812345678", [("One", "phone")]),
        ("１３８１２３４５６７８", [("One", "phone")]),
        ("5234", [("One", "card_fragment")]),
        ("vip00815", [("One", "card_fragment")]),
        ("VIP 0081 5234", [("One", "card")]),
        ("zhang.wei@example.com", [("One", "email")]),
        ("ZHANG.wei@", [("One", "email_start")]),
        ("wei@exam", [("One", "email_fragment")]),
        ("zhang.w", [("One", "email_start")]),
        ("9999", []),
        ("nobody@example.com", []),
    ]:
        assert hits(await search(client, typed)) == expected, typed


async def test_wildcards_are_only_signs(client):
    await made(client, "A_B", identifiers=[{"kind": "email", "value": "a_b@example.com"}])
    await made(client, "AXB", identifiers=[{"kind": "email", "value": "axb@example.com"}])
    assert hits(await search(client, "a_b@")) == [("A_B", "email_start")]
    assert hits(await search(client, "_b@ex")) == [("A_B", "email_fragment")]
    assert hits(await search(client, "%b@ex")) == []
    for q in ("100%1", "1234%", "\\1234"):
        assert await search(client, q) == []


async def test_who_bought_last_comes_first_among_equals(client):
    await client.put("/v1/stores/S01", json=STORE)
    ids = [(await made(client, "王芳"))["id"] for _ in range(3)]
    for number, (customer, day) in enumerate([(ids[1], 20), (ids[0], 10)]):
        receipt = {
            "source": "till", "number": str(number), "store": "S01", "kind": "sale", "currency": "CNY",
            "occurred_at": f"2026-11-{day}T12:00:00Z", "customer": {"id": customer},
            "lines": [{"product": "T", "category": "t", "quantity": "1", "net": 1}],
            "tenders": [{"kind": "cash", "amount": 1}],
        }  # fmt: skip
        assert (await client.post("/v1/receipts", json=receipt)).status_code == 201
    assert [one["id"] for one in await search(client, "wangfang")] == [ids[1], ids[0], ids[2]]
    assert len(await search(client, "wangfang", limit=2)) == 2


async def test_a_name_is_found_as_it_is_now(client):
    one = await made(client, "王小明")
    path = f"/v1/customers/{one['id']}"
    changed = await client.patch(path, json={"display_name": "李娜"}, headers={"If-Match": '"1"'})
    assert changed.status_code == 200
    assert await search(client, "wangxiaoming") == []
    assert hits(await search(client, "lina")) == [("李娜", "pinyin")]
    await client.patch(path, json={"display_name": None}, headers={"If-Match": '"2"'})
    assert await search(client, "lina") == []
    await client.put("/v1/customers/by-external/crm/7", json={"display_name": "Ann"})
    await client.put("/v1/customers/by-external/crm/7", json={"display_name": "Bea"})
    assert (await search(client, "ann"), hits(await search(client, "bea"))) == ([], [("Bea", "name")])


async def test_both_ways_of_asking_answer_the_same(client):
    await made(client, "张伟")
    posted = await client.post("/v1/customers/search", json={"q": "zw", "limit": 5})
    got = await client.get("/v1/customers/search", params={"q": "zw", "limit": 5})
    assert posted.json() == got.json() != {"data": [], "next_cursor": None, "has_more": False}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"q": "123"}, "too_short"), ({"q": "a"}, "too_short"), ({"q": "@"}, "too_short"),
        ({"q": "."}, "nothing_to_find"),
        ({"q": "%_"}, "nothing_to_find"), ({}, "missing"), ({"q": ""}, ""), ({"q": "x" * 101}, "too_long"),
        ({"q": "ann", "limit": 51}, "less_than_equal"), ({"q": "ann", "limit": 0}, "greater_than_equal"),
        ({"q": "ann", "offset": 5}, "unknown_field"),
    ],
)  # fmt: skip
async def test_wrong_questions_say_what_is_wrong(client, query, code):
    for answer in (
        await client.get("/v1/customers/search", params=query),
        await client.post("/v1/customers/search", json=query),
    ):
        assert answer.status_code == 422, answer.text
        assert code in answer.json()["errors"][0]["code"]


@pytest.mark.parametrize(
    "q", ["𠀀", "\u0301\u0301", "🙂🙂", "ㅏㅏ", "'; DROP TABLE customers; --", "ﷺ", "İ", "ß", "a" * 100, "王" * 100]
)
async def test_any_text_is_answered_or_refused(client, q):
    answer = await client.get("/v1/customers/search", params={"q": q})
    assert answer.status_code in (200, 422)
    created = await client.post("/v1/customers", json={"display_name": q})
    assert created.status_code == 201


async def test_who_may_not_see_contact_data_cannot_probe_for_it(clients):
    await made(clients["admin"], "One", identifiers=[{"kind": "email", "value": "secret@example.com"}])
    for q in ("5678", "secret@example.com"):
        answer = await clients["analyst"].get("/v1/customers/search", params={"q": q})
        assert answer.status_code == 403
        assert "contact" in answer.json()["detail"]
    assert await search(clients["analyst"], "secret") == []
    assert hits(await search(clients["admin"], "secret")) == [("One", "email_start")]


async def test_who_may_not_see_personal_data_finds_by_the_displayed_name_alone(clients):
    await made(clients["admin"], "Nickname", family_name="王", given_name="小明", reading="Wong Siu Ming")
    for q in ("王小明", "wangxiaoming", "wxm", "wong siu ming", "wangxaioming"):
        assert await search(clients["analyst"], q) == []
        assert len(await search(clients["admin"], q)) == 1
    assert len(await search(clients["analyst"], "nickname")) == 1


async def test_a_partner_finds_nobody_without_an_agreement(clients):
    await made(clients["admin"], "张伟")
    assert await search(clients["partner"], "张伟") == []


async def test_every_hit_is_on_the_audit_trail(client, house):
    one = await made(client, "张伟")
    await search(client, "zw")
    await house.services.reads.flush()
    entries = (await client.get("/v1/audit", params={"customer_id": one["id"]})).json()["data"]
    assert [entry["action"] for entry in entries].count("customer.search") == 1


async def test_a_search_that_takes_too_long_says_so(client, house):
    await made(client, "张伟")
    await search(client, "zw")
    connection = await asyncpg.connect(house.services.db.dsn)
    try:
        # Somebody rebuilds the table: the statement's time runs out while it waits.
        await connection.execute("BEGIN; LOCK TABLE search_terms IN ACCESS EXCLUSIVE MODE")
        answer = await client.get("/v1/customers/search", params={"q": "zw"})
    finally:
        await connection.close()
    assert answer.status_code == 503
    assert answer.headers["retry-after"]


FILL = """
INSERT INTO customers (id, kind, status, display_name, version, created_at, updated_at)
SELECT uuidv7(), 'person', 'active', 'N' || n, 1, now(), now() FROM generate_series(1, 15000) n;
INSERT INTO search_terms (kind, term, customer_id, personal)
SELECT k, md5(id::text || k), id, false FROM customers, unnest('{name,part,pinyin,initials}'::text[]) k;
INSERT INTO identifiers (kind, value, customer_id, id, typed, exclusive, created_at)
SELECT k, CASE k WHEN 'email' THEN md5(id::text) || '@example.com'
                       ELSE '+86' || 13000000000 + (hashtextextended(id::text || k, 0) & 536870911) END,
       id, uuidv7(), '', false, now() FROM customers, unnest('{phone,email}'::text[]) k;
ANALYZE customers; ANALYZE search_terms; ANALYZE identifiers
"""


def walked(node):
    """The tables that a plan walks from end to end. Those that are empty here may be; it costs nothing."""
    own = {node["Relation Name"]} if node["Node Type"] == "Seq Scan" else set()
    return own.union(*(walked(child) for child in node.get("Plans", ())))


async def test_every_way_goes_through_an_index(house):
    connection = await asyncpg.connect(house.services.db.dsn)
    try:
        await connection.execute("SET session_replication_role = replica; " + FILL)
        for q, index in [
            ("张伟", "pk_search_terms"), ("john smith", "ix_search_terms_similar"), ("zhangwei", "pk_search_terms"),
            ("zhang.wei", "ix_identifiers_email"), ("5678", "ix_identifiers_fragments"),
            ("wei@ex", "ix_identifiers_fragments"), ("wei@", "ix_identifiers_email"),
        ]:  # fmt: skip
            question = asked(q, "CN")
            sql = compiled(queries.search(SYSTEM, house.services.sections, {}, question.kind))
            values = sql.arguments({**question.values(20), "month": 1, "day": 1})
            for mode in ("force_custom_plan", "force_generic_plan"):
                await connection.execute(f"SET plan_cache_mode = {mode}")
                plan = json.loads(await connection.fetchval(f"EXPLAIN (FORMAT JSON) {sql.text}", *values))
                assert not walked(plan[0]["Plan"]) & {"customers", "identifiers", "search_terms"}, (q, mode)
                assert index in json.dumps(plan), (q, mode)
    finally:
        await connection.close()


def test_statements_differ_by_what_the_caller_may_see(house):
    contactless = Caller(**{**_plain(SYSTEM), "field_groups": frozenset({"basic"})})
    sql = compiled(queries.search(contactless, house.services.sections, {}, "name")).text
    assert "identifiers" not in sql
    assert "NOT s.personal" in sql


def _plain(caller):
    return {name: getattr(caller, name) for name in ("client_id", "key_id", "name", "role", "scopes", "rate_class")}
