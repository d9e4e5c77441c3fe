"""Where facts came from, what a record lacks, and who collects well."""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cache
from types import SimpleNamespace
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Date,
    DateTime,
    Select,
    Text,
    Uuid,
    and_,
    any_,
    bindparam,
    case,
    cast,
    func,
    literal,
    null,
    or_,
    select,
    text,
    union_all,
)  # fmt: skip
from sqlalchemy.dialects.postgresql import JSON

from app.core.caller import NAMES
from app.core.db import Tx
from app.core.documents import json_object
from app.core.types import rfc3339
from app.customers.attributes import Attribute, Declared, find
from app.customers.completeness import Known
from app.customers.fields.completeness import COUNTED, EVERY, crowd, in_sample
from app.customers.models import REACHED, Address, Contact, CustomAttribute, Customer, Fact, IdentifierRow
from app.customers.provenance import CHANNELS, state
from app.customers.queries.reach import present, visible_to
from app.customers.queries.reading import attribute_of
from app.customers.record import COLUMNS, from_columns, names_of

_OF_OWN = ("name", "label", "type", "kinds", "field_group", "pii", "weight", "question", "choices", "fresh_days")
# So many stores or collectors go into one answer.
WIDEST = 1000


async def provenance(
    tx: Tx, customer: uuid.UUID, declared: Declared, now: datetime, today: date
) -> list[dict[str, Any]] | None:
    """Where each fact of a customer came from, in the order of paths, as the caller may see it; None: no customer."""
    row = await _row(tx, customer)
    if row is None:
        return None
    values, held = from_columns(row), tx.caller.field_groups
    found = []
    for fact in await tx.rows(_facts_of_one(), {"customer": customer}):
        attribute = find(fact.path, declared)
        if attribute is None or attribute.group not in held:
            continue
        suspect = fact.suspect or fact.path in row["suspect"]
        told = fact.previous if fact.path != "display_name" or tx.caller.sees(NAMES) else None
        known = bool(fact.identifier) or values.get(fact.path) is not None
        shown = {
            "path": fact.path, "label": attribute.label, "channel": fact.channel,
            "direct": None if fact.channel is None else CHANNELS[fact.channel][1], "collector": fact.collector,
            "store": fact.store, "collected_at": rfc3339(fact.collected_at), "confirmed_at": _time(fact.confirmed_at),
            "confirmed_by": fact.confirmed_by, "licence_end": fact.licence_end, "previous": told,
            "identifier_id": None if fact.identifier is None else str(fact.identifier),
        }  # fmt: skip
        fresh = state(fact.collected_at, fact.confirmed_at, attribute.fresh_days, now)
        ended = fact.licence_end is not None and fact.licence_end < today
        found.append({**shown, "suspect": suspect and known, "state": "retired" if ended or not known else fresh})
    return found


async def basis(tx: Tx, customer: uuid.UUID, shared_birthday: int) -> tuple[Known, Mapping[str, Any]] | None:
    """What is known of a customer, and its row; None if there is no such customer.

    A birthday that `shared_birthday` customers have, and ten times more than chance brings, looks made up. Of several
    phones, e-mails or addresses, one that may be used and looks real is enough.
    """
    row = await _row(tx, customer, _crowd(shared_birthday).label("crowded"))
    if row is None:
        return None
    return known_of(row, await tx.rows(_facts_of_one(), {"customer": customer})), row


class Held(NamedTuple):
    """A fact as far as it bears on what is known."""

    path: str
    identifier: str | None
    suspect: bool
    licence_end: date | None
    collected_at: datetime
    confirmed_at: datetime | None


def basis_document(shared_birthday: int) -> ColumnElement[Any]:
    """What `basis` reads of a row of `customers`, as one JSON value for `read_basis`."""
    facts = _facts(Customer.__table__.c.id).subquery("known_facts")
    fields = (cast(facts.c[name], Text) for name in Held._fields)
    listed = select(func.json_agg(func.json_build_array(*fields, type_=JSON), type_=JSON)).scalar_subquery()
    columns = {name: Customer.__table__.c[name] for name in (*COLUMNS, "profile", "suspect")}
    own = select(func.json_agg(_own_attribute(), type_=JSON)).select_from(CustomAttribute).scalar_subquery()
    return json_object(**columns, crowded=_crowd(shared_birthday), facts=listed, declared=own)


def read_basis(document: Mapping[str, Any]) -> tuple[Known, list[Attribute]]:
    """What is known of a customer, and the attributes that the company has declared, from a `basis_document`."""
    facts = [
        Held(
            path, identifier, suspect == "true", None if end is None else date.fromisoformat(end),
            datetime.fromisoformat(collected), None if confirmed is None else datetime.fromisoformat(confirmed),
        )
        for path, identifier, suspect, end, collected, confirmed in document["facts"] or ()
    ]  # fmt: skip
    own = [attribute_of(SimpleNamespace(**one)) for one in document["declared"] or ()]
    return known_of(document, facts), sorted(own, key=lambda one: one.name)


