"""Which columns a CSV may have, and what API field each stands for.

A column is named after the API field, with dots between levels. An empty cell leaves the field out. Identifiers, tenders
and the lines of a receipt are lists in the API and have columns of their own:

| kind | columns besides the plain fields of the API's batch item |
| --- | --- |
| customers | `phone`, `email`, `card`, `external.<system>`, `chat.<system>` (one identifier each), `birthday` (1990-09-21, or --09-21 without the year); `profile.<section>.<name>`: lists with ; between, family members as JSON |
| stores | `tills`: codes with spaces between |
| receivables | `allocations`: JSON |
| sales_plans, expense_budgets | `monthly_amounts`, `monthly_shares`: numbers with spaces between |
| receipts | one record per line of the receipt: `lines.<field>`; `customer.id`, `customer.phone`, `customer.external.<system>`, ...; `tenders.<kind>`: an amount; `returns.source`, `returns.number`; `promotions`: codes with spaces between; `extensions`: JSON |

For users: `docs/importing-files.md`, which a test compares with `SHAPES`.
"""  # noqa: E501  a table

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from app.core.errors import Problem
from app.core.gate import parse_json
from app.customers.attributes import PROFILE, Type

_WHOLE = re.compile(r"-?[0-9]{1,19}")
_BIRTHDAY = re.compile(r"(?:([0-9]{4})|-)-([0-9]{2})-([0-9]{2})")
_SYSTEM = r"[a-z0-9][a-z0-9_.-]{0,39}"


class BadCell(ValueError):
    """A cell that cannot stand for its field; `code` and a text that does not quote it."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


@dataclass(frozen=True, slots=True)
class Column:
    """One column: `read` makes the API's value of its text, `put` sets it in the item (`of_line`: in a line of it).

    Without `read` the value is the text; without `put` it is the field named `field`. A big file has many cells.
    """

    name: str
    read: Callable[[str], Any] | None
    put: Callable[[dict[str, Any], Any], None] | None
    of_line: bool = False
    field: str = ""


@dataclass(frozen=True, slots=True)
class Shape:
    """The columns of one kind; `families` are those whose last part is free."""

    plain: dict[str, Column]
    families: tuple[tuple[re.Pattern[str], Callable[[str], Column]], ...] = ()
    # The families for a person to read.
    free: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    # Consecutive records with equal cells here are one item.
    grouped_by: tuple[str, ...] = ()
    # What a row is called in the list of faults; never personal data.
    named_by: tuple[str, ...] = ()

    def names(self) -> list[str]:
        """Every column there is, for a person; `<...>` is a part that is free."""
        return [*self.plain, *self.free]

    def column(self, name: str) -> Column | None:
        """The column of a header's name."""
        found = self.plain.get(name)
        if found is None:
            found = next((make(name) for pattern, make in self.families if pattern.fullmatch(name)), None)
        return found


def whole(text: str) -> Any:
    """A whole number: an amount in minor units, a number of days."""
    if not _WHOLE.fullmatch(text):
        raise BadCell("invalid_integer", "Write a whole number; amounts are in minor units.")
    return int(text)


def flag(text: str) -> Any:
    """Truth as the words true and false."""
    if text.lower() not in {"true", "false"}:
        raise BadCell("invalid_boolean", "Write true or false.")
    return text.lower() == "true"


def words(text: str) -> Any:
    """Codes with spaces between."""
    return text.split()


def wholes(text: str) -> Any:
    """Whole numbers with spaces between."""
    return [whole(word) for word in text.split()]


def listed(text: str) -> Any:
    """Words with ; between."""
    return [word for part in text.split(";") if (word := part.strip())]


def document(text: str) -> Any:
    """A JSON value."""
    try:
        return parse_json(text.encode())
    except Problem as problem:
        raise BadCell("invalid_json", problem.detail.replace("The body", "The cell")) from None


def birthday(text: str) -> Any:
    """1990-09-21, or --09-21 when the year is not known."""
    found = _BIRTHDAY.fullmatch(text)
    if found is None:
        raise BadCell("invalid_birthday", "Write a birthday as 1990-09-21, or as --09-21 without the year.")
    year, month, day = found.groups()
    return {"year": None if year is None else int(year), "month": int(month), "day": int(day)}


def at(name: str, read: Callable[[str], Any] | None = None, *, of_line: bool = False) -> Column:
    """A column whose dotted name is the path of the field."""
    *parents, last = name.split(".")
    if of_line:
        parents = parents[1:]
    if not parents:
        return Column(name, read, None, of_line, last)

    def put(item: dict[str, Any], value: Any) -> None:
        for parent in parents:
            item = item.setdefault(parent, {})
        item[last] = value

    return Column(name, read, put, of_line)


def identifier(name: str) -> Column:
    """A column that adds one identifier to `identifiers`."""

    def put(item: dict[str, Any], value: Any) -> None:
        item.setdefault("identifiers", []).append(_identifier(name, value))

    return Column(name, None, put)


