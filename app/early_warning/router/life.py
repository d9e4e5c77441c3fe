"""Routes of a warning's life: what people do about one, or about many at once, and what they say of it."""

import uuid
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel

from app.core.batch import Batch, BatchAnswer, check_items, items_of
from app.core.caller import Caller
from app.core.db import Made, Tx, serialise
from app.core.errors import NOT_FOUND, Problem, etag
from app.core.http import (  # fmt: skip
    GatedRoute,
    ServicesOf,
    WriteOf,
    documented_body,
    incoming,
    respond,
)
from app.core.http import Writer as Write
from app.core.language import Spoken
from app.core.pages import Page, page_of, paged
from app.core.services import Services
from app.core.settings import Language
from app.early_warning import commands, documents, queries, schemas
from app.early_warning.commands import Order
from app.early_warning.life import Verb
from app.early_warning.router.shared import WRITER, Reader

router = APIRouter(prefix="/v1", tags=["warnings"], route_class=GatedRoute)

WarningIdInPath = Annotated[uuid.UUID, Path()]
DOORS_BULK = frozenset({("POST", "/v1/warnings/batch")})


@router.post(
    "/warnings/batch",
    response_model=BatchAnswer,
    openapi_extra=documented_body(Batch[schemas.WarningStepIn]),
    dependencies=WRITER,
)
async def batch_warnings(request: Request, services: ServicesOf, write: WriteOf) -> Response:
    """Do something about up to 1000 warnings: each item has an `id`, an `action` and what that action takes.

    The items are done in their order. `updated`: it was done; `duplicate`: all was so already; a `failed` one costs no
    other.
    """
    items = items_of(incoming(request).body)

    async def work(tx: Tx) -> dict[str, Any]:
        # Checked anew each time: work may run again after a deadlock.
        checked = check_items(items, schemas.WarningStepIn)
        orders = [_order(item["id"], item["action"], item, tx.caller) for _, item in checked.valid]
        outcomes = await commands.handle(tx, orders, services.settings.company.today(tx.now)) if orders else []
        for (index, _), outcome in zip(checked.valid, outcomes, strict=True):
            if isinstance(outcome, Problem):
                checked.fail(index, outcome)
            else:
                checked.done(index, *outcome)
        return checked.answer()

    return await write(work)


def _order(warning_id: uuid.UUID, verb: Verb, given: dict[str, Any], caller: Caller) -> Order:
    given = {name: value for name, value in given.items() if name not in {"id", "action"}}
    if verb == "comment" and given.get("by") is None:
        given["by"] = caller.staff
    return Order(warning_id, verb, given)


async def _take(
    services: Services, write: Write, language: Language, warning_id: uuid.UUID, verb: Verb, body: BaseModel | None
) -> Response:
    given = {} if body is None else body.model_dump(exclude_unset=True)

    async def work(tx: Tx) -> Made:
        order = _order(warning_id, verb, given, tx.caller)
        await commands.handle_one(tx, order, services.settings.company.today(tx.now))
        row = await queries.warning(tx, warning_id) or {}
        groups, day = tx.caller.field_groups, services.settings.company.today
        shown = documents.document(row, groups, services.clock.now(), day, language)
        return Made(shown, headers=etag(row["version"]))

    return await write(work)


async def _taking(services: ServicesOf, write: WriteOf, language: Spoken) -> "Take":
    """What all of these routes do with a warning, a verb and a body."""
    return partial(_take, services, write, language)


Take = Callable[[uuid.UUID, Verb, BaseModel | None], Awaitable[Response]]
Taking = Annotated[Take, Depends(_taking)]


@router.post("/warnings/{warning_id}/acknowledge", response_model=schemas.WarningAnswer, dependencies=WRITER)
async def acknowledge_warning(
    take: Taking, warning_id: WarningIdInPath, body: schemas.Acknowledgement | None = None
) -> Response:
    """Take a warning on. It stays on the board until it is resolved, and is told again if it gets worse.

    409 `warning_investigated` if that has gone further already.
    """
    return await take(warning_id, "acknowledge", body)


