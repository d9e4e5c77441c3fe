"""Every SELECT of customers, and the one definition of what a customer's document shows to whom."""

import uuid
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import (
    ARRAY,
    Boolean,
    ColumnElement,
    DateTime,
    Select,
    SmallInteger,
    SQLColumnExpression,
    Text,
    Uuid,
    any_,
    bindparam,
    case,
    cast,
    column,
    exists,
    func,
    literal,
    null,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import JSON, JSONB, aggregate_order_by
from sqlalchemy.sql.selectable import LateralFromClause

from app.catalog import queries as catalog_queries
from app.core.caller import FIELD_GROUPS
from app.core.db import Tx
from app.core.documents import Sections, json_object, json_time
from app.core.fields import Pii
from app.core.sql import IDS, ROWS, recordset
from app.customers.attributes import CUSTOM, SECTIONS, Attribute, Type, hidden_sections
from app.customers.intake import Regions
from app.customers.models import Address, CustomAttribute, Customer, Fact, IdentifierRow, SearchTerm
from app.customers.queries.masks import is_masked, masked_identifier, masked_name
from app.customers.queries.reach import GONE, Sight, present, reach_values, sight, visible_to
from app.customers.record import COLUMNS, PARTS
from app.customers.terms import NAMED, Term

Key = tuple[str, str]
_ANY = Customer.id == any_(IDS)
_ASKED = bindparam("customer", type_=Uuid)
# A caller with one of these sees a part of the profile, if it holds any.
SECTION_GROUPS = frozenset(section.group for section in SECTIONS.values())


def members(groups: frozenset[str], sections: Sections) -> dict[str, SQLColumnExpression[Any]]:
    """The members of a customer's document over `customers`, in order; what the groups do not show is absent."""
    shown: dict[str, SQLColumnExpression[Any]] = {"id": Customer.id}
    if "basic" in groups:
        shown |= {"kind": Customer.kind, "status": Customer.status, "display_name": display_name(groups)}
        shown |= {"language": Customer.language, "home_store": Customer.home_store}
        shown |= {part: Customer.__table__.c[part] for part in PARTS} | {"grade": Customer.grade}
    if "personal" in groups:
        shown |= {"given_name": Customer.given_name, "family_name": Customer.family_name, "reading": Customer.reading}
        shown |= {"gender": Customer.gender, "birthday": birthday(), "source": Customer.source}
    if is_masked("personal", groups):
        shown |= {part: masked_name(getattr(Customer, part)) for part in ("given_name", "family_name", "reading")}
        shown["birthday"] = birthday(year=False)
    if groups & SECTION_GROUPS:
        shown["profile"] = profile(groups)
    if "contact" in groups or is_masked("contact", groups):
        shown["identifiers"] = identifiers(masked="contact" not in groups)
    shown |= {section.name: section.build(Customer.__table__.c.id) for section in sections.visible(groups)}
    shown["version"] = Customer.version
    if "basic" in groups:
        shown |= {"created_at": json_time(Customer.created_at), "updated_at": json_time(Customer.updated_at)}
    return shown


def display_name(groups: frozenset[str]) -> ColumnElement[Any]:
    """The displayed name of a row of `customers`, as these field groups show it."""
    shown = Customer.__table__.c.display_name
    return masked_name(shown) if is_masked("personal", groups) else shown


def birthday(*, year: bool = True) -> ColumnElement[Any]:
    """A birthday as JSON: month, day, and the year or null."""
    known = Customer.birth_year if year else cast(null(), SmallInteger)
    parts = json_object(month=Customer.birth_month, day=Customer.birth_day, year=known)
    return case((Customer.birth_month.is_not(None), parts))


def profile(groups: frozenset[str]) -> ColumnElement[Any]:
    """The sections of a profile that these field groups show, and of the company's own attributes those they show."""
    if groups >= frozenset(FIELD_GROUPS):
        return Customer.__table__.c.profile
    hidden = cast(literal([*hidden_sections(groups), CUSTOM], ARRAY(Text)), ARRAY(Text))
    each = func.jsonb_each(Customer.profile[CUSTOM]).table_valued(column("key", Text), column("value", JSONB))
    granted = select(CustomAttribute.name).where(
        CustomAttribute.name == each.c.key, CustomAttribute.field_group.in_(sorted(groups))
    )
    kept = select(func.jsonb_object_agg(each.c.key, each.c.value)).where(granted.exists()).correlate(Customer)
    own = func.jsonb_strip_nulls(func.jsonb_build_object(cast(CUSTOM, Text), kept.scalar_subquery()))
    return Customer.profile.op("-")(hidden).op("||")(own)


def held(groups: frozenset[str]) -> LateralFromClause:
    """The `kinds` of identifiers of a row of `customers` that look real, read once for all `lacks`; null: none.

    Also if these field groups do not show them.
    """
    row = IdentifierRow
    if "contact" not in groups:
        return select(cast(null(), ARRAY(Text)).label("kinds")).lateral("held")
    kinds = select(func.array_agg(row.kind).label("kinds")).where(row.customer_id == Customer.id, ~row.suspect)
    return kinds.correlate(Customer).lateral("held")


def lacks(attribute: Attribute, has: LateralFromClause) -> ColumnElement[bool]:
    """Whether a row of `customers` has no value of an attribute; made up phones and e-mails are none.

    `has` is what `held` reads of this row.
    """
    if attribute.type is Type.IDENTIFIER:
        return ~func.coalesce(literal(attribute.path, Text) == any_(has.c.kinds), literal(False, Boolean))
    if attribute.type is Type.ADDRESS:
        return ~exists().where(Address.customer_id == Customer.id)
    if attribute.section:
        place = (literal(part, Text) for part in (attribute.section, attribute.name))
        return func.jsonb_extract_path(Customer.profile, *place).is_(None)
    return Customer.__table__.c["birth_month" if attribute.path == "birthday" else attribute.path].is_(None)


def identifiers(*, masked: bool = False) -> ColumnElement[Any]:
    """All identifiers of a customer as a JSON list."""
    row = IdentifierRow
    value: ColumnElement[Any] = row.__table__.c.value
    typed: ColumnElement[Any] = row.__table__.c.typed
    if masked:
        # What was typed could be anything.
        value = typed = masked_identifier(row.kind, value)
    one = json_object(
        id=row.id, kind=func.split_part(row.kind, ":", 1), system=func.nullif(func.split_part(row.kind, ":", 2), ""),
        value=value, typed=typed, primary=row.is_primary, verified_at=json_time(row.verified_at),
        licence_end=row.licence_end,
    )  # fmt: skip
    listed = func.json_agg(aggregate_order_by(one, row.kind, row.created_at, row.value))
    found = select(listed).where(row.customer_id == Customer.id).correlate(Customer).scalar_subquery()
    return func.coalesce(found, literal([], JSON))


@lru_cache(maxsize=64)
def document(groups: frozenset[str], sections: Sections) -> ColumnElement[Any]:
    """The JSON of one customer as text, over `customers`."""
    return cast(json_object(**members(groups, sections)), Text)


async def holders(tx: Tx, keys: Iterable[Key]) -> dict[Key, list[uuid.UUID]]:
    """Who holds each (kind, value), by what their lookup should prefer: the claiming row first, then the older."""
    rows = [{"kind": kind, "value": value} for kind, value in sorted(set(keys))]
    found: dict[Key, list[uuid.UUID]] = {}
    for one in await tx.rows(_holding(), {"rows": rows}):
        found.setdefault((one.kind, one.value), []).append(one.customer_id)
    return found


@cache
def _holding() -> Any:
    given, row = recordset(ROWS, "given", kind=Text(), value=Text()), IdentifierRow
    same = (row.kind == given.c.kind) & (row.value == given.c.value)
    statement = select(row.kind, row.value, row.customer_id).join(given, same)
    return statement.order_by(row.exclusive.desc(), row.created_at, row.id)


async def known(tx: Tx, ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, bool]:
    """Which of these customers exist, whoever asks, and whether their record may be changed."""
    rows = await tx.rows(_knowing(), _listed(ids))
    return {row[0]: row[1] for row in rows}


@cache
def _knowing() -> Any:
    return select(Customer.id, editable()).where(_ANY)


def living(customer: uuid.UUID | ColumnElement[uuid.UUID]) -> ColumnElement[uuid.UUID]:
    """The id under which the customer with this one is found today: its own, or that of the one it was merged into."""
    old = Customer.__table__.alias("old")
    asked = literal(customer) if isinstance(customer, uuid.UUID) else customer
    went = select(old.c.merged_into).where(old.c.id == asked)
    return func.coalesce(went.scalar_subquery(), asked)


async def named_after(tx: Tx, after: uuid.UUID, size: int, *, lock: bool = False) -> dict[uuid.UUID, Mapping[str, Any]]:
    """The names of the next customers by id, as `terms.terms_of` takes them; with `lock` nobody renames them now."""
    columns = [Customer.__table__.c[name] for name in ("id", "kind", *NAMED)]
    statement = select(*columns).where(Customer.id > after).order_by(Customer.id).limit(size)
    rows = await tx.rows(statement.with_for_update(read=True) if lock else statement)
    return {row.id: row._mapping for row in rows}  # noqa: SLF001  the documented way to a row's names


async def search_terms(tx: Tx, after: uuid.UUID, upto: uuid.UUID) -> dict[uuid.UUID, list[Term]]:
    """The kept terms of customers with ids in (after, upto], of those that have any."""
    row = SearchTerm
    statement = select(row.customer_id, row.kind, row.term, row.personal)
    found: dict[uuid.UUID, list[Term]] = {}
    for one in await tx.rows(statement.where(row.customer_id > after, row.customer_id <= upto)):
        found.setdefault(one.customer_id, []).append(Term(one.kind, one.term, one.personal))
    return found


@cache
def editable() -> ColumnElement[bool]:
    """Whether a row of `customers` is a record that people and systems change."""
    return (Customer.kind != "walk_in") & Customer.status.not_in(GONE)


async def locked(tx: Tx, ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Mapping[str, Any]]:
    """The rows of these customers that may be changed, locked in the order of ids; foreign keys stay free."""
    rows = await tx.rows(_locking(sight(tx.caller)), {**_listed(ids), **reach_values(tx.caller)})
    return {row.id: row._mapping for row in rows}  # noqa: SLF001  the documented way to a row's names


@cache
def _locking(seer: Sight) -> Select[Any]:
    statement = select(*_columns()).where(_ANY, editable(), visible_to(seer)).order_by(Customer.id)
    return statement.with_for_update(key_share=True)


async def kinds_of(tx: Tx, ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, str]:
    """The kind of each of these customers."""
    return {row.id: row.kind for row in await tx.rows(select(Customer.id, Customer.kind).where(_ANY), _listed(ids))}


async def current(tx: Tx, customer: uuid.UUID) -> Mapping[str, Any] | None:
    """The row of a customer that may be changed, not locked."""
    rows = await tx.rows(_current(sight(tx.caller)), {"customer": customer, **reach_values(tx.caller)})
    return rows[0]._mapping if rows else None  # noqa: SLF001  the documented way to a row's names


@cache
def _current(seer: Sight) -> Select[Any]:
    return select(*_columns()).where(Customer.id == _ASKED, editable(), visible_to(seer))


async def oldest(tx: Tx, customer: uuid.UUID, kind: str) -> str | None:
    """The value of a customer's oldest identifier of a kind."""
    row = IdentifierRow
    statement = select(row.value).where(row.customer_id == customer, row.kind == kind).order_by(row.created_at, row.id)
    found: str | None = await tx.scalar(statement.limit(1))
    return found


async def count_identifiers(tx: Tx, ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, int]:
    """How many identifiers each of these customers has, of those that have any."""
    return {one[0]: one[1] for one in await tx.rows(_counting(), _listed(ids))}


@cache
def _counting() -> Any:
    row = IdentifierRow
    return select(row.customer_id, func.count()).where(row.customer_id == any_(IDS)).group_by(row.customer_id)


async def one(tx: Tx, customer: uuid.UUID, sections: Sections) -> tuple[str, int] | None:
    """(JSON, version) of a customer as the caller may see it; of the one that it was merged into, if it was."""
    statement = _showing_one(tx.caller.field_groups, sections, sight(tx.caller))
    rows = await tx.rows(statement, {"customer": customer, **reach_values(tx.caller)})
    return (rows[0][0], rows[0][1]) if rows else None


@lru_cache(maxsize=256)
def _showing_one(groups: frozenset[str], sections: Sections, seer: Sight) -> Select[Any]:
    shown = select(document(groups, sections), Customer.version)
    return shown.where(Customer.id == living(_ASKED), present(seer))


async def many(tx: Tx, ids: Sequence[uuid.UUID], sections: Sections) -> dict[uuid.UUID, str]:
    """The JSON of each of these customers that is there; of the one that it was merged into, if it was."""
    statement = _showing_many(tx.caller.field_groups, sections, sight(tx.caller))
    return {row[0]: row[1] for row in await tx.rows(statement, {**_listed(ids), **reach_values(tx.caller)})}


@lru_cache(maxsize=256)
def _showing_many(groups: frozenset[str], sections: Sections, seer: Sight) -> Select[Any]:
    shown, asked = document(groups, sections), Customer.__table__.alias("asked")
    statement = select(asked.c.id, shown).join(asked, Customer.id == func.coalesce(asked.c.merged_into, asked.c.id))
    return statement.where(asked.c.id == any_(IDS), present(seer))


@dataclass(frozen=True, slots=True)
class Filter:
    """Which customers to list; walk-ins only if `kind` says so."""

    kind: str | None = None
    status: str | None = None
    home_store: str | None = None
    account_manager: str | None = None
    created_since: datetime | None = None
    updated_since: datetime | None = None

    @property
    def by_time(self) -> bool:
        """Whether the list goes by the time of the last change; otherwise it goes by id."""
        return self.created_since is not None or self.updated_since is not None


async def page(
    tx: Tx, wanted: Filter, sections: Sections, *, after: Sequence[Any] | None, limit: int
) -> list[tuple[uuid.UUID, datetime, str]]:
    """Up to `limit` (id, updated_at, JSON) after the key `after`: [id], or [updated_at, id] by time."""
    statement = select(Customer.id, Customer.updated_at, document(tx.caller.field_groups, sections)).limit(limit)
    statement = statement.where(visible_to(tx.caller))
    statement = statement.where(Customer.kind == wanted.kind if wanted.kind is not None else Customer.kind != "walk_in")
    # Who was merged or erased is listed for who asks for it.
    gone = Customer.status.not_in(GONE)
    statement = statement.where(Customer.status == wanted.status if wanted.status is not None else gone)
    if wanted.home_store is not None:
        statement = statement.where(Customer.home_store == wanted.home_store)
    if wanted.account_manager is not None:
        statement = statement.where(Customer.account_manager == wanted.account_manager)
    if wanted.updated_since is not None:
        statement = statement.where(Customer.updated_at >= wanted.updated_since)
    if wanted.created_since is not None:
        # What was created since was changed since: the index on the time of change serves both.
        since = wanted.created_since
        statement = statement.where(Customer.created_at >= since, Customer.updated_at >= since)
    if wanted.by_time:
        statement = statement.order_by(Customer.updated_at, Customer.id)
        if after is not None:
            moment = literal(datetime.fromisoformat(after[0]), DateTime(timezone=True))
            statement = statement.where(
                tuple_(Customer.updated_at, Customer.id) > tuple_(moment, literal(uuid.UUID(after[1])))
            )
    else:
        statement = statement.order_by(Customer.id)
        if after is not None:
            statement = statement.where(Customer.id > uuid.UUID(after[0]))
    return [(row[0], row[1], row[2]) for row in await tx.page(statement)]


async def everyone(tx: Tx, sections: Sections, *, size: int) -> AsyncGenerator[list[tuple[uuid.UUID, str]]]:
    """(id, JSON) of every customer that is there, except walk-ins, in portions through a cursor of the database."""
    shown = document(tx.caller.field_groups, sections)
    statement = select(Customer.id, shown).where(editable(), visible_to(tx.caller))
    async for portion in (await tx.connection.stream(statement.execution_options(yield_per=size))).partitions():
        yield [(row[0], row[1]) for row in portion]


async def regions(tx: Tx, default: str, given: Mapping[str, Any] | None = None) -> Regions:
    """What customers are read with: what one body (`given`, validated) needs of it, or everything.

    Where no store is named, the one that the caller's key belongs to counts, as it does for a lookup.
    """
    own = tx.caller.store
    stores = None if given is None else [store for store in (given.get("home_store"), own) if store is not None]
    found = {} if stores == [] else await catalog_queries.phone_regions(tx, stores)
    region = found.get(own or "", default)
    return Regions(region, found, await declared(tx) if given is None or "profile" in given else {})


async def declared(tx: Tx) -> dict[str, Attribute]:
    """The attributes that the company has declared, by their paths."""
    found = await tx.rows(_declared())
    return {f"{CUSTOM}.{row.name}": attribute_of(row) for row in found}


@cache
def _declared() -> Select[Any]:
    return select(*CustomAttribute.__table__.c).order_by(CustomAttribute.name)


async def attribute(tx: Tx, name: str) -> tuple[Attribute, int] | None:
    """(attribute, version) of one that the company has declared; its row stays locked in a transaction that writes."""
    wanted = select(*CustomAttribute.__table__.c).where(CustomAttribute.name == name)
    rows = await tx.rows(wanted.with_for_update(key_share=True))
    return (attribute_of(rows[0]), rows[0].version) if rows else None


def attribute_of(row: Any) -> Attribute:
    """An attribute that the company has declared, from its row."""
    return Attribute(
        f"{CUSTOM}.{row.name}", row.label, Type(row.type), tuple(row.kinds), row.field_group, Pii(row.pii), row.weight,
        row.question or "", tuple(row.choices), row.fresh_days,
    )  # fmt: skip


def _columns() -> list[ColumnElement[Any]]:
    columns = [Customer.__table__.c[name] for name in ("id", "version", "collected", "profile", *COLUMNS)]
    # Which of its values are only rented: few are, and an index has them.
    paths = select(Fact.path).where(Fact.customer_id == Customer.id, Fact.licence_end.is_not(None))
    return [*columns, func.array(paths.correlate(Customer).scalar_subquery()).label("rented")]


def _listed(ids: Iterable[uuid.UUID]) -> dict[str, Any]:
    return {"ids": sorted(set(ids))}
