"""The API process: every room's routes, errors and sections gathered into one application."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from app.access import router as access_router
from app.access.authentication import Authenticator
from app.access.throttle import Throttle
from app.assembly import RIGHTS
from app.bulk import router as bulk_router
from app.catalog import router as catalog_router
from app.core import openapi
from app.core import router as core_router
from app.core.caller import Part
from app.core.edge import Doors, Edge, HotRoute, hot_key
from app.core.errors import (
    BAD_REQUEST,
    INTERNAL,
    METHOD_NOT_ALLOWED,
    NOT_FOUND,
    PROBLEM_MEDIA_TYPE,
    Problem,
)  # fmt: skip
from app.core.gate import validation_problem
from app.core.http import GatedRoute, incoming
from app.core.services import Services
from app.core.switchboard import Switchboard
from app.credit import router as credit_router
from app.customers import pinyin
from app.customers import router as customers_router
from app.customers.queries.merges import absent
from app.desk import router as desk_router
from app.early_warning import router as early_warning_router
from app.early_warning.opportunities import router as opportunities_router
from app.engagement import router as engagement_router
from app.examples import BODIES
from app.feed import router as feed_router
from app.office import router as office_router
from app.privacy import router as privacy_router
from app.receipts import router as receipts_router
from app.segments import router as segments_router
from app.till import router as till_router

WARM_SECONDS = 1.0
# The framework asks them one after the other: those that wait in a queue come first.
_ROUTERS = (
    till_router, desk_router, customers_router, receipts_router, credit_router, engagement_router, segments_router,
    early_warning_router, opportunities_router, office_router, privacy_router, catalog_router, bulk_router,
    feed_router, access_router, core_router,
)  # fmt: skip


def create_app(services: Services) -> Edge:
    """The ASGI application. Raises RuntimeError when a route declares no scope."""
    authenticator = Authenticator(services.db, services.settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            await services.db.open()
            stack.push_async_callback(services.db.close)
            stack.callback(services.offload.close)
            parts: tuple[Part, ...] = (services.reads, services.feed, authenticator)
            for part in parts:
                await part.start()
                stack.push_async_callback(part.close)
            warm = asyncio.create_task(_warm())
            stack.callback(warm.cancel)
            yield

    app = api(lifespan)
    app.state.services = services
    return Edge(app, services, doors(), authenticator.authenticate, Throttle(services.settings))


async def _warm() -> None:
    """Load what the first customer with a Chinese name would wait for, once the first who ask are answered."""
    await asyncio.sleep(WARM_SECONDS)
    await asyncio.to_thread(pinyin.load)


def api(lifespan: Any = None) -> FastAPI:
    """The FastAPI application with every room's routes; it needs the edge around it to answer."""
    app = FastAPI(
        title="Clientele",
        version="1",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    for module in _ROUTERS:
        # `include_router` would ask a room's routes twice a request, and make all of them anew for the first one.
        app.router.routes.extend(module.router.routes)
    app.router.routes.extend(privacy_router.exports(RIGHTS).routes)

    document = openapi.MadeOnce(partial(openapi_bytes, app))

    @app.get("/openapi.json", include_in_schema=False)
    async def get_openapi_document() -> Response:
        return Response(await document(), media_type="application/json")

    _problem_handlers(app)
    _refuse_open_routes(app)
    app.router.middleware_stack = Switchboard(app.router.middleware_stack, api_routes(app))
    return app


def openapi_bytes(app: FastAPI) -> bytes:
    """The OpenAPI document as committed in `openapi/openapi.json`."""
    spec = openapi.document(app, list(hot_routes()), core_router.PUBLIC, BODIES)
    return orjson.dumps(spec, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def hot_routes() -> Iterator[HotRoute]:
    """Routes that the edge answers without the framework."""
    for module in _ROUTERS:
        yield from getattr(module, "HOT", ())


def doors() -> Doors:
    """What the rooms say about how their routes take their bodies."""

    def gathered(name: str) -> frozenset[tuple[str, str]]:
        return frozenset[tuple[str, str]]().union(*(getattr(module, name, frozenset()) for module in _ROUTERS))

    return Doors(
        public=core_router.PUBLIC,
        raw=gathered("DOORS_RAW"),
        streamed=gathered("DOORS_STREAMED"),
        bulk=gathered("DOORS_BULK"),
        hot={(route.method, hot_key(route.path)): route for route in hot_routes()},
    )


def _refuse_open_routes(app: FastAPI) -> None:
    for route in api_routes(app):
        declared = route.required() if isinstance(route, GatedRoute) else []
        if route.path not in core_router.PUBLIC and len(declared) != 1:
            message = f"{sorted(route.methods or ())} {route.path} must declare exactly one scope with requires()"
            raise RuntimeError(message)


def api_routes(app: FastAPI) -> list[APIRoute]:
    """Every route of the application."""
    return [route for route in app.routes if isinstance(route, APIRoute)]


def _problem_handlers(app: FastAPI) -> None:
    found = doors()

    def answer(request: Request, problem: Problem) -> Response:
        body = problem.body(incoming(request).request_id)
        return Response(body, problem.type.status, problem.headers, PROBLEM_MEDIA_TYPE)

    @app.exception_handler(Problem)
    async def on_problem(request: Request, problem: Problem) -> Response:
        return answer(request, await _gone(request) or problem if problem.type is NOT_FOUND else problem)

    @app.exception_handler(Exception)
    async def on_error(request: Request, error: Exception) -> Response:
        # Starlette raises the error again after this answer; the edge then logs what was unexpected.
        services: Services = request.app.state.services
        return answer(request, services.errors.problem(error) or Problem(INTERNAL))

    @app.exception_handler(RequestValidationError)
    async def on_invalid(request: Request, error: RequestValidationError) -> Response:
        return answer(request, validation_problem(list(error.errors())))

    @app.exception_handler(HTTPException)
    async def on_http(request: Request, error: HTTPException) -> Response:
        kinds = {404: NOT_FOUND, 405: METHOD_NOT_ALLOWED}
        kind = kinds.get(error.status_code, BAD_REQUEST if error.status_code < 500 else INTERNAL)  # noqa: PLR2004
        methods = _methods_at(request.scope, found)
        headers = dict(error.headers or {})
        if kind in {NOT_FOUND, METHOD_NOT_ALLOWED} and methods:
            # The framework names the methods of the first route that fits, and hot routes are unknown to it.
            kind, headers = METHOD_NOT_ALLOWED, {"Allow": ", ".join(sorted(methods))}
        detail = "There is nothing at this address." if kind is NOT_FOUND else ""
        return answer(request, Problem(kind, detail, headers=headers))


async def _gone(request: Request) -> Problem | None:
    """Where the customer went whom the path names and nobody finds, if the caller may know."""
    services: Services = request.app.state.services
    caller, named = incoming(request).caller, request.path_params.get("customer_id")
    if caller is None or named is None:
        return None
    try:
        customer = uuid.UUID(named)
    except ValueError:
        return None
    return await services.db.read(caller, lambda tx: absent(tx, customer))


def _methods_at(scope: Any, found: Doors) -> set[str]:
    """Every method that is offered at the path of a request."""
    app: FastAPI = scope["app"]
    methods = {one for one in ("GET", "POST") if found.hot_route(one, scope["path"])[0] is not None}
    if not methods:
        fitting = (route for route in api_routes(app) if route.path_regex.match(scope["path"]))
        methods = methods.union(*(route.methods or () for route in fitting))
    return {*methods, "HEAD"} if "GET" in methods else methods
