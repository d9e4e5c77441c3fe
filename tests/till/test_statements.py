"""How many statements a push costs, so that one per receipt or per line cannot come back."""

import pytest

from tests.till.factories import line, named, receipt, returned


@pytest.fixture
async def warm(push):
    """A customer, a product and the walk-in are known already."""
    await push(receipt(card="A"))
    await push(receipt())


async def test_a_receipt_of_a_known_customer_takes_four(push, warm, statements):
    with statements() as seen:
        await push(receipt(line(), line(), line(), card="A"))
    assert len(seen) == 4, seen


async def test_a_receipt_of_nobody_takes_three(push, warm, statements):
    with statements() as seen:
        await push(receipt())
    assert len(seen) == 3, seen


async def test_a_duplicate_takes_two(push, warm, statements):
    sent = receipt(card="A")
    await push(sent)
    with statements() as seen:
        await push(sent, status=200)
    assert len(seen) == 2, seen


async def test_no_receipt_takes_more_than_six(push, warm, statements):
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
        with statements() as seen:
            await push(sent)
        assert len(seen) <= 6, seen


@pytest.mark.parametrize("size", [2, 50, 400])
async def test_a_batch_takes_as_many_as_a_receipt(push_many, warm, statements, size):
    sent = [receipt(line(), line(), card="A" if place % 3 else None) for place in range(size)]
    with statements() as seen:
        await push_many(*sent)
    assert len(seen) == 4, seen
    with statements() as seen:
        await push_many(*sent)
    assert len(seen) == 1, seen


@pytest.mark.parametrize("size", [2, 50, 300])
async def test_a_batch_of_everything_takes_a_fixed_few(push_many, push, warm, statements, size):
    known = [receipt(card=f"K{place}") for place in range(size)]
    await push_many(*known)
    conflicts = [one | {"till": "9"} for one in known]
    new = [receipt(line(product=f"N{size}-{place}", category=f"n/{place}"), card=f"N{place}") for place in range(size)]
    # resolve, products, customers, write, count, compare, tell
    with statements() as seen:
        await push_many(*known, *conflicts, *new)
    assert len(seen) == 7, seen


async def test_voids_and_attributions_take_a_fixed_few(push, client, warm, statements):
    found = await push(receipt(*[line() for _ in range(50)]))
    with statements() as seen:
        await client.post(f"/v1/receipts/{found['id']}/attribution", json={"customer": named("card", "A")})
    assert len(seen) <= 8, seen
    with statements() as seen:
        await client.post(f"/v1/receipts/{found['id']}/void")
    assert len(seen) <= 6, seen


async def test_a_page_of_receipts_takes_a_fixed_few(push, push_many, client, warm, statements):
    sale = receipt(line(), card="A")
    found = await push(sale)
    await push_many(*[returned(sale, line(), card="A") for _ in range(30)])
    with statements() as seen:
        answer = await client.get(f"/v1/customers/{found['customer_id']}/receipts?limit=200")
    assert len(answer.json()["data"]) == 32
    assert len(seen) <= 2, seen