def known_of(row: Mapping[str, Any], facts: Iterable[Any]) -> Known:
    """What is known of a customer, from its row (with `crowded`: whether too many have its birthday) and its facts."""
    values = from_columns(row)
    known = {path for path in names_of(values) if values[path] is not None}
    suspect = set(row["suspect"]) | ({"birthday"} if row["crowded"] else set())
    seen: dict[str, datetime] = {}
    # None: some value of this path may be used for ever.
    ends: dict[str, date | None] = {}
    good: set[str] = set()
    for fact in facts:
        if fact.identifier is not None:
            known.add(fact.path)
            if fact.suspect:
                continue
            good.add(fact.path)
        if fact.path in known:
            seen[fact.path] = max(seen.get(fact.path, fact.collected_at), fact.confirmed_at or fact.collected_at)
            held = ends.get(fact.path, date.min)
            ends[fact.path] = max(held, fact.licence_end) if held and fact.licence_end else None
    suspect |= {path for path in REACHED if path in known and path not in good}
    licences = {path: end for path, end in ends.items() if end is not None}
    return Known(row["kind"], frozenset(known), frozenset(suspect), seen, licences)


async def totals(tx: Tx, since: datetime, until: datetime, by: str) -> list[dict[str, Any]]:
    """Per `store` or `collector` what was collected and confirmed from `since` to before `until`, the busiest first.

    Facts, of how many customers, and how many of those collected look made up. No more than WIDEST and one.
    """
    each = _collected(since, until, visible_to(tx.caller)).subquery("each")
    new = each.c.what == "collected"
    whom = each.c[by]
    found = (
        select(
            whom.label("whom"),
            func.count().filter(new).label("collected"),
            func.count().filter(each.c.what == "confirmed").label("confirmed"),
            func.count().filter(new, each.c.suspect).label("suspect"),
            func.count(each.c.customer_id.distinct()).label("customers"),
        )
        .group_by(whom)
        .order_by(func.count().desc(), whom)
        .limit(WIDEST + 1)
    )
    return [{by: row.whom, **dict(list(row._mapping.items())[1:])} for row in await tx.rows(found)]  # noqa: SLF001


@dataclass(frozen=True, slots=True)
class Course:
    """Which totals over time: of each `store` or `collector` (`of`), by `day`, `week` or `month` in the zone.

    From `since` to before `until`, and only of one store or collector where these are named.
    """

    of: str
    by: str
    zone: str
    since: datetime
    until: datetime
    store: str | None = None
    collector: str | None = None


async def course(
    tx: Tx, asked: Course, *, after: tuple[date, str | None] | None, limit: int
) -> list[tuple[date, str | None, dict[str, int]]]:
    """Up to `limit` (first day of the period, whom, totals) after a key, in this order; null is the first of a period.

    What the key is past is not read again.
    """
    since = asked.since
    if after is not None:
        since = max(since, datetime.combine(after[0], time(), ZoneInfo(asked.zone)))
    each = _collected(since, asked.until, visible_to(tx.caller)).subquery("each")
    new, whom = each.c.what == "collected", each.c[asked.of]
    start = cast(func.date_trunc(asked.by, func.timezone(asked.zone, each.c.at)), Date)
    totals = {
        "collected": func.count().filter(new),
        "confirmed": func.count().filter(each.c.what == "confirmed"),
        "suspect": func.count().filter(new, each.c.suspect),
        "customers": func.count(each.c.customer_id.distinct()),
    }
    named = [each.c[name] == value for name in ("store", "collector") if (value := getattr(asked, name)) is not None]
    grouped = select(start.label("start"), whom.label("whom"), *(of.label(name) for name, of in totals.items()))
    found = grouped.where(*named).group_by(text("1, 2")).subquery("found")
    wanted = select(found).order_by(found.c.start, found.c.whom.nulls_first()).limit(limit)
    if after is not None:
        first, last = after
        later = found.c.whom.is_not(None) if last is None else found.c.whom > literal(last, Text)
        wanted = wanted.where(or_(found.c.start > literal(first, Date), and_(found.c.start == first, later)))
    return [(row[0], row[1], dict(zip(totals, row[2:], strict=True))) for row in await tx.page(wanted)]


