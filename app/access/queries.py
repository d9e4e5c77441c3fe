"""Every SELECT of access."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, Uuid, any_, bindparam, cast, func, literal, select, union_all
from sqlalchemy.dialects.postgresql import ARRAY, asyncpg

from app.access.audit import first_id
from app.access.models import ApiKey, AuditRow
from app.access.roles import ROLES, UNLIMITED_SCOPES
from app.core.db import Tx
from app.core.documents import json_object, json_time
from app.core.errors import NOT_FOUND, Problem
from app.core.ids import COMPANY

_MILLISECOND = timedelta(milliseconds=1)
_AUDIT = AuditRow.__table__.c
_ENTRY = (
    "id", "at", "client_id", "key_id", "request_id", "action", "record_kind", "record_id", "customer_id", "fields",
)  # fmt: skip

# What is shown of a key: everything but the hash.
PUBLIC = (
    ApiKey.id, ApiKey.client_id, ApiKey.name, ApiKey.role, ApiKey.store, ApiKey.partner, ApiKey.staff, ApiKey.reach,
    ApiKey.masked, ApiKey.scopes, ApiKey.field_groups, ApiKey.rate_class, ApiKey.prefix, ApiKey.expires_at,
    ApiKey.revoked_at, ApiKey.last_used_at, ApiKey.created_at, ApiKey.version,
)  # fmt: skip

# Run on a plain connection by the authenticator: $1 is an array of prefixes.
KEYS_BY_PREFIX = str(
    select(*PUBLIC, ApiKey.hash)
    .where(ApiKey.prefix == any_(bindparam("prefixes", type_=ARRAY(Text))))
    .compile(dialect=asyncpg.dialect())  # type: ignore[no-untyped-call]
)


def scopes_of(role: str, scopes: Sequence[str] | None, reach: str = "all") -> frozenset[str]:
    """What a key may do: its own scopes, else those of its role; an unknown role may do nothing.

    Of its role's scopes one that reaches only some customers has those that are about such.
    """
    if scopes is not None:
        return frozenset(scopes)
    found = ROLES[role].scopes if role in ROLES else frozenset()
    return found if reach == "all" else found - UNLIMITED_SCOPES


def groups_of(role: str, groups: Sequence[str] | None) -> frozenset[str]:
    """What a key may see: its own field groups, else those of its role."""
    if groups is not None:
        return frozenset(groups)
    return ROLES[role].field_groups if role in ROLES else frozenset()


def as_document(row: Any) -> dict[str, Any]:
    """A key as it is shown, without its secret."""
    return {
        "id": row.id,
        "client_id": row.client_id,
        "name": row.name,
        "role": row.role,
        "store": row.store,
        "partner": row.partner,
        "staff": row.staff,
        "reach": row.reach,
        "masked": row.masked,
        "scopes": sorted(scopes_of(row.role, row.scopes, row.reach)),
        "field_groups": sorted(groups_of(row.role, row.field_groups)),
        "rate_class": row.rate_class,
        "prefix": row.prefix,
        "expires_at": _time(row.expires_at),
        "revoked_at": _time(row.revoked_at),
        "last_used_at": _time(row.last_used_at),
        "created_at": _time(row.created_at),
        "version": row.version,
    }


def client_name() -> ColumnElement[str]:
    """The name of the client of an audit entry, from its newest key; null for what the service does by itself."""
    names = select(ApiKey.name).where(ApiKey.client_id == AuditRow.client_id).order_by(ApiKey.id.desc())
    return names.limit(1).correlate(AuditRow).scalar_subquery()


async def one_key(tx: Tx, key_id: uuid.UUID) -> dict[str, Any]:
    """One key as it is shown. Raises Problem not_found."""
    rows = await tx.rows(select(*PUBLIC).where(ApiKey.id == key_id))
    if not rows:
        raise Problem(NOT_FOUND)
    return as_document(rows[0])


async def all_keys(tx: Tx) -> list[dict[str, Any]]:
    """Every key, oldest first: for the command line."""
    return [as_document(row) for row in await tx.rows(select(*PUBLIC).order_by(ApiKey.id))]


async def page_of_keys(
    tx: Tx, client_id: uuid.UUID | None, *, after: uuid.UUID | None, limit: int
) -> list[dict[str, Any]]:
    """Up to `limit` keys in the order of their ids: of a client, or all."""
    statement = select(*PUBLIC).order_by(ApiKey.id).limit(limit)
    if after is not None:
        statement = statement.where(ApiKey.id > after)
    if client_id is not None:
        statement = statement.where(ApiKey.client_id == client_id)
    return [as_document(row) for row in await tx.page(statement)]


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which audit entries: all given conditions must hold; `since` counts, `until` does not."""

    customer_id: uuid.UUID | None = None
    record_id: uuid.UUID | None = None
    client_id: uuid.UUID | None = None
    since: datetime | None = None
    until: datetime | None = None


async def page_of_audit(
    tx: Tx, wanted: AuditFilter, *, before: uuid.UUID | None, limit: int
) -> list[tuple[uuid.UUID, str]]:
    """Up to `limit` entries, newest first, as (id, JSON)."""
    return [(row.id, row.document) for row in await tx.page(audit_page(wanted, limit, before))]


def audit_page(wanted: AuditFilter, limit: int, before: uuid.UUID | None) -> Select[Any]:
    """SELECT of up to `limit` entries, newest first: id and JSON, by a walk along one index or two side by side."""
    statements = [one.order_by(_AUDIT.id.desc()).limit(limit) for one in _audit(wanted)]
    if before is not None:
        statements = [one.where(_AUDIT.id < before) for one in statements]
    found = union_all(*statements).subquery()
    return select(found.c.id, found.c.document).order_by(found.c.id.desc()).limit(limit)


def _audit(wanted: AuditFilter) -> list[Select[Any]]:
    entry = _AUDIT
    members = {name: entry[name] for name in _ENTRY} | {
        "at": json_time(entry.at),
        "customer_id": func.nullif(entry.customer_id, literal(COMPANY, Uuid())),
    }
    statement: Select[Any] = select(entry.id, cast(json_object(**members), Text).label("document"))
    if wanted.customer_id is not None:
        statement = statement.where(entry.customer_id == wanted.customer_id)
    if wanted.client_id is not None:
        statement = statement.where(entry.client_id == wanted.client_id)
    # Ids carry the milliseconds of `at`, so the index on ids bounds the time; `at` itself decides the rest.
    if wanted.since is not None:
        statement = statement.where(entry.id >= first_id(wanted.since), entry.at >= wanted.since)
    if wanted.until is not None:
        statement = statement.where(entry.at < wanted.until)
        statement = statement.where(entry.id < first_id(wanted.until + _MILLISECOND))
    if wanted.record_id is None:
        return [statement]
    # A customer's own entries are found by the key of the table, all others by the index on records.
    own = statement.where(entry.customer_id == wanted.record_id, entry.record_id == entry.customer_id)
    return [own, statement.where(entry.record_id == wanted.record_id, entry.record_id != entry.customer_id)]


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
