"""Accounts of the company that questions are asked of: random entries, and a plain reading of what is left of them."""

import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import insert

from app.core.db import Tx
from app.credit.models import CreditAccount, Receivable, ReceivableAllocation

AMOUNTS = (0, 1, 99, 100, 500, 5000, 5001, 20000)


@dataclass
class Entry:
    id: uuid.UUID
    amount: int
    day: date
    due: date | None
    receipt: uuid.UUID | None = None
    # The charges that it settles by name, and with how much.
    named: list[tuple["Entry", int]] = field(default_factory=list)

    @property
    def kind(self) -> str:
        return "charge" if self.amount > 0 else "payment" if self.due is None else "credit_note"


@dataclass
class Account:
    limit: int
    status: str
    entries: list[Entry]
    review_on: date | None = None

    @property
    def balance(self) -> int:
        return sum(entry.amount for entry in self.entries)

    def left(self, one: Entry) -> int | None:
        """What is left of a charge; None for what is no charge."""
        if one.amount < 0:
            return None
        if one.due is None:
            return 0
        charges = [each for each in self.entries if each.amount > 0 and each.due is not None]
        charges.sort(key=lambda each: (each.due or date.max, each.id), reverse=True)
        # What is due last is owed first.
        owed = self.balance
        for each in charges:
            net = 0 if self.gone(each) else each.amount - self.named(each)
            left = max(0, min(net, owed))
            if each is one:
                return left
            owed -= net
        raise AssertionError(one)

    def gone(self, one: Entry) -> bool:
        """Whether a charge was taken back."""
        return any(each.amount < 0 and each.receipt == one.receipt is not None for each in self.entries)

    def named(self, one: Entry) -> int:
        """What was paid of a charge by name."""
        return sum(amount for each in self.entries for charge, amount in each.named if charge is one)


def some_account(chance: random.Random, anchor: date) -> Account:
    charges = [
        (chance.choice(AMOUNTS[1:]), anchor + timedelta(days=chance.choice([-400, -31, -2, -1, 0, 1, 30])))
        for _ in range(chance.randint(0, 4))
    ]
    payments = [(-chance.choice(AMOUNTS[1:]), None) for _ in range(chance.randint(0, 2))]
    # Taken back: due when the charge was.
    returned = [(-amount, due) for amount, due in charges if chance.random() < 0.2]
    entries = [
        Entry(uuid.UUID(int=chance.getrandbits(128)), amount, anchor - timedelta(days=chance.choice([0, 1, 30])), due)
        for amount, due in [*charges, *payments, *returned]
    ]
    _name(entries)
    limit, status = chance.choice(AMOUNTS), chance.choice(["active", "suspended"])
    # No draw of the company's own chance, as below.
    days = random.Random(f"{limit} {status} {len(entries)}").choice([None, -1, 0, 1, 30])
    return Account(limit, status, entries, None if days is None else anchor + timedelta(days=days))


def _name(entries: list[Entry]) -> None:
    """What is taken back is a receipt's; of some payments a part settles a charge by name."""
    charges = [one for one in entries if one.kind == "charge"]
    for one in entries:
        if one.kind == "credit_note":
            mine = next(
                each for each in charges if (each.amount, each.due, each.receipt) == (-one.amount, one.due, None)
            )
            mine.receipt = one.receipt = mine.id
    for one in entries:
        # No draw of the company's own chance: whatever else there is stays as it was.
        chance = random.Random(one.id.int)
        free = [
            each
            for each in charges
            if each.receipt is None and not any(each is to for p in entries for to, _ in p.named)
        ]
        if one.kind == "payment" and free and chance.random() < 0.6:
            charge = chance.choice(free)
            one.named.append((charge, chance.randint(1, min(charge.amount, -one.amount))))


def _account(customer: uuid.UUID, account: Account) -> dict[str, Any]:
    now = datetime(2023, 1, 1, tzinfo=UTC)
    return {
        "customer_id": customer, "credit_limit": account.limit, "balance": account.balance, "status": account.status,
        "review_on": account.review_on, "term_days": 30, "currency": "CNY", "version": 1, "created_at": now,
        "updated_at": now,
    }  # fmt: skip


def _entry(customer: uuid.UUID, one: Entry) -> dict[str, Any]:
    return {
        "customer_id": customer, "id": one.id, "amount": one.amount, "due_on": one.due, "kind": one.kind,
        "occurred_on": one.day, "receipt_id": one.receipt,
        "recorded_at": datetime(2023, 1, 1, tzinfo=UTC),
    }  # fmt: skip


def _named(customer: uuid.UUID, account: Account) -> list[dict[str, Any]]:
    now = datetime(2023, 1, 1, tzinfo=UTC)
    return [
        {"customer_id": customer, "id": uuid.uuid5(one.id, str(charge.id)), "payment_id": one.id,
         "charge_id": charge.id, "amount": amount, "due_on": charge.due, "recorded_at": now}
        for one in account.entries for charge, amount in one.named
    ]  # fmt: skip


async def write(tx: Tx, people: Sequence[Any]) -> None:
    """Write the accounts of people, with their entries and what those name."""
    accounts = [(person.id, person.account) for person in people if person.account is not None]
    for customer, account in accounts:
        await tx.execute(insert(CreditAccount), _account(customer, account))
    entries = [_entry(customer, entry) for customer, account in accounts for entry in account.entries]
    await tx.execute(insert(Receivable), entries) if entries else None
    named = [one for customer, account in accounts for one in _named(customer, account)]
    await tx.execute(insert(ReceivableAllocation), named) if named else None
