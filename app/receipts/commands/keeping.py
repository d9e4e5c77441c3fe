"""What may happen to a receipt later: it moves to another customer, or is voided. It is never deleted or changed."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ARRAY, Executable, Text, Uuid, any_, delete, func, insert, literal, select, tuple_, update

from app.core.db import Tx
from app.core.sql import recordset
from app.customers.models import Customer
from app.receipts.models import Receipt, ReceiptLine, ReceiptNumber


@dataclass(frozen=True, slots=True)
class Kept:
    """A stored receipt that nobody else moves or voids until the end of the transaction."""

    customer_id: uuid.UUID
    id: uuid.UUID
    business_date: date
    store: str
    source: str
    number: str
    voided_at: datetime | None
    walk_in: bool
    flags: tuple[str, ...]
    currency: str
    rate: str | None
    tenders: tuple[dict[str, Any], ...]


async def hold_receipt(tx: Tx, receipt_id: uuid.UUID) -> Kept | None:
    """Lock a receipt by its number, before any customer; None if there is no such receipt."""
    named = select(Receipt.source, Receipt.number).where(Receipt.id == receipt_id).scalar_subquery()
    held = (
        select(ReceiptNumber.customer_id)
        .where(tuple_(ReceiptNumber.source, ReceiptNumber.number) == named)
        .with_for_update(key_share=True)
    )
    customer_id = await tx.scalar(held)
    if customer_id is None:
        return None
    # Read in a statement of its own: the one that waited for the lock sees the receipt as of its own start.
    found = (
        select(Receipt, Customer.kind)
        .with_only_columns(
            Receipt.business_date,
            Receipt.store,
            Receipt.source,
            Receipt.number,
            Receipt.voided_at,
            Receipt.flags,
            Customer.kind,
            Receipt.currency,
            func.trim_scale(Receipt.rate).cast(Text).label("rate"),
            Receipt.tenders,
        )
        .join(Customer, Customer.id == Receipt.customer_id)
        .where(Receipt.customer_id == customer_id, Receipt.id == receipt_id)
    )
    row = (await tx.rows(found))[0]
    return Kept(
        customer_id=customer_id,
        id=receipt_id,
        business_date=row.business_date,
        store=row.store,
        source=row.source,
        number=row.number,
        voided_at=row.voided_at,
        walk_in=row.kind == "walk_in",
        flags=tuple(row.flags),
        currency=row.currency,
        rate=row.rate,
        tenders=tuple(row.tenders),
    )


async def lock_customers(tx: Tx, customers: Iterable[uuid.UUID]) -> set[uuid.UUID]:
    """Lock customers in the order of ids, so that their figures can be counted; those that are there.

    Who was merged or erased is not: nothing is counted for them any more.
    """
    wanted = literal(sorted(set(customers)), ARRAY(Uuid))
    locked = select(Customer.id, Customer.status).where(Customer.id == any_(wanted)).order_by(Customer.id)
    rows = await tx.rows(locked.with_for_update(key_share=True))
    return {row.id for row in rows if row.status not in {"merged", "erased"}}


async def move_receipt(tx: Tx, kept: Kept, customer_id: uuid.UUID, flags: Sequence[str]) -> None:
    """Give a held receipt with its lines to another customer: the customer is never updated, rows are written anew."""
    statement = _moved(Receipt, Receipt.id == kept.id, kept, customer_id, flags=literal(list(flags), ARRAY(Text)))
    lines = _moved(ReceiptLine, ReceiptLine.receipt_id == kept.id, kept, customer_id)
    number = (
        update(ReceiptNumber)
        .where(ReceiptNumber.source == kept.source, ReceiptNumber.number == kept.number)
        .values(customer_id=customer_id)
    )
    await tx.execute(statement.add_cte(lines.cte("lines"), number.cte("number")))


def _moved(table: Any, which: Any, kept: Kept, customer_id: uuid.UUID, **changed: Any) -> Any:
    names = [column.name for column in table.__table__.columns if column.name != "customer_id"]
    gone = (
        delete(table)
        .where(table.customer_id == kept.customer_id, which)
        .returning(*(table.__table__.c[name] for name in names))
        .cte(f"gone_{table.__tablename__}")
    )
    values = [changed.get(name, gone.c[name]) for name in names]
    return insert(table).from_select(["customer_id", *names], select(literal(customer_id, Uuid), *values))


async def flag_receipts(tx: Tx, flagged: Sequence[tuple[uuid.UUID, uuid.UUID, str]]) -> None:
    """Say of receipts (customer, id) what is odd about them, one statement for all."""
    rows = [{"customer_id": str(customer), "id": str(receipt), "flag": flag} for customer, receipt, flag in flagged]
    given = recordset(rows, "given", customer_id=Uuid(), id=Uuid(), flag=Text())
    mine = (Receipt.customer_id == given.c.customer_id, Receipt.id == given.c.id)
    await tx.execute(update(Receipt).where(*mine).values(flags=func.array_append(Receipt.flags, given.c.flag)))


async def void_receipt(tx: Tx, kept: Kept) -> None:
    """Mark a held receipt as cancelled now; its rows stay."""
    voided: Executable = (
        update(Receipt)
        .where(Receipt.customer_id == kept.customer_id, Receipt.id == kept.id, Receipt.voided_at.is_(None))
        .values(voided_at=tx.now)
    )
    await tx.execute(voided)