@router.post("/warnings/{warning_id}/snooze", response_model=schemas.WarningAnswer, dependencies=WRITER)
async def snooze_warning(take: Taking, warning_id: WarningIdInPath, body: schemas.Snooze) -> Response:
    """Put a warning aside until a time. Then, or at once if it gets worse, it is open again.

    It does not escalate while it sleeps; when it wakes there is as much time for it as for a new one.
    """
    return await take(warning_id, "snooze", body)


@router.post("/warnings/{warning_id}/investigate", response_model=schemas.WarningAnswer, dependencies=WRITER)
async def investigate_warning(
    take: Taking, warning_id: WarningIdInPath, body: schemas.Investigation | None = None
) -> Response:
    """Look for a warning's cause. If it gets worse meanwhile that is told, and the investigation goes on."""
    return await take(warning_id, "investigate", body)


@router.post("/warnings/{warning_id}/assign", response_model=schemas.WarningAnswer, dependencies=WRITER)
async def assign_warning(take: Taking, warning_id: WarningIdInPath, body: schemas.Assignment) -> Response:
    """Give a warning to somebody, or to nobody. Its status stays.

    A warning that is the account manager's, by assignment or because nobody has chosen, goes with the customer to the
    next one.
    """
    return await take(warning_id, "assign", body)


@router.post("/warnings/{warning_id}/resolve", response_model=schemas.WarningAnswer, dependencies=WRITER)
async def resolve_warning(take: Taking, warning_id: WarningIdInPath, body: schemas.Resolution) -> Response:
    """Resolve a warning. It is not raised again for the same cause unless that gets worse.

    Of a debt it is the same cause while it lasts, at most for the days of the rule: one that was settled since, or that
    has grown to more than the rule's `critical_percent` of what was owed then, is told at once.

    With a promise to pay it rests until the day after the promised one. It is `kept` once so much was paid since; else,
    if anything of the cause is left by then, it is `broken` and the warning comes back.

    409 `warning_resolved` if it is resolved already: also by itself, because its cause is gone.
    """
    return await take(warning_id, "resolve", body)


@router.post("/warnings/{warning_id}/reopen", response_model=schemas.WarningAnswer, dependencies=WRITER)
async def reopen_warning(take: Taking, warning_id: WarningIdInPath, body: schemas.Reopening | None = None) -> Response:
    """Take a resolved warning up again. If its cause is gone, the next evaluation resolves it by itself.

    409 `warning_live` if it is not resolved, `warning_raised_again` if another about the same is not.
    """
    return await take(warning_id, "reopen", body)


@router.post("/warnings/{warning_id}/comments", status_code=201, response_model=schemas.Comment, dependencies=WRITER)
async def comment_on_warning(
    services: ServicesOf, write: WriteOf, warning_id: WarningIdInPath, body: schemas.CommentIn
) -> Response:
    """Say something of a warning, whatever its status."""

    async def work(tx: Tx) -> Made:
        order = _order(warning_id, "comment", body.model_dump(exclude_unset=True), tx.caller)
        await commands.handle_one(tx, order, services.settings.company.today(tx.now))
        version = (await queries.warning(tx, warning_id) or {})["version"]
        found = await queries.comments(tx, warning_id, after=version - 1, limit=1)
        if found is None:
            raise Problem(NOT_FOUND)
        return Made(documents.comment(found[1][0]), 201)

    return await write(work)


@router.get("/warnings/{warning_id}/comments", response_model=Page[schemas.Comment])
async def list_comments(
    caller: Reader,
    services: ServicesOf,
    warning_id: WarningIdInPath,
    query: Annotated[schemas.CommentQuery, Query()],
) -> Response:
    """List what was said of a warning, the first first."""
    name, limit = f"warning_comments:{warning_id}", query.limit
    after = int(services.cursors.read(name, query.cursor)[0]) if query.cursor is not None else None
    found, total = await paged(
        services.db, caller, query, after,
        lambda tx, after, limit: queries.comments(tx, warning_id, after=after, limit=limit),
    )  # fmt: skip
    if found is None:
        raise Problem(NOT_FOUND)
    customer_id, rows = found
    following = services.cursors.write(name, [rows[limit - 1]["version"]]) if len(rows) > limit else None
    await services.reads.record(caller, "warning.read", [customer_id])
    data = [documents.comment(row) for row in rows[:limit]]
    return respond(serialise(page_of(data, following, total)))
