"""Giving a customer a grade by hand."""

import uuid

from sqlalchemy import select, update

from app.access.audit import AuditEntry, record
from app.core.db import Tx
from app.core.errors import NOT_FOUND, Problem, stale
from app.core.sql import together
from app.customers import queries
from app.customers.models import Customer
from app.feed.outbox import Event, publish


async def grade(tx: Tx, customer: uuid.UUID, wanted: str | None, version: int) -> int:
    """Set the grade of version `version` of a customer; the version after it. What is the same makes no new one.

    Raises Problem: no such customer, another version.
    """
    seen = (Customer.id == customer, queries.editable(), queries.visible_to(tx.caller))
    rows = await tx.rows(select(Customer.version, Customer.grade).where(*seen).with_for_update(key_share=True))
    if not rows:
        raise Problem(NOT_FOUND)
    if rows[0].version != version:
        raise stale(rows[0].version)
    if rows[0].grade == wanted:
        return version
    values = {"grade": wanted, "version": version + 1, "updated_at": tx.now}
    await tx.execute(update(Customer).where(Customer.id == customer).values(**values))
    event = Event("customer.updated", customer, customer, version + 1)
    entry = AuditEntry("customer.grade", "customer", customer, customer, ("grade",))
    await tx.execute(together(publish(tx, [event]), record(tx, [entry])))
    return version + 1
