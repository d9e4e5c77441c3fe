"""`verify` finds every value that is not what the receipts say, and `repair` puts it right."""

import uuid
from itertools import pairwise

import pytest
from sqlalchemy import text

from app.core.caller import SYSTEM
from app.core.db import Tx
from app.credit import verify as credit_verify
from app.receipts import commands, queries, verify
from app.receipts.queries.truth import KEPT
from tests.receipts.factories import back, line, receipt

DAYS = ("receipts", "net", "costed", "margin", "discount", "returns")
FIGURES = (*DAYS, "occasions", "gap_sum", "gap_square_sum")


@pytest.fixture
async def customers(push):
    """Two customers with a history and a walk-in; answers their ids."""
    found = []
    for card in ("A", "B"):
        for day in (1, 8, 22):
            moment = f"2026-03-{day:02}T04:00:00Z"
            found += await push(
                receipt(line(1000, cost=600, discount=50), line(20, category="d"), card=card, occurred_at=moment)
            )
    await push(back({"source": "till", "number": "R0"}, line(100, cost=50), card="A"), receipt(card=None))
    return [found[0]["customer_id"], found[3]["customer_id"]]


@pytest.fixture
def differences(house):
    async def run():
        return await house.services.db.read(SYSTEM, verify.differences)

    return run


async def test_all_is_well(customers, differences):
    assert await differences() == []


async def test_ranges_of_customers_are_joined_without_loops(customers, house, monkeypatch):
    """Of a range of ids PostgreSQL expects one customer, so it would look through the range again for each."""
    allowed = []
    plain = Tx.rows

    async def watched(tx, statement, parameters=None):
        if "low" in (parameters or {}):
            allowed.append(await tx.scalar(text("SHOW enable_nestloop")))
        return await plain(tx, statement, parameters)

    monkeypatch.setattr(Tx, "rows", watched)
    assert [one async for one in verify.check(house.services.db)] == [[]]
    assert [one async for one in credit_verify.check(house.services.db)] == [[]]
    assert allowed == ["off"] * (len(KEPT) + 1)


@pytest.mark.parametrize(
    ("table", "column"),
    [
        *(("customer_days", column) for column in DAYS),
        *(("customer_figures", column) for column in FIGURES),
        *(("customer_categories", column) for column in ("net", "lines")),
    ],
)
async def test_a_wrong_number_is_found_and_put_right(customers, differences, change, house, table, column):
    first = f"(SELECT ctid FROM {table} WHERE customer_id = :id ORDER BY ctid LIMIT 1)"
    await change(
        f"UPDATE {table} SET {column} = coalesce({column}, 0) + 7 WHERE ctid = {first}", id=uuid.UUID(customers[0])
    )
    found = await differences()
    assert [(str(one.customer_id), one.table, one.column) for one in found] == [(customers[0], table, column)]
    assert found[0].held == (found[0].true or 0) + 7
    assert await verify.repair(house.services.db) == 1
    assert await differences() == []
    assert await verify.repair(house.services.db) == 0


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("customer_days", "first_purchase_at", "NULL"),
        ("customer_days", "last_purchase_at", "'2026-01-01T00:00Z'"),
        ("customer_days", "last_store", "'S9'"),
        ("customer_figures", "first_purchase_at", "'2026-03-01T04:00:00.000001Z'"),
        ("customer_figures", "last_purchase_at", "NULL"),
        ("customer_figures", "last_store", "NULL"),
        ("customer_figures", "first_occasion", "'2026-03-02'"),
        ("customer_figures", "last_occasion", "NULL"),
        ("customer_figures", "favourite_category", "'d'"),
    ],
)
async def test_a_wrong_moment_or_name_is_found_and_put_right(
    customers, differences, change, house, table, column, value
):
    day = " AND business_date = '2026-03-08'" if table == "customer_days" else ""
    await change(f"UPDATE {table} SET {column} = {value} WHERE customer_id = :id{day}", id=uuid.UUID(customers[1]))
    found = await differences()
    assert [(str(one.customer_id), one.table, one.column) for one in found] == [(customers[1], table, column)]
    assert column in str(found[0])
    await verify.repair(house.services.db)
    assert await differences() == []


