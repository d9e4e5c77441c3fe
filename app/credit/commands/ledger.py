"""The terms of an account, and entries of the ledger together with the balance they make.

Whatever changes an account locks it until the end of its transaction, so that balance and entries agree for everybody.
Several accounts are locked in the order of their customers.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import ARRAY, Executable, Uuid, any_, bindparam, delete, literal, select, text
from sqlalchemy.dialects.postgresql import JSONB

from app.access.audit import AuditEntry
from app.core.batch import Status
from app.core.db import Tx
from app.core.errors import INVALID, NOT_FOUND, FieldError, Problem
from app.core.ids import new_id
from app.core.sql import id_from
from app.credit import queries
from app.credit.commands.allocating import differs, key_of, named, wrong_kind
from app.credit.models import RECEIVABLE_CONFLICT, CreditAccount
from app.customers.queries import hidden
from app.feed.outbox import Event, announce

Fields = Mapping[str, Any]
# What became of entries, by their index.
Outcomes = dict[int, tuple[Status, str] | Problem]


@dataclass(frozen=True, slots=True)
class Account:
    """A locked account. `created` tells that it was made just now."""

    version: int
    credit_limit: int
    term_days: int
    currency: str
    status: str
    review_on: date | None
    created: bool


@dataclass(frozen=True, slots=True)
class Sale:
    """What a receipt puts on a customer's account, in minor units of the company's; below zero it takes off."""

    customer_id: uuid.UUID
    receipt_id: uuid.UUID
    amount: int
    day: date


# The update changes nothing; it locks the account that is there. Nobody merges the customers meanwhile: they are all
# locked before the first account, in the order of ids.
_HOLD = text(
    """
WITH owner AS MATERIALIZED (
  SELECT c.id FROM customers c
  WHERE c.id = ANY (:customers) AND c.kind <> 'walk_in' AND c.status NOT IN ('merged', 'erased')
  ORDER BY c.id FOR SHARE
)
INSERT INTO credit_accounts AS a (
  customer_id, credit_limit, term_days, currency, status, balance, version, created_at, updated_at)
SELECT id, 0, 0, :currency, 'active', 0, 1, :now, :now FROM owner ORDER BY id
ON CONFLICT (customer_id) DO UPDATE SET balance = a.balance
RETURNING customer_id, version, credit_limit, term_days, currency, status, review_on, xmax = 0 AS created
"""
).bindparams(bindparam("customers", type_=ARRAY(Uuid)))

_SET_TERMS = text(
    """
UPDATE credit_accounts SET credit_limit = :credit_limit, term_days = :term_days, currency = :currency, status = :status,
  review_on = :review_on, version = version + :step, updated_at = :now
WHERE customer_id = :customer
"""
)

_SOLD = """
WITH sale AS MATERIALIZED (
  SELECT * FROM jsonb_to_recordset(:sales) AS sale(
    customer_id uuid, id uuid, receipt_id uuid, amount bigint, day date)
),
account AS (
  INSERT INTO credit_accounts AS a (
    customer_id, credit_limit, term_days, currency, status, balance, version, created_at, updated_at)
  SELECT customer_id, 0, 0, :currency, 'active', sum(amount), 1, :now, :now
  FROM sale GROUP BY customer_id ORDER BY customer_id
  ON CONFLICT (customer_id) DO UPDATE SET balance = a.balance + excluded.balance
  RETURNING a.customer_id, a.term_days
)
INSERT INTO receivables (customer_id, id, receipt_id, amount, recorded_at, occurred_on, due_on, kind)
SELECT sale.customer_id, sale.id, sale.receipt_id, sale.amount, :now, sale.day,
       CASE WHEN sale.amount > 0 THEN sale.day + account.term_days END,
       CASE WHEN sale.amount > 0 THEN 'charge' ELSE 'credit_note' END
FROM sale JOIN account ON account.customer_id = sale.customer_id
"""

# What is taken back keeps the due day of what it takes back, so that the two cancel out wherever due days count. What
# was paid of it by name is free again, for what is due soonest.
_TAKEN_BACK = text(
    f"""
