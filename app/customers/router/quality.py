"""Routes of attributes, provenance, confirmation and completeness."""

import uuid
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import orjson
from fastapi import APIRouter, Path, Query, Response

from app.core.caller import Caller
from app.core.db import Made, Tx
from app.core.errors import NOT_FOUND, Problem, etag
from app.core.http import GatedRoute, ServicesOf, WriteOf, json_response, requires
from app.core.pages import Page, page_of, paged
from app.core.services import Services
from app.core.types import rfc3339
from app.customers import commands, queries
from app.customers.attributes import ATTRIBUTES, CUSTOM, Attribute
from app.customers.completeness import Weights, judge, version_of, weight, weighted
from app.customers.models import TOO_WIDE
from app.customers.profile import NAME_FORM
from app.customers.provenance import CHANNELS
from app.customers.schemas.quality import (
    AttributeAnswer,
    AttributeFields,
    AttributesAnswer,
    CompletenessAnswer,
    Confirmation,
    CourseQuery,
    CourseRow,
    FactsAnswer,
    QualityAnswer,
    QualityQuery,
)

router = APIRouter(prefix="/v1", tags=["customers"], route_class=GatedRoute)

Reader = Annotated[Caller, requires("customers:read")]
EDITOR = [requires("customers:write")]
CustomerIdInPath = Annotated[uuid.UUID, Path()]
AttributeName = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_]{0,39}$"), NAME_FORM]
NEW: dict[int | str, dict[str, Any]] = {201: {"model": AttributeAnswer, "description": "The attribute was declared."}}


@router.get("/customers/attributes", response_model=AttributesAnswer)
async def list_customer_attributes(caller: Reader, services: ServicesOf) -> Response:
    """Everything that a customer's record can have, the company's own attributes too, and the channels of facts.

    Labels, types, choices, the field group that each needs, how personal it is, its weight and how to ask for it.
    """
    settings = services.settings.completeness
    own = await services.db.read(caller, queries.declared)
    shown = [
        _attribute(one, settings.weights) for one in (*ATTRIBUTES, *own.values()) if one.group in caller.field_groups
    ]
    channels = [{"name": name, "label": label, "direct": direct} for name, (label, direct) in CHANNELS.items()]
    return json_response(
        orjson.dumps(
            {"data": shown, "channels": channels, "weights_version": version_of(settings.weights, own.values())}
        )
    )


@router.get("/custom-attributes", response_model=AttributesAnswer)
async def list_custom_attributes(caller: Reader, services: ServicesOf) -> Response:
    """The attributes that the company has declared itself: what `profile.custom` may hold."""
    own = await services.db.read(caller, queries.declared)
    shown = [_attribute(one, {}) for one in own.values() if one.group in caller.field_groups]
    version = version_of(services.settings.completeness.weights, own.values())
    return json_response(orjson.dumps({"data": shown, "channels": [], "weights_version": version}))


@router.put(
    "/custom-attributes/{name}",
    response_model=AttributeAnswer,
    responses=NEW,
    dependencies=[requires("customers:admin")],
)
async def put_custom_attribute(write: WriteOf, name: AttributeName, body: AttributeFields) -> Response:
    """Declare an attribute of customers (201), or describe it anew (200).

    Its values then stand in `profile.custom` under its name, are validated, and can be asked about in segments as
    `custom.<name>`. 409 `attribute_fixed`: the type stays as it is, and choices are only added, because values may be
    stored.
    """

    async def work(tx: Tx) -> Made:
        version, created = await commands.declare(tx, name, body.model_dump())
        found = await queries.attribute(tx, name)
        assert found is not None  # noqa: S101  it was declared in this transaction
        shown = {**_attribute(found[0], {}), "version": version}
        return Made(shown, 201 if created else 200, etag(version))

    return await write(work)


@router.get("/customers/{customer_id}/provenance", response_model=FactsAnswer)
async def get_customer_provenance(caller: Reader, services: ServicesOf, customer_id: CustomerIdInPath) -> Response:
    """Where each fact came from: channel, collector, when it was collected and last confirmed, what it was before.

    A phone or an e-mail address is a fact by itself. Addresses and key people carry theirs in their own answers.
    """

    async def work(tx: Tx) -> bytes | None:
        return await _facts(tx, services, customer_id)

    found = await services.db.read(caller, work)
    if found is None:
        raise Problem(NOT_FOUND)
    await services.reads.record(caller, "customer.provenance", [customer_id])
    return json_response(found)


@router.post("/customers/{customer_id}/confirm", response_model=FactsAnswer, dependencies=EDITOR)
async def confirm_customer_facts(
    services: ServicesOf, write: WriteOf, customer_id: CustomerIdInPath, body: Confirmation
) -> Response:
    """Say that values are still right: `phone`, `email` and `address` mean all that the customer has of them.

    Makes no new version of the customer. 422 with a pointer to a path that names nothing or has no value. Answers
    where each fact comes from.
    """
    said = body.model_dump(exclude_unset=True).get("provenance")

    async def work(tx: Tx) -> bytes | None:
        await commands.confirm(tx, customer_id, body.paths, said, await queries.declared(tx))
        return await _facts(tx, services, customer_id)

    return await write(work)


