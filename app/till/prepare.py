"""From the bytes that a till sent to what the database needs, without asking it anything.

Pure, so that a big batch is checked in a helper process. What comes back is quick to hand over: few objects, long
strings.
"""

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

import orjson
from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from app.core.batch import item_problem, items_of
from app.core.errors import INVALID, FieldError, Problem
from app.core.gate import parse_json
from app.core.ids import new_id_text
from app.customers.identifiers import Identifier, normalise
from app.receipts.columns import LINE, RECEIPT, literals, text_array
from app.till.content import canonical
from app.till.lines import Counted, Sums, counted, on_account
from app.till.schemas import GivenCustomer, GivenIdentifier, Receipt
from app.till.terms import AHEAD, Exchange, Terms

# A till may say which business day it was, but not one far from its own clock: that would be a mistyped year.
DAYS_APART = 7
NOBODY = -1


class Who(NamedTuple):
    """How a receipt names its customer: a place in `Prepared.customers` or `.identifiers`, or neither (NOBODY).

    `invalid` says that an identifier was given and cannot be read; `create` asks for a new customer if none is known.
    A phone number without country code was read as one of `region`: only its store tells whether that was right, so it
    is kept as `typed`.
    """

    customer: int = NOBODY
    identifier: int = NOBODY
    invalid: bool = False
    create: bool = False
    region: str | None = None
    typed: str = ""


@dataclass(slots=True)
class Prepared:
    """Checked receipts, those that can be recorded, numbered by their place in the lists, which run in parallel.

    `failures` are the problems of the others by their index. `contents` is what a receipt's number stands for in one
    canonical form, `hashes` its digest. `receipts` and `lines` are array literals (see `receipts.columns`).
    `identifiers` and `customers` (ids) are what receipts name, each once; `products` are the codes on
    lines with a category, if a line told one. `on_account` holds, by place, what is left owed for a receipt, in minor
    units of the company's currency: below zero on a return. `allowances` are those under which it was sold, and when.
    """

    size: int
    failures: dict[int, Problem] = field(default_factory=dict)
    index: list[int] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    numbers: list[str] = field(default_factory=list)
    stores: list[str] = field(default_factory=list)
    who: list[Who] = field(default_factory=list)
    hashes: list[str] = field(default_factory=list)
    contents: list[bytes] = field(default_factory=list)
    identifiers: list[Identifier] = field(default_factory=list)
    customers: list[str] = field(default_factory=list)
    products: dict[str, str | None] = field(default_factory=dict)
    receipts: dict[str, str] = field(default_factory=dict)
    lines: dict[str, str] = field(default_factory=dict)
    line_count: int = 0
    on_account: dict[int, int] = field(default_factory=dict)
    allowances: dict[int, tuple[uuid.UUID, datetime]] = field(default_factory=dict)


def prepare_batch(body: bytes, terms: Terms) -> Prepared:
    """Check the body of a batch. Raises Problem if it is not a batch; a bad receipt only fails itself."""
    return prepare_items(items_of(body), terms)


def prepare_one(body: bytes, terms: Terms) -> Prepared:
    """Check a body that is one receipt. Raises Problem with pointers if it cannot be recorded."""
    prepared = prepare_items([parse_json(body)], terms)
    for problem in prepared.failures.values():
        raise problem
    return prepared


