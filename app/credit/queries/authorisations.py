"""Reading reservations of what customers may owe."""

import uuid
from typing import Any

from sqlalchemy import Text, case, cast, literal, select, text

from app.core.db import Tx
from app.core.documents import json_object, json_time
from app.core.errors import NOT_FOUND, Problem
from app.credit.models import CreditAuthorisation
from app.credit.queries.reserved import reserved_sql
from app.customers.models import Customer
from app.customers.queries import visible_to
from app.receipts.models import ReceiptNumber

# How much of an account is reserved now. Parameters: customer, now.
RESERVED = text(f"SELECT {reserved_sql('CAST(:customer AS uuid)')}")


async def whose(tx: Tx, authorisation_id: uuid.UUID) -> uuid.UUID | None:
    """The customer of an authorisation, whoever asks."""
    found: uuid.UUID | None = await tx.scalar(
        select(CreditAuthorisation.customer_id).where(CreditAuthorisation.id == authorisation_id)
    )
    return found


async def held(tx: Tx, authorisation_id: uuid.UUID) -> Any:
    """The row of an authorisation, locked. Raises Problem not_found, also if the caller may not see the customer."""
    a = CreditAuthorisation
    seen = select(Customer.id).where(Customer.id == a.customer_id, visible_to(tx.caller)).correlate(a).exists()
    found = select(*a.__table__.c).where(a.id == authorisation_id, seen).with_for_update()
    # Twice: while the first look waited, a merge may have given it to another customer.
    rows = await tx.rows(found) or await tx.rows(found)
    if not rows:
        raise Problem(NOT_FOUND)
    return rows[0]


async def arrived(tx: Tx, customer_id: uuid.UUID, source: str | None, number: str | None) -> bool:
    """Whether the customer's receipt is here already: what was put on account with it is on the account."""
    if source is None or number is None:
        return False
    named = (ReceiptNumber.source == source, ReceiptNumber.number == number)
    receipt = select(ReceiptNumber.receipt_id).where(*named, ReceiptNumber.customer_id == customer_id)
    return await tx.scalar(receipt) is not None


async def one(tx: Tx, authorisation_id: uuid.UUID) -> tuple[str, uuid.UUID] | None:
    """(JSON, customer) of an authorisation as the caller may see it."""
    a = CreditAuthorisation
    ended = (a.status == "held") & (a.expires_at <= tx.now)
    shown = json_object(
        id=a.id, customer_id=a.customer_id, status=case((ended, literal("expired", Text)), else_=a.status),
        amount=a.amount, store=a.store, till=a.till,
        receipt=case((a.source.is_not(None), json_object(source=a.source, number=a.number))),
        authorised_at=json_time(a.authorised_at), expires_at=json_time(a.expires_at), closed_at=json_time(a.closed_at),
    )  # fmt: skip
    seen = select(Customer.id).where(Customer.id == a.customer_id, visible_to(tx.caller)).correlate(a).exists()
    rows = await tx.rows(select(cast(shown, Text), a.customer_id).where(a.id == authorisation_id, seen))
    return (rows[0][0], rows[0][1]) if rows else None
