"""Writing down where values came from: one statement for any number of customers, beside the one that changes them."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Boolean, Date, DateTime, Insert, Text, Uuid, case, func, select
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.types import TypeEngine

from app.core.sql import recordset
from app.customers.models import Fact

_ROW: dict[str, TypeEngine[Any]] = {
    "customer_id": Uuid(), "path": Text(), "channel": Text(), "collector": Text(), "store": Text(),
    "collected_at": DateTime(timezone=True), "licence_end": Date(), "previous": JSONB(), "confirms": Boolean(),
    "gone": Boolean(),
}  # fmt: skip
_KEPT = ("customer_id", "path", "channel", "collector", "store", "collected_at", "licence_end", "previous")


def noted(rows: Sequence[Mapping[str, Any]]) -> Insert:
    """One INSERT of rows of `provenance.fact_rows`; their customers are locked or new. Nothing is executed here.

    A row that confirms leaves the origin of a fact as it is and moves only when it was last confirmed, and by whom.
    """
    given = recordset([*rows], "noted", **_ROW)
    values = select(
        *(given.c[name] for name in _KEPT),
        case((given.c.confirms, given.c.collected_at)).label("confirmed_at"),
        case((given.c.confirms, given.c.collector)).label("confirmed_by"),
        case((given.c.gone, given.c.collected_at)).label("retired_at"),
    )
    made = insert(Fact).from_select([*_KEPT, "confirmed_at", "confirmed_by", "retired_at"], values)
    new, confirms = made.excluded, made.excluded.confirmed_at.is_not(None)
    replaced: dict[str, Any] = {
        name: case((confirms, Fact.__table__.c[name]), else_=new[name]) for name in (*_KEPT[2:], "retired_at")
    }
    later = func.greatest(Fact.confirmed_at, new.confirmed_at)
    by = case((Fact.confirmed_at > new.confirmed_at, Fact.confirmed_by), else_=new.confirmed_by)
    return made.on_conflict_do_update(
        index_elements=["customer_id", "path"],
        set_={
            **replaced,
            "confirmed_at": case((confirms, later)),
            "confirmed_by": case((confirms, by)),
        },
    )
