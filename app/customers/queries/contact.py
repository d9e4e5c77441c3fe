"""Every SELECT about consent and contact."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache, lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Date,
    DateTime,
    FromClause,
    Integer,
    Select,
    Text,
    Uuid,
    bindparam,
    cast,
    false,
    func,
    literal,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import JSON, aggregate_order_by

from app.catalog.models import Store
from app.core.db import Tx
from app.core.documents import json_object, json_time
from app.core.fields import Evaluation
from app.core.settings import CompanySettings, ContactSettings
from app.customers.contact_rules import CAP_MAX, Cap, Known, Policy, windows_of
from app.customers.fields.contact import cadence, in_force
from app.customers.models import Consent, ContactMade, ContactPolicy, ContactReservation, Customer
from app.customers.purposes import ANY
from app.customers.queries.reach import Sight, present, reach_values, sight, visible_to

Document = tuple[str, int]
_CUSTOMER, _LIMIT = bindparam("customer", type_=Uuid), bindparam("limit", type_=Integer)


@dataclass(frozen=True, slots=True)
class Usual:
    """What counts for a customer who has not said otherwise."""

    company: CompanySettings
    contact: ContactSettings

    @property
    def hours(self) -> list[dict[str, Any]]:
        """The company's hours in their stored form."""
        if self.contact.opens is None:
            return []
        return [{"start": self.contact.opens, "end": self.contact.closes}]

    @property
    def cap(self) -> Cap | None:
        """The company's cap."""
        if self.contact.most is None or self.contact.within_days is None:
            return None
        return Cap(self.contact.most, self.contact.within_days)


# --- decisions --------------------------------------------------------------------------------------------------------


def _decision(row: FromClause, groups: frozenset[str]) -> ColumnElement[Any]:
    c = row.c
    proof: dict[str, Any] = {"proof": c.proof} if "personal" in groups else {}
    return json_object(
        id=c.id, customer_id=c.customer_id, purpose=c.purpose, channel=c.channel, partner=c.partner, state=c.state,
        source=c.source, **proof, decided_at=json_time(c.decided_at), recorded_at=json_time(c.recorded_at),
        recorded_by=c.recorded_by,
    )  # fmt: skip


async def decisions(
    tx: Tx, customer: uuid.UUID, *, purpose: str | None, history: bool, after: Sequence[Any] | None, limit: int
) -> list[tuple[datetime, uuid.UUID, str]]:
    """Up to `limit` (decided_at, id, JSON), newest first after the key `after`: those in force, or all."""
    values: dict[str, Any] = {"customer": customer, "purpose": purpose, "limit": limit}
    if after is not None:
        values |= {"moment": datetime.fromisoformat(after[0]), "id": uuid.UUID(after[1])}
    form = {"of_purpose": purpose is not None, "history": history, "further": after is not None}
    statement = _decisions(tx.caller.field_groups, **form)
    return [(one[0], one[1], one[2]) for one in await tx.page(statement, values)]


@cache
def _decisions(groups: frozenset[str], *, of_purpose: bool, history: bool, further: bool) -> Select[Any]:
    def wanted(row: FromClause) -> list[ColumnElement[bool]]:
        found = [row.c.customer_id == _CUSTOMER]
        return [*found, row.c.purpose == bindparam("purpose", type_=Text)] if of_purpose else found

    row: FromClause = Consent.__table__.alias()
    row = select(row).where(*wanted(row)).subquery() if history else in_force(wanted).subquery()
    statement = select(row.c.decided_at, row.c.id, cast(_decision(row, groups), Text))
    statement = statement.order_by(row.c.decided_at.desc(), row.c.id.desc()).limit(_LIMIT)
    last = tuple_(bindparam("moment", type_=DateTime(timezone=True)), bindparam("id", type_=Uuid))
    return statement.where(tuple_(row.c.decided_at, row.c.id) < last) if further else statement


async def decision(tx: Tx, customer: uuid.UUID, consent: uuid.UUID) -> str:
    """The JSON of one decision that is there."""
    row = Consent.__table__
    shown = cast(_decision(row, tx.caller.field_groups), Text)
    return str(await tx.scalar(select(shown).where(row.c.customer_id == customer, row.c.id == consent)))


