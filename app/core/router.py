"""Routes of the service itself: alive, ready, metrics, documentation, and what became of a keyed request."""

import asyncio
import logging
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from app.core import docs_page, idempotency
from app.core.caller import Caller
from app.core.db import Tx
from app.core.errors import NOT_FOUND, UNAVAILABLE, Problem
from app.core.http import GatedRoute, ServicesOf, requires
from app.core.migrate import is_ready
from app.core.schemas import IdempotencyAnswer, Liveness, Readiness
from app.core.services import Services

PUBLIC = frozenset({"/livez", "/readyz", "/metrics", "/openapi.json", *docs_page.FILES})
LAG_SECONDS = 2.0
log = logging.getLogger("clientele.service")
router = APIRouter(tags=["service"], route_class=GatedRoute)


@router.get("/livez", response_model=Liveness)
async def get_liveness() -> Any:
    """Whether the process runs."""
    return {"status": "ok"}


@router.get("/readyz", response_model=Readiness)
async def get_readiness(services: ServicesOf) -> Any:
    """Whether the process can serve: the database answers and its revision is at least the one this code needs.

    Lag of the feed and of the workers is reported and does not make the service unready.
    """
    try:
        ready, report = await is_ready(services.db)
    except Exception as error:
        raise Problem(UNAVAILABLE, "The database does not answer.", headers={"Retry-After": "1"}) from error
    if not ready:
        raise Problem(UNAVAILABLE, "The database is not migrated to what this version needs.")
    return {"status": "ready", **report, **await _lag(services)}


@router.get("/metrics")
async def get_metrics(services: ServicesOf) -> Response:
    """Metrics in Prometheus' text format."""
    try:
        async with asyncio.timeout(LAG_SECONDS):
            services.metrics.lag(await _lag(services))
    except Exception:
        # Metrics matter most when the database is away.
        log.warning("what lags could not be measured", exc_info=True)
        services.metrics.lag(None)
    return Response(services.metrics.exposition(), media_type="text/plain; version=0.0.4; charset=utf-8")


async def get_documentation(request: Request) -> Response:
    """The page at `/docs` and the files that it loads."""
    file = docs_page.FILES[request.scope["path"]]
    return Response(file.body, media_type=file.media_type, headers=dict(file.headers))


for path in docs_page.FILES:
    router.add_api_route(path, get_documentation, include_in_schema=False)


async def _lag(services: Services) -> dict[str, Any]:
    """How far what is done in the background is behind."""
    report: dict[str, Any] = {}
    for probe in services.probes:
        report |= await probe(services.db)
    return report


# A key may hold any visible character, a slash among them.
@router.get("/v1/idempotency/{key:path}", response_model=IdempotencyAnswer)
async def get_idempotent_request(
    key: Annotated[str, Path(max_length=idempotency.KEY_MAX)],
    caller: Annotated[Caller, requires("requests:read")],
    services: ServicesOf,
) -> Any:
    """What became of a request that this client sent with an Idempotency-Key: its stored status and answer.

    404 means that it did not take effect (or is still running, or is older than seven days).
    """

    async def find(tx: Tx) -> Any:
        return await idempotency.find(tx.connection, caller.client_id, key)

    row = await services.db.read(caller, find)
    if row is None:
        raise Problem(NOT_FOUND, "No finished request with this key is known.")
    return IdempotencyAnswer.of(key, row)
