"""Routes of the desk: finding the customer who stands at the till or is on the line. Hot: answered by the edge."""

import uuid
from typing import TypeVar

from fastapi import APIRouter
from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticCustomError

from app.core.edge import HotRequest, HotRoute
from app.core.errors import INVALID, FieldError, Problem
from app.core.gate import validation_problem
from app.core.hot import operation, parse_query
from app.core.language import language_of
from app.core.reply import Reply
from app.core.settings import Language
from app.customers.identifiers import normalise
from app.desk import hot
from app.desk.question import asked
from app.desk.schemas import (
    Card,
    LookupAnswer,
    LookupBody,
    LookupQuery,
    NoQuery,
    SearchAnswer,
    SearchBody,
    SearchQuery,
    SpokenQuery,
    Standing,
    StandingQuery,
)
from app.desk.standing import Sale

M = TypeVar("M", bound=BaseModel)

_ABOUT = """\
Answers a list even for one hit, because families share phones. Each candidate says why it `match`es. A number that
nobody has answers an empty list, not 404.
"""

_ABOUT_STANDING = """\
Live, from the ledger and the holds as they are. `hold`: somebody has stopped sales, or the account is suspended.
`review`: the customer owes more than the limit, or something is overdue; selling against payment is fine.

With an `amount`, `sale.passes` says whether it may be sold, on account unless `on_account` is false: `hold` is then
also an amount above what is left of the limit, with what is reserved for other sales counted. Asking reserves nothing.
Details are in English, Chinese or Korean: as `language` or else Accept-Language asks for.
"""

_ABOUT_CARD = """\
The record with figures and the next question, the last 5 receipts with their lines, open complaints and promises, the
last 5 interactions, consents and do-not-call, relationships, open warnings and opportunities, and the standing: each
as its own routes say it at this moment. A section is there if the API key may read it by itself: `receipts` with the
scope `receipts:read`, `engagement` with `engagement:read`, `warnings` and `opportunities` with `warnings:read`. What
the key's field groups do not show is absent. More sections may come.
"""

_ABOUT_SEARCH = """\
Names by Chinese characters, pinyin (tones or not, spaces or not) or initials; Korean in hangul, by its first
consonants, or in Latin letters however it is spelt; others without accents, in either order, with typos. Four digits
or more of a phone or card, the end of a number first. E-mail by its beginning or a part. A caller who may not see
contact data gets 403 for numbers and addresses; who may not see personal data finds by the displayed name alone.
Best first, each with the reason: exact, as it is read, beginning so, initials, fragments, similar; then who bought
last. 422 `too_short`: less than 4 digits, 2 Latin letters, or 1 Chinese character.
"""


async def lookup(request: HotRequest) -> Reply:
    """`GET /v1/customers/lookup`."""
    return await _find(request, parse_query(LookupQuery, request.query).asked(), "?")


async def lookup_by_body(request: HotRequest) -> Reply:
    """`POST /v1/customers/lookup`."""
    return await _find(request, _body(request, LookupBody).asked(), "/")


async def search(request: HotRequest) -> Reply:
    """`GET /v1/customers/search`."""
    return await _search(request, parse_query(SearchQuery, request.query), "?q")


async def search_by_body(request: HotRequest) -> Reply:
    """`POST /v1/customers/search`."""
    return await _search(request, _body(request, SearchBody), "/q")


async def standing(request: HotRequest) -> Reply:
    """`GET /v1/customers/{customer_id}/standing`."""
    given = parse_query(StandingQuery, request.query)
    sale = None if given.amount is None else Sale(given.amount, given.on_account)
    language = _language(request, given.language)
    return await hot.standing(request.services, request.caller, _id_in_path(request), language, sale)


async def card(request: HotRequest) -> Reply:
    """`GET /v1/customers/{customer_id}/card`."""
    language = _language(request, parse_query(SpokenQuery, request.query).language)
    return await hot.card(request.services, request.caller, _id_in_path(request), language)


def _language(request: HotRequest, asked: str | None) -> Language:
    """What sentences for people are to be in."""
    return language_of(asked, request.header(b"accept-language"), request.services.settings.company.language)


def _id_in_path(request: HotRequest) -> uuid.UUID:
    try:
        return uuid.UUID(request.value)
    except ValueError:
        error = FieldError("path:customer_id", "uuid_parsing", "A customer's id is a UUID.")
        raise Problem(INVALID, error.detail, [error]) from None


def _body(request: HotRequest, model: type[M]) -> M:
    if request.query:
        parse_query(NoQuery, request.query)
    try:
        return model.model_validate(request.json)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        raise validation_problem(list(found), ()) from None


async def _search(request: HotRequest, given: SearchQuery, pointer: str) -> Reply:
    region = await hot.phone_region(request.services, request.caller)
    try:
        question = asked(given.q, region)
    except PydanticCustomError as error:
        raise Problem(INVALID, error.message(), [FieldError(pointer, error.type, error.message())]) from None
    return await hot.found(request.services, request.caller, question, given.limit)


async def _find(request: HotRequest, given: tuple[str, str, str | None], where: str) -> Reply:
    kind, value, system = given
    if not (value and system) and kind == "external" and where == "?":
        # Only in a query are the two parts one text.
        error = FieldError("?external", "invalid_external", "Write it as system:value, such as crm:4711.")
        raise Problem(INVALID, errors=[error])
    region = await hot.phone_region(request.services, request.caller)
    try:
        identifier = normalise(kind, value, system, region)
    except PydanticCustomError as error:
        raise Problem(INVALID, error.message(), [FieldError(where + kind, error.type, error.message())]) from None
    return await hot.candidates(request.services, request.caller, identifier)


_CUSTOMER_ID = {"customer_id": {"type": "string", "format": "uuid", "title": "Customer Id"}}

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
        "/v1/customers/search",
        "customers:read",
        search,
        operation(
            "search_customers", "Find customers by what is remembered of a name, number or e-mail", tag="customers",
            description=_ABOUT_SEARCH, query=SearchQuery, answer=SearchAnswer,
        ),
    ),
    HotRoute(
        "POST",
        "/v1/customers/search",
        "customers:read",
        search_by_body,
        operation(
            "search_customers_by_body", "The same without a name or number in a URL or a log", tag="customers",
            description=_ABOUT_SEARCH, body=SearchBody, answer=SearchAnswer,
        ),
    ),
    HotRoute(
        "GET",
        "/v1/customers/{customer_id}/standing",
        "customers:read",
        standing,
        operation(
            "get_standing", "Whether to sell to a customer: allow, review or hold, and why", tag="customers",
            description=_ABOUT_STANDING, answer=Standing, query=StandingQuery,
            path=_CUSTOMER_ID,
        ),
    ),
    HotRoute(
        "GET",
        "/v1/customers/{customer_id}/card",
        "customers:read",
        card,
        operation(
            "get_customer_card", "Everything about a customer for one screen, in one request", tag="customers",
            description=_ABOUT_CARD, answer=Card, query=SpokenQuery, path=_CUSTOMER_ID,
        ),
    ),
)  # fmt: skip
