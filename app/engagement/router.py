"""Routes of engagement. Those of a customer's records are the same for every kind, so they are made from the kinds."""

import uuid
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Body, Header, Path, Query, Response
from pydantic import BaseModel

from app.core.caller import Caller
from app.core.db import Made, Tx, serialise
from app.core.errors import INVALID_CURSOR, NOT_FOUND, Problem, etag
from app.core.http import GatedRoute, ServicesOf, WriteOf, Writer, expected_version, json_response, requires, respond
from app.core.pages import Page, page_bytes, paged
from app.core.services import Services
from app.core.types import rfc3339
from app.engagement import commands, queries, schemas
from app.engagement.due import Terms
from app.engagement.kinds import COMPLAINT, KINDS, PROMISE, TASK, WRITE, Action, Kind

router = APIRouter(prefix="/v1", tags=["engagement"], route_class=GatedRoute)

Reader = Annotated[Caller, requires("engagement:read")]
WRITER = [requires(WRITE)]
RULE_MAKER = [requires("engagement:admin")]
IdInPath = Annotated[uuid.UUID, Path()]
IfMatch = Annotated[str | None, Header(description='The ETag of the version that was read, as in "3".')]
MaybeIfMatch = Annotated[str | None, Header(description="The ETag of the version that was read; without it, any.")]
ListQuery = Annotated[schemas.RecordQuery, Query()]


def _terms(services: Services) -> Terms:
    return Terms(services.settings.company, services.settings.engagement)


# --- records of a customer --------------------------------------------------------------------------------------------


def _list(kind: Kind) -> Callable[..., Awaitable[Response]]:
    async def listed(caller: Reader, services: ServicesOf, customer_id: IdInPath, query: ListQuery) -> Response:
        name = f"{kind.plural}:{customer_id}"
        after = _after(services, name, query.cursor)
        found, total = await paged(
            services.db, caller, query, after,
            lambda tx, after, limit: queries.page(tx, kind, customer_id, after=after, limit=limit),
        )  # fmt: skip
        if found is None:
            raise Problem(NOT_FOUND)
        await services.reads.record(caller, f"{kind.name}.list", [customer_id])
        return _page(services, name, found, query.limit, total)

    return listed


def _create(kind: Kind) -> Callable[..., Awaitable[Response]]:
    async def create(services: ServicesOf, write: WriteOf, customer_id: IdInPath, body: BaseModel) -> Response:
        given = body.model_dump()

        async def work(tx: Tx) -> Made:
            document = await commands.create(tx, kind, customer_id, given, _terms(services))
            return Made(document, 201, etag(1))

        return await write(work)

    return create


def _get(kind: Kind) -> Callable[..., Awaitable[Response]]:
    async def get(caller: Reader, services: ServicesOf, customer_id: IdInPath, record_id: IdInPath) -> Response:
        return await _one(caller, services, kind, customer_id, record_id)

    return get


def _patch(kind: Kind) -> Callable[..., Awaitable[Response]]:
    async def patch(
        services: ServicesOf, write: WriteOf, customer_id: IdInPath, record_id: IdInPath, body: BaseModel,
        if_match: IfMatch = None,
    ) -> Response:  # fmt: skip
        version, given = expected_version(if_match), body.model_dump(exclude_unset=True)

        async def work(tx: Tx) -> Made:
            found = await commands.change(tx, kind, customer_id, record_id, given, version, _terms(services))
            return Made(found[0], headers=etag(found[1]))

        return await write(work)

    return patch


def _act(kind: Kind, action: Action) -> Callable[..., Awaitable[Response]]:
    async def act(
        services: ServicesOf, write: WriteOf, customer_id: IdInPath, record_id: IdInPath, body: BaseModel,
        if_match: MaybeIfMatch = None,
    ) -> Response:  # fmt: skip
        return await _done(services, write, kind, action, (customer_id, record_id), body, if_match)

    return act


def _act_on_task(action: Action) -> Callable[..., Awaitable[Response]]:
    async def act(
        services: ServicesOf, write: WriteOf, task_id: IdInPath, body: BaseModel, if_match: MaybeIfMatch = None
    ) -> Response:
        return await _done(services, write, TASK, action, (None, task_id), body, if_match)

    return act


