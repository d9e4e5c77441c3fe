"""Routes of the till."""

from fastapi import APIRouter

from app.till.router import allowances, authorisations, receipts

router = APIRouter()
for _part in (receipts, authorisations, allowances):
    router.routes.extend(_part.router.routes)

DOORS_RAW, DOORS_BULK = receipts.DOORS_RAW, receipts.DOORS_BULK

__all__ = ["DOORS_BULK", "DOORS_RAW", "router"]
