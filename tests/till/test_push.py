"""A receipt over HTTP: what is answered, what is unknown, and what it does to the figures."""

from typing import Any

import pytest

from tests.till.factories import line, receipt, returned


async def test_a_receipt_is_answered_as_it_was_sent(client):
    sent: dict[str, Any] = {
        "source": "till",
        "number": 'S01 "7" \\ {8},\'9\' NULL é',
        "store": "S1",
        "till": "3",
        "kind": "sale",
        "occurred_at": "2026-03-21T12:30:00+08:00",
        "business_date": None,
        "currency": "CNY",
        "seller": "emp-12",
        "promotions": ["SPRING", 'quote"d{,}', "NULL"],
        "purpose": "gift",
        "one_off": True,
        "extensions": {"table": "4", "covers": 2},
        "customer": {"identifier": {"kind": "card", "value": "01104905"}},
        "on_unknown_customer": "create",
        "lines": [
            {
                "product": "4710199010372", "category": "110/110411", "quantity": "2.50", "gross": 3200,
                "discount": 200, "net": 3000, "tax": 345, "cost": 2400,
            },
            {"product": 'a"b{c},d', "category": None, "quantity": "1", "net": 100},
        ],
        "tenders": [{"kind": "cash", "amount": 2000}, {"kind": "points", "amount": 1100}],
        "returns": None,
    }  # fmt: skip
    answer = await client.post("/v1/receipts", json=sent)
    assert answer.status_code == 201, answer.text
    found = answer.json()
    for name in ("source", "number", "store", "till", "kind", "currency", "seller", "purpose", "one_off", "extensions"):
        assert found[name] == sent[name], name
    for name in ("promotions", "tenders", "returns"):
        assert found[name] == sent[name], name
    assert found["occurred_at"] == "2026-03-21T04:30:00.000000Z"
    assert found["business_date"] == "2026-03-21"
    assert found["lines"] == [
        {"line": 1, **sent["lines"][0], "quantity": "2.5", "original_line": None},
        {
            "line": 2, "product": 'a"b{c},d', "category": None, "quantity": "1", "gross": 100, "discount": None,
            "net": 100, "tax": None, "cost": None, "original_line": None,
        },
    ]  # fmt: skip
    sums = {name: found[name] for name in ("gross", "discount", "net", "tax", "cost", "rate")}
    assert sums == {"gross": 3300, "discount": 200, "net": 3100, "tax": 345, "cost": 2400, "rate": None}
    assert (found["flags"], found["voided_at"], found["attributed"]) == ([], None, True)
    read = await client.get(f"/v1/receipts/{found['id']}")
    assert read.json() == found


async def test_what_is_absent_is_unknown_and_never_zero(push, figures):
    found = await push(receipt(line(3000), card="A"))
    assert [found[name] for name in ("gross", "discount", "net", "tax", "cost")] == [3000, None, 3000, None, None]
    held = await figures(found["customer_id"])
    assert (held["net"], held["margin"], held["discount"]) == (3000, None, 0)


@pytest.mark.parametrize(
    ("given", "gross", "discount"),
    [
        ({}, 3000, None),
        ({"discount": 200}, 3200, 200),
        ({"gross": 3200}, 3200, 200),
        ({"gross": 3000}, 3000, 0),
        ({"gross": 3000, "discount": 0}, 3000, 0),
    ],
)
async def test_gross_and_discount_follow_from_each_other(push, given, gross, discount):
    found = await push(receipt(line(3000, **given)))
    assert (found["gross"], found["discount"]) == (gross, discount)
    assert (found["lines"][0]["gross"], found["lines"][0]["discount"]) == (gross, discount)


async def test_margin_counts_lines_whose_cost_is_known(push, figures):
    lines = [line(3000, cost=2000, tax=300), line(500, cost=100), line(700, tax=70), line(900)]
    found = await push(receipt(*lines, card="A"))
    assert (found["net"], found["tax"], found["cost"]) == (5100, 370, 2100)
    assert (await figures(found["customer_id"]))["margin"] == (3000 - 300 - 2000) + (500 - 100)


async def test_a_loss_is_a_negative_margin(push, figures):
    found = await push(receipt(line(100, cost=250), card="A"))
    assert (await figures(found["customer_id"]))["margin"] == -150