WITH back AS MATERIALIZED (
  SELECT r.due_on, sum(r.amount)::bigint AS amount
  FROM receivables r WHERE r.customer_id = :customer AND r.receipt_id = :receipt
  GROUP BY r.due_on HAVING sum(r.amount) <> 0 ORDER BY r.due_on LIMIT 1
),
account AS (
  UPDATE credit_accounts a SET balance = a.balance - back.amount FROM back WHERE a.customer_id = :customer
),
freed AS (
  INSERT INTO receivable_allocations (customer_id, id, payment_id, charge_id, amount, recorded_at, due_on)
  SELECT :customer, {id_from("n.payment_id::text || n.charge_id::text")}, n.payment_id, n.charge_id,
         -sum(n.amount), :now, n.due_on
  FROM back JOIN receivables r ON r.customer_id = :customer AND r.receipt_id = :receipt AND r.due_on = back.due_on
  JOIN receivable_allocations n ON n.customer_id = r.customer_id AND n.charge_id = r.id
  GROUP BY n.payment_id, n.charge_id, n.due_on HAVING sum(n.amount) <> 0
)
INSERT INTO receivables (customer_id, id, receipt_id, amount, recorded_at, occurred_on, due_on, kind)
SELECT :customer, :id, :receipt, -back.amount, :now, :day, back.due_on,
       CASE WHEN back.amount < 0 THEN 'charge' ELSE 'credit_note' END
