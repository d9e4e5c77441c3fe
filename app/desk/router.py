"""Routes of the desk: finding the customer who stands at the till or is on the line. Hot: answered by the edge."""

import uuid

from fastapi import APIRouter
from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from app.core.edge import HotRequest, HotRoute
from app.core.errors import INVALID, FieldError, Problem
from app.core.gate import validation_problem
from app.core.hot import operation, parse_query
from app.core.reply import Reply
from app.customers.identifiers import normalise
from app.desk import hot
from app.desk.schemas import LookupAnswer, LookupBody, LookupQuery, NoQuery, Standing

_ABOUT = """\
Answers a list even for one hit, because families share phones. Each candidate says why it `match`es. A number that
nobody has answers an empty list, not 404.
"""

_ABOUT_STANDING = """\
Live, from the ledger and the holds as they are. `hold`: somebody has stopped sales, or the account is suspended.
`review`: the customer owes more than the limit, or something is overdue; selling against payment is fine.
"""


async def lookup(request: HotRequest) -> Reply:
    """`GET /v1/customers/lookup`."""
    asked = parse_query(LookupQuery, request.query)
    return await _find(request, asked.asked(), "?")


async def lookup_by_body(request: HotRequest) -> Reply:
    """`POST /v1/customers/lookup`."""
    if request.query:
        parse_query(NoQuery, request.query)
    try:
        asked = LookupBody.model_validate(request.json)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        raise validation_problem(list(found), ()) from None
    return await _find(request, asked.asked(), "/")


async def standing(request: HotRequest) -> Reply:
    """`GET /v1/customers/{customer_id}/standing`."""
    if request.query:
        parse_query(NoQuery, request.query)
    try:
        customer_id = uuid.UUID(request.value)
    except ValueError:
        error = FieldError("path:customer_id", "uuid_parsing", "A customer's id is a UUID.")
        raise Problem(INVALID, error.detail, [error]) from None
    return await hot.standing(request.services, request.caller, customer_id)


async def _find(request: HotRequest, asked: tuple[str, str, str | None], where: str) -> Reply:
    kind, value, system = asked
    region = await hot.phone_region(request.services, request.caller)
    try:
        identifier = normalise(kind, value, system, region)
    except PydanticCustomError as error:
        raise Problem(INVALID, error.message(), [FieldError(where + kind, error.type, error.message())]) from None
    return await hot.candidates(request.services, request.caller, identifier)


# The edge answers these; the router is mounted for its name alone.
router = APIRouter()
HOT = (
    HotRoute(
        "GET",
        "/v1/customers/lookup",
        "customers:read",
        lookup,
        operation(
            "lookup_customer", "Find a customer by phone, e-mail, card or external id", tag="customers",
            description=_ABOUT, query=LookupQuery, answer=LookupAnswer,
        ),
    ),
    HotRoute(
        "POST",
        "/v1/customers/lookup",
        "customers:read",
        lookup_by_body,
        operation(
            "lookup_customer_by_body", "The same without a phone number in a URL or a log", tag="customers",
            description=_ABOUT, body=LookupBody, answer=LookupAnswer,
        ),
    ),
    HotRoute(
        "GET",
        "/v1/customers/{customer_id}/standing",
        "customers:read",
        standing,
        operation(
            "get_standing", "Whether to sell to a customer: allow, review or hold, and why", tag="customers",
            description=_ABOUT_STANDING, answer=Standing,
            path={"customer_id": {"type": "string", "format": "uuid", "title": "Customer Id"}},
        ),
    ),
)  # fmt: skip
