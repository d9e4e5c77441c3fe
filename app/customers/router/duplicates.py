"""Routes of duplicate candidates."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Response

from app.core.caller import Caller
from app.core.db import Made, Tx
from app.core.errors import NOT_FOUND, Problem, etag
from app.core.http import GatedRoute, ServicesOf, WriteOf, expected_version, json_response, requires
from app.core.pages import Page, page_bytes, paged
from app.customers import commands
from app.customers.queries import candidates as queries
from app.customers.schemas.duplicates import CandidateAnswer, CandidateQuery, Dismissal, DuplicateSweep

router = APIRouter(prefix="/v1/duplicate-candidates", tags=["customers"], route_class=GatedRoute)

Reader = Annotated[Caller, requires("customers:read")]
EDITOR = [requires("customers:write")]
CandidateId = Annotated[uuid.UUID, Path()]
IfMatch = Annotated[
    str | None, Header(description='May be sent: the ETag of the version that was read, as in "3".')
]  # fmt: skip


@router.get("", response_model=Page[CandidateAnswer])
async def list_duplicate_candidates(
    caller: Reader, services: ServicesOf, query: Annotated[CandidateQuery, Query()]
) -> Response:
    """List pairs of customers who may be one, the best first: those that nobody has decided on, unless `status` asks.

    The worker finds them within seconds of a change, by what the two share: a phone or e-mail address and similar
    names, name and birthday, address and surname, an identifier of one that was given for the other. `reasons` says
    what counted and how much; what counts against it (`family`, `different_birthday`, ...) too.
    """
    wanted = queries.Filter(**query.wanted())
    name = f"duplicate_candidates:{wanted}"
    after = services.cursors.read(name, query.cursor) if query.cursor is not None else None
    rows, total = await paged(
        services.db, caller, query, after,
        lambda tx, after, limit: queries.page(tx, wanted, after=after, limit=limit),
    )  # fmt: skip
    shown, following = rows[: query.limit], None
    if len(rows) > query.limit:
        score, last = shown[-1][0]
        following = services.cursors.write(name, [score, str(last)])
    seen = dict.fromkeys(customer for _, pair, _ in shown for customer in pair)
    await services.reads.record(caller, "duplicate.list", list(seen))
    return json_response(page_bytes([document for _, _, document in shown], following, total))


@router.post(
    "/sweeps", status_code=202, response_model=DuplicateSweep, dependencies=[requires("customers:admin")]
)  # fmt: skip
async def sweep_duplicate_candidates(write: WriteOf) -> Response:
    """Look for duplicates among all customers, by a job (`GET /v1/jobs/{job_id}`).

    While a job that you have asked for waits to begin, that one is answered. It is rarely needed: who changes is looked
    at by itself, and all who were there before were looked at when the service began to.
    """

    async def work(tx: Tx) -> Made:
        return Made({"status": "queued", "job_id": await commands.enqueue_duplicate_sweep(tx)}, 202)

    return await write(work)


@router.get("/{candidate_id}", response_model=CandidateAnswer)
async def get_duplicate_candidate(caller: Reader, services: ServicesOf, candidate_id: CandidateId) -> Response:
    """Read a pair."""
    found = await services.db.read(caller, lambda tx: queries.one(tx, candidate_id))
    if found is None:
        raise Problem(NOT_FOUND)
    await services.reads.record(caller, "duplicate.read", list(found[2]))
    return json_response(found[0], etag(found[1]))


@router.post("/{candidate_id}/dismiss", response_model=CandidateAnswer, dependencies=EDITOR)
async def dismiss_duplicate_candidate(
    write: WriteOf, candidate_id: CandidateId, body: Dismissal, if_match: IfMatch = None
) -> Response:
    """Say that the two are not one customer. It stays dismissed, whatever is found later, until somebody reopens it.

    409 `duplicate_not_open` if it is dismissed or merged already.
    """
    given, version = body.model_dump(exclude_unset=True), _version(if_match)

    async def work(tx: Tx) -> Made:
        await commands.dismiss_duplicate(tx, candidate_id, given, version)
        return await _shown(tx, candidate_id)

    return await write(work)


@router.post("/{candidate_id}/reopen", response_model=CandidateAnswer, dependencies=EDITOR)
async def reopen_duplicate_candidate(write: WriteOf, candidate_id: CandidateId, if_match: IfMatch = None) -> Response:
    """Take back that a pair was dismissed. 409 `duplicate_not_dismissed` if it is not."""
    version = _version(if_match)

    async def work(tx: Tx) -> Made:
        await commands.reopen_duplicate(tx, candidate_id, version)
        return await _shown(tx, candidate_id)

    return await write(work)


def _version(if_match: str | None) -> int | None:
    return None if if_match is None else expected_version(if_match)


async def _shown(tx: Tx, candidate_id: uuid.UUID) -> Made:
    found = await queries.one(tx, candidate_id)
    if found is None:
        raise Problem(NOT_FOUND)
    return Made(found[0], headers=etag(found[1]))