def prepare_items(items: Sequence[Any], terms: Terms) -> Prepared:
    """Check receipts that are JSON values already; a Problem among them stays one."""
    prepared = Prepared(len(items))
    names = Names(terms)
    receipts: list[tuple[Any, ...]] = []
    lines: list[tuple[Any, ...]] = []
    for index, item in enumerate(items):
        try:
            receipt, amounts, sums, owed = _checked(item, terms)
        except Problem as problem:
            prepared.failures[index] = problem
            continue
        content = canonical(receipt, amounts)
        digest = hashlib.blake2b(content, digest_size=16).hexdigest()
        prepared.index.append(index)
        prepared.sources.append(receipt.source)
        prepared.numbers.append(receipt.number)
        prepared.stores.append(receipt.store)
        prepared.who.append(names.who(receipt.customer, receipt.store, create=receipt.on_unknown_customer == "create"))
        prepared.hashes.append(digest)
        prepared.contents.append(content)
        receipts.append(_receipt_row(receipt, sums, digest))
        lines += _line_rows(len(receipts), receipt, amounts)
        if owed:
            prepared.on_account[len(receipts) - 1] = owed
        if owed > 0 and receipt.credit_allowance_id is not None:
            prepared.allowances[len(receipts) - 1] = receipt.credit_allowance_id, receipt.occurred_at
        for line in receipt.lines:
            if prepared.products.get(line.product) is None:
                prepared.products[line.product] = line.category
    prepared.ids = [new_id_text() for _ in receipts]
    prepared.receipts = literals(RECEIPT, [(one, *row) for one, row in zip(prepared.ids, receipts, strict=True)])
    prepared.lines = literals(LINE, lines)
    prepared.line_count = len(lines)
    prepared.identifiers, prepared.customers = names.identifiers, list(names.customers)
    return prepared


@cache
def _adapter() -> TypeAdapter[Receipt]:
    return TypeAdapter(Receipt)


def _checked(item: Any, terms: Terms) -> tuple[Receipt, list[Counted], Sums, int]:
    """The receipt with its amounts, and what of it is left owed. Raises Problem with pointers into the receipt."""
    if isinstance(item, Problem):
        raise item  # the gate has refused it already
    try:
        receipt = _adapter().validate_python(item)
    except ValidationError as error:
        raise item_problem(error) from None
    errors: list[FieldError] = []
    if receipt.occurred_at > terms.now + AHEAD:
        errors.append(FieldError("/occurred_at", "in_the_future", "The receipt is more than a day ahead of our clock."))
    day = receipt.business_date
    if day is not None and abs(day - receipt.occurred_at.date()) > timedelta(days=DAYS_APART):
        errors.append(FieldError("/business_date", "far_apart", "business_date is more than a week from occurred_at."))
    if receipt.customer is not None and (receipt.customer.id is None) == (receipt.customer.identifier is None):
        errors.append(FieldError("/customer", "one_of", "Name the customer by id or by identifier."))
    if receipt.returns is not None and (receipt.returns.source, receipt.returns.number) == (
        receipt.source,
        receipt.number,
    ):
        errors.append(FieldError("/returns", "itself", "A receipt cannot return itself."))
    base = terms.company.currency
    _check_currency(receipt, base, errors)
    exchange, owed = Exchange.of(receipt.currency, receipt.rate, base), 0
    amounts, sums = counted(receipt, exchange, errors)
    if not errors:
        _check_tenders(receipt, sums, terms.company.rounding, errors)
        owed = _owed(receipt, exchange, errors)
    if errors:
        raise Problem(
            INVALID, errors[0].detail if len(errors) == 1 else f"{len(errors)} values are not valid.", errors[:20]
        )
    return receipt, amounts, sums, owed


def _owed(receipt: Receipt, exchange: Exchange, errors: list[FieldError]) -> int:
    if not receipt.tenders:
        return 0
    try:
        return on_account(_signed_tenders(receipt), exchange)
    except OverflowError:
        errors.append(FieldError("/tenders", "too_large", "In the company's currency the amount is too large."))
        return 0


def _check_currency(receipt: Receipt, base: str, errors: list[FieldError]) -> None:
    """A rate is needed exactly when the currency is another one; for the company's own it says nothing: dropped."""
    if receipt.currency != base and receipt.rate is None:
        errors.append(FieldError("/rate", "missing", f"A receipt in another currency than {base} needs its rate."))
    if receipt.currency == base:
        if receipt.rate not in {None, "1"}:
            errors.append(FieldError("/rate", "unexpected", f"The receipt is in {base} already: leave the rate out."))
        receipt.rate = None


