"""Routes of the office."""

from fastapi import APIRouter

from app.office.router import credit, handovers, merges, plans

router = APIRouter()
for _part in (credit.router, credit.changes, merges.router, handovers.router, plans.router):
    router.routes.extend(_part.routes)

DOORS_BULK = plans.DOORS_BULK

__all__ = ["DOORS_BULK", "router"]
