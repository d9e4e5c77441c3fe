"""Routes of the office."""

from fastapi import APIRouter

from app.office.router import credit, handovers, merges

router = APIRouter()
for _part in (credit, merges, handovers):
    router.routes.extend(_part.router.routes)

__all__ = ["router"]