def wishes(customer: ColumnElement[Any]) -> ColumnElement[Any]:
    """JSON of what a customer wants of us, for a document over a relation with the customer's id in this column.

    `do_not_call`, `preferred_channel`, and under `consents` the decisions in force, by purpose, partner and channel.
    """
    # A column of a relation has one.
    outer: FromClause = customer.table
    force = in_force(lambda row: [row.c.customer_id == customer], outer).subquery()
    c = force.c
    one = json_object(
        purpose=c.purpose, channel=c.channel, partner=c.partner, state=c.state, decided_at=json_time(c.decided_at)
    )
    listed = func.json_agg(aggregate_order_by(one, c.purpose, c.partner.nulls_first(), c.channel), type_=JSON)
    policy = ContactPolicy.__table__.alias()

    def of_policy(column: ColumnElement[Any]) -> ColumnElement[Any]:
        return select(column).where(policy.c.customer_id == customer).correlate(outer).scalar_subquery()

    return json_object(
        do_not_call=func.coalesce(of_policy(policy.c.do_not_call), false()),
        preferred_channel=of_policy(policy.c.preferred_channel),
        consents=func.coalesce(select(listed).scalar_subquery(), literal([], JSON)),
    )


# --- may we -----------------------------------------------------------------------------------------------------------


async def known(
    tx: Tx, customer: uuid.UUID, usual: Usual, *, purpose: str, partner: str | None, channel: str, agent: str | None,
    at: datetime,
) -> tuple[Known, str | None] | None:  # fmt: skip
    """What is known of a customer at `at`, and the preferred channel; one statement. None if there is no such one."""
    asked = {"customer": customer, "purpose": purpose, "partner": partner, "channel": channel, "at": at}
    rows = await tx.rows(_known(sight(tx.caller)), {**asked, **reach_values(tx.caller)})
    if not rows:
        return None
    row = rows[0]
    live = row.reserved_at is not None and row.reserved_at <= at < row.expires_at
    own = agent is not None and (row.agent, row.reserved_by) == (agent, tx.caller.client_id)
    found = Known(
        row.kind, row.status, _effective(row, usual), row.states or {}, tuple(row.contacts),
        row.expires_at if live and not own else None,
    )  # fmt: skip
    return found, row.preferred_channel


@cache
def _known(seer: Sight) -> Select[Any]:
    customer, moment = _CUSTOMER, bindparam("at", type_=DateTime(timezone=True))
    purpose, partner, channel = (bindparam(name, type_=Text) for name in ("purpose", "partner", "channel"))

    def about(row: FromClause) -> list[ColumnElement[bool]]:
        found = [row.c.customer_id == customer, row.c.purpose == purpose, row.c.channel.in_([channel, ANY])]
        return [*found, row.c.partner.is_not_distinct_from(partner), row.c.decided_at <= moment]

    force, made = in_force(about).subquery(), ContactMade.__table__
    states = select(func.json_object_agg(force.c.channel, force.c.state, type_=JSON)).scalar_subquery()
    real = select(made.c.at).where(made.c.customer_id == customer, made.c.reached, made.c.at <= moment)
    contacts = func.array(real.order_by(made.c.at.desc()).limit(CAP_MAX).scalar_subquery(), type_=ARRAY(DateTime))
    held, policy = ContactReservation, ContactPolicy
    return (
        select(
            Customer.kind, Customer.status, Store.time_zone.label("store_zone"), *_policy_columns(),
            states.label("states"), contacts.label("contacts"), held.agent, held.reserved_by, held.reserved_at,
            held.expires_at,
        )
        .outerjoin(Store, Store.code == Customer.home_store)
        .outerjoin(policy, policy.customer_id == Customer.id)
        .outerjoin(held, held.customer_id == Customer.id)
        .where(Customer.id == customer, visible_to(seer))
    )  # fmt: skip


# --- policies ---------------------------------------------------------------------------------------------------------


def _policy_columns() -> list[ColumnElement[Any]]:
    names = ("do_not_call", "preferred_channel", "time_zone", "hours", "most", "within_days", "wanted_days", "version",
             "updated_at")  # fmt: skip
    return [ContactPolicy.__table__.c[name] for name in names]


def _hours(row: Any, usual: Usual) -> Sequence[Mapping[str, Any]]:
    found: Sequence[Mapping[str, Any]] = usual.hours if row.hours is None else row.hours
    return found


def _effective(row: Any, usual: Usual) -> Policy:
    cap = usual.cap if row.most is None else Cap(row.most, row.within_days)
    zone = row.time_zone or row.store_zone or usual.company.time_zone
    return Policy(ZoneInfo(zone), windows_of(_hours(row, usual)), cap, bool(row.do_not_call))


async def policy(tx: Tx, customer: uuid.UUID, usual: Usual) -> dict[str, Any] | None:
    """A customer's policy as it is shown, with what counts; None if there is no such customer."""
    rows = await tx.rows(_policy(sight(tx.caller)), {"customer": customer, **reach_values(tx.caller)})
    if not rows:
        return None
    row, effective = rows[0], _effective(rows[0], usual)
    names = ("preferred_channel", "time_zone", "hours", "wanted_days", "updated_at")
    counted = {
        "time_zone": effective.zone.key,
        "hours": [{"days": [1, 2, 3, 4, 5, 6, 7], **one} for one in _hours(row, usual)],
        "cap": effective.cap and {"most": effective.cap.most, "within_days": effective.cap.within_days},
    }
    return {
        "customer_id": customer,
        "do_not_call": effective.do_not_call,
        **{name: getattr(row, name) for name in names},
        "cap": None if row.most is None else {"most": row.most, "within_days": row.within_days},
        "in_force": counted,
        "version": row.version or 0,
    }


