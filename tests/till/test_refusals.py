"""What is refused, with a pointer to the value; and that one bad receipt never costs a good one."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.till.factories import line, receipt

SOON = (datetime.now(UTC) + timedelta(hours=26)).isoformat()

# (changes of a good receipt, pointer, code)
WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"store": "NOWHERE"}, "/store", "unknown_store"),
    ({"store": None}, "/store", "string_type"),
    ({"source": ""}, "/source", "invalid_code"),
    ({"source": "a b"}, "/source", "invalid_code"),
    ({"number": ""}, "/number", "string_too_short"),
    ({"number": "x" * 101}, "/number", "string_too_long"),
    ({"number": 7}, "/number", "string_type"),
    ({"kind": "gift"}, "/kind", "unknown_value"),
    ({"currency": "XYZ"}, "/currency", "unknown_currency"),
    ({"currency": "cny"}, "/currency", "unknown_currency"),
    ({"currency": "USD"}, "/rate", "missing"),
    ({"rate": "7.1"}, "/rate", "unexpected"),
    ({"currency": "USD", "rate": "0"}, "/rate", "invalid_rate"),
    ({"currency": "USD", "rate": "-7"}, "/rate", "invalid_rate"),
    ({"currency": "USD", "rate": 7}, "/rate", "invalid_rate"),
    ({"currency": "USD", "rate": "1e3"}, "/rate", "invalid_rate"),
    ({"currency": "USD", "rate": "NaN"}, "/rate", "invalid_rate"),
    ({"occurred_at": "2026-03-05 12:00"}, "/occurred_at", "missing_zone"),
    ({"occurred_at": "2026-03-05T12:00:00"}, "/occurred_at", "missing_zone"),
    ({"occurred_at": 1772683200}, "/occurred_at", "invalid_time"),
    ({"occurred_at": "1899-03-05T12:00:00Z"}, "/occurred_at", "time_out_of_range"),
    ({"occurred_at": SOON}, "/occurred_at", "in_the_future"),
    ({"business_date": "2025-03-05"}, "/business_date", "far_apart"),
    ({"business_date": "2026-03-13"}, "/business_date", "far_apart"),
    ({"business_date": "5.3.2026"}, "/business_date", "invalid_date"),
    ({"business_date": "2026-02-30"}, "/business_date", "invalid_date"),
    ({"seller": "a\tb"}, "/seller", "control_character"),
    ({"purpose": "fun"}, "/purpose", "unknown_value"),
    ({"one_off": "yes"}, "/one_off", "bool_type"),
    ({"promotions": ["x"] * 51}, "/promotions", "too_long"),
    ({"extensions": {"price": {"a": [{"b": "x" * 1001}]}}}, "/extensions", "too_long"),
    ({"extensions": []}, "/extensions", "object_type"),
    ({"on_unknown_customer": "guess"}, "/on_unknown_customer", "unknown_value"),
    ({"customer": {}}, "/customer", "one_of"),
    ({"customer": {"id": "7"}}, "/customer/id", "uuid_parsing"),
    ({"customer": {"id": "0" * 32, "identifier": {"kind": "card", "value": "1"}}}, "/customer", "one_of"),
    ({"customer": {"identifier": {"kind": "fax", "value": "1"}}}, "/customer/identifier/kind", "unknown_value"),
    ({"customer": {"identifier": {"kind": "card", "value": 1}}}, "/customer/identifier/value", "string_type"),
    ({"lines": []}, "/lines", "too_short"),
    ({"lines": [line()] * 1001}, "/lines", "too_long"),
    ({"lines": None}, "/lines", "list_type"),
    ({"tenders": [{"kind": "cash", "amount": 2999}]}, "/tenders", "tenders_disagree"),
    ({"tenders": [{"kind": "cash", "amount": 3001}]}, "/tenders", "tenders_disagree"),
    ({"tenders": [{"kind": "shells", "amount": 3000}]}, "/tenders/0/kind", "unknown_value"),
    (
        {"tenders": [{"kind": "card", "amount": 4000}, {"kind": "cash", "amount": -1000}]},
        "/tenders/1/amount",
        "negative",
    ),
    ({"returns": {"source": "till"}}, "/returns/number", "missing"),
    ({"surprise": 1}, "/surprise", "unknown_field"),
]

WRONG_LINES: list[tuple[dict[str, Any], str, str]] = [
    ({"product": "a b"}, "/lines/0/product", "invalid_code"),
    ({"product": None}, "/lines/0/product", "string_type"),
    ({"category": "a//b"}, "/lines/0/category", "invalid_category"),
    ({"quantity": 2}, "/lines/0/quantity", "invalid_decimal"),
    ({"quantity": "two"}, "/lines/0/quantity", "invalid_decimal"),
    ({"quantity": "1e2"}, "/lines/0/quantity", "invalid_decimal"),
    ({"quantity": "0.1234567"}, "/lines/0/quantity", "invalid_decimal"),
    ({"quantity": "\u0661"}, "/lines/0/quantity", "invalid_decimal"),
    ({"net": None}, "/lines/0/net", "int_type"),
    ({"net": "3000"}, "/lines/0/net", "int_type"),
    ({"net": True}, "/lines/0/net", "int_type"),
    ({"net": 10**14 + 1}, "/lines/0/net", "less_than_equal"),
    ({"gross": 3200, "discount": 100}, "/lines/0/net", "amounts_disagree"),
    ({"gross": 2900}, "/lines/0/gross", "amounts_disagree"),
    ({"tax": 3001}, "/lines/0/tax", "tax_above_net"),
    ({"net": -3000}, "/lines/0", "mixed_signs"),
    ({"quantity": "-1"}, "/lines/0", "mixed_signs"),
    ({"quantity": "-1", "net": -3000, "cost": 5}, "/lines/0", "mixed_signs"),
    ({"cost": -5}, "/lines/0", "mixed_signs"),
    ({"original_line": 0}, "/lines/0/original_line", "greater_than_equal"),
    ({"colour": "red"}, "/lines/0/colour", "unknown_field"),
]

WRONG_RETURNS: list[tuple[dict[str, Any], str, str]] = [
    ({"lines": [line(-3000)]}, "/lines/0", "negative"),
    ({"lines": [line(3000), line(3000, quantity="-1")]}, "/lines/1", "negative"),
    ({"tenders": [{"kind": "cash", "amount": -3000}]}, "/tenders/0/amount", "negative"),
]

ALL: list[tuple[dict[str, Any], str, str]] = [
    *WRONG,
    *(({"lines": [line() | changes]}, pointer, code) for changes, pointer, code in WRONG_LINES),
    *(({"kind": "return", **changes}, pointer, code) for changes, pointer, code in WRONG_RETURNS),
]


@pytest.mark.parametrize(("changes", "pointer", "code"), ALL, ids=lambda value: value if isinstance(value, str) else "")
async def test_a_wrong_value_is_refused_with_a_pointer(client, changes, pointer, code):
    answer = await client.post("/v1/receipts", json=receipt() | changes)
    assert answer.status_code == 422, answer.text
    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert (pointer, code) in {(error["pointer"], error["code"]) for error in problem["errors"]}, problem["errors"]


async def test_a_refused_receipt_leaves_nothing_behind(client, house):
    answer = await client.post("/v1/receipts", json=receipt(line(product="GHOST"), card="5", store="NOWHERE"))
    assert answer.status_code == 422
    assert (await client.get("/v1/products/GHOST")).status_code == 404
    assert (await client.get("/v1/customers/lookup?card=5")).json()["data"] == []


@pytest.mark.parametrize("name", ["source", "number", "store", "kind", "occurred_at", "currency", "lines"])
async def test_what_must_be_there(client, name):
    sent = receipt()
    del sent[name]
    problem = (await client.post("/v1/receipts", json=sent)).json()
    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [(f"/{name}", "missing")]


@pytest.mark.parametrize("name", ["till", "seller", "business_date", "rate", "promotions", "purpose", "extensions"])
async def test_null_is_the_same_as_absent(push, name):
    sent = receipt()
    found = await push(sent | {name: None})
    assert (await push(sent, status=200))["id"] == found["id"]


async def test_sums_beyond_any_amount_are_refused(client):
    answer = await client.post("/v1/receipts", json=receipt(*[line(10**14)] * 2))
    assert [error["code"] for error in answer.json()["errors"]] == ["too_large"]
    huge = receipt(line(10**14), currency="USD", rate="7.1")
    assert [error["pointer"] for error in (await client.post("/v1/receipts", json=huge)).json()["errors"]] == [
        "/lines/0"
    ]


async def test_a_receipt_cannot_return_itself(client):
    sent = receipt(kind="return")
    sent["returns"] = {"source": sent["source"], "number": sent["number"]}
    assert [error["code"] for error in (await client.post("/v1/receipts", json=sent)).json()["errors"]] == ["itself"]


async def test_one_bad_receipt_never_costs_a_good_one(push_many, client):
    wrong = [receipt() | changes for changes, _, _ in ALL]
    good = [receipt(card=f"{place}") for place in range(len(wrong))]
    mixed = [one for pair in zip(good, wrong, strict=True) for one in pair]
    results = await push_many(*mixed)
    assert [result["status"] for result in results[::2]] == ["created"] * len(good)
    assert [result["status"] for result in results[1::2]] == ["failed"] * len(wrong)
    for result, (_, pointer, code) in zip(results[1::2], ALL, strict=True):
        assert result["id"] is None
        assert (pointer, code) in {(error["pointer"], error["code"]) for error in result["problem"]["errors"]}
    again = await push_many(*good)
    assert [result["id"] for result in again] == [result["id"] for result in results[::2]]


async def test_products_of_a_failed_receipt_are_not_created(push_many, client):
    results = await push_many(receipt(line(product="GHOST"), store="NOWHERE"), receipt(line(product="REAL")))
    assert [result["status"] for result in results] == ["failed", "created"]
    assert (await client.get("/v1/products/GHOST")).status_code == 404
    assert (await client.get("/v1/products/REAL")).status_code == 200


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"null", b'{"items":{}}', b'{"items":[]}', b'{"items":[1],"more":1}', b'{"items":[1,]}', b"\xff"],
)
async def test_what_is_no_batch_is_refused_whole(client, body):
    answer = await client.post("/v1/receipts/batch", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in {400, 422}


@pytest.mark.parametrize("item", [None, 1, "x", [], {}, [[]], True])
async def test_an_item_of_another_shape_only_fails_itself(push_many, item):
    results = await push_many(item, receipt())
    assert [result["status"] for result in results] == ["failed", "created"]


@pytest.mark.parametrize(
    ("part", "code"),
    [
        (b'"net": 30.5', "invalid_input"),
        (b'"net": 3e3', "invalid_input"),
        (b'"net": 99999999999999999999', "invalid_input"),
        (b'"net": NaN', "invalid_json"),
        (b'"net": 5, "net": 5', "invalid_json"),
        (b'"net": 5, "product": "a\\u0000b"', "invalid_json"),
        (b'"net": 5, "product": "a\\ud800b"', "invalid_json"),
    ],
)
async def test_what_the_gate_refuses_only_fails_its_receipt(client, part, code):
    good, odd = json.dumps(receipt()).encode(), json.dumps(receipt(line(777))).encode()
    body = b'{"items": [%b, %b, %b]}' % (good, odd.replace(b'"net": 777', part), json.dumps(receipt()).encode())
    answer = await client.post("/v1/receipts/batch", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 200, answer.text
    results = answer.json()["results"]
    assert [result["status"] for result in results] == ["created", "failed", "created"]
    assert results[1]["problem"]["code"] == code
    one = odd.replace(b'"net": 777', part)
    answer = await client.post("/v1/receipts", content=one, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (400 if code == "invalid_json" else 422, code)
    if code == "invalid_input":
        assert [error["pointer"] for error in results[1]["problem"]["errors"]] == ["/lines/0/net"]


@pytest.mark.parametrize("item", [1, "x", [], {}])
async def test_a_body_of_another_shape(client, item):
    assert (await client.post("/v1/receipts", json=item)).status_code == 422


async def test_a_batch_has_at_most_a_thousand(client):
    answer = await client.post("/v1/receipts/batch", json={"items": [{}] * 1001})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/items"


async def test_a_receipt_may_be_long(push):
    found = await push(receipt(*[line(1, product=f"P{place}") for place in range(1000)]))
    assert (len(found["lines"]), found["net"]) == (1000, 1000)


async def test_a_clock_that_runs_ahead_by_hours_is_taken(push):
    await push(receipt(occurred_at=(datetime.now(UTC) + timedelta(hours=23)).isoformat()))
