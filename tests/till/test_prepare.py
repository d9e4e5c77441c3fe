"""Checking receipts without a database: pure, so that a helper process can do it."""

import pickle
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.errors import Problem
from app.core.settings import CompanySettings
from app.till.content import FIELDS, LINE_FIELDS, content_of
from app.till.prepare import NOBODY, prepare_batch, prepare_items, prepare_one
from app.till.schemas import plain
from app.till.terms import Exchange, Terms
from tests.till.factories import line, named, receipt

TERMS = Terms(CompanySettings(), datetime(2026, 12, 1, tzinfo=UTC), {"NY": "US"})


def prepared(*items):
    return prepare_items(items, TERMS)


def test_what_comes_back_can_be_sent_to_another_process():
    found = prepare_batch(orjson.dumps({"items": [receipt(card="A"), receipt(store="")]}), TERMS)
    again = pickle.loads(pickle.dumps(found))  # noqa: S301  our own bytes
    assert again.numbers == found.numbers
    assert again.receipts == found.receipts
    assert again.who == found.who
    assert [one.errors for one in again.failures.values()] == [one.errors for one in found.failures.values()]


def test_failures_keep_their_index():
    found = prepared(receipt(), receipt(kind="x"), receipt(), None)
    assert (found.size, found.index, sorted(found.failures)) == (4, [0, 2], [1, 3])
    assert len(found.ids) == len(set(found.ids)) == 2


def test_one_receipt_that_is_wrong_is_raised():
    with pytest.raises(Problem) as raised:
        prepare_one(orjson.dumps(receipt(kind="x")), TERMS)
    assert [error.pointer for error in raised.value.errors] == ["/kind"]


def test_several_errors_are_told_together():
    with pytest.raises(Problem) as raised:
        prepare_one(orjson.dumps(receipt(line(net=5, gross=9, discount=1), currency="USD", customer={})), TERMS)
    assert {error.pointer for error in raised.value.errors} == {"/lines/0/net", "/rate", "/customer"}


def test_everybody_is_named_once():
    a, b = named("card", "a 1"), named("card", "A1")
    found = prepared(
        receipt(customer=a), receipt(customer=b), receipt(customer=named("email", "x@example.com")), receipt()
    )
    assert [who.identifier for who in found.who] == [0, 0, 1, NOBODY]
    assert [one.key for one in found.identifiers] == [("card", "A1"), ("email", "x@example.com")]


def test_a_phone_remembers_for_which_country_it_was_read():
    found = prepared(
        receipt(customer=named("phone", "650 253 0000"), store="NY"),
        receipt(customer=named("phone", "650 253 0000"), store="S1"),
        receipt(customer=named("phone", "+1 650 253 0000"), store="S1"),
    )
    assert [(who.identifier, who.region, who.invalid) for who in found.who] == [
        (0, "US", False),
        (NOBODY, "CN", True),
        (0, None, False),
    ]


def test_products_take_the_first_category_that_is_told():
    lines = [line(product="P1", category=None), line(product="P1", category="a"), line(product="P1", category="b")]
    assert prepared(receipt(*lines, line(product="P2", category=None))).products == {"P1": "a", "P2": None}


def test_lines_know_their_receipt():
    found = prepared(receipt(line(), line()), receipt(kind="x"), receipt(line()))
    assert found.lines["receipt"] == "{1,1,2}"
    assert found.lines["line"] == "{1,2,1}"
    assert found.line_count == 3


def test_equal_receipts_have_equal_hashes():
    sent = receipt(line(100, quantity="1.0"), extensions={"a": 1, "b": 2})
    same = sent | {"extensions": {"b": 2, "a": 1}, "lines": [line(100, gross=None)], "customer": named("card", "X")}
    other = sent | {"lines": [line(101)]}
    first, second, third = prepared(sent, same, other).hashes
    assert first == second != third


