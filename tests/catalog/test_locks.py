"""Who waits for whom in the catalog, step by step, and how lists find their rows."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from app.catalog import commands, queries
from app.core.errors import CONFLICT, Problem


@pytest.fixture
def held(house):
    """Runs work in a transaction that stays open until the block ends, and fails then if it shall."""

    @asynccontextmanager
    async def transaction(work, *, fails=False):
        done, go_on = asyncio.Event(), asyncio.Event()

        async def wait(tx):
            await work(tx)
            done.set()
            await go_on.wait()
            if fails:
                raise Problem(CONFLICT)

        task = asyncio.create_task(house.services.db.run(wait))
        await done.wait()
        try:
            yield
        finally:
            go_on.set()
            await asyncio.gather(task, return_exceptions=True)

    return transaction


async def blocked(task):
    await asyncio.sleep(0.2)
    return not task.done()


async def test_the_second_editor_sees_what_the_first_wrote(client, house, held):
    """Tills are a table of their own: what the second adds to must be the list that the first has left."""
    company = house.services.settings.company
    await client.put("/v1/stores/S01", json={"name": "A", "kind": "own", "tills": ["1"]})
    async with held(lambda tx: commands.put_stores(tx, [(0, {"code": "S01", "tills": ["1", "2"]})], company)):
        task = asyncio.create_task(client.put("/v1/stores/S01", json={"tills": ["1"], "city": "X"}))
        assert await blocked(task)
    body = (await task).json()
    assert (body["tills"], body["city"], body["version"]) == (["1"], "X", 3)


async def test_the_second_creator_updates(client, held):
    async with held(lambda tx: commands.put_products(tx, [(0, {"code": "P", "name": "A", "brand": "B"})])):
        task = asyncio.create_task(client.put("/v1/products/P", json={"name": "C"}))
        assert await blocked(task)
    answer = await task
    assert (answer.status_code, answer.json()["name"], answer.json()["brand"]) == (200, "C", "B")


async def test_if_the_first_creator_fails_the_second_creates(client, held):
    async with held(lambda tx: commands.put_products(tx, [(0, {"code": "P", "brand": "B"})]), fails=True):
        task = asyncio.create_task(client.put("/v1/products/P", json={"name": "C"}))
        assert await blocked(task)
    answer = await task
    assert (answer.status_code, answer.json()["brand"]) == (201, None)


async def test_a_receipt_that_meets_a_product_being_created_uses_it(client, house, held):
    async with held(lambda tx: commands.put_products(tx, [(0, {"code": "P", "name": "A", "category": "a"})])):
        ensured = house.services.db.run(lambda tx: commands.ensure_products(tx, {"P": "b/c"}))
        task = asyncio.create_task(ensured)
        assert await blocked(task)
    assert await task == []
    body = (await client.get("/v1/products/P")).json()
    assert (body["name"], body["category"]) == ("A", "a")


async def test_a_receipt_does_not_wait_for_the_editor_of_a_known_product(client, house, held):
    await client.put("/v1/products/P", json={"name": "A"})
    async with held(lambda tx: commands.put_products(tx, [(0, {"code": "P", "name": "B"})])):
        ensured = house.services.db.run(lambda tx: commands.ensure_products(tx, {"P": None, "Q": None}))
        assert await asyncio.wait_for(ensured, 1) == ["Q"]


async def test_reading_never_waits(client, house, held):
    company = house.services.settings.company
    before = (await client.put("/v1/stores/S01", json={"name": "A", "kind": "own"})).json()
    async with held(lambda tx: commands.put_stores(tx, [(0, {"code": "S01", "name": "B"})], company)):
        assert (await asyncio.wait_for(client.get("/v1/stores/S01"), 1)).json() == before


async def test_who_waits_too_long_is_told_to_come_again(client, house, held):
    company = house.services.settings.company
    await client.put("/v1/stores/S01", json={"name": "A", "kind": "own"})
    async with held(lambda tx: commands.put_stores(tx, [(0, {"code": "S01", "name": "B"})], company)):
        answer = await client.put("/v1/stores/S01", json={"name": "C"})
    assert (answer.status_code, answer.json()["code"]) == (503, "busy")
    assert (await client.get("/v1/stores/S01")).json()["name"] == "B"


async def test_parallel_category_trees_agree(client, house):
    """Receipts and editors make overlapping trees at once; parents always stand before their children."""
    db = house.services.db

    async def receipt(seed):
        await db.run(lambda tx: commands.ensure_products(tx, {f"{seed}-{n}": f"a/{n % 5}/{n % 3}" for n in range(20)}))

    async def editor(seed):
        items = [{"path": f"a/{n % 5}/{n % 4}", "name": f"By {seed}"} for n in range(20)]
        answer = await client.post("/v1/categories/batch", json={"items": items})
        assert "failed" not in {result["status"] for result in answer.json()["results"]}

    await asyncio.gather(*(work(seed) for seed in range(8) for work in (receipt, editor)))
    listed = (await client.get("/v1/categories", params={"limit": 200})).json()["data"]
    paths = [row["path"] for row in listed]
    assert len(paths) == len(set(paths)) == 1 + 5 + 20
    assert all(row["parent"] in paths for row in listed if row["parent"] is not None)


@pytest.mark.parametrize(
    ("ask", "index"),
    [
        (lambda tx: queries.products(tx, category="a", after="P5", limit=10), "ix_products_category"),
        (lambda tx: queries.products(tx, category=None, after="P5", limit=10), "pk_products"),
        (lambda tx: queries.stores(tx, kind="own", after="S5", limit=10), "pk_stores"),
        (lambda tx: queries.stores(tx, kind=None, after=None, limit=10), "pk_tills"),
        (lambda tx: queries.categories(tx, under=None, after="a", limit=10), "pk_categories"),
        (lambda tx: queries.store(tx, "S01"), "pk_stores"),
        (lambda tx: queries.phone_regions(tx, ["S01", "S02"]), "pk_stores"),
    ],
)
async def test_reads_find_their_rows_by_index(tx, explain, ask, index):
    plan = await explain(tx, ask)
    assert index in plan, plan
    assert "Seq Scan" not in plan, plan
