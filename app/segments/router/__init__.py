"""Routes of segments. Paths that are words come before `/{segment_id}`."""

from fastapi import APIRouter

from app.segments.router import exports, members, questions, record

router = APIRouter()
for _part in (questions, record, members, exports):
    router.routes.extend(_part.router.routes)

__all__ = ["router"]
