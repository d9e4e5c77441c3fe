"""Routes of the office."""

from fastapi import APIRouter

from app.office.router import credit, handovers, merges, plans

router = APIRouter()
for _part in (credit, merges, handovers, plans):
    router.routes.extend(_part.router.routes)

DOORS_BULK = plans.DOORS_BULK

__all__ = ["DOORS_BULK", "router"]
