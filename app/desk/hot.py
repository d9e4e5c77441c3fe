"""Lookup, search, card and standing on the hot pool: each statement is compiled once per set of field groups."""

import time
import uuid
from collections.abc import Awaitable, Callable
from datetime import date, datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from app.core.caller import NAMES, Caller
from app.core.errors import FORBIDDEN, NOT_FOUND, Problem
from app.core.hot import CompiledSql, compiled
from app.core.reply import Reply
from app.core.services import Services
from app.core.settings import Language
from app.core.types import rfc3339
from app.customers.completeness import judge, weighted
from app.customers.identifiers import Identifier
from app.customers.queries import reach_values, read_basis
from app.customers.queries.merges import absent
from app.desk import queries
from app.desk.question import Question
from app.desk.standing import Sale, judged
from app.early_warning.documents import document
from app.early_warning.opportunities import documents as opportunities

Read = Callable[[Services, Caller, uuid.UUID, Language], Awaitable[Reply | None]]
_REGION_SECONDS = 60.0
_SOUGHT = {"name": "name", "number": "number", "email": "e-mail"}


async def candidates(services: Services, caller: Caller, identifier: Identifier) -> Reply:
    """The answer of a lookup. The read is logged: for a partner before it is answered."""
    sql = _statement(services, caller, exclusive=identifier.exclusive)
    values = {"kind": identifier.kind, "value": identifier.value, **_today(services), **reach_values(caller)}
    row = await services.db.hot.fetchrow(sql.text, *sql.arguments(values))
    return await _answered(services, caller, "customer.lookup", row)


async def found(services: Services, caller: Caller, question: Question, limit: int) -> Reply:
    """The answer of a search. Raises Problem forbidden if the caller may not see what it would be found by."""
    needed = "basic" if question.kind == "name" else "contact"
    if not caller.sees(needed) or (needed == "basic" and not caller.sees(NAMES)):
        raise Problem(FORBIDDEN, f"Searching by {_SOUGHT[question.kind]} needs the field group {needed}.")
    key = ("desk.search", question.kind, *_view(caller))
    sql: CompiledSql | None = services.memo.get(key)
    if sql is None:
        weights = services.settings.completeness.weights
        statement = queries.search(caller, services.sections, weights, question.kind)
        sql = services.memo[key] = compiled(statement)
    values = {**question.values(limit), **_today(services), **reach_values(caller)}
    row = await services.db.hot.fetchrow(sql.text, *sql.arguments(values))
    return await _answered(services, caller, "customer.search", row)


async def standing(
    services: Services, caller: Caller, customer_id: uuid.UUID, language: Language, sale: Sale | None = None
) -> Reply:
    """How things stand with a customer, and a sale. Raises Problem not_found, also for whom the caller may not see.

    Who was merged is found under the new id; of who was erased it is told.
    """
    return await _found(services, caller, customer_id, language, partial(_standing_of, sale=sale))


async def card(services: Services, caller: Caller, customer_id: uuid.UUID, language: Language) -> Reply:
    """What the caller may see of a customer. Raises Problem not_found, also for whom the caller may not see.

    Who was merged is found under the new id; of who was erased it is told.
    """
    return await _found(services, caller, customer_id, language, _card_of)


async def _found(services: Services, caller: Caller, customer_id: uuid.UUID, language: Language, read: Read) -> Reply:
    reply = await read(services, caller, customer_id, language)
    if reply is not None:
        return reply
    gone = await services.db.read(caller, lambda tx: absent(tx, customer_id)) or Problem(NOT_FOUND)
    into = gone.extra.get("merged_into")
    reply = None if into is None else await read(services, caller, uuid.UUID(into), language)
    if reply is None:
        raise gone
    return reply


async def _standing_of(
    services: Services, caller: Caller, customer_id: uuid.UUID, language: Language, sale: Sale | None
) -> Reply | None:
    now = services.clock.now()
    today = services.settings.company.today(now)
    key = ("desk.standing", caller.reach, caller.partner)
    sql: CompiledSql | None = services.memo.get(key)
    if sql is None:
        sql = services.memo[key] = compiled(queries.standing(caller))
    values = {"customer": customer_id, "today": today, "now": now, **reach_values(caller)}
    row = await services.db.hot.fetchrow(sql.text, *sql.arguments(values))
    if row is None:
        return None
    await services.reads.record(caller, "customer.standing", [customer_id])
    return Reply(200, _standing(row, caller, customer_id, now, today, language, sale))


