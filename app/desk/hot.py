"""The lookup on the hot pool: the statement is built and compiled once per set of field groups."""

import time
from zoneinfo import ZoneInfo

from app.core.caller import Caller
from app.core.hot import CompiledSql, compiled
from app.core.reply import Reply
from app.core.services import Services
from app.customers.identifiers import Identifier
from app.desk import queries

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
        found = services.memo[key] = compiled(queries.lookup(caller, services.sections))
    return found
