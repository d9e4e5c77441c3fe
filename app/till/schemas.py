"""A receipt on the wire, as tills send it, and the small bodies of attribution and void."""

import re
import uuid
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from app.catalog.paths import PATH_MAX, checked_path
from app.core.types import (
    AMOUNT_MAX,
    Amount,
    Answer,
    Code,
    CurrencyCode,
    Day,
    Extensions,
    Moment,
    StrictText,
    Wire,
    one_line,
)  # fmt: skip

LINES_MAX = 1000
AUTHORISED_MINUTES = 24 * 60
ALLOWED_HOURS = 14 * 24
_QUANTITY = re.compile(r"-?(0|[1-9][0-9]{0,11})(\.[0-9]{1,6})?")
_RATE = re.compile(r"(0|[1-9][0-9]{0,8})(\.[0-9]{1,12})?")


def plain(number: Decimal) -> str:
    """The one way to write a decimal: without exponent, trailing zeros or a negative zero."""
    text = format(number.normalize(), "f")
    return "0" if text == "-0" else text


def _quantity(value: Any) -> str:
    if not isinstance(value, str) or not _QUANTITY.fullmatch(value):
        raise PydanticCustomError("invalid_decimal", "Write a quantity as a string such as '2' or '0.250'.")
    return value if value.isdigit() else plain(Decimal(value))


def _rate(value: Any) -> str:
    if not isinstance(value, str) or not _RATE.fullmatch(value) or not Decimal(value):
        raise PydanticCustomError("invalid_rate", "Write a rate as a positive decimal string such as '0.2285'.")
    return plain(Decimal(value))


@lru_cache(maxsize=10_000)
def _path(value: str) -> str:
    # The same few categories stand on all lines.
    return checked_path(value)


CategoryPath = Annotated[
    StrictText, AfterValidator(_path), Field(min_length=1, max_length=PATH_MAX, examples=["110/110411"])
]
Number = Annotated[StrictText, Field(min_length=1, max_length=100), AfterValidator(one_line)]
Count = Annotated[
    str,
    BeforeValidator(_quantity),
    WithJsonSchema({"type": "string", "pattern": f"^{_QUANTITY.pattern}$", "examples": ["2", "0.250"]}),
]
Rate = Annotated[
    str,
    BeforeValidator(_rate),
    WithJsonSchema({"type": "string", "pattern": f"^{_RATE.pattern}$", "examples": ["0.2285"]}),
]
Kind = Literal["sale", "return"]
Purpose = Literal["own_use", "gift", "banquet", "resale"]
TenderKind = Literal["cash", "card", "wallet", "transfer", "on_account", "points", "voucher", "other"]
OnUnknown = Literal["walk_in", "create"]
LineNumber = Annotated[int, Field(strict=True, ge=1, le=LINES_MAX)]


class GivenIdentifier(Wire):
    """How the till knows the customer. One that cannot be read never costs the receipt."""

    kind: Literal["phone", "email", "card", "external", "chat"]
    value: StrictText
    system: StrictText | None = None


class GivenCustomer(Wire):
    """Either `id` or `identifier`."""

    id: uuid.UUID | None = None
    identifier: GivenIdentifier | None = None


class Line(Wire):
    """One line. `gross - discount = net`; net is what the customer pays, tax included; cost is of the whole line.

    What is absent is unknown, never zero; only `gross` and `discount` follow from each other.
    """

    product: Code
    category: CategoryPath | None = None
    quantity: Count
    gross: Amount | None = None
    discount: Amount | None = None
    net: Amount
    tax: Amount | None = None
    cost: Amount | None = None
    original_line: LineNumber | None = None


class Tender(Wire):
    """A way in which an amount was paid."""

    kind: TenderKind
    amount: Amount


class Original(Wire):
    """The receipt that a return refers to."""

    source: Code
    number: Number


class AuthorisationIn(Wire):
    """An amount that is about to be sold on account, in minor units of the company's currency."""

    customer_id: uuid.UUID
    amount: Annotated[int, Field(strict=True, ge=1, le=AMOUNT_MAX)]
    minutes: Annotated[
        int, Field(strict=True, ge=1, le=AUTHORISED_MINUTES, description="How long it is kept for the till.")
    ] = 30
    store: Code | None = None
    till: Code | None = None
    receipt: Annotated[Original | None, Field(description="If its number is known already.")] = None


class CaptureIn(Wire):
    """The receipt of the sale that took place."""

    receipt: Original | None = None