async def _done(
    services: Services, write: Writer, kind: Kind, action: Action, named: tuple[uuid.UUID | None, uuid.UUID],
    body: BaseModel | None, if_match: str | None,
) -> Response:  # fmt: skip
    given = {} if body is None else body.model_dump(exclude_unset=True)
    version = None if if_match is None else expected_version(if_match)

    async def work(tx: Tx) -> Made:
        found = await commands.act(tx, kind, action, *named, given, version, _terms(services))
        return Made(found[0], headers=etag(found[1]))

    return await write(work)


async def _one(
    caller: Caller, services: Services, kind: Kind, customer_id: uuid.UUID | None, record_id: uuid.UUID
) -> Response:
    found = await services.db.read(caller, lambda tx: queries.one(tx, kind, customer_id, record_id))
    if found is None:
        raise Problem(NOT_FOUND)
    await services.reads.record(caller, f"{kind.name}.read", [found[2]])
    return json_response(found[0], etag(found[1]))


# --- work lists -------------------------------------------------------------------------------------------------------


@router.get("/complaints", response_model=Page[schemas.SHAPES["complaint"].answer])  # type: ignore[misc]  # a table's
async def list_complaints(
    caller: Reader, services: ServicesOf, query: Annotated[schemas.ComplaintQuery, Query()]
) -> Response:
    """List complaints of all customers: those not resolved, the first due first, unless `status` asks for others."""
    return await _work_list(caller, services, COMPLAINT, query)


@router.get("/promises", response_model=Page[schemas.SHAPES["promise"].answer])  # type: ignore[misc]  # (same)
async def list_promises(
    caller: Reader, services: ServicesOf, query: Annotated[schemas.PromiseQuery, Query()]
) -> Response:
    """List our promises to all customers: the open ones, the first due first, unless `state` asks for others."""
    return await _work_list(caller, services, PROMISE, query)


@router.get("/tasks", response_model=Page[schemas.TaskAnswer])
async def list_tasks(caller: Reader, services: ServicesOf, query: Annotated[schemas.TaskQuery, Query()]) -> Response:
    """List tasks: the open ones, the first due first, unless `status` asks for others.

    They are made by the follow-up rules, and of complaints, promises, gifts and contacts a notice time before these are
    due.
    """
    return await _work_list(caller, services, TASK, query)


@router.get("/tasks/{task_id}", response_model=schemas.TaskAnswer)
async def get_task(caller: Reader, services: ServicesOf, task_id: IdInPath) -> Response:
    """Read a task and all that was done to it."""
    return await _one(caller, services, TASK, None, task_id)


async def _work_list(caller: Caller, services: Services, kind: Kind, query: schemas.RecordQuery) -> Response:
    asked = query.wanted()
    state, due_before = asked.pop(str(kind.state)), asked.pop("due_before")
    equal = tuple((name, value) for name, value in asked.items() if value is not None)
    wanted = queries.Wanted(state, equal, due_before)
    name = f"{kind.plural}:{wanted}"
    after = _after(services, name, query.cursor)
    found, total = await paged(
        services.db, caller, query, after,
        lambda tx, after, limit: queries.work_list(tx, kind, wanted, after=after, limit=limit),
    )  # fmt: skip
    seen = list(dict.fromkeys(customer for _, customer, _ in found[: query.limit]))
    await services.reads.record(caller, f"{kind.name}.list", seen)
    return _page(services, name, found, query.limit, total)


def _after(services: Services, name: str, cursor: str | None) -> tuple[datetime, uuid.UUID] | None:
    if cursor is None:
        return None
    try:
        moment, record_id = services.cursors.read(name, cursor)
        return datetime.fromisoformat(moment), uuid.UUID(record_id)
    except ValueError:
        raise Problem(INVALID_CURSOR) from None


def _page(services: Services, name: str, found: list[Any], limit: int, total: int | None) -> Response:
    shown, following = found[:limit], None
    if len(found) > limit:
        moment, record_id = shown[-1][0]
        following = services.cursors.write(name, [moment.isoformat(), str(record_id)])
    return json_response(page_bytes([document for _, _, document in shown], following, total))


# --- follow-up rules --------------------------------------------------------------------------------------------------


