"""Amounts that a till may sell on account while it is cut off, reserved so that nobody else sells them meanwhile.

What is granted is reserved until its receipts are here, the till gives the rest back, or so long after its end that no
receipt is waited for any more. Everybody who grants locks the account, as for authorisations.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Uuid, insert, update

from app.access.audit import AuditEntry
from app.core.db import Tx
from app.core.ids import new_id
from app.core.sql import recordset
from app.credit.models import CreditAllowance, CreditAllowanceUse
from app.credit.queries import allowances as queries
from app.feed.outbox import Event, announce

WITHIN, EXCEEDED, EXPIRED, UNKNOWN = "within", "exceeded", "expired", "unknown"


@dataclass(frozen=True, slots=True)
class Grant:
    """What a till is to be allowed, in minor units of the account's currency."""

    customer_id: uuid.UUID
    amount: int
    currency: str
    expires_at: datetime
    reserved_until: datetime
    store: str | None
    till: str


@dataclass(frozen=True, slots=True)
class Use:
    """What a receipt has put on its customer's account under an allowance, and when it was sold."""

    allowance_id: uuid.UUID
    customer_id: uuid.UUID
    receipt_id: uuid.UUID
    amount: int
    sold_at: datetime


async def allow(tx: Tx, grant: Grant) -> uuid.UUID:
    """Reserve an amount for a till on a locked account; the allowance's id. Whether it fits has been looked at."""
    made = new_id()
    row = {
        "customer_id": grant.customer_id, "id": made, "granted_at": tx.now, "expires_at": grant.expires_at,
        "reserved_until": grant.reserved_until, "granted_by": tx.caller.client_id, "amount": grant.amount, "used": 0,
        "currency": grant.currency, "store": grant.store, "till": grant.till,
    }  # fmt: skip
    await tx.execute(insert(CreditAllowance).values(**row))
    await _announce(tx, "credit_allowance.granted", "grant", grant.customer_id, made)
    return made


async def end_allowance(tx: Tx, allowance_id: uuid.UUID) -> None:
    """Give back what is not used: the till is online again. Repeating is harmless. Raises Problem not_found."""
    row = await queries.one(tx, allowance_id, lock=True)
    if row["closed_at"] is not None:
        return
    a = CreditAllowance
    mine = (a.customer_id == row["customer_id"], a.id == allowance_id)
    await tx.execute(update(a).where(*mine).values(closed_at=tx.now))
    await _announce(tx, "credit_allowance.ended", "end", row["customer_id"], allowance_id)


async def use_allowances(tx: Tx, uses: Sequence[Use]) -> dict[uuid.UUID, str]:
    """Count receipts against the allowances that they name; how each stands to it, by the receipt's id.

    Their accounts are locked and charged already: nothing is refused that has happened. A fixed few statements.
    """
    if not uses:
        return {}
    held = await queries.locked(tx, [one.allowance_id for one in uses])
    used = {key: int(row.used) for key, row in held.items()}
    found: dict[uuid.UUID, str] = {}
    rows = []
    for one in sorted(uses, key=lambda use: (use.sold_at, use.receipt_id)):
        row = held.get(one.allowance_id)
        if row is None or row.customer_id != one.customer_id:
            found[one.receipt_id] = UNKNOWN
            continue
        # What was given back covers no more than what was sold before.
        in_time = one.sold_at <= min(row.expires_at, row.closed_at or row.expires_at)
        left = row.amount - used[row.id] if in_time else 0
        covered = min(left, one.amount)
        used[row.id] += covered
        outcome = WITHIN if covered == one.amount else EXCEEDED if in_time else EXPIRED
        found[one.receipt_id] = outcome
        rows.append(
            {"customer_id": one.customer_id, "id": new_id(), "allowance_id": row.id, "receipt_id": one.receipt_id,
             "amount": one.amount, "excess": one.amount - covered, "recorded_at": tx.now, "outcome": outcome}
        )  # fmt: skip
    if rows:
        await tx.execute(insert(CreditAllowanceUse), rows)
        await _count(tx, {key: (row.customer_id, used[key]) for key, row in held.items() if used[key] != row.used})
        await _tell(tx, rows)
    return found


async def _count(tx: Tx, used: dict[uuid.UUID, tuple[uuid.UUID, int]]) -> None:
    if not used:
        return
    a = CreditAllowance
    rows = [{"customer_id": str(customer), "id": str(key), "used": amount} for key, (customer, amount) in used.items()]
    given = recordset(rows, "given", customer_id=Uuid(), id=Uuid(), used=BigInteger())
    mine = (a.customer_id == given.c.customer_id, a.id == given.c.id)
    await tx.execute(update(a).where(*mine).values(used=given.c.used))


async def _tell(tx: Tx, rows: Sequence[dict[str, Any]]) -> None:
    over = [row for row in rows if row["outcome"] != WITHIN]
    events = [
        Event(
            "credit_allowance.exceeded", row["customer_id"], row["allowance_id"],
            data={"customer_id": str(row["customer_id"]), "receipt_id": str(row["receipt_id"]),
                  "outcome": row["outcome"]},
        )
        for row in over
    ]  # fmt: skip
    entries = [
        AuditEntry("credit_allowance.exceed", "credit_allowance", row["allowance_id"], row["customer_id"])
        for row in over
    ]
    if events:
        await announce(tx, events, entries)


async def _announce(tx: Tx, event: str, verb: str, customer_id: uuid.UUID, allowance_id: uuid.UUID) -> None:
    told = Event(event, customer_id, allowance_id, data={"customer_id": str(customer_id)})
    entry = AuditEntry(f"credit_allowance.{verb}", "credit_allowance", allowance_id, customer_id)
    await announce(tx, [told], [entry])
