"""Returns that cannot be right are flagged, not refused, and the flag goes when it was only early."""

import pytest

from tests.receipts.factories import back, line, receipt


@pytest.fixture
def flags(client):
    """The flags of receipts as they are read now."""

    async def run(*found):
        return [(await client.get(f"/v1/receipts/{one['id']}")).json()["flags"] for one in found]

    return run


async def test_a_right_return_has_no_flag(push, flags):
    sale = receipt(line(quantity="3"), line(500, "P2"))
    found = await push(sale, back(sale, line(quantity="2")), back(sale, line(), line(500, "P2")))
    assert [one["flags"] for one in found] == [[], [], []]


async def test_returning_more_than_was_sold(push, flags):
    sale = receipt(line(quantity="3"))
    found = await push(sale, back(sale, line(quantity="2")), back(sale, line(quantity="1.5")))
    assert found[2]["flags"] == ["returned_more_than_sold"]
    # Which of the two is one too many, nobody can tell: both say so.
    assert await flags(*found) == [[], ["returned_more_than_sold"], ["returned_more_than_sold"]]


async def test_returning_a_product_that_was_not_sold(push):
    sale = receipt(line())
    found = await push(sale, back(sale, line(product="P9")))
    assert found[1]["flags"] == ["returned_more_than_sold"]


async def test_a_named_line_counts_by_itself(push):
    sale = receipt(line(quantity="1"), line(quantity="5"))
    found = await push(
        sale, back(sale, line(quantity="2", original_line=2)), back(sale, line(quantity="2", original_line=1))
    )
    assert [one["flags"] for one in found[1:]] == [[], ["returned_more_than_sold"]]


async def test_a_line_that_the_original_does_not_have(push):
    sale = receipt(line(quantity="5"))
    found = await push(sale, back(sale, line(original_line=7)))
    assert found[1]["flags"] == ["returned_more_than_sold"]


async def test_an_unknown_original(push):
    found = await push(back({"source": "till", "number": "never"}, line()))
    assert found[0]["flags"] == ["unknown_original"]


async def test_a_return_that_came_before_its_sale(push, flags):
    sale = receipt(line())
    found = await push(back(sale, line()))
    assert found[0]["flags"] == ["unknown_original"]
    await push(sale)
    assert await flags(*found) == [[]]


async def test_voids_are_counted_out(push, flags, client):
    sale = receipt(line(quantity="2"))
    found = await push(sale, back(sale, line(quantity="2")), back(sale, line(quantity="1")))
    await client.post(f"/v1/receipts/{found[1]['id']}/void")
    assert await flags(*found) == [[], [], []]
    await client.post(f"/v1/receipts/{found[0]['id']}/void")
    # A void return is not odd any more; the other refers to a sale that does not count.
    assert await flags(*found) == [[], [], ["unknown_original"]]


async def test_a_return_by_somebody_else_counts(push):
    sale = receipt(line(quantity="1"), card="A")
    found = await push(sale, back(sale, line(), card="B"), back(sale, line(), card=None))
    assert found[2]["flags"] == ["returned_more_than_sold"]


async def test_negative_lines_of_an_exchange_are_returns_too(push):
    sale = receipt(line(quantity="1"))
    exchange = receipt(
        line(1500, "P2"), line(-1000, quantity="-1"), returns={"source": sale["source"], "number": sale["number"]}
    )
    found = await push(sale, exchange, back(sale, line()))
    assert [one["flags"] for one in found] == [[], [], ["returned_more_than_sold"]]


async def test_flags_of_the_customer_and_of_the_return_stand_together(push):
    odd = {"identifier": {"kind": "phone", "value": "12"}}
    found = await push(back({"source": "till", "number": "never"}, line(), customer=odd))
    assert found[0]["flags"] == ["invalid_identifier", "unknown_original"]


async def test_a_list_shows_them(push, client):
    sale = receipt(line())
    found = await push(sale, back(sale, line()), back(sale, line()), back({"source": "x", "number": "y"}, line()))
    page = (await client.get(f"/v1/customers/{found[0]['customer_id']}/receipts")).json()
    assert {one["id"]: one["flags"] for one in page["data"]} == {
        found[0]["id"]: [],
        found[1]["id"]: ["returned_more_than_sold"],
        found[2]["id"]: ["returned_more_than_sold"],
        found[3]["id"]: ["unknown_original"],
    }
