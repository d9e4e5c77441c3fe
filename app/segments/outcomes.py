"""What is known of one condition for one customer, and how a value of it is written. Pure."""

import uuid
from collections.abc import Callable
from collections.abc import Sequence as Many
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from app.core.fields import FieldType


@dataclass(frozen=True, slots=True)
class Outcome:
    """One condition for one customer.

    `value` is what the customer has (null: missing, or nothing to show), `needed` what another term or the cut of a
    ranking demands; `evidence` are ids of receipts, newest first. `more` goes with rows (how many there are, whatever
    they are), with a sequence (how often each of its beginnings is there) and with a ranking (whether the customer is
    among those compared).
    """

    truth: bool
    type: FieldType | None = None
    value: Any = None
    needed: Any = None
    evidence: Many[uuid.UUID] = ()
    more: Any = None


def wire(value: Any, kind: FieldType) -> dict[str, Any] | None:
    """A value as it stands in a tree, or None when it is missing."""
    if value is None:
        return None
    written = _WRITTEN.get(kind, ("text", str))
    return {written[0]: written[1](value)}


def _amount(value: Any) -> int | str:
    """Minor units; an average can lie between two of them."""
    return int(value) if value == int(value) else plain_number(value)


def plain_number(value: Any) -> str:
    """A number as it is written: no zeros at the end, no exponent."""
    found = Decimal(value).normalize()
    return f"{found + 0:f}" if found else "0"


_WRITTEN: dict[FieldType, tuple[str, Callable[[Any], Any]]] = {
    FieldType.MONEY: ("money", _amount),
    FieldType.NUMBER: ("number", plain_number),
    FieldType.BOOLEAN: ("boolean", bool),
    FieldType.DATE: ("date", date.isoformat),
    FieldType.BIRTHDAY: ("text", lambda key: f"{key // 100:02d}-{key % 100:02d}"),
}
