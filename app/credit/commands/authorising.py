"""Reserving a part of what a customer may owe, so that two tills cannot pass the limit together.

A reservation holds its amount until it expires. Captured, it holds it until the receipt is here that it was made for,
however late: then the receipt's own charge counts, and the reservation is settled. Everybody who reserves locks the
account, so that of two at a time the second sees what the first has taken.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Text, Uuid, insert, select, text, tuple_, update

from app.access.audit import AuditEntry
from app.core.db import Tx
from app.core.errors import Overtaken, Problem
from app.core.ids import new_id
from app.core.sql import recordset
from app.credit.commands.ledger import lock_accounts
from app.credit.models import AUTHORISATION_ENDED, LIVE, CreditAccount, CreditAuthorisation
from app.credit.queries import authorisations as queries
from app.customers.models import Customer
from app.customers.queries import editable, visible_to
from app.feed.outbox import Event, announce

# A receipt: source and number.
Receipt = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Reservation:
    """What is to be reserved, in minor units of the account's currency; `receipt` if its number is known already."""

    customer_id: uuid.UUID
    amount: int
    expires_at: datetime
    store: str | None
    till: str | None
    receipt: Receipt | None


@dataclass(frozen=True, slots=True)
class Reserved:
    """An account that is locked: what may still be reserved, None if nothing is sold on account at all."""

    available: int
    status: str
    currency: str


async def hold_reservation(tx: Tx, customer_id: uuid.UUID) -> Reserved | None:
    """Lock the account of a customer who may be sold to; None if there is no such customer, or it has no account."""
    a = CreditAccount
    held = (
        select(a.credit_limit, a.balance, a.status, a.currency)
        .join(Customer, Customer.id == a.customer_id)
        .where(a.customer_id == customer_id, editable(), visible_to(tx.caller))
        .with_for_update(of=a, key_share=True)
    )
    rows = await tx.rows(held)
    if not rows:
        return None
    # In a statement of its own: it sees what was committed while the lock was waited for.
    taken = await tx.scalar(queries.RESERVED, {"customer": customer_id, "now": tx.now})
    row = rows[0]
    return Reserved(row.credit_limit - row.balance - int(taken), row.status, row.currency)


async def reserve(tx: Tx, wanted: Reservation) -> uuid.UUID:
    """Reserve on a locked account; the id. Whether it fits has been looked at."""
    made = new_id()
    source, number = wanted.receipt or (None, None)
    row = {
        "customer_id": wanted.customer_id, "id": made, "authorised_at": tx.now, "expires_at": wanted.expires_at,
        "authorised_by": tx.caller.client_id, "amount": wanted.amount, "status": "held", "store": wanted.store,
        "till": wanted.till, "source": source, "number": number,
    }  # fmt: skip
    await tx.execute(insert(CreditAuthorisation).values(**row))
    await _announce(tx, "credit.authorised", "authorise", wanted.customer_id, made)
    return made


async def capture(tx: Tx, authorisation_id: uuid.UUID, receipt: Receipt | None) -> None:
    """Say that the sale took place: the amount is held until its receipt is here. Repeating is harmless.

    `receipt` names it, if it was not named before. Raises Problem: no such authorisation, released or expired.
    """
    # Whoever charges the account holds it first: its receipt is here, or it will find the number here.
    account = await queries.whose(tx, authorisation_id)
    if account is not None:
        await lock_accounts(tx, [account])
    row = await queries.held(tx, authorisation_id)
    if row.customer_id != account:
        # A merge has given it to another customer since.
        raise Overtaken
    if row.status in {"captured", "settled"} and receipt in {None, (row.source, row.number)}:
        return
    if row.status not in {"held", "captured"} or (row.status == "held" and row.expires_at <= tx.now):
        raise Problem(AUTHORISATION_ENDED)
    source, number = receipt or (row.source, row.number)
    here = await queries.arrived(tx, row.customer_id, source, number)
    ending = {"status": "settled", "closed_at": tx.now} if here else {"status": "captured"}
    await _change(tx, row, {**ending, "source": source, "number": number})
    await _announce(tx, "credit.captured", "capture", row.customer_id, row.id)


async def release(tx: Tx, authorisation_id: uuid.UUID) -> None:
    """Give the amount back: the sale did not take place. Repeating is harmless. Raises Problem: none, settled."""
    row = await queries.held(tx, authorisation_id)
    if row.status == "released":
        return
    if row.status == "settled":
        raise Problem(AUTHORISATION_ENDED)
    await _change(tx, row, {"status": "released", "closed_at": tx.now})
    await _announce(tx, "credit.released", "release", row.customer_id, row.id)


async def settle(tx: Tx, sold: Sequence[tuple[uuid.UUID, Receipt]]) -> None:
    """The receipts that authorisations were made for are here, and charge the account themselves."""
    if not sold:
        return
    rows = [{"customer_id": str(customer), "source": one[0], "number": one[1]} for customer, one in sold]
    given, a = recordset(rows, "sold", customer_id=Uuid(), source=Text(), number=Text()), CreditAuthorisation
    which = tuple_(a.customer_id, a.source, a.number) == tuple_(given.c.customer_id, given.c.source, given.c.number)
    await tx.execute(update(a).where(which, text(LIVE)).values(status="settled", closed_at=tx.now))


async def _change(tx: Tx, row: Any, values: dict[str, Any]) -> None:
    a = CreditAuthorisation
    await tx.execute(update(a).where(a.customer_id == row.customer_id, a.id == row.id).values(**values))


async def _announce(tx: Tx, event: str, verb: str, customer_id: uuid.UUID, authorisation_id: uuid.UUID) -> None:
    told = Event(event, customer_id, authorisation_id, data={"customer_id": str(customer_id)})
    entry = AuditEntry(f"credit_authorisation.{verb}", "credit_authorisation", authorisation_id, customer_id)
    await announce(tx, [told], [entry])