FROM back
RETURNING id, kind
"""  # noqa: S608  put together from constants
)

_ENTERED = """
WITH entry AS MATERIALIZED (
  SELECT * FROM jsonb_to_recordset(:entries) AS entry(
    place int, customer_id uuid, id uuid, external_id text, kind text, amount bigint, occurred_on date, due_on date,
    note text)
),
made AS (
  INSERT INTO receivables (
    customer_id, id, amount, recorded_at, occurred_on, due_on, kind, external_id, note)
  SELECT customer_id, id, amount, :now, occurred_on, due_on, kind, external_id, note FROM entry
  ORDER BY customer_id, place
  ON CONFLICT (customer_id, external_id) DO NOTHING
  RETURNING customer_id, id, amount
),
named AS (
  INSERT INTO receivable_allocations (customer_id, id, payment_id, charge_id, amount, recorded_at, due_on)
  SELECT made.customer_id, n.id, n.payment_id, n.charge_id, n.amount, :now, n.due_on
  FROM jsonb_to_recordset(:named) AS n(id uuid, payment_id uuid, charge_id uuid, amount bigint, due_on date)
  JOIN made ON made.id = n.payment_id
),
account AS (
  UPDATE credit_accounts a SET balance = a.balance + m.amount
  FROM (SELECT customer_id, sum(amount) AS amount FROM made GROUP BY customer_id) m WHERE a.customer_id = m.customer_id
)
SELECT id FROM made
"""


def _with_rows(sql: str, *names: str) -> Executable:
    return text(sql).bindparams(*(bindparam(name, type_=JSONB) for name in names))


_SOLD_MANY, _ENTERED_MANY = _with_rows(_SOLD, "sales"), _with_rows(_ENTERED, "entries", "named")


async def hold_accounts(tx: Tx, customers: Iterable[uuid.UUID], currency: str) -> dict[uuid.UUID, Account]:
    """Lock the accounts of customers, made with a limit of zero if need be; those of customers who are there.

    In the order of ids, one statement for all.
    """
    wanted = set(customers)
    values = {"customers": sorted(wanted - await hidden(tx, wanted)), "currency": currency, "now": tx.now}
    return {row[0]: Account(*row[1:]) for row in await tx.rows(_HOLD, values)}


async def hold_account(tx: Tx, customer_id: uuid.UUID, currency: str) -> Account:
    """The same of one customer. Raises Problem: no such customer."""
    held = await hold_accounts(tx, [customer_id], currency)
    if customer_id not in held:
        raise Problem(NOT_FOUND)
    return held[customer_id]


async def drop_accounts(tx: Tx, customers: Iterable[uuid.UUID]) -> None:
    """Take away accounts that this transaction has made and entered nothing into."""
    unused = sorted(customers)
    if unused:
        await tx.execute(delete(CreditAccount).where(CreditAccount.customer_id == any_(literal(unused, ARRAY(Uuid)))))


async def lock_accounts(tx: Tx, customers: Iterable[uuid.UUID]) -> None:
    """Lock the accounts of these customers, as far as they have one, in the order of ids."""
    wanted = literal(sorted(set(customers)), ARRAY(Uuid))
    locked = select(CreditAccount.customer_id).where(CreditAccount.customer_id == any_(wanted))
    await tx.execute(locked.order_by(CreditAccount.customer_id).with_for_update(key_share=True))


async def set_terms(tx: Tx, customer_id: uuid.UUID, held: Account, terms: Fields) -> bool:
    """Change a held account's terms; whether anything changed.

    They are `credit_limit`, `term_days`, `currency`, `status` and `review_on`.
    """
    changed = tuple(name for name, value in terms.items() if held.created or getattr(held, name) != value)
    if not changed:
        return False
    # A new account's first version is the one with its terms.
    step = 0 if held.created else 1
    await tx.execute(_SET_TERMS, {**terms, "step": step, "customer": customer_id, "now": tx.now})
    event = Event("credit.updated", customer_id, customer_id, held.version + step)
    verb = "create" if held.created else "update"
    entry = AuditEntry(f"credit.{verb}", "credit_account", customer_id, customer_id, changed)
    await announce(tx, [event], [entry])
    return True


async def charge_sales(tx: Tx, sales: Sequence[Sale], currency: str) -> list[Event]:
    """Put sales on their customers' accounts, one statement for all; the events to publish.

    Each receipt is given once; that is for the caller to see to, who has claimed its number.
    """
    if not sales:
        return []
    ids = [new_id() for _ in sales]
    rows = [
        {
            "customer_id": str(one.customer_id),
            "id": str(entry_id),
            "receipt_id": str(one.receipt_id),
            "amount": one.amount,
            "day": one.day.isoformat(),
        }
        for entry_id, one in zip(ids, sales, strict=True)
    ]
    await tx.execute(_SOLD_MANY, {"sales": rows, "currency": currency, "now": tx.now})
    return [
        _event(one.customer_id, entry_id, "charge" if one.amount > 0 else "credit_note", one.receipt_id)
        for entry_id, one in zip(ids, sales, strict=True)
    ]


async def take_back(tx: Tx, customer_id: uuid.UUID, receipt_id: uuid.UUID, day: date) -> list[Event]:
    """Take back what a receipt has put on a customer's account, if anything; the events to publish.

    The receipt is locked, so nobody else is taking it back.
    """
    values = {"customer": customer_id, "receipt": receipt_id, "id": new_id(), "day": day, "now": tx.now}
    values["id_time"] = int(tx.now.timestamp() * 1000)
    return [_event(customer_id, row.id, row.kind, receipt_id) for row in await tx.rows(_TAKEN_BACK, values)]


def _event(customer_id: uuid.UUID, entry_id: uuid.UUID, kind: str, receipt_id: uuid.UUID | None) -> Event:
    data = {"kind": kind} if receipt_id is None else {"kind": kind, "receipt_id": str(receipt_id)}
    return Event("receivable.recorded", customer_id, entry_id, data=data)


async def enter_receivables(
    tx: Tx, accounts: Mapping[uuid.UUID, Account], items: Sequence[tuple[int, Fields]], today: date
) -> Outcomes:
    """Enter `items` (index, `customer_id` and the fields of a ReceivableIn) into held accounts; the outcomes by index.

    An external id that stands for the same entry of the customer already is a duplicate, for another one a conflict. A
    fixed few statements, however many accounts.
    """
    entries, outcomes = _entries(accounts, items, today)
    parts = await named(tx, entries)
    outcomes |= parts.refused
    entries = {index: entry for index, entry in entries.items() if index not in parts.refused}
    rows = [{**entry, "amount": _signed(entry), "given": None, "allocations": None} for entry in entries.values()]
    values = {"entries": rows, "named": parts.rows, "now": tx.now}
    made = {str(row.id) for row in await tx.rows(_ENTERED_MANY, values)} if rows else set()
    repeated = [entry for entry in entries.values() if entry["id"] not in made]
    known = await queries.by_external_ids(tx, [key_of(entry) for entry in repeated]) if repeated else {}
    elsewhere = await differs(tx, repeated)
    events, audited = [], []
    for index, entry in entries.items():
        key = key_of(entry)
        if entry["id"] not in made:
            outcomes[index] = _repeated(entry, known[key], elsewhere=key in elsewhere)
            continue
        outcomes[index] = ("created", entry["id"])
        entry_id = uuid.UUID(entry["id"])
        events.append(_event(key[0], entry_id, entry["kind"], None))
        audited.append(AuditEntry("receivable.record", "receivable", entry_id, key[0]))
    if events:
        await announce(tx, events, audited)
    return outcomes


def _entries(
    accounts: Mapping[uuid.UUID, Account], items: Sequence[tuple[int, Fields]], today: date
) -> tuple[dict[int, dict[str, Any]], Outcomes]:
    """The rows to write and the refusals, by index. `given` are the fields that a repetition is compared by."""
    entries: dict[int, dict[str, Any]] = {}
    refused: Outcomes = {}
    for place, (index, item) in enumerate(items):
        held = accounts.get(item["customer_id"])
        if held is None:
            detail = "There is no such customer."
            refused[index] = Problem(NOT_FOUND, detail, [FieldError("/customer_id", "unknown_customer", detail)])
            continue
        day = item.get("occurred_on") or today
        due = item.get("due_on")
        unfit = _not_due(item, day) or wrong_kind(item)
        if unfit is not None:
            refused[index] = Problem(INVALID, unfit.detail, [unfit])
            continue
        if due is None and item["kind"] == "charge":
            due = day + timedelta(days=held.term_days)
        entries[index] = {
            "place": place,
            "customer_id": str(item["customer_id"]),
            "id": str(new_id()),
            "external_id": item["external_id"],
            "kind": item["kind"],
            "amount": item["amount"],
            "occurred_on": day.isoformat(),
            "due_on": None if due is None else due.isoformat(),
            "note": item.get("note"),
            "allocations": item.get("allocations"),
            "given": {name for name in ("occurred_on", "due_on", "note") if item.get(name) is not None},
        }
    return entries, refused


def _not_due(item: Fields, day: date) -> FieldError | None:
    due = item.get("due_on")
    if due is None or (item["kind"] == "charge" and due >= day):
        return None
    wrong = "Only a charge is due." if item["kind"] != "charge" else "A charge is not due before its day."
    return FieldError("/due_on", "not_due", wrong)


def _signed(entry: Fields) -> int:
    return int(entry["amount"]) if entry["kind"] == "charge" else -int(entry["amount"])


def _repeated(entry: Fields, stored: Any, *, elsewhere: bool) -> tuple[Status, str] | Problem:
    """What was left to us the first time (the day, the due day) is not compared the next time."""
    told = {"occurred_on": stored.occurred_on.isoformat(), "due_on": stored.due_on and stored.due_on.isoformat()}
    told["note"] = stored.note
    different = [name for name in sorted(entry["given"]) if told[name] != entry[name]]
    if stored.kind != entry["kind"]:
        different.append("kind")
    if abs(stored.amount) != entry["amount"]:
        different.append("amount")
    if elsewhere:
        different.append("allocations")
    if not different:
        return "duplicate", str(stored.id)
    detail = "This external id stands for another entry; it is unchanged."
    errors = [FieldError(f"/{name}", "differs", "It differs from what is stored.") for name in different]
    return Problem(RECEIVABLE_CONFLICT, detail, errors, extra={"receivable_id": str(stored.id)})