def _check_tenders(receipt: Receipt, sums: Sums, rounding: int, errors: list[FieldError]) -> None:
    if not receipt.tenders:
        return
    back = receipt.kind == "return"
    exchange = not back and any(line.net < 0 for line in receipt.lines)
    for place, tender in enumerate(receipt.tenders):
        if tender.amount < 0 and not exchange:
            errors.append(FieldError(f"/tenders/{place}/amount", "negative", "Only an exchange has negative tenders."))
    paid, net = sum(tender.amount for tender in receipt.tenders), -sums.net if back else sums.net
    if abs(paid - net) > rounding:
        detail = f"Tenders must sum to net, {net}" + (f", within {rounding}." if rounding else ".")
        errors.append(FieldError("/tenders", "tenders_disagree", detail))


class Names:
    """Collects whom receipts name, each identifier and id once."""

    def __init__(self, terms: Terms) -> None:
        self.identifiers: list[Identifier] = []
        self.customers: dict[str, int] = {}
        self._terms = terms
        self._places: dict[tuple[str, str], int] = {}

    def who(self, given: GivenCustomer | None, store: str, *, create: bool) -> Who:
        """How `given` is looked up. An identifier that cannot be read is marked, not refused."""
        if given is None:
            return Who()
        if given.id is not None:
            return Who(customer=self.customers.setdefault(str(given.id), len(self.customers)), create=create)
        return Who() if given.identifier is None else self._by_identifier(given.identifier, store, create=create)

    def _by_identifier(self, given: GivenIdentifier, store: str, *, create: bool) -> Who:
        region = self._terms.region(store)
        try:
            found = normalise(given.kind, given.value, given.system, region)
        except PydanticCustomError:
            if given.kind == "phone":
                return Who(invalid=True, create=create, region=region, typed=given.value)
            return Who(invalid=True, create=create)
        place = self._places.setdefault(found.key, len(self.identifiers))
        if place == len(self.identifiers):
            self.identifiers.append(found)
        if found.kind == "phone" and not found.typed.startswith("+"):
            return Who(identifier=place, create=create, region=region, typed=found.typed)
        return Who(identifier=place, create=create)


def _receipt_row(receipt: Receipt, sums: Sums, digest: str) -> tuple[Any, ...]:
    """A row of RECEIPT, without its id."""
    tenders = _signed_tenders(receipt)
    returns = receipt.returns
    return (
        receipt.source, receipt.number, digest, receipt.store, receipt.till, receipt.kind,
        receipt.occurred_at.isoformat(), receipt.business_date, receipt.currency, receipt.rate, receipt.seller,
        receipt.purpose, receipt.one_off, returns and returns.source, returns and returns.number,
        text_array(receipt.promotions) if receipt.promotions else "{}",
        orjson.dumps(tenders).decode() if tenders else "[]",
        orjson.dumps(receipt.extensions).decode() if receipt.extensions else "{}",
        sums.gross, sums.discount, sums.net, sums.tax, sums.cost,
        sums.base_net, sums.base_discount, sums.base_margin, sums.base_returns,
    )  # fmt: skip


def _signed_tenders(receipt: Receipt) -> list[dict[str, Any]]:
    sign = -1 if receipt.kind == "return" else 1
    return [{"kind": one.kind, "amount": sign * one.amount} for one in receipt.tenders or ()]


def _line_rows(place: int, receipt: Receipt, amounts: list[Counted]) -> list[tuple[Any, ...]]:
    return [
        (
            place, number, line.product, line.category, one.quantity, one.gross, one.discount, one.net, one.tax,
            one.cost, one.base_net, one.base_margin, line.original_line,
        )
        for number, (line, one) in enumerate(zip(receipt.lines, amounts, strict=True), 1)
    ]  # fmt: skip
