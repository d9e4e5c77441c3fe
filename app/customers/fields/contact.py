"""What can be asked about consent and contact.

And the relations that say it: which decisions are in force, when a customer was last reached, when a contact is due.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Date,
    DateTime,
    FromClause,
    Select,
    Subquery,
    Text,
    and_,
    case,
    cast,
    false,
    func,
    literal,
    not_,
    or_,
    select,
    true,
    tuple_,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by, distinct_on

from app.catalog.fields import column
from app.core.fields import Collection, Consents, Evaluation, Field, FieldType, Side
from app.customers.models import Consent, ContactMade, ContactPolicy, Customer
from app.customers.purposes import ANY, CHANNELS, DECIDED_CHANNELS, GRANTED, LOGGED_CHANNELS, PURPOSES, STATES

_POLICY = ("contact_policy.updated",)
_MADE = ("contact.made", "contact.corrected", "contact.withdrawn")
Conditions = Callable[[FromClause], Sequence[ColumnElement[bool]]]


def in_force(conditions: Conditions, *outer: FromClause) -> Select[Any]:
    """The decisions that count, of those that meet `conditions`: the newest of each purpose, channel and partner.

    A decision for a channel comes before one for 'any'; so a reader takes the row of the channel if there is one. But
    who says no to everything after a yes for one channel means that channel too: such a yes is in force no longer.
    `outer` are relations of an enclosing SELECT that the conditions name.
    """
    row = Consent.__table__.alias("decision")
    key = (row.c.customer_id, row.c.purpose, row.c.partner)
    newest = select(row).where(*conditions(row)).ext(distinct_on(*key, row.c.channel))
    newest = newest.order_by(*key, row.c.channel, row.c.decided_at.desc(), row.c.id.desc())
    latest = (newest.correlate(*outer) if outer else newest).subquery("latest")
    group = (latest.c.customer_id, latest.c.purpose, latest.c.partner)

    def first(name: str) -> ColumnElement[Any]:
        value = func.first_value(latest.c[name])
        return value.over(partition_by=group, order_by=(latest.c.channel == ANY).desc()).label(f"first_{name}")

    names = ("channel", "state", "decided_at", "id")
    found = select(latest, *(first(name) for name in names)).subquery("found")
    ended = and_(
        found.c.first_channel == ANY,
        found.c.channel != ANY,
        found.c.state == GRANTED,
        found.c.first_state != GRANTED,
        tuple_(found.c.first_decided_at, found.c.first_id) > tuple_(found.c.decided_at, found.c.id),
    )
    return select(*(found.c[name.name] for name in Consent.__table__.c)).where(not_(ended))


def _decided(purpose: str, channel: str, asked: Evaluation) -> FromClause:
    """The state of our own consent for a purpose and channel, of each customer who has decided.

    As `in_force` says, in one reading: the decisions of everybody are many.
    """
    row = Consent.__table__.alias("decision")
    wanted = (
        row.c.purpose == purpose,
        row.c.channel.in_(sorted({channel, ANY})),
        row.c.partner.is_(None),
        row.c.decided_at < func.timezone(asked.zone, cast(asked.as_of + timedelta(days=1), DateTime)),
        *asked.bounds(row.c.customer_id),
    )
    newest = (row.c.decided_at.desc(), row.c.id.desc())
    states = func.array_agg(aggregate_order_by(row.c.state, *newest), type_=ARRAY(Text))
    own = states.filter(row.c.channel == channel)[1]
    last, of_last = states[1], func.array_agg(aggregate_order_by(row.c.channel, *newest), type_=ARRAY(Text))[1]
    ended = and_(own == GRANTED, of_last == ANY, last != GRANTED)
    state = case((or_(own.is_(None), ended), last), else_=own)
    return select(row.c.customer_id, state.label("state")).where(*wanted).group_by(row.c.customer_id).subquery()


CONSENTS = Consents(
    purposes=tuple(PURPOSES),
    channels=DECIDED_CHANNELS,
    states=STATES,
    relation=_decided,
    changed_by=("consent.changed",),
)


def _last_contacts(asked: Evaluation) -> Subquery:
    """(customer_id, last_at) of who was reached up to the day that is asked about; the time is exact."""
    row = ContactMade.__table__.alias()
    counted = (row.c.reached, _day(row.c.at, asked) <= asked.as_of, *asked.bounds(row.c.customer_id))
    last = func.max(row.c.at).label("last_at")
    return select(row.c.customer_id, last).where(*counted).group_by(row.c.customer_id).subquery()


def cadence(asked: Evaluation) -> Subquery:
    """(customer_id, due_on, last_at, wanted_days) of each customer whom we want to be in touch with so often.

    Due is a contact so many days after the last one, or when the customer came if there was none yet.
    """
    policy, customer, made = (one.__table__.alias() for one in (ContactPolicy, Customer, ContactMade))
    mine = (made.c.customer_id == policy.c.customer_id, made.c.reached, _day(made.c.at, asked) <= asked.as_of)
    # Few customers have a cadence and the log is long: the last entry of each is one look into the index.
    last = select(func.max(made.c.at).label("last_at")).where(*mine).correlate(policy).lateral("last")
    due = func.coalesce(_day(last.c.last_at, asked) + policy.c.wanted_days, _day(customer.c.created_at, asked))
    joined = policy.join(customer, customer.c.id == policy.c.customer_id)
    joined = joined.outerjoin(last, true())
    columns = (policy.c.customer_id, due.label("due_on"), last.c.last_at, policy.c.wanted_days)
    wanted = (policy.c.wanted_days.is_not(None), *asked.bounds(policy.c.customer_id))
    return select(*columns).select_from(joined).where(*wanted).subquery()


def _day(moment: ColumnElement[Any], asked: Evaluation) -> ColumnElement[Any]:
    return cast(func.timezone(asked.zone, moment), Date)


def _side(name: str, relation: Callable[[Evaluation], FromClause]) -> Side:
    return Side(
        name,
        relation=relation,
        on=lambda customer, side: side.c.customer_id == customer.c.id,
        present=lambda side: side.c.customer_id,
    )


_WISHES = _side("contact_policy", lambda _: ContactPolicy.__table__.alias())
_LAST = _side("last_contact", _last_contacts)
_CADENCE = _side("contact_cadence", cadence)


def _last_on(row: FromClause, asked: Evaluation) -> ColumnElement[Any]:
    return _day(row.c.last_at, asked)


def _do_not_call(row: FromClause, _: Evaluation) -> ColumnElement[Any]:
    return func.coalesce(row.c.do_not_call, false())


def _due(row: FromClause, asked: Evaluation) -> ColumnElement[Any]:
    return func.coalesce(row.c.due_on <= literal(asked.as_of, Date), false())


FIELDS: tuple[Field, ...] = (
    Field("contact.do_not_call", "Is not to be called", FieldType.BOOLEAN, _do_not_call, side=_WISHES,
          changed_by=_POLICY),
    Field("contact.preferred_channel", "Preferred channel", FieldType.CHOICE, column("preferred_channel"),
          side=_WISHES, choices=CHANNELS, changed_by=_POLICY),
    Field("contact.wanted_days", "Days between contacts that we want", FieldType.NUMBER, column("wanted_days"),
          side=_WISHES, whole=True, unit="days", changed_by=_POLICY),
    Field("contact.last_at", "Day of the last real contact", FieldType.DATE, _last_on, side=_LAST, changed_by=_MADE),
    Field("contact.due_on", "Day from which a contact is due", FieldType.DATE, column("due_on"), side=_CADENCE,
          changed_by=_POLICY + _MADE),
    Field("contact.due", "A contact is due", FieldType.BOOLEAN, _due, side=_CADENCE, changed_by=_POLICY + _MADE,
          temporal=True),
)  # fmt: skip


def _made_on(row: FromClause, asked: Evaluation) -> ColumnElement[Any]:
    return _day(row.c.at, asked)


def _of_contact(name: str, label: str, kind: FieldType, **more: Any) -> Field:
    return Field(name, label, kind, more.pop("value", None) or column(name), changed_by=_MADE, **more)


COLLECTIONS: tuple[Collection, ...] = (
    Collection(
        "contact_log",
        "Contacts that we made or tried; those that reached the customer count for the cap",
        relation=ContactMade.__table__.alias,
        customer=lambda row: row.c.customer_id,
        day=_made_on,
        order=lambda row: (row.c.at, row.c.id),
        evidence=lambda row: row.c.id,
        changed_by=_MADE,
        fields=(
            _of_contact("date", "Day", FieldType.DATE, value=_made_on),
            _of_contact("channel", "Channel", FieldType.CHOICE, choices=LOGGED_CHANNELS),
            _of_contact("reached", "Reached the customer", FieldType.BOOLEAN),
            _of_contact("agent", "Member of staff", FieldType.TEXT),
        ),
    ),
)