def customer(name: str) -> Column:
    """A column that says by which identifier the customer of a receipt is known."""
    rest = name.partition(".")[2]

    def put(item: dict[str, Any], value: Any) -> None:
        if "customer" in item:
            raise BadCell("two_customers", "Name the customer in one column only.")
        item["customer"] = {"id": value} if rest == "id" else {"identifier": _identifier(rest, value)}

    return Column(name, None, put)


def tender(name: str) -> Column:
    """A column with the amount paid in one way."""
    kind = name.partition(".")[2]

    def put(item: dict[str, Any], value: Any) -> None:
        item.setdefault("tenders", []).append({"kind": kind, "amount": value})

    return Column(name, whole, put)


def _identifier(name: str, value: Any) -> dict[str, Any]:
    kind, _, system = name.partition(".")
    return {"kind": kind, "value": value, "system": system} if system else {"kind": kind, "value": value}


def _table(*columns: Column) -> dict[str, Column]:
    return {column.name: column for column in columns}


def _texts(*names: str, of_line: bool = False) -> tuple[Column, ...]:
    return tuple(at(name, of_line=of_line) for name in names)


def _wholes(*names: str, of_line: bool = False) -> tuple[Column, ...]:
    return tuple(at(name, whole, of_line=of_line) for name in names)


_PROFILE: dict[Type, Callable[[str], Any]] = {
    Type.TAGS: listed,
    Type.INTEGER: whole,
    Type.MONEY: whole,
    Type.BOOLEAN: flag,
    Type.MEMBERS: document,
}
_PLANS = Shape(
    _table(
        *_texts("customer_id", "period", "currency"),
        at("planned", whole),
        at("monthly_amounts", wholes),
        at("monthly_shares", words),
    ),
    required=("customer_id", "period", "planned"),
    named_by=("customer_id", "period"),
)
SHAPES: dict[str, Shape] = {
    "customers": Shape(
        _table(
            *_texts("id", "kind", "status", "display_name", "given_name", "family_name", "reading", "gender"),
            *_texts("language", "home_store", "source", "collected_at"),
            at("birthday", birthday),
            *(at(f"profile.{one.path}", _PROFILE.get(one.type)) for one in PROFILE),
            *_texts(*(f"provenance.{name}" for name in ("channel", "collector", "collected_at", "licence_end"))),
            *(identifier(name) for name in ("phone", "email", "card")),
        ),
        families=((re.compile(rf"(external|chat)\.{_SYSTEM}"), identifier),),
        free=("external.<system>", "chat.<system>"),
    ),
    "products": Shape(
        _table(
            *_texts("code", "name", "category", "brand", "upgrade_of"),
            *_wholes("list_price", "cost", "replaces_after_days"),
        ),
        required=("code",),
        named_by=("code",),
    ),
    "stores": Shape(
        _table(
            *_texts("code", "name", "kind", "region", "city", "time_zone", "currency", "phone_region"),
            *_texts("latitude", "longitude"),
            at("tills", words),
        ),
        required=("code",),
        named_by=("code",),
    ),
    "receivables": Shape(
        _table(
            *_texts("customer_id", "external_id", "kind", "occurred_on", "due_on", "note"),
            at("amount", whole),
            at("allocations", document),
        ),
        required=("customer_id", "external_id", "kind", "amount"),
        named_by=("external_id",),
    ),
    "sales_plans": _PLANS,
    "expense_budgets": _PLANS,
    "expenses": Shape(
        _table(
            *_texts("customer_id", "external_id", "kind", "occurred_on", "by", "note", "corrects"),
            at("amount", whole),
        ),
        required=("customer_id", "external_id", "kind", "amount"),
        named_by=("external_id",),
    ),
    "receipts": Shape(
        _table(
            *_texts("source", "number", "store", "till", "kind", "occurred_at", "business_date", "currency", "rate"),
            *_texts("seller", "purpose", "on_unknown_customer", "returns.source", "returns.number"),
            at("credit_allowance_id"),
            at("one_off", flag),
            at("promotions", words),
            at("extensions", document),
            *(customer(f"customer.{name}") for name in ("id", "phone", "email", "card")),
            *_texts("lines.product", "lines.category", "lines.quantity", of_line=True),
            *_wholes("lines.gross", "lines.discount", "lines.net", "lines.tax", "lines.cost", of_line=True),
            at("lines.original_line", whole, of_line=True),
        ),
        families=(
            (re.compile(rf"customer\.(external|chat)\.{_SYSTEM}"), customer),
            (re.compile(r"tenders\.[a-z_]{1,40}"), tender),
        ),
        free=("customer.external.<system>", "customer.chat.<system>", "tenders.<kind>"),
        required=("source", "number", "lines.net"),
        grouped_by=("source", "number"),
        named_by=("source", "number"),
    ),
}
