"""Every write of access: making, rotating and revoking keys, each with its audit entry."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import DateTime, Uuid, func, insert, select, update

from app.access.audit import AuditEntry, record
from app.access.keyring import Keyring, MadeKey
from app.access.models import ApiKey
from app.access.queries import PUBLIC, as_document, groups_of, one_key, scopes_of
from app.access.roles import COMPANY_SCOPES, ROLES, SCOPES, STAFF_SCOPES, UNLIMITED_SCOPES
from app.core.caller import MASKED, SYSTEM, shown_groups
from app.core.db import Tx
from app.core.errors import CONFLICT, FORBIDDEN, INVALID, NOT_FOUND, FieldError, Problem
from app.core.ids import new_id
from app.core.sql import recordset

# Processes listen here; the payload is the prefix of a key that they must forget.
CHANNEL = "clientele_keys"
LIVE_KEYS_PER_CLIENT = 2


@dataclass(frozen=True, slots=True)
class Terms:
    """What may differ from the role. None means: as the role says (`expires_at`: never).

    `staff` is the person whom the key belongs to, `reach` which customers it may know of, and `masked` are the field
    groups that it sees masked.
    """

    scopes: Sequence[str] | None = None
    field_groups: Sequence[str] | None = None
    rate_class: str | None = None
    expires_at: datetime | None = None
    staff: str | None = None
    reach: str = "all"
    masked: Sequence[str] = ()


AS_THE_ROLE_SAYS = Terms()


async def create_key(
    tx: Tx,
    keyring: Keyring,
    name: str,
    role: str,
    *,
    store: str | None = None,
    partner: str | None = None,
    terms: Terms = AS_THE_ROLE_SAYS,
    key_id: uuid.UUID | None = None,
) -> tuple[dict[str, Any], str]:
    """Make a key for a new client. Answers (the key as shown, the key itself: kept nowhere).

    A key of role partner belongs to the partner named like the key unless `partner` says otherwise. Raises Problem: an
    unknown role or scope, terms that the caller may not grant.
    """
    if role not in ROLES:
        raise _invalid("/role", "unknown_role", f"The role must be one of: {', '.join(ROLES)}.")
    if role == "partner" and partner is None:
        partner = name
    found = {
        "client_id": new_id(),
        "name": name,
        "role": role,
        "scopes": None if terms.scopes is None else sorted(set(terms.scopes)),
        "field_groups": None if terms.field_groups is None else sorted(set(terms.field_groups)),
        "rate_class": terms.rate_class or ROLES[role].rate_class,
        "store": store,
        "partner": partner,
        "staff": terms.staff,
        "reach": terms.reach,
        "masked": sorted(set(terms.masked)),
        "expires_at": terms.expires_at,
    }
    _check_terms(tx, found)
    return await _insert(tx, keyring.make(), found, key_id, "api_key.create")


async def rotate_key(
    tx: Tx,
    keyring: Keyring,
    key_id: uuid.UUID,
    *,
    grace_seconds: int | None = None,
    expires_at: datetime | None = None,
    made_id: uuid.UUID | None = None,
) -> tuple[dict[str, Any], str]:
    """Make a second key for the client of a live key. Answers (the new key as shown, the new key itself).

    The old key lives on until it is revoked, or for `grace_seconds`. By default the new one lives as long as the old
    one was to live. Raises Problem: not found, no longer live, two keys live already, more rights than the caller's.
    """
    old, live = await _lock_client(tx, key_id)
    if old not in live:
        raise Problem(CONFLICT, "The key is revoked or expired; make a new one.")
    if len(live) >= LIVE_KEYS_PER_CLIENT:
        raise Problem(CONFLICT, "The client has two live keys already; revoke one of them first.")
    if expires_at is None and old.expires_at is not None:
        expires_at = tx.now + (old.expires_at - old.created_at)
    same = (
        "client_id",
        "name",
        "role",
        "scopes",
        "field_groups",
        "rate_class",
        "store",
        "partner",
        "staff",
        "reach",
        "masked",
    )
    found = {name: getattr(old, name) for name in same} | {"expires_at": expires_at}
    _check_terms(tx, found)
    if grace_seconds is not None:
        end = tx.now + timedelta(seconds=grace_seconds)
        if old.expires_at is None or old.expires_at > end:
            await _change(tx, old.id, old.prefix, "api_key.expire", expires_at=end)
    return await _insert(tx, keyring.make(), found, made_id, "api_key.rotate")


async def revoke_key(tx: Tx, key_id: uuid.UUID) -> dict[str, Any]:
    """End a key for ever, within five seconds everywhere. Revoking it again changes nothing."""
    old, _ = await _lock_client(tx, key_id)
    if old.revoked_at is None:
        await _change(tx, key_id, old.prefix, "api_key.revoke", revoked_at=tx.now)
    return await one_key(tx, key_id)


async def note_uses(tx: Tx, uses: Mapping[uuid.UUID, datetime]) -> None:
    """Write down when keys were last used. A key whose row is locked by another process is left to that process."""
    rows = [{"id": str(key), "used": moment.isoformat()} for key, moment in uses.items()]
    use = recordset(rows, "use", id=Uuid(), used=DateTime(timezone=True))
    locked = (
        select(ApiKey.id, use.c.used)
        .join(use, use.c.id == ApiKey.id)
        .order_by(ApiKey.id)
        .with_for_update(of=ApiKey, skip_locked=True, key_share=True)
        .cte("locked")
    )
    newest = func.greatest(ApiKey.last_used_at, locked.c.used)
    await tx.execute(update(ApiKey).where(ApiKey.id == locked.c.id).values(last_used_at=newest))


async def _lock_client(tx: Tx, key_id: uuid.UUID) -> tuple[Any, list[Any]]:
    """(the key, the live keys of its client), with every key of the client locked. Raises Problem not_found."""
    client = select(ApiKey.client_id).where(ApiKey.id == key_id).scalar_subquery()
    of_client = select(ApiKey.id).where(ApiKey.client_id == client).order_by(ApiKey.id)
    await tx.execute(of_client.with_for_update())
    # Read again under the lock: a rotation that we waited for has added a row that the first statement cannot see.
    rows = await tx.rows(select(*PUBLIC).where(ApiKey.client_id == client).order_by(ApiKey.id))
    old = next((row for row in rows if row.id == key_id), None)
    if old is None:
        raise Problem(NOT_FOUND)
    live = [row for row in rows if row.revoked_at is None and (row.expires_at is None or row.expires_at > tx.now)]
    return old, live


async def _insert(
    tx: Tx, made: MadeKey, found: dict[str, Any], key_id: uuid.UUID | None, action: str
) -> tuple[dict[str, Any], str]:
    if key_id is not None and key_id.int == 0:
        raise _invalid("/id", "reserved_id", "This id is reserved.")
    key_id = key_id or new_id()
    statement = insert(ApiKey).values(
        **found, id=key_id, prefix=made.prefix, hash=made.hash, created_at=tx.now, version=1
    )
    row = (await tx.execute(statement.returning(*PUBLIC))).one()
    usual = {"reach": "all", "masked": []}
    granted = tuple(name for name, value in found.items() if value is not None and value != usual.get(name))
    await tx.execute(record(tx, [AuditEntry(action, "api_key", key_id, fields=granted)]))
    return as_document(row), made.text


async def _change(tx: Tx, key_id: uuid.UUID, prefix: str, action: str, **values: datetime) -> None:
    await tx.execute(update(ApiKey).where(ApiKey.id == key_id).values(**values, version=ApiKey.version + 1))
    await tx.execute(record(tx, [AuditEntry(action, "api_key", key_id, fields=tuple(values))]))
    # Keys change rarely, so a notification costs no hot transaction anything.
    await tx.execute(select(func.pg_notify(CHANNEL, prefix)))


def _check_terms(tx: Tx, found: Mapping[str, Any]) -> None:
    """Refuse terms that make no sense, and more rights than the caller has: nobody makes himself a bigger key."""
    scopes = scopes_of(found["role"], found["scopes"], found["reach"])
    groups = shown_groups(groups_of(found["role"], found["field_groups"]), found["masked"])
    if unknown := scopes - SCOPES:
        raise _invalid("/scopes", "unknown_scope", f"Unknown: {', '.join(sorted(unknown))}.")
    if found["partner"] is not None and scopes & (COMPANY_SCOPES | STAFF_SCOPES):
        listed = ", ".join(sorted(COMPANY_SCOPES | STAFF_SCOPES))
        raise _invalid("/scopes", "not_for_partners", f"A partner's key cannot have {listed}.")
    _check_reach(found, scopes)
    if found["expires_at"] is not None and found["expires_at"] <= tx.now:
        raise _invalid("/expires_at", "in_the_past", "The key would be expired at once.")
    caller = tx.caller
    if caller.client_id == SYSTEM.client_id:
        return
    # Who sees a group as it is may let others see it masked.
    held = caller.field_groups | {MASKED[group] for group in caller.field_groups if group in MASKED}
    missing = sorted((scopes - caller.scopes) | (groups - held))
    if missing:
        raise Problem(FORBIDDEN, f"This API key cannot grant what it lacks: {', '.join(missing)}.")
    if caller.store is not None and found["store"] != caller.store:
        raise Problem(FORBIDDEN, f"This API key can only make keys of store {caller.store}.")


def _check_reach(found: Mapping[str, Any], scopes: frozenset[str]) -> None:
    """Refuse a reach that nothing is bound to, and one that what the key may do goes beyond."""
    reach = found["reach"]
    if reach == "own" and found["staff"] is None:
        raise _invalid("/staff", "needed_for_reach", "A key that reaches its own customers names its staff member.")
    if reach in {"store", "region"} and found["store"] is None:
        raise _invalid("/store", "needed_for_reach", f"A key that reaches the customers of a {reach} names its store.")
    if found["partner"] is not None and (reach != "all" or found["staff"] is not None):
        raise _invalid("/reach", "not_for_partners", "A partner's key reaches what its agreements say.")
    if reach != "all" and scopes & UNLIMITED_SCOPES:
        listed = ", ".join(sorted(scopes & UNLIMITED_SCOPES))
        raise _invalid("/scopes", "beyond_reach", f"These are about all customers, not some: {listed}.")


def _invalid(pointer: str, code: str, detail: str) -> Problem:
    return Problem(INVALID, detail, [FieldError(pointer, code, detail)])
