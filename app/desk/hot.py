"""Lookup and standing on the hot pool: each statement is compiled once (the lookup's per set of field groups)."""

import time
import uuid
from zoneinfo import ZoneInfo

import orjson

from app.core.caller import Caller
from app.core.errors import NOT_FOUND, Problem
from app.core.hot import CompiledSql, compiled
from app.core.reply import Reply
from app.core.services import Services
from app.core.types import rfc3339
from app.customers.identifiers import Identifier
from app.desk import queries
from app.desk.standing import judged

_REGION_SECONDS = 60.0


async def candidates(services: Services, caller: Caller, identifier: Identifier) -> Reply:
    """The answer of a lookup. The read is logged: for a partner before it is answered."""
    sql = _statement(services, caller)
    today = services.clock.now().astimezone(ZoneInfo(services.settings.company.time_zone))
    values = {"kind": identifier.kind, "value": identifier.value, "month": today.month, "day": today.day}
    row = await services.db.hot.fetchrow(sql.text, *sql.arguments(values))
    assert row is not None  # noqa: S101  an aggregate always answers one row
    if row["ids"]:
        await services.reads.record(caller, "customer.lookup", row["ids"])
    return Reply(200, b'{"data":%b,"next_cursor":null,"has_more":false}' % row["data"].encode())


async def standing(services: Services, caller: Caller, customer_id: uuid.UUID) -> Reply:
    """How things stand with a customer. Raises Problem not_found, also for whom the caller may not see."""
    now = services.clock.now()
    today = services.settings.company.today(now)
    sql = services.memo.get("desk.standing")
    if sql is None:
        sql = services.memo["desk.standing"] = compiled(queries.STANDING)
    row = None
    if caller.partner is None:
        row = await services.db.hot.fetchrow(sql.text, *sql.arguments({"customer": customer_id, "today": today}))
    if row is None:
        raise Problem(NOT_FOUND)
    await services.reads.record(caller, "customer.standing", [customer_id])
    answer = judged(row, today, financial="financial" in caller.field_groups)
    shown = {"customer_id": str(customer_id), **answer, "as_of": rfc3339(now)}
    return Reply(200, orjson.dumps(shown))


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


def _statement(services: Services, caller: Caller) -> CompiledSql:
    key = ("desk.lookup", caller.field_groups, caller.partner)
    found: CompiledSql | None = services.memo.get(key)
    if found is None:
        found = services.memo[key] = compiled(
            queries.lookup(caller, services.sections, services.settings.completeness.weights)
        )
    return found