class AllowanceIn(Wire):
    """What a till may sell on account to a customer while it is cut off, in minor units of the company's currency."""

    customer_id: uuid.UUID
    amount: Annotated[int, Field(strict=True, ge=1, le=AMOUNT_MAX)]
    hours: Annotated[int, Field(strict=True, ge=1, le=ALLOWED_HOURS, description="For how long it may sell.")] = 24
    store: Code | None = None
    till: Code


class AllowanceUse(Answer):
    """A receipt that was sold under an allowance. `excess` is what of `amount` it did not cover."""

    receipt_id: uuid.UUID
    amount: int
    excess: int
    outcome: Literal["within", "exceeded", "expired"]
    recorded_at: datetime


class Allowance(Answer):
    """An allowance, and what a till that is cut off goes by: a statement that the public key proves to be ours.

    What `remaining` says is reserved until `reserved_until`, unless the till ends it before.
    """

    id: uuid.UUID
    customer_id: uuid.UUID
    status: Literal["open", "expired", "ended"]
    amount: int
    used: int
    remaining: int
    currency: str
    store: str | None
    till: str
    granted_at: datetime
    expires_at: datetime
    reserved_until: datetime
    closed_at: datetime | None
    statement: Annotated[str, Field(description="JSON text; the signature is over its UTF-8 bytes as they are.")]
    signature: Annotated[str, Field(description="Base64 of 64 bytes.")]
    algorithm: Literal["Ed25519"]
    public_key: Annotated[str, Field(description="Base64 of 32 bytes.")]
    uses: Annotated[list[AllowanceUse], Field(description="The newest 100.")]


class AllowanceKey(Answer):
    """A public key that proves statements."""

    algorithm: Literal["Ed25519"]
    public_key: str


class AllowanceKeys(Answer):
    """The public keys that prove statements: for tills to keep."""

    data: list[AllowanceKey]


class Authorisation(Answer):
    """A reservation. `captured`: the sale took place, and its receipt is not here yet; `settled`: it is."""

    id: uuid.UUID
    customer_id: uuid.UUID
    status: Literal["held", "expired", "captured", "settled", "released"]
    amount: int
    store: str | None
    till: str | None
    receipt: dict[str, str] | None
    authorised_at: datetime
    expires_at: datetime
    closed_at: datetime | None


EXAMPLE: dict[str, Any] = {
    "source": "till",
    "number": "S01-20261121-0007",
    "store": "S01",
    "till": "3",
    "kind": "sale",
    "occurred_at": "2026-11-21T12:30:00+08:00",
    "currency": "CNY",
    "seller": "emp-12",
    "customer": {"identifier": {"kind": "card", "value": "01104905"}},
    "on_unknown_customer": "create",
    "lines": [
        {
            "product": "4710199010372",
            "category": "110/110411",
            "quantity": "2",
            "gross": 3200,
            "discount": 200,
            "net": 3000,
            "tax": 345,
            "cost": 2400,
        }
    ],
    "tenders": [{"kind": "cash", "amount": 3000}],
}


class Receipt(Wire):
    """A receipt. Amounts are minor units of `currency`.

    On a return all amounts and quantities are given as positive and count negative; an exchange is a sale with negative
    lines. `rate` says how many units of the company's currency one unit of `currency` is worth, and is needed exactly
    when the two differ; figures count each line at that rate, rounded half to even. Without `business_date` the store's
    zone and closing time decide. Tenders, if any, sum to net.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    source: Code
    number: Number
    store: Code
    till: Code | None = None
    kind: Kind
    occurred_at: Moment
    business_date: Day | None = None
    currency: CurrencyCode
    rate: Rate | None = None
    seller: Code | None = None
    promotions: Annotated[list[Code], Field(max_length=50)] | None = None
    purpose: Purpose | None = None
    one_off: Annotated[bool, Field(strict=True)] = False
    extensions: Extensions | None = None
    customer: GivenCustomer | None = None
    on_unknown_customer: OnUnknown = "walk_in"
    lines: Annotated[list[Line], Field(min_length=1, max_length=LINES_MAX)]
    tenders: Annotated[list[Tender], Field(max_length=50)] | None = None
    returns: Original | None = None
    credit_allowance_id: Annotated[
        uuid.UUID | None, Field(description="The allowance under which it was sold on account while cut off.")
    ] = None


class Attribution(Wire):
    """To whom a receipt belongs; `null` gives it back to its store's walk-in."""

    customer: GivenCustomer | None
    on_unknown_customer: Literal["refuse", "create"] = "refuse"


class Void(Wire):
    """Cancelling a receipt needs no more than its id."""
