"""Wire types: bounds, Unicode, times, decimals."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from pydantic import TypeAdapter, ValidationError

from app.core.types import (
    AMOUNT_MAX,
    Amount,
    Code,
    CurrencyCode,
    Day,
    Extensions,
    Moment,
    Name,
    Note,
    Quantity,
    currency_digits,
)

GOOD = [
    (Name, " Zoë ", " Zoë "),
    (Name, "e\u0301", "é"),
    (Note, "two\nlines", "two\nlines"),
    (Code, "GY-01", "GY-01"),
    (CurrencyCode, "CNY", "CNY"),
    (Amount, -AMOUNT_MAX, -AMOUNT_MAX),
    (Quantity, "0.250", Decimal("0.250")),
    (Quantity, "-2", Decimal(-2)),
    (Moment, "2026-11-21T12:30:00+08:00", datetime(2026, 11, 21, 4, 30, tzinfo=UTC)),
    (Moment, "2026-11-21T12:30:00.123456Z", datetime(2026, 11, 21, 12, 30, 0, 123456, UTC)),
    (Extensions, {"a": [1, {"b": None}]}, {"a": [1, {"b": None}]}),
]
BAD = [
    (Name, ""), (Name, "a\u0000b"), (Name, "a\nb"), (Name, "x" * 201), (Name, 5), (Name, "\u0085"), (Name, "a\u2028"),
    (Name, "\ud800"), (Note, "a\u0007"), (Code, "a b"), (Code, "a/b"), (Code, "x" * 65), (Code, ""),
    (CurrencyCode, "XXQ"), (CurrencyCode, "cny"), (CurrencyCode, "¥"),
    (Amount, AMOUNT_MAX + 1), (Amount, 1.5), (Amount, "5"), (Amount, True), (Amount, None),
    (Quantity, 2),
    (Quantity, "1e3"), (Quantity, "NaN"), (Quantity, "Infinity"), (Quantity, "1.1234567"), (Quantity, "٣"),
    (Quantity, "1" * 16), (Quantity, ""), (Quantity, "01"), (Quantity, " 1"),
    (Moment, "2026-11-21T12:30:00"), (Moment, "1899-12-31T00:00:00Z"), (Moment, "2201-01-01T00:00:00Z"),
    (Moment, "2026-02-30T00:00:00Z"), (Moment, 1700000000), (Moment, "1700000000"), (Moment, "yesterday"),
    (Moment, "0001-01-01T00:00:00+14:00"), (Moment, "9999-12-31T23:59:59-12:00"),
    (Day, "2026-13-01"), (Day, "20261121"), (Day, 20261121), (Day, "1899-12-31"), (Day, "٢٠٢٦-11-21"),
    (Extensions, {"a": "\x00"}), (Extensions, {"a": 2**64}), (Extensions, {"a": 0.1}), (Extensions, {"a": "x" * 1001}),
    (Extensions, {str(n): n for n in range(51)}), (Extensions, {"a": list(range(101))}), (Extensions, []),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "given", "kept"), GOOD)
def test_keeps(kind, given, kept):
    assert TypeAdapter(kind).validate_python(given) == kept


@pytest.mark.parametrize(("kind", "given"), BAD)
def test_refuses(kind, given):
    with pytest.raises(ValidationError):
        TypeAdapter(kind).validate_python(given)


def test_extensions_are_at_most_eight_deep():
    deep: dict = {}
    for _ in range(8):
        deep = {"a": deep}
    with pytest.raises(ValidationError, match="8 levels"):
        TypeAdapter(Extensions).validate_python(deep)


@pytest.mark.parametrize(("code", "digits"), [("CNY", 2), ("TWD", 2), ("JPY", 0), ("KRW", 0), ("KWD", 3)])
def test_minor_units_are_those_of_iso_4217(code, digits):
    assert currency_digits(code) == digits