async def test_a_return_is_given_positive_and_counts_negative(push, figures):
    sale = receipt(line(3000, gross=3200, discount=200, cost=2000), card="A")
    await push(sale)
    found = await push(returned(sale, line(1000, gross=1200, discount=200, cost=700, original_line=1), card="A"))
    assert [found[name] for name in ("gross", "discount", "net", "cost")] == [1200, 200, 1000, 700]
    assert found["lines"][0]["quantity"] == "1"
    assert found["lines"][0]["original_line"] == 1
    assert found["returns"] == {"source": "till", "number": sale["number"]}
    assert found["flags"] == []
    held = await figures(found["customer_id"])
    assert [held[name] for name in ("receipts", "net", "margin", "discount", "returns")] == [2, 2000, 700, 0, 1000]
    assert held["occasions"] == 1


async def test_tenders_of_a_return_are_answered_as_they_were_sent(push):
    found = await push(receipt(line(1000), kind="return", tenders=[{"kind": "card", "amount": 1000}]))
    assert found["tenders"] == [{"kind": "card", "amount": 1000}]


async def test_an_exchange_is_a_sale_with_negative_lines(push, figures):
    back = {
        "product": "P1",
        "category": "c1",
        "quantity": "-1",
        "gross": -3200,
        "discount": -200,
        "net": -3000,
        "cost": -2000,
    }
    found = await push(receipt(line(3500, "P2", cost=2500), back, card="A", tenders=[{"kind": "cash", "amount": 500}]))
    assert (found["kind"], found["net"], found["gross"], found["discount"]) == ("sale", 500, 300, -200)
    assert found["lines"][1]["quantity"] == "-1"
    held = await figures(found["customer_id"])
    assert (held["net"], held["returns"], held["margin"], held["occasions"]) == (500, 3000, 0, 1)


async def test_an_exchange_may_end_with_money_back(push, figures):
    back = {"product": "P1", "quantity": "-2", "net": -5000}
    found = await push(receipt(line(2000), back, card="A", tenders=[{"kind": "cash", "amount": -3000}]))
    held = await figures(found["customer_id"])
    assert (held["net"], held["occasions"], held["first_purchase_at"]) == (-3000, 0, None)


async def test_figures_over_several_days(push, figures):
    days, found = ["2026-03-01", "2026-03-11", "2026-03-11", "2026-03-31"], {}
    for place, day in enumerate(days):
        store = "S2" if place == 3 else "S1"
        found = await push(
            receipt(line(1000 * (place + 1)), card="A", store=store, occurred_at=f"{day}T12:00:00+08:00")
        )
    assert await figures(found["customer_id"]) == {
        "receipts": 4,
        "occasions": 3,
        "net": 10_000,
        "margin": None,
        "discount": 0,
        "returns": 0,
        "first_purchase_at": "2026-03-01T04:00:00.000000Z",
        "last_purchase_at": "2026-03-31T04:00:00.000000Z",
        "usual_gap_days": 15,
        "last_store": "S2",
        "favourite_category": "c1/c11",
    }


async def test_an_occasion_is_a_day_with_net_above_zero(push, figures):
    sale = receipt(line(1000), card="A")
    await push(sale)
    await push(returned(sale, line(1000), card="A"))
    found = await push(receipt(line(0), card="A", occurred_at="2026-03-09T12:00:00+08:00"))
    held = await figures(found["customer_id"])
    assert (held["occasions"], held["receipts"], held["net"]) == (0, 3, 0)
    assert held["usual_gap_days"] is None


async def test_the_favourite_category_follows_the_money(push, figures):
    found = await push(receipt(line(500, category="a"), line(400, category="b"), card="A"))
    assert (await figures(found["customer_id"]))["favourite_category"] == "a"
    await push(receipt(line(200, category="b"), card="A"))
    assert (await figures(found["customer_id"]))["favourite_category"] == "b"
    await push(receipt(line(550, category="b"), kind="return", card="A"))
    assert (await figures(found["customer_id"]))["favourite_category"] == "a"


async def test_a_tie_between_categories_goes_to_the_first_by_name(push, figures):
    found = await push(receipt(line(500, category="b"), line(500, category="a"), card="A"))
    assert (await figures(found["customer_id"]))["favourite_category"] == "a"


async def test_a_customer_without_receipts_has_figures_of_zero(customer, figures):
    held = await figures(await customer({"kind": "card", "value": "77"}))
    assert held == {
        "receipts": 0, "occasions": 0, "net": 0, "margin": None, "discount": 0, "returns": 0, "first_purchase_at": None,
        "last_purchase_at": None, "usual_gap_days": None, "last_store": None, "favourite_category": None,
    }  # fmt: skip