@cache
def _policy(seer: Sight) -> Select[Any]:
    return (
        select(Store.time_zone.label("store_zone"), *_policy_columns())
        .select_from(Customer)
        .outerjoin(Store, Store.code == Customer.home_store)
        .outerjoin(ContactPolicy, ContactPolicy.customer_id == Customer.id)
        .where(Customer.id == _CUSTOMER, present(seer))
    )


async def policy_row(tx: Tx, customer: uuid.UUID) -> Mapping[str, Any] | None:
    """The stored policy of a customer."""
    row = ContactPolicy.__table__
    rows = await tx.rows(select(*row.c).where(row.c.customer_id == customer))
    return rows[0]._mapping if rows else None  # noqa: SLF001  the documented way to a row's names


# --- reservations and contacts ----------------------------------------------------------------------------------------


async def reservation(tx: Tx, reservation_id: uuid.UUID) -> Any:
    """The row of a reservation that is its customer's last one, locked; None if there is none."""
    row = ContactReservation
    this = select(*row.__table__.c).where(row.id == reservation_id)
    seen = select(Customer.id).where(Customer.id == row.customer_id, visible_to(tx.caller)).correlate(row).exists()
    # Twice: while the first look waited, a merge may have given it to another customer.
    found = this.where(seen).with_for_update()
    rows = await tx.rows(found) or await tx.rows(found)
    return rows[0] if rows else None


async def contact(tx: Tx, customer: uuid.UUID, contact_id: uuid.UUID) -> str | None:
    """The JSON of an entry of the contact log."""
    values = {"customer": customer, "contact": contact_id, **reach_values(tx.caller)}
    found = await tx.scalar(_contact(sight(tx.caller)), values)
    return None if found is None else str(found)


@cache
def _contact(seer: Sight) -> Select[Any]:
    c = ContactMade.__table__.c
    shown = json_object(
        id=c.id, customer_id=c.customer_id, channel=c.channel, reached=c.reached, at=json_time(c.at), agent=c.agent,
        recorded_at=json_time(c.recorded_at), recorded_by=c.recorded_by,
    )  # fmt: skip
    seen = select(Customer.id).where(Customer.id == _CUSTOMER, present(seer)).exists()
    this = (c.customer_id == _CUSTOMER, c.id == bindparam("contact", type_=Uuid))
    return select(cast(shown, Text)).where(*this, seen)


async def due(
    tx: Tx, asked: Evaluation, *, store: str | None, before: date, after: Sequence[Any] | None, limit: int
) -> list[tuple[date, uuid.UUID, str]]:
    """Up to `limit` (due_on, customer, JSON) of contacts due before a day, the longest due first after `after`."""
    values: dict[str, Any] = {"store": store, "before": before, "limit": limit}
    if after is not None:
        values |= {"day": date.fromisoformat(after[0]), "customer": uuid.UUID(after[1])}
    statement = _due(asked, sight(tx.caller), of_store=store is not None, further=after is not None)
    return [(row[0], row[1], row[2]) for row in await tx.page(statement, {**values, **reach_values(tx.caller)})]


# The day that it is asked as of is part of it.
@lru_cache(maxsize=64)
def _due(asked: Evaluation, seer: Sight, *, of_store: bool, further: bool) -> Select[Any]:
    when, wish = cadence(asked), ContactPolicy.__table__.alias()
    shown = json_object(
        customer_id=Customer.id, due_on=when.c.due_on, last_at=json_time(when.c.last_at),
        wanted_days=when.c.wanted_days, home_store=Customer.home_store, preferred_channel=wish.c.preferred_channel,
        do_not_call=wish.c.do_not_call,
    )  # fmt: skip
    statement = (
        select(when.c.due_on, Customer.id, cast(shown, Text))
        .join(when, when.c.customer_id == Customer.id)
        .join(wish, wish.c.customer_id == Customer.id)
        .where(Customer.kind != "walk_in", Customer.status.not_in(("merged", "erased")), visible_to(seer))
        .where(when.c.due_on < bindparam("before", type_=Date))
        .order_by(when.c.due_on, Customer.id)
        .limit(_LIMIT)
    )
    if of_store:
        statement = statement.where(Customer.home_store == bindparam("store", type_=Text))
    last = tuple_(bindparam("day", type_=Date), _CUSTOMER)
    return statement.where(tuple_(when.c.due_on, Customer.id) > last) if further else statement
