"""Routes of who looks after a customer, and of its grade."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Response

from app.core.caller import Caller
from app.core.db import Made, Tx
from app.core.errors import NOT_FOUND, Problem, etag
from app.core.http import GatedRoute, ServicesOf, WriteOf, expected_version, json_response, requires
from app.core.pages import Page, page_bytes, paged
from app.customers import commands
from app.customers.queries import ownership as queries
from app.customers.schemas.ownership import Assigned, AssignmentAnswer, AssignmentIn, AssignmentQuery, Graded, GradeIn

router = APIRouter(prefix="/v1/customers/{customer_id}", tags=["ownership"], route_class=GatedRoute)

Reader = Annotated[Caller, requires("customers:read", "basic")]
ASSIGNER = [requires("customers:assign", "basic")]
CustomerIdInPath = Annotated[uuid.UUID, Path()]
IfMatch = Annotated[str | None, Header(description='The ETag of the version that was read, as in "3".')]


@router.put("/assignment", response_model=Assigned, dependencies=ASSIGNER)
async def put_customer_assignment(
    write: WriteOf, customer_id: CustomerIdInPath, body: AssignmentIn, if_match: IfMatch = None
) -> Response:
    """Say who looks after a customer: account manager, sponsor. Absent stays, `null` is nobody.

    They are part of the record: needs If-Match, and makes a new version. Open tasks and warnings that went to the
    account manager go to the new one.
    """
    version, given = expected_version(if_match), body.model_dump(exclude_unset=True)
    reason = given.pop("reason", None)

    async def work(tx: Tx) -> Made:
        before = await queries.held(tx, customer_id)
        following = await commands.assign_one(tx, customer_id, given, reason, version)
        return Made({**(before or {}), **given, "version": following}, headers=etag(following))

    return await write(work)


@router.put("/grade", response_model=Graded, dependencies=ASSIGNER)
async def put_customer_grade(
    write: WriteOf, customer_id: CustomerIdInPath, body: GradeIn, if_match: IfMatch = None
) -> Response:
    """Give a customer a grade, in the company's own words; `null` takes it away.

    It is part of the record: needs If-Match, and makes a new version. Rules of warnings may be set for a grade.
    """
    version = expected_version(if_match)

    async def work(tx: Tx) -> Made:
        following = await commands.grade(tx, customer_id, body.grade, version)
        shown = {"customer_id": customer_id, "grade": body.grade, "version": following}
        return Made(shown, headers=etag(following))

    return await write(work)


@router.get("/assignments", response_model=Page[AssignmentAnswer])
async def list_customer_assignments(
    caller: Reader, services: ServicesOf, customer_id: CustomerIdInPath, query: Annotated[AssignmentQuery, Query()]
) -> Response:
    """List who looked after a customer from when until when, the newest first."""
    name = f"assignments:{customer_id}"
    after = uuid.UUID(services.cursors.read(name, query.cursor)[0]) if query.cursor is not None else None
    found, total = await paged(
        services.db, caller, query, after,
        lambda tx, after, limit: queries.assignments(tx, customer_id, after=after, limit=limit),
    )  # fmt: skip
    if found is None:
        raise Problem(NOT_FOUND)
    shown = found[: query.limit]
    following = services.cursors.write(name, [str(shown[-1][0])]) if len(found) > query.limit else None
    await services.reads.record(caller, "customer.assignments", [customer_id])
    return json_response(page_bytes([document for _, document in shown], following, total))