def _collected(since: datetime, until: datetime, seen: ColumnElement[bool]) -> Any:
    """One row per fact collected or confirmed in a period: what, store, collector, customer, whether made up, when.

    Facts of the record, phones and e-mail addresses, addresses, and key people.
    """

    def during(moment: Any) -> ColumnElement[bool]:
        return and_(moment >= literal(since, DateTime(timezone=True)), moment < literal(until, DateTime(timezone=True)))

    def new(table: Any, suspect: ColumnElement[bool], at: Any = None, *more: ColumnElement[bool]) -> Any:
        at = table.collected_at if at is None else at
        row = (literal("collected"), table.store, table.collector, table.customer_id, suspect, at.label("at"))
        mine = select(*row).join(Customer, Customer.id == table.customer_id)
        return mine.where(seen, *(more or (during(at),)))

    def again(table: Any, *more: ColumnElement[bool]) -> Any:
        who = (table.confirmed_store, table.confirmed_by, table.customer_id)
        mine = select(literal("confirmed"), *who, literal(False), table.confirmed_at)
        return mine.join(Customer, Customer.id == table.customer_id).where(during(table.confirmed_at), seen, *more)

    row, made_up = IdentifierRow, Fact.path == any_(Customer.suspect)
    reaches = row.kind.in_(REACHED)
    # Each index by itself.
    collected = or_(during(row.collected_at), and_(row.collected_at.is_(None), during(row.created_at)))
    names = ("what", "store", "collector", "customer_id", "suspect", "at")
    each = union_all(
        new(Fact, made_up, None, during(Fact.collected_at), Fact.retired_at.is_(None)),
        again(Fact),
        new(row, cast(row.suspect, Boolean), func.coalesce(row.collected_at, row.created_at), collected, reaches),
        again(row, reaches),
        *(part for table in (Address, Contact) for part in (new(table, literal(False)), again(table))),
    ).subquery()
    return select(*(column.label(name) for column, name in zip(each.c, names, strict=True)))


def _own_attribute() -> ColumnElement[Any]:
    return json_object(**{column.name: column for column in CustomAttribute.__table__.c if column.name in _OF_OWN})


@cache
def _facts_of_one() -> Any:
    return _facts(bindparam("customer", type_=Uuid))


def _facts(customer: ColumnElement[uuid.UUID]) -> Any:
    """Facts of values, and the identifiers and addresses that are facts themselves."""
    own = select(
        Fact.path, Fact.channel, Fact.collector, Fact.store, Fact.collected_at, Fact.confirmed_at, Fact.confirmed_by,
        Fact.licence_end, Fact.previous, literal(False).label("suspect"),
        cast(null(), IdentifierRow.id.type).label("identifier"),
    ).where(Fact.customer_id == customer).correlate(Customer)  # fmt: skip
    row = IdentifierRow
    latest = func.greatest(row.confirmed_at, row.verified_at)
    place = Address
    lives = select(
        literal("address"), place.channel, place.collector, place.store, place.collected_at, place.confirmed_at,
        place.confirmed_by, place.licence_end, cast(null(), Fact.previous.type), literal(False),
        place.id,
    ).where(place.customer_id == customer).correlate(Customer)  # fmt: skip
    reached = select(
        row.kind, row.channel, row.collector, row.store, func.coalesce(row.collected_at, row.created_at), latest,
        row.confirmed_by, row.licence_end, cast(null(), Fact.previous.type), row.suspect, row.id,
    ).where(row.customer_id == customer, row.kind.in_(REACHED)).correlate(Customer)  # fmt: skip
    both = union_all(own, reached, lives).subquery("both")
    return select(both).order_by(both.c.path, both.c.collected_at, both.c.identifier)


def _crowd(least: int) -> ColumnElement[Any]:
    """Whether more customers have this customer's birthday than chance explains; reads no more rows than that takes."""
    other, year = Customer.__table__.alias("other"), Customer.__table__.c.birth_year
    # Behind an OFFSET, or what PostgreSQL knows of the size of the table would be read for each use of the number.
    size = select(crowd(least, year).label("enough")).correlate(Customer).offset(0).subquery("size")
    enough = size.c.enough

    def reached(most: ColumnElement[int], *same: ColumnElement[bool]) -> ColumnElement[bool]:
        day = (other.c.birth_month == Customer.birth_month, other.c.birth_day == Customer.birth_day)
        found = select(literal(1).label("one")).where(*day, *same).limit(most).correlate(Customer, size)
        return select(func.count()).select_from(found.subquery("same")).scalar_subquery() >= most

    def many(same: ColumnElement[bool]) -> ColumnElement[bool]:
        return case((enough <= COUNTED, reached(enough, same)), else_=reached(enough // EVERY, same, in_sample(other)))

    # Two questions: one with an OR would read everybody's birthday of the day, whatever the year.
    asked = case((year.is_(None), many(other.c.birth_year.is_(None))), else_=many(other.c.birth_year == year))
    return select(asked).select_from(size).scalar_subquery()


async def _row(tx: Tx, customer: uuid.UUID, *more: ColumnElement[Any]) -> Mapping[str, Any] | None:
    wanted: Select[Any] = select(*Customer.__table__.c, *more)
    seen = (Customer.kind != "walk_in", present(tx.caller))
    rows = await tx.rows(wanted.where(Customer.id == customer, *seen))
    return rows[0]._mapping if rows else None  # noqa: SLF001  the documented way to a row's names


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else rfc3339(moment)
