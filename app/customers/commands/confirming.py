"""Saying that what is known of a customer is still right."""

import uuid
from collections.abc import Sequence

from sqlalchemy import update

from app.access.audit import AuditEntry, record
from app.core.db import Tx
from app.core.errors import INVALID, NOT_FOUND, FieldError, Problem
from app.core.sql import together
from app.customers import queries
from app.customers.attributes import Declared, Type, find
from app.customers.commands.facts import Said, confirmed, noted
from app.customers.commands.rows import customer_row, update_customers
from app.customers.intake import Item, needs_of
from app.customers.models import Address, IdentifierRow
from app.customers.provenance import origin
from app.customers.record import Fields, from_columns, stamp
from app.feed.outbox import Event, publish


async def confirm(tx: Tx, customer: uuid.UUID, paths: Sequence[str], said: Fields | None, declared: Declared) -> None:
    """Note that the values at `paths` are still right; a phone, e-mail or address means all that the customer has.

    It makes no new version. A value is from then on as new as its confirmation. Raises Problem: no such customer, a
    path that names nothing or has no value, a field group that the caller does not hold.
    """
    row = (await queries.locked(tx, [customer])).get(customer)
    if row is None:
        raise Problem(NOT_FOUND)
    refusal = Item({}, needs=needs_of(paths, declared)).refused(tx.caller.field_groups)
    if refusal is not None:
        raise refusal
    source, values = origin(tx.caller, said), from_columns(row)
    when = min((said or {}).get("collected_at") or tx.now, tx.now)
    attributes = {path: find(path, declared) for path in dict.fromkeys(paths)}
    moved = {
        Type.IDENTIFIER: [path for path, one in attributes.items() if one and one.type is Type.IDENTIFIER],
        Type.ADDRESS: [path for path, one in attributes.items() if one and one.type is Type.ADDRESS],
    }
    again = Said(source, when)
    touched = await _identifiers(tx, customer, moved[Type.IDENTIFIER], again)
    touched |= await _addresses(tx, customer, again) if moved[Type.ADDRESS] else set()
    errors = []
    for place, path in enumerate(paths):
        if attributes[path] is None:
            errors.append(FieldError(f"/paths/{place}", "unknown_path", "No attribute has this path."))
        elif path not in touched and values.get(path) is None:
            errors.append(FieldError(f"/paths/{place}", "no_value", "There is no value to confirm."))
    if errors:
        raise Problem(INVALID, errors=errors)
    held, at = row["collected"], stamp(when)
    own = [path for path in attributes if path not in touched]
    facts = [
        {
            "customer_id": customer, "path": path, "channel": source.channel, "collector": source.collector,
            "store": source.store, "collected_at": at, "licence_end": source.licence_end, "previous": None,
            "confirms": True, "gone": False,
        }
        for path in own
    ]  # fmt: skip
    if own:
        times = {**held, **{path: max(at, held.get(path, "")) for path in own}}
        await update_customers(tx, [{**customer_row(customer, values, times), "bump": 0}])
    entry = AuditEntry("customer.confirm", "customer", customer, customer, tuple(attributes))
    event = Event("customer.confirmed", customer, customer, row["version"])
    await tx.execute(together(publish(tx, [event]), record(tx, [entry]), *([noted(facts)] if facts else [])))


async def _identifiers(tx: Tx, customer: uuid.UUID, kinds: Sequence[str], again: Said) -> set[str]:
    if not kinds:
        return set()
    row = IdentifierRow
    mine = (row.customer_id == customer, row.kind.in_(sorted(kinds)))
    changed = update(row).where(*mine).values(confirmed(row, again))
    return {one.kind for one in await tx.rows(changed.returning(row.kind))}


async def _addresses(tx: Tx, customer: uuid.UUID, again: Said) -> set[str]:
    changed = update(Address).where(Address.customer_id == customer).values(confirmed(Address, again))
    return {"address"} if await tx.rows(changed.returning(Address.id)) else set()
