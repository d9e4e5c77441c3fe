"""Reserving a customer for a contact, and the log of contacts."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import (
    Boolean,
    DateTime,
    Executable,
    Integer,
    Text,
    Uuid,
    bindparam,
    case,
    delete,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from app.access.audit import AuditEntry
from app.core.db import Tx
from app.core.errors import NOT_FOUND, Problem
from app.core.ids import new_id
from app.core.sql import NOW, ROWS, recordset
from app.core.types import rfc3339
from app.customers import queries
from app.customers.models import CONTACT_RESERVED, RESERVATION_ENDED, ContactMade, ContactReservation, Customer
from app.customers.queries import contact as contact_queries
from app.customers.queries.reach import Sight
from app.feed.outbox import Event, announce

# Who may read in the audit trail who did what may also be told here who holds a customer.
_KNOWS = "audit:read"


async def reserve_contact(tx: Tx, customer: uuid.UUID, agent: str, channel: str, minutes: int) -> Any:
    """Reserve a customer for `minutes`; the row. Raises Problem: no such customer, somebody's reservation is live.

    One statement on the customer's one row: of two at a time, the second waits for the first and then finds it live.
    """
    row, reservation = ContactReservation, new_id()
    ours = {
        "customer_id": Customer.id, "id": literal(reservation, Uuid), "reserved_at": _moment(tx.now),
        "expires_at": _moment(tx.now + timedelta(minutes=minutes)), "reserved_by": literal(tx.caller.client_id, Uuid),
        "agent": literal(agent, Text), "channel": literal(channel, Text),
    }  # fmt: skip
    there = (Customer.id == customer, queries.editable(), queries.visible_to(tx.caller))
    # Held until the end: nobody merges the customer meanwhile.
    source = select(*ours.values()).where(*there).with_for_update(read=True, of=Customer)
    made = insert(row).from_select(list(ours), source)
    live = row.expires_at > made.excluded.reserved_at
    kept = {name: case((live, getattr(row, name)), else_=made.excluded[name]) for name in ours if name != "customer_id"}
    taken = made.on_conflict_do_update(index_elements=["customer_id"], set_=kept).returning(*row.__table__.c)
    found = await tx.rows(taken)
    if not found:
        raise Problem(NOT_FOUND)
    held = found[0]
    if held.id != reservation:
        raise _reserved(tx, held)
    data = {"customer_id": str(customer), "channel": channel, "expires_at": rfc3339(held.expires_at)}
    event = Event("contact.reserved", customer, reservation, data=data)
    fields = ("agent", "channel", "expires_at")
    entry = AuditEntry("contact_reservation.create", "contact_reservation", reservation, customer, fields)
    await announce(tx, [event], [entry])
    return held


async def release_reservation(tx: Tx, reservation: uuid.UUID) -> Any:
    """End a reservation before its time; the row. Raises Problem: there is none, it has ended already."""
    held = await contact_queries.reservation(tx, reservation)
    if held is None:
        raise Problem(NOT_FOUND)
    if held.expires_at <= tx.now:
        raise Problem(RESERVATION_ENDED)
    row, customer = ContactReservation, held.customer_id
    mine = (row.customer_id == customer, row.id == reservation)
    ended = max(tx.now, held.reserved_at)
    statement = update(row).where(*mine).values(expires_at=ended).returning(*row.__table__.c)
    after = (await tx.rows(statement))[0]
    event = Event("contact.released", customer, reservation, data={"customer_id": str(customer)})
    fields = ("expires_at",)
    entry = AuditEntry("contact_reservation.release", "contact_reservation", reservation, customer, fields)
    await announce(tx, [event], [entry])
    return after


def _reserved(tx: Tx, held: Any) -> Problem:
    until = rfc3339(held.expires_at)
    extra: dict[str, Any] = {"until": until}
    if held.reserved_by == tx.caller.client_id or tx.caller.may(_KNOWS):
        extra["agent"] = held.agent
    return Problem(CONTACT_RESERVED, f"Somebody has reserved this customer until {until}.", extra=extra)


@dataclass(frozen=True, slots=True)
class NewContact:
    """A contact that we made or tried. One that `reached` the customer is real: it counts for caps and cadence."""

    customer_id: uuid.UUID
    id: uuid.UUID
    channel: str
    at: datetime
    reached: bool = True
    agent: str | None = None


async def record_contacts(tx: Tx, contacts: Iterable[NewContact]) -> set[tuple[uuid.UUID, uuid.UUID]]:
    """Write contacts into the log in a fixed few statements; the (customer, id) of those that were new.

    An id that a customer's log has already, or a customer that is not there, writes nothing. Whoever keeps contacts in
    more detail calls this in its own transaction, with the id of its own record.
    """
    given = {(one.customer_id, one.id): one for one in contacts}
    if not given:
        return set()
    rows = [
        {
            "customer_id": str(one.customer_id), "id": str(one.id), "at": one.at.isoformat(), "reached": one.reached,
            "channel": one.channel, "agent": one.agent, "place": place,
        }
        for place, (_, one) in enumerate(sorted(given.items()))
    ]  # fmt: skip
    values = {"rows": rows, "now": tx.now, "writer": tx.caller.client_id, **queries.reach_values(tx.caller)}
    written = await tx.rows(_recording(queries.sight(tx.caller)), values)
    new = {(row.customer_id, row.id) for row in written}
    told = [one for key, one in sorted(given.items()) if key in new]
    if told:
        entries = [AuditEntry("contact.record", "contact", one.id, one.customer_id, ("channel",)) for one in told]
        await announce(tx, [_event(one) for one in told], entries)
    return new


@cache
def _recording(seer: Sight) -> Executable:
    sent = recordset(
        ROWS, "sent", customer_id=Uuid(), id=Uuid(), at=DateTime(timezone=True), reached=Boolean(), channel=Text(),
        agent=Text(), place=Integer(),
    )  # fmt: skip
    columns = [sent.c[name] for name in ("customer_id", "id", "at", "reached", "channel", "agent")]
    whole = select(*columns, NOW.label("recorded_at"), bindparam("writer", type_=Uuid).label("recorded_by"))
    whole = whole.join(Customer, Customer.id == sent.c.customer_id)
    whole = whole.where(queries.editable(), queries.visible_to(seer)).order_by(sent.c.place)
    whole = whole.with_for_update(read=True, of=Customer)
    names = [*(column.name for column in columns), "recorded_at", "recorded_by"]
    made = insert(ContactMade).from_select(names, whole).on_conflict_do_nothing()
    return made.returning(ContactMade.customer_id, ContactMade.id)


async def correct_contact(tx: Tx, customer: uuid.UUID, contact_id: uuid.UUID, right: NewContact | None) -> None:
    """Set right what the log says of a contact: it was as `right` says, or it was none of ours (None).

    Whoever keeps it in more detail calls this, holding its own record of it locked.
    """
    row = ContactMade
    mine = (row.customer_id == customer, row.id == contact_id)
    if right is None:
        wrong = await tx.rows(delete(row).where(*mine).returning(row.channel))
        event = Event("contact.withdrawn", customer, contact_id, data={"customer_id": str(customer)})
        entry = AuditEntry("contact.withdraw", "contact", contact_id, customer, ())
    elif await record_contacts(tx, [right]):
        return
    else:
        values = {name: getattr(right, name) for name in ("at", "reached", "channel", "agent")}
        differs = or_(*(getattr(row, name).is_distinct_from(value) for name, value in values.items()))
        wrong = await tx.rows(update(row).where(*mine, differs).values(**values).returning(row.channel))
        event = _event(right, "contact.corrected")
        entry = AuditEntry("contact.correct", "contact", contact_id, customer, tuple(sorted(values)))
    if wrong:
        await announce(tx, [event], [entry])


def _event(one: NewContact, what: str = "contact.made") -> Event:
    data = {"customer_id": str(one.customer_id), "channel": one.channel, "reached": one.reached}
    return Event(what, one.customer_id, one.id, data=data, occurred_at=one.at)


def _moment(moment: datetime) -> Any:
    return literal(moment, DateTime(timezone=True))