async def _card_of(services: Services, caller: Caller, customer_id: uuid.UUID, language: Language) -> Reply | None:
    now, company = services.clock.now(), services.settings.company
    today = company.today(now)
    key = ("desk.card", *_view(caller), caller.scopes & queries.SCOPES)
    sql: CompiledSql | None = services.memo.get(key)
    if sql is None:
        shared_birthday = services.settings.completeness.shared_birthday
        sql = services.memo[key] = compiled(queries.card(caller, services.sections, shared_birthday))
    values = {
        "customer": customer_id,
        "now": now,
        "today": today,
        "month": today.month,
        "day": today.day,
        **reach_values(caller),
    }
    row = await services.db.hot.fetchrow(sql.text, *sql.arguments(values))
    if row is None:
        return None
    await services.reads.record(caller, "customer.card", [customer_id])
    # What takes more than SQL to say comes behind what PostgreSQL has written.
    asks = orjson.dumps(_ask_next(services, caller, orjson.loads(row["basis"]), now, today))
    customer = b'{"customer":%b,"ask_next":%b}' % (row["customer"].encode()[:-1], asks)
    parts = [customer, row["document"].encode()[1:-1]]
    if row["warnings"] is not None:
        listed = orjson.loads(row["warnings"])
        warned = [document(one, caller.field_groups, now, company.today, language) for one in listed]
        parts.append(b'"warnings":%b' % orjson.dumps(warned))
    if row["opportunities"] is not None:
        view = opportunities.View(caller.field_groups, now, company.currency, language)
        open_ones = [opportunities.document(one, view) for one in orjson.loads(row["opportunities"])]
        parts.append(b'"opportunities":%b' % orjson.dumps(open_ones))
    if caller.partner is None:
        # As it is with the route of its own.
        parts.append(b'"standing":%b' % _standing(row, caller, customer_id, now, today, language))
    return Reply(200, b",".join(parts) + b"}")


async def phone_region(services: Services, caller: Caller) -> str:
    """How a number without country code is read: the store's region for a key bound to a store, else the company's."""
    if caller.store is None:
        return services.settings.company.phone_region
    key, now = ("desk.region", caller.store), time.monotonic()
    region, until = services.memo.get(key, ("", 0.0))
    if now >= until:
        sql = compiled(queries.phone_region())
        found = await services.db.hot.fetchval(sql.text, *sql.arguments({"store": caller.store}))
        region = found or services.settings.company.phone_region
        services.memo[key] = (region, now + _REGION_SECONDS)
    return str(region)


def _ask_next(services: Services, caller: Caller, basis: Any, now: datetime, today: date) -> str | None:
    """The path of what the completeness of the customer asks for next."""
    known, own = read_basis(basis)
    counted = weighted(services.settings.completeness.weights, known.kind, own)
    question = judge(known, counted, caller.field_groups, now, today)["ask_next"]
    return question["path"] if question is not None else None


def _standing(
    row: Any,
    caller: Caller,
    customer_id: uuid.UUID,
    now: datetime,
    today: date,
    language: Language,
    sale: Sale | None = None,
) -> bytes:
    answer = judged(row, today, language, financial="financial" in caller.field_groups, sale=sale)
    return orjson.dumps({"customer_id": str(customer_id), **answer, "as_of": rfc3339(now)})


def _view(caller: Caller) -> tuple[Any, ...]:
    """What makes the statement of a caller another than that of others: never who the caller is."""
    return caller.field_groups, caller.partner, caller.reach


def _today(services: Services) -> dict[str, int]:
    today = services.clock.now().astimezone(ZoneInfo(services.settings.company.time_zone))
    return {"month": today.month, "day": today.day}


async def _answered(services: Services, caller: Caller, action: str, row: Any) -> Reply:
    ids, data = row or ((), "[]")
    if ids:
        await services.reads.record(caller, action, ids)
    return Reply(200, b'{"data":%b,"next_cursor":null,"has_more":false}' % data.encode())


def _statement(services: Services, caller: Caller, *, exclusive: bool) -> CompiledSql:
    key = ("desk.lookup", exclusive, *_view(caller))
    found: CompiledSql | None = services.memo.get(key)
    if found is None:
        made = queries.lookup_exclusive if exclusive else queries.lookup
        found = services.memo[key] = compiled(made(caller, services.sections, services.settings.completeness.weights))
    return found
