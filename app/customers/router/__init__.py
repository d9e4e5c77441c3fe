"""Routes of customers. Paths that are words come before `/{customer_id}`."""

from fastapi import APIRouter

from app.customers.router import belongings, contact, duplicates, ownership, quality, record

router = APIRouter()
for _part in (quality, record, belongings, contact, duplicates, ownership):
    router.routes.extend(_part.router.routes)

DOORS_RAW, DOORS_BULK, DOORS_STREAMED = record.DOORS_RAW, record.DOORS_BULK, record.DOORS_STREAMED

__all__ = ["DOORS_BULK", "DOORS_RAW", "DOORS_STREAMED", "router"]
