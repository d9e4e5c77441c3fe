"""How many statements a push costs, so that one per receipt or per line cannot come back."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import event

from tests.till.factories import line, named, receipt, returned


@pytest.fixture
def counted(house):
    """A context whose list grows with every statement that is executed (BEGIN and COMMIT are not)."""

    @contextmanager
    def run() -> Iterator[list[str]]:
        seen: list[str] = []

        def note(_connection, _cursor, statement, *_):
            # When keys were last used is written every other second, by nobody's request.
            if "UPDATE api_keys SET last_used_at" not in statement:
                seen.append(statement)

        engine = house.services.db.engine.sync_engine
        event.listen(engine, "before_cursor_execute", note)
        try:
            yield seen
        finally:
            event.remove(engine, "before_cursor_execute", note)

    return run


@pytest.fixture
async def warm(push):
    """A customer, a product and the walk-in are known already."""
    await push(receipt(card="A"))
    await push(receipt())


async def test_a_receipt_of_a_known_customer_takes_four(push, warm, counted):
    with counted() as seen:
        await push(receipt(line(), line(), line(), card="A"))
    assert len(seen) == 4, seen


async def test_a_receipt_of_nobody_takes_three(push, warm, counted):
    with counted() as seen:
        await push(receipt())
    assert len(seen) == 3, seen


async def test_a_duplicate_takes_two(push, warm, counted):
    sent = receipt(card="A")
    await push(sent)
    with counted() as seen:
        await push(sent, status=200)
    assert len(seen) == 2, seen


async def test_no_receipt_takes_more_than_six(push, warm, counted):
    sale = receipt(line(product="S"), card="A")
    await push(sale)
    stories = [
        receipt(line(product="X1", category="new/way"), card="A"),
        receipt(card="NEW"),
        receipt(line(product="X2", category="new/way2"), card="NEW2"),
        returned(sale, line(product="S"), card="A"),
        receipt(customer=named("phone", "12")),
        receipt(line(product="X3", category="new/way3"), store="S2"),
    ]
    for sent in stories:
        with counted() as seen:
            await push(sent)
        assert len(seen) <= 6, seen


@pytest.mark.parametrize("size", [2, 50, 400])
async def test_a_batch_takes_as_many_as_a_receipt(push_many, warm, counted, size):
    sent = [receipt(line(), line(), card="A" if place % 3 else None) for place in range(size)]
    with counted() as seen:
        await push_many(*sent)
    assert len(seen) == 4, seen
    with counted() as seen:
        await push_many(*sent)
    assert len(seen) == 1, seen


@pytest.mark.parametrize("size", [2, 50, 300])
async def test_a_batch_of_everything_takes_a_fixed_few(push_many, push, warm, counted, size):
    known = [receipt(card=f"K{place}") for place in range(size)]
    await push_many(*known)
    conflicts = [one | {"till": "9"} for one in known]
    new = [receipt(line(product=f"N{size}-{place}", category=f"n/{place}"), card=f"N{place}") for place in range(size)]
    # resolve, products, customers, write, count, compare, tell
    with counted() as seen:
        await push_many(*known, *conflicts, *new)
    assert len(seen) == 7, seen


async def test_voids_and_attributions_take_a_fixed_few(push, client, warm, counted):
    found = await push(receipt(*[line() for _ in range(50)]))
    with counted() as seen:
        await client.post(f"/v1/receipts/{found['id']}/attribution", json={"customer": named("card", "A")})
    assert len(seen) <= 8, seen
    with counted() as seen:
        await client.post(f"/v1/receipts/{found['id']}/void")
    assert len(seen) <= 6, seen


async def test_a_page_of_receipts_takes_a_fixed_few(push, push_many, client, warm, counted):
    sale = receipt(line(), card="A")
    found = await push(sale)
    await push_many(*[returned(sale, line(), card="A") for _ in range(30)])
    with counted() as seen:
        answer = await client.get(f"/v1/customers/{found['customer_id']}/receipts?limit=200")
    assert len(answer.json()["data"]) == 32
    assert len(seen) <= 2, seen
