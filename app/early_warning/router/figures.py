"""Routes of how many warnings there are, and how long they took."""

from datetime import datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Response

from app.core.db import serialise
from app.core.errors import INVALID, FieldError, Problem
from app.core.http import GatedRoute, ServicesOf, respond
from app.early_warning import queries, schemas
from app.early_warning.router.shared import Reader

router = APIRouter(prefix="/v1", tags=["warnings"], route_class=GatedRoute)

DAYS, DAYS_MAX = 30, 366


@router.get("/warnings/counts", response_model=schemas.Counts)
async def count_warnings(
    caller: Reader, services: ServicesOf, query: Annotated[schemas.CountQuery, Query()]
) -> Response:
    """Count warnings by status, kind, severity, owner, and home store of the customer."""
    wanted = queries.Filter(**query.model_dump())
    return respond(serialise(await services.db.read(caller, lambda tx: queries.counts(tx, wanted))))


@router.get("/warnings/times", response_model=schemas.Times)
async def warning_times(
    caller: Reader, services: ServicesOf, query: Annotated[schemas.TimesQuery, Query()]
) -> Response:
    """How long it took until warnings were taken on, resolved, or over by themselves, of what was done in some days.

    Each time a warning comes back counts anew. `acknowledged` is when somebody first took it on or investigated it.
    """
    company = services.settings.company
    last = query.last or company.today(services.clock.now())
    first = query.first or last - timedelta(days=DAYS - 1)
    if not 0 <= (last - first).days < DAYS_MAX:
        detail = f"These must be 1 to {DAYS_MAX} days, from the first to the last."
        raise Problem(INVALID, detail, [FieldError("?last", "out_of_range", detail)])
    closing, zone = timedelta(minutes=company.closing_minutes), ZoneInfo(company.time_zone)
    start = datetime(first.year, first.month, first.day, tzinfo=zone) + closing
    after = last + timedelta(days=1)
    end = datetime(after.year, after.month, after.day, tzinfo=zone) + closing
    period = queries.Period(start, end, query.kind, query.severity)
    found = await services.db.read(caller, lambda tx: queries.times(tx, period))
    return respond(serialise({"first": first.isoformat(), "last": last.isoformat(), **found}))
