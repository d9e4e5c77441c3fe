"""Products and categories."""

import asyncio

import pytest
from sqlalchemy import text

from app.catalog import commands
from app.catalog.paths import checked_path, parent_of, with_ancestors
from app.core.caller import SYSTEM


async def paths(client, **query):
    return [row["path"] for row in (await client.get("/v1/categories", params=query)).json()["data"]]


async def test_a_product_brings_its_categories(client):
    made = await client.put("/v1/products/4710199010372", json={"name": "Tea", "category": "110/110411", "cost": 0})
    assert made.status_code == 201
    body = made.json()
    assert (body["category"], body["cost"], body["list_price"], body["version"]) == ("110/110411", 0, None, 1)
    listed = (await client.get("/v1/categories")).json()["data"]
    assert listed == [
        {"path": "110", "name": None, "parent": None},
        {"path": "110/110411", "name": None, "parent": "110"},
    ]


async def test_a_product_may_say_nothing_of_itself(client):
    made = await client.put("/v1/products/X", json={})
    assert made.status_code == 201
    assert made.json()["name"] is None
    assert (await client.put("/v1/products/X", json={})).status_code == 200


async def test_moving_a_product_brings_the_new_category(client):
    await client.put("/v1/products/X", json={"category": "a"})
    moved = await client.put("/v1/products/X", json={"category": "b/c"})
    assert (moved.json()["category"], moved.json()["version"]) == ("b/c", 2)
    assert await paths(client) == ["a", "b", "b/c"]


async def test_products_of_a_category_and_below(client):
    named = ("a", "a/b", "a/b/c", "ab", "a_b", None, "a_b/c", "axb/c", "a%/c", "a\\b/c")
    for code, category in zip("1234567890", named, strict=True):
        await client.put(f"/v1/products/{code}", json={"category": category})
    listed = (await client.get("/v1/products", params={"category": "a"})).json()["data"]
    assert [product["code"] for product in listed] == ["1", "2", "3"]
    # What a pattern would mean otherwise.
    for category, codes in {"a_b": ["5", "7"], "a%": ["9"], "a\\b": ["0"]}.items():
        listed = (await client.get("/v1/products", params={"category": category})).json()["data"]
        assert [product["code"] for product in listed] == codes
    assert await paths(client, under="a/b") == ["a/b", "a/b/c"]
    first = (await client.get("/v1/products", params={"category": "a", "limit": 2})).json()
    rest = (await client.get("/v1/products", params={"category": "a", "cursor": first["next_cursor"]})).json()
    assert [product["code"] for product in rest["data"]] == ["3"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("category", ""), ("category", "/a"), ("category", "a/"), ("category", "a//b"), ("category", "a/ b"),
        ("category", "/".join("abcdefghi")), ("category", "x" * 201), ("category", "a\nb"), ("category", 110),
        ("list_price", -1), ("list_price", "12"), ("list_price", 2**63 - 1), ("list_price", True), ("cost", -1),
        ("replaces_after_days", 0), ("replaces_after_days", 36501), ("replaces_after_days", "30"),
        ("upgrade_of", "a b"), ("name", "x" * 201), ("brand", ""), ("weight", 3),
    ],
)  # fmt: skip
async def test_wrong_values_are_refused_with_a_pointer(client, field, value):
    refused = await client.put("/v1/products/X", json={field: value})
    assert refused.status_code == 422, refused.text
    assert refused.json()["errors"][0]["pointer"] == f"/{field}"


async def test_fractions_are_refused(client):
    headers = {"Content-Type": "application/json"}
    answer = await client.put("/v1/products/X", content=b'{"cost": 1.5}', headers=headers)
    assert answer.status_code == 422
    assert [(one["pointer"], one["code"]) for one in answer.json()["errors"]] == [("/cost", "not_whole")]


async def test_categories_are_named_and_renamed(client, house):
    items = [
        {"path": "a/b", "name": "Tea"},
        {"path": "a"},
        {"path": "a/b"},
        {"path": "a", "name": "Drinks"},
        {"path": "/"},
    ]
    answer = (await client.post("/v1/categories/batch", json={"items": items})).json()["results"]
    assert [result["status"] for result in answer] == ["created", "created", "duplicate", "updated", "failed"]
    assert [result["id"] for result in answer] == ["a/b", "a", "a/b", "a", None]
    named = {row["path"]: row["name"] for row in (await client.get("/v1/categories")).json()["data"]}
    assert named == {"a": "Drinks", "a/b": "Tea"}
    cleared = await client.post("/v1/categories/batch", json={"items": [{"path": "a", "name": None}]})
    assert cleared.json()["results"][0]["status"] == "updated"
    actions = "SELECT action FROM audit_entries WHERE record_kind = 'category' ORDER BY id"
    found = await house.services.db.read(SYSTEM, lambda tx: tx.rows(text(actions)))
    assert [row.action for row in found] == ["category.create"] * 2 + ["category.update"]


async def test_products_of_a_receipt_are_created_once_and_never_touched(client, house):
    await client.put("/v1/products/known", json={"name": "Known", "category": "x"})
    db = house.services.db
    wanted = {"known": "other", "new": "a/b", "bare": None}
    assert await db.run(lambda tx: commands.ensure_products(tx, wanted)) == ["bare", "new"]
    assert await db.run(lambda tx: commands.ensure_products(tx, wanted)) == []
    assert await db.run(lambda tx: commands.ensure_products(tx, {})) == []
    known = (await client.get("/v1/products/known")).json()
    assert (known["category"], known["version"]) == ("x", 1)
    assert (await client.get("/v1/products/new")).json()["category"] == "a/b"
    assert (await client.get("/v1/products/bare")).json()["category"] is None


async def test_ensuring_products_is_one_statement(house, statements):
    wanted = {f"P{number}": f"c/{number % 5}" for number in range(1000)}
    with statements() as found:
        await house.services.db.run(lambda tx: commands.ensure_products(tx, wanted))
    assert len(found) == 1


async def test_tills_that_see_the_same_products_first_agree(house):
    wanted = {f"P{number}": f"c/{number % 5}" for number in range(200)}
    db = house.services.db
    made = await asyncio.gather(*(db.run(lambda tx: commands.ensure_products(tx, wanted)) for _ in range(8)))
    assert sorted(code for codes in made for code in codes) == sorted(wanted)


def test_announcing_names_each_product():
    events, entries = commands.announced(["b", "a"])
    assert [(event.type, event.subject, event.version) for event in events] == [
        ("product.updated", "a", 1), ("product.updated", "b", 1),
    ]  # fmt: skip
    assert [entry.action for entry in entries] == ["product.create"] * 2
    assert len({entry.record_id for entry in entries}) == 2


def test_paths():
    assert checked_path("110/110411") == "110/110411"
    assert checked_path("cafe\u0301") == "caf\u00e9"
    assert (parent_of("a/b/c"), parent_of("a")) == ("a/b", None)
    assert with_ancestors(["a/b/c", None, "a/d", "a/b"]) == ["a", "a/b", "a/b/c", "a/d"]
