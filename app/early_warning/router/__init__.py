"""Routes of warnings. Paths that are words come before `/{warning_id}`."""

from fastapi import APIRouter

from app.early_warning.router import board, figures, holds, life, rules

router = APIRouter()
for _part in (figures, board, life, rules, holds):
    router.routes.extend(_part.router.routes)

DOORS_BULK = life.DOORS_BULK

__all__ = ["DOORS_BULK", "router"]
