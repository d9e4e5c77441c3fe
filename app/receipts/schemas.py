"""A receipt as it is answered."""

import uuid
from datetime import date, datetime
from typing import Any, Literal

from pydantic import Field

from app.core.types import Answer

COST = Field(default=None, description="For callers who may see financial fields.")


class RecordedLine(Answer):
    """A line. Amounts are minor units of the receipt's currency; null is unknown."""

    line: int
    product: str
    category: str | None
    quantity: str
    gross: int
    discount: int | None
    net: int
    tax: int | None
    cost: int | None = COST
    original_line: int | None


class RecordedTender(Answer):
    """A way in which an amount was paid."""

    kind: str
    amount: int


class RecordedOriginal(Answer):
    """The receipt that a return refers to."""

    source: str
    number: str


class RecordedReceipt(Answer):
    """A receipt. Amounts are minor units of `currency`; those of a return are positive and count negative.

    `attributed` is false while the receipt belongs to its store's walk-in. `flags` say what is odd about it:
    `unknown_customer`, `invalid_identifier` and `ambiguous_customer` as long as it has no customer, `unknown_original`
    and `returned_more_than_sold` as long as that is so, and `allowance_exceeded`, `allowance_expired` and
    `allowance_unknown` of what was sold on account without being allowed.
    """

    id: uuid.UUID
    customer_id: uuid.UUID
    attributed: bool
    source: str
    number: str
    store: str
    till: str | None
    kind: Literal["sale", "return"]
    occurred_at: datetime
    business_date: date
    currency: str
    rate: str | None
    gross: int
    discount: int | None
    net: int
    tax: int | None
    cost: int | None = COST
    seller: str | None
    promotions: list[str]
    purpose: str | None
    one_off: bool
    extensions: dict[str, Any]
    lines: list[RecordedLine]
    tenders: list[RecordedTender]
    returns: RecordedOriginal | None
    flags: list[str]
    recorded_at: datetime
    voided_at: datetime | None


class Figures(Answer):
    """A customer's figures over all receipts that count, true as of the last one. Amounts are minor units.

    An occasion is a business day with net > 0; `usual_gap_days` is the mean of the gaps between occasions. `margin` is
    null while no cost is known.
    """

    receipts: int
    occasions: int
    net: int
    margin: int | None
    discount: int
    returns: int
    first_purchase_at: datetime | None
    last_purchase_at: datetime | None
    usual_gap_days: float | None
    last_store: str | None
    favourite_category: str | None