async def test_a_receipt_does_not_change_the_customers_version(client, push, customer):
    holder = await customer({"kind": "card", "value": "77"})
    before = (await client.get(f"/v1/customers/{holder}")).json()["version"]
    await push(receipt(card="77"))
    after = await client.get(f"/v1/customers/{holder}")
    assert (after.json()["version"], after.json()["figures"]["receipts"]) == (before, 1)


@pytest.mark.parametrize(
    ("store", "moment", "day"),
    [
        ("S1", "2026-03-05T23:59:59+08:00", "2026-03-05"),
        ("S1", "2026-03-05T16:00:00Z", "2026-03-06"),
        ("NY", "2026-03-05T04:59:59Z", "2026-03-04"),
        ("NY", "2026-03-05T05:00:00Z", "2026-03-05"),
        ("NY", "2026-07-05T04:00:00Z", "2026-07-05"),
    ],
)
async def test_the_stores_zone_decides_the_business_day(push, store, moment, day):
    assert (await push(receipt(store=store, occurred_at=moment)))["business_date"] == day


async def test_a_till_may_say_which_business_day_it_was(push):
    found = await push(receipt(occurred_at="2026-03-06T01:30:00+08:00", business_date="2026-03-05"))
    assert found["business_date"] == "2026-03-05"


async def test_after_closing_belongs_to_the_day_before(house, push, monkeypatch):
    monkeypatch.setattr(house.services.settings.company, "closing_minutes", 180)
    assert (await push(receipt(occurred_at="2026-03-06T02:59:00+08:00")))["business_date"] == "2026-03-05"
    assert (await push(receipt(occurred_at="2026-03-06T03:00:00+08:00")))["business_date"] == "2026-03-06"


async def test_an_unknown_product_is_created_from_the_line(client, push):
    await push(receipt(line(product="NEW-1", category="x/y/z"), line(product="NEW-2", category=None)))
    first, second = [(await client.get(f"/v1/products/NEW-{place}")).json() for place in (1, 2)]
    assert (first["category"], second["category"]) == ("x/y/z", None)
    assert {one["path"] for one in (await client.get("/v1/categories")).json()["data"]} >= {"x", "x/y", "x/y/z"}


async def test_a_known_product_is_not_touched_by_a_line(client, push):
    await client.put("/v1/products/P9", json={"name": "Tea", "category": "tea"})
    before = (await client.get("/v1/products/P9")).json()
    found = await push(receipt(line(product="P9", category="other")))
    assert found["lines"][0]["category"] == "other"
    assert (await client.get("/v1/products/P9")).json() == before


async def test_a_line_without_category_takes_the_products(client, push, figures):
    await client.put("/v1/products/P9", json={"category": "tea"})
    found = await push(receipt(line(product="P9", category=None), card="A"))
    assert found["lines"][0]["category"] == "tea"
    assert (await figures(found["customer_id"]))["favourite_category"] == "tea"


async def test_another_currency_counts_at_its_rate(push, figures):
    # 1 JPY = 0.0485 CNY; JPY has no minor unit, CNY has two digits.
    sent = receipt(line(1001, cost=500, tax=10), line(333), card="A", currency="JPY", rate="0.0485")
    found = await push(sent | {"tenders": [{"kind": "cash", "amount": 1334}]})
    assert (found["currency"], found["rate"], found["net"], found["cost"]) == ("JPY", "0.0485", 1334, 500)
    held = await figures(found["customer_id"])
    # Each line by itself: 4854.85 -> 4855, 1615.05 -> 1615; cost 2425 and tax 48.5 -> 48 (half to even).
    assert held["net"] == 4855 + 1615
    assert held["margin"] == 4855 - 48 - 2425


async def test_receipts_in_several_currencies_add_up(push, figures):
    await push(receipt(line(1000), card="A"))
    found = await push(receipt(line(1000), card="A", currency="TWD", rate="0.2285"))
    assert (await figures(found["customer_id"]))["net"] == 1000 + 228  # 228.5 is rounded to the even one


async def test_the_companys_own_currency_needs_no_rate(push):
    assert (await push(receipt(rate="1")))["rate"] is None


async def test_tenders_within_the_rounding_are_taken(house, push, monkeypatch):
    monkeypatch.setattr(house.services.settings.company, "rounding", 2)
    await push(receipt(line(1001), tenders=[{"kind": "cash", "amount": 1003}]))
    await push(receipt(line(1001), tenders=[{"kind": "cash", "amount": 1004}]), status=422)


async def test_late_and_early_by_a_little_is_fine(house, push):
    house.services.clock.set(house.services.clock.now())
    now = house.services.clock.now()
    await push(receipt(occurred_at=now.replace(year=now.year - 20, day=1).isoformat()))