@router.get("/customers/{customer_id}/completeness", response_model=CompletenessAnswer)
async def get_customer_completeness(caller: Reader, services: ServicesOf, customer_id: CustomerIdInPath) -> Response:
    """How complete and fresh a record is, and the one question worth asking next, in words."""
    settings, now = services.settings.completeness, services.clock.now()

    async def work(tx: Tx) -> dict[str, Any] | None:
        found = await queries.basis(tx, customer_id, settings.shared_birthday)
        if found is None:
            return None
        own = await queries.declared(tx)
        counted = weighted(settings.weights, found[0].kind, own.values())
        verdict = judge(found[0], counted, caller.field_groups, now, services.settings.company.today(now))
        return {
            "customer_id": str(customer_id), "kind": found[0].kind, **verdict,
            "weights_version": version_of(settings.weights, own.values()),
            "version": found[1]["version"], "as_of": rfc3339(now),
        }  # fmt: skip

    shown = await services.db.read(caller, work)
    if shown is None:
        raise Problem(NOT_FOUND)
    await services.reads.record(caller, "customer.completeness", [customer_id])
    return json_response(orjson.dumps(shown))


@router.get("/profile-quality", response_model=QualityAnswer)
async def get_profile_quality(
    caller: Reader, services: ServicesOf, query: Annotated[QualityQuery, Query()]
) -> Response:
    """Who collects well: facts collected and confirmed in a period, by store and by collector.

    A fact counts where it was last collected, and where it was last confirmed. `suspect` are those collected that look
    made up. Facts are those of the record, phones and e-mail addresses, addresses, and key people. 422 `too_wide`: more
    than 1,000 stores or collectors.
    """
    zone = ZoneInfo(services.settings.company.time_zone)
    since = datetime.combine(query.since, time(), zone)
    until = datetime.combine(query.until + timedelta(days=1), time(), zone)

    async def work(tx: Tx) -> dict[str, Any]:
        by = {f"by_{name}": await queries.totals(tx, since, until, name) for name in ("store", "collector")}
        if any(len(rows) > queries.WIDEST for rows in by.values()):
            raise Problem(TOO_WIDE, "Ask /v1/profile-quality/periods, which answers page by page.")
        return {"since": query.since, "until": query.until, **by}

    return json_response(orjson.dumps(await services.db.read(caller, work)))


@router.get("/profile-quality/periods", response_model=Page[CourseRow])
async def list_profile_quality_periods(
    caller: Reader, services: ServicesOf, query: Annotated[CourseQuery, Query()]
) -> Response:
    """Who collects well over time: per day, week or month and store or collector, the earliest period first.

    A fact counts in the period in which it was last collected, and once more in that in which it was last confirmed:
    what is collected anew moves on. Who did nothing in a period has no row there; a null `store` is that of keys that
    belong to no store. `suspect` are those that look made up, `customers` how many they are about.
    """
    zone = services.settings.company.time_zone
    since = datetime.combine(query.since, time(), ZoneInfo(zone))
    until = datetime.combine(query.until + timedelta(days=1), time(), ZoneInfo(zone))
    asked = queries.Course(query.of, query.by, zone, since, until, query.store, query.collector)
    name, after = f"profile-quality:{asked}", None
    if query.cursor is not None:
        first, last = services.cursors.read(name, query.cursor)
        after = (date.fromisoformat(first), last)
    found, total = await paged(
        services.db, caller, query, after,
        lambda tx, after, limit: queries.course(tx, asked, after=after, limit=limit),
    )  # fmt: skip
    shown, following = found[: query.limit], None
    if len(found) > query.limit:
        following = services.cursors.write(name, [shown[-1][0].isoformat(), shown[-1][1]])
    rows = [{"period": start, asked.of: whom, **totals} for start, whom, totals in shown]
    return json_response(orjson.dumps(page_of(rows, following, total)))


async def _facts(tx: Tx, services: Services, customer: uuid.UUID) -> bytes | None:
    now = services.clock.now()
    today = services.settings.company.today(now)
    found = await queries.provenance(tx, customer, await queries.declared(tx), now, today)
    if found is None:
        return None
    return orjson.dumps({"data": found, "next_cursor": None, "has_more": False})


def _attribute(one: Attribute, weights: Weights) -> dict[str, Any]:
    custom = one.section == CUSTOM
    worth = {kind: weight(one, weights, kind) for kind in one.kinds}
    shown: dict[str, Any] = {
        "path": one.path, "label": one.label, "type": one.type.value, "choices": list(one.choices),
        "kinds": list(one.kinds), "field_group": one.group, "pii": one.pii.value,
        "weight": max(worth.values()), "weights": worth,
        "fresh_days": one.fresh_days, "question": one.question or None, "custom": custom,
    }  # fmt: skip
    return {**shown, "name": one.name} if custom else shown