def test_content_is_told_by_name():
    content = content_of(prepared(receipt(line(100, tax=5))).contents[0])
    assert tuple(content) == FIELDS
    assert tuple(content["lines"][0]) == LINE_FIELDS
    assert (content["lines"][0]["gross"], content["lines"][0]["tax"]) == (100, 5)


def test_content_of_a_return_is_as_it_was_sent():
    sent = receipt(line(100, discount=20, cost=7), kind="return", tenders=[{"kind": "cash", "amount": 100}])
    content = content_of(prepared(sent).contents[0])
    one = content["lines"][0]
    assert (one["gross"], one["discount"], one["net"], one["cost"], one["quantity"]) == (120, 20, 100, 7, "1")
    assert content["tenders"] == [{"kind": "cash", "amount": 100}]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("0", "0"),
        ("-0", "0"),
        ("0.000", "0"),
        ("1.50", "1.5"),
        ("100", "100"),
        ("-2.0", "-2"),
        ("0.000001", "0.000001"),
    ],
)
def test_a_decimal_is_written_in_one_way(written, meant):
    assert plain(Decimal(written)) == meant


@pytest.mark.parametrize(
    ("currency", "rate", "amount", "base"),
    [
        ("CNY", None, 12345, 12345),
        ("USD", "7.1", 100, 710),
        ("USD", "7.125", 100, 712),  # 712.5: half to even
        ("USD", "7.135", 100, 714),  # 713.5: half to even
        ("JPY", "0.0485", 1000, 4850),
        ("KWD", "23.1", 1000, 2310),  # three digits
        ("USD", "7.1", -105, -746),  # -745.5: half to even
        ("USD", "0.000000000001", 10**12, 1),
        ("USD", "1.000000000001", 10**14, 10**14 + 100),
    ],
)
def test_exchange(currency, rate, amount, base):
    exchange = Exchange.of(currency, rate, "CNY")
    if abs(base) > 10**14:
        with pytest.raises(OverflowError):
            exchange.base(amount)
    else:
        assert exchange.base(amount) == base


@settings(max_examples=300, deadline=None)
@given(
    st.integers(-(10**10), 10**10),
    st.decimals("0.000000000001", "90", places=12, allow_nan=False),
    st.sampled_from(["USD", "JPY", "KWD", "TWD"]),
)
def test_exchange_is_exact_to_the_last_digit(amount, rate, currency):
    digits = {"USD": 2, "JPY": 0, "KWD": 3, "TWD": 2}[currency]
    exact = Fraction(amount) * Fraction(rate) * Fraction(100, 10**digits)
    found = Exchange.of(currency, plain(rate), "CNY").base(amount)
    assert abs(exact - found) <= Fraction(1, 2)
    if abs(exact - found) == Fraction(1, 2):
        assert found % 2 == 0


amounts = st.none() | st.integers(0, 10**6)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 10**6), amounts, amounts), min_size=1, max_size=8),
    st.sampled_from(["sale", "return"]),
)
def test_sums_are_sums_of_lines_in_both_currencies(rows, kind):
    lines = [line(net, discount=discount, cost=cost) for net, discount, cost in rows]
    found = prepared(receipt(*lines, kind=kind, currency="USD", rate="7.123"))
    assert not found.failures

    def column(table, name):
        return [None if one == "NULL" else int(one) for one in table[name].strip("{}").split(",")]

    for name in ("gross", "discount", "net", "tax", "cost", "base_net", "base_margin"):
        known = [one for one in column(found.lines, name) if one is not None]
        assert column(found.receipts, name) == [sum(known) if known else None], name
    sign = -1 if kind == "return" else 1
    nets = [int((Decimal(net) * Decimal("7.123")).quantize(Decimal(1), ROUND_HALF_EVEN)) for net, _, _ in rows]
    assert column(found.receipts, "base_net") == [sign * sum(nets)]
    assert column(found.receipts, "base_returns") == [sum(nets) if kind == "return" else 0]