@router.get("/follow-up-rules", response_model=schemas.FollowUpRulesAnswer)
async def get_follow_up_rules(caller: Reader, services: ServicesOf) -> Response:
    """Read the rules that make tasks."""
    return respond(serialise(await services.db.read(caller, _rules)))


@router.put("/follow-up-rules", response_model=schemas.FollowUpRulesAnswer, dependencies=RULE_MAKER)
async def put_follow_up_rules(write: WriteOf, body: schemas.FollowUpRules) -> Response:
    """Set all rules that make tasks. They count for what happens from now on."""

    async def work(tx: Tx) -> dict[str, Any]:
        await commands.set_rules(tx, [rule.model_dump() for rule in body.rules])
        return await _rules(tx)

    return await write(work)


async def _rules(tx: Tx) -> dict[str, Any]:
    return {"rules": [_plain(rule) for rule in await queries.rules(tx)]}


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: rfc3339(value) if isinstance(value, datetime) else value for name, value in row.items()}


# --- the routes of the kinds ------------------------------------------------------------------------------------------


def _typed(
    function: Callable[..., Any], kind: Kind, body: type[BaseModel] | None = None, *, action: bool = False
) -> Callable[..., Any]:
    """The function with the type of its body and the name of its record in the path, which FastAPI reads off it.

    The body of an action in which nothing is required may be left out.
    """
    types = function.__annotations__
    if "record_id" in types:
        types["record_id"] = Annotated[uuid.UUID, Path(alias=f"{kind.name}_id")]
    if body is not None:
        types["body"] = body
        if action and not any(field.is_required() for field in body.model_fields.values()):
            types["body"] = Annotated[body | None, Body()]
            function.__defaults__ = (None, *(function.__defaults__ or ()))
    return function


def _mount(kind: Kind) -> None:
    shape, path, one = schemas.SHAPES[kind.name], f"/customers/{{customer_id}}/{kind.plural}", kind.name
    many = kind.plural.replace("-", "_") if kind.plural != one else f"{one}_records"
    record = f"{path}/{{{one}_id}}"
    add = router.add_api_route
    add(
        path, _list(kind), methods=["GET"], response_model=Page[shape.answer],  # type: ignore[name-defined]
        name=f"list_customer_{many}",
        description=f"List a customer's {many.replace('_', ' ')}, what happened last first.",
    )  # fmt: skip
    add(
        path, _typed(_create(kind), kind, shape.new), methods=["POST"], status_code=201, response_model=shape.answer,
        name=f"create_{one}", dependencies=[requires(kind.creator)],
        description="409 `record_exists` if the customer has one with this `id`.",
    )  # fmt: skip
    add(
        record, _typed(_get(kind), kind), methods=["GET"], response_model=shape.answer, name=f"get_{one}",
        description="Read it, with all that was done to it where that is kept.",
    )  # fmt: skip
    if shape.patch is not None:
        add(
            record, _typed(_patch(kind), kind, shape.patch), methods=["PATCH"], response_model=shape.answer,
            name=f"patch_{one}", dependencies=WRITER,
            description="A JSON merge patch: what is absent stays, `null` clears. Needs If-Match.",
        )  # fmt: skip
    for action in kind.actions:
        body = schemas.ACTIONS[one, action.verb]
        add(
            f"{record}/{action.verb}", _typed(_act(kind, action), kind, body, action=True), methods=["POST"],
            response_model=shape.answer, name=f"{action.verb}_{one}", dependencies=WRITER, description=_told(action),
        )  # fmt: skip


def _told(action: Action) -> str:
    sources = " or ".join(f"`{source}`" for source in action.sources)
    return f"From {sources} to `{action.target}`; 409 `wrong_state` if it is in another state."


for _kind in KINDS:
    _mount(_kind)
for _action in TASK.actions:
    router.add_api_route(
        f"/tasks/{{task_id}}/{_action.verb}",
        _typed(_act_on_task(_action), TASK, schemas.ACTIONS["task", _action.verb], action=True),
        methods=["POST"], response_model=schemas.TaskAnswer, name=f"{_action.verb}_task", dependencies=WRITER,
        description=_told(_action),
    )  # fmt: skip