@pytest.mark.parametrize("table", ["customer_days", "customer_categories", "customer_figures"])
async def test_a_missing_row_is_found_and_put_right(customers, differences, change, house, table):
    await change(f"DELETE FROM {table} WHERE customer_id = :id", id=uuid.UUID(customers[0]))
    found = await differences()
    assert {(str(one.customer_id), one.table, one.held) for one in found} == {(customers[0], table, None)}
    await verify.repair(house.services.db)
    assert await differences() == []


async def test_a_row_too_many_is_found_and_put_right(customers, differences, change, house, rows):
    walk_in = (await rows("SELECT id FROM customers WHERE kind = 'walk_in'"))[0][0]
    nobody = uuid.uuid4()
    for one in (walk_in, nobody):
        await change(
            "INSERT INTO customer_categories (customer_id, category, net, lines) VALUES (:id, 'c', 5, 1)", id=one
        )
    found = await differences()
    assert {(one.customer_id, one.column, one.held, one.true) for one in found} == {
        (one, column, value, None) for one in (walk_in, nobody) for column, value in (("net", 5), ("lines", 1))
    }
    assert await verify.repair(house.services.db) == 2
    assert await differences() == []


async def test_a_receipt_that_was_changed_behind_the_back_shows(customers, differences, change, house, client):
    await change("UPDATE receipts SET base_net = base_net + 1 WHERE customer_id = :id", id=uuid.UUID(customers[0]))
    found = await differences()
    assert {one.table for one in found} == {"customer_days", "customer_figures"}
    assert {one.column for one in found} == {"net"}
    await verify.repair(house.services.db)
    assert (await client.get(f"/v1/customers/{customers[0]}")).json()["figures"]["net"] == 2960 + 4 - 0


async def test_slices_cover_every_customer_once(customers, house, push):
    await push(*[receipt(card=f"S{place}") for place in range(9)])
    for size in (1, 2, 5, 100):
        slices = await house.services.db.read(SYSTEM, lambda tx, size=size: queries.slices(tx, size))
        assert slices[0][0].int == 0
        assert slices[-1][1].int == 2**128 - 1
        for (_, high), (low, _) in pairwise(slices):
            assert low.int == high.int + 1
    assert len(await house.services.db.read(SYSTEM, lambda tx: queries.slices(tx, 1))) == 13


async def test_slices_find_what_a_whole_look_finds(customers, differences, change, monkeypatch):
    await change("UPDATE customer_figures SET net = net + 1")
    whole = await differences()
    monkeypatch.setattr(verify, "SLICE", 1)
    assert sorted(map(str, await differences())) == sorted(map(str, whole))
    assert len(whole) == 2


async def test_a_repair_that_is_interrupted_keeps_what_it_put_right(customers, differences, change, house, monkeypatch):
    """Each portion is a transaction of its own: tills do not wait for the whole, and the next run has less to do."""
    monkeypatch.setattr(verify, "PORTION", 1)
    await change("UPDATE customer_figures SET net = net + 1")
    rebuild = commands.rebuild
    done: list[uuid.UUID] = []

    async def killed_at_the_second(tx, customers):
        if done:
            raise RuntimeError("killed")
        await rebuild(tx, customers)
        done.extend(customers)

    monkeypatch.setattr(commands, "rebuild", killed_at_the_second)
    with pytest.raises(RuntimeError, match="killed"):
        await verify.repair(house.services.db)
    assert {one.customer_id for one in await differences()} == {uuid.UUID(one) for one in customers} - set(done)
    monkeypatch.setattr(commands, "rebuild", rebuild)
    assert await verify.repair(house.services.db) == 1
    assert await differences() == []


async def test_differences_are_told_slice_by_slice(customers, change, house, monkeypatch):
    monkeypatch.setattr(verify, "SLICE", 1)
    await change("UPDATE customer_figures SET net = net + 1")
    told = [found async for found in verify.check(house.services.db)]
    assert [len(found) for found in told if found] == [1, 1]
    assert len(told) >= 3
