"""Counting warnings, and how long things took."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, text

from app.core.db import Tx
from app.customers.models import Customer
from app.customers.queries import reach_values, reached_sql, visible_to
from app.early_warning.models import WarningRow
from app.early_warning.queries.reading import Filter

# Values of one thing that are counted.
VALUES_MAX = 1000
_BY = ("status", "kind", "severity", "owner", "store")


async def counts(tx: Tx, wanted: Filter) -> dict[str, Any]:
    """How many warnings there are: `count`, and `by_status`, `by_kind`, ...: lists of {value, count}, most first."""
    w = WarningRow
    chosen = select(w.status, w.kind, w.severity, w.owner, Customer.home_store.label("store"))
    chosen = chosen.join_from(w, Customer, Customer.id == w.customer_id).where(visible_to(tx.caller))
    chosen = chosen.where(w.status != "resolved" if wanted.status == "live" else w.status == wanted.status)
    for name in ("kind", "severity", "owner"):
        if getattr(wanted, name) is not None:
            chosen = chosen.where(w.__table__.c[name] == getattr(wanted, name))
    if wanted.store is not None:
        chosen = chosen.where(Customer.home_store == wanted.store)
    if wanted.due_before is not None:
        chosen = chosen.where(w.due_at < wanted.due_before)
    c = chosen.subquery().c
    columns = [c[name] for name in _BY]
    number = func.count().label("number")
    grouped = select(*columns, func.grouping(*columns).label("of"), number).group_by(func.grouping_sets(*columns))
    # The bit of a column is 0 where its values are counted.
    whole = (1 << len(_BY)) - 1
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in _BY}
    for row in await tx.rows(grouped.order_by(number.desc(), *(column.nulls_last() for column in columns))):
        name = _BY[len(_BY) - (whole - row.of).bit_length()]
        found[name].append({"value": getattr(row, name), "count": row.number})
    count = sum(one["count"] for one in found["status"])
    return {"count": count, **{f"by_{name}": values[:VALUES_MAX] for name, values in found.items()}}


@dataclass(frozen=True, slots=True)
class Period:
    """From `start` until before `end`; of which warnings."""

    start: datetime
    end: datetime
    kind: str | None = None
    severity: str | None = None


async def times(tx: Tx, period: Period) -> dict[str, Mapping[str, Any]]:
    """How long it took from when a warning was raised or came back until what was done in the period.

    `acknowledged` (or investigated) for the first time, `resolved` by somebody, `cause_gone`: each {count,
    mean_seconds, median_seconds}.
    """
    which = [f"s.{name} = :{name}" for name in ("severity",) if getattr(period, name) is not None]
    if period.kind is not None:
        which.append(
            "EXISTS (SELECT FROM warnings w WHERE w.customer_id = s.customer_id AND w.id = s.warning_id"
            " AND w.kind = :kind)"
        )
    which.append(reached_sql(tx.caller, "s.customer_id"))
    given = {"kind": period.kind, "severity": period.severity, **reach_values(tx.caller)}
    statement = text(_TIMES.format(which=" AND ".join(which)))
    values = {name: value for name, value in given.items() if name in statement.compile().params}
    row = (await tx.rows(statement, {"start": period.start, "end": period.end, **values}))[0]
    names = ("count", "mean_seconds", "median_seconds")
    return {of: dict(zip(names, row[3 * place : 3 * place + 3], strict=True)) for place, of in enumerate(_ENDS)}


_ENDS = {
    "acknowledged": "action <> 'resolved' AND first",
    "resolved": "action = 'resolved' AND by_person",
    "cause_gone": "action = 'resolved' AND NOT by_person",
}
_MEASURED = ", ".join(
    f"count(*) FILTER (WHERE {those}), avg(seconds) FILTER (WHERE {those}),"
    f" percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) FILTER (WHERE {those})"
    for those in _ENDS.values()
)
_TIMES = f"""
SELECT {_MEASURED}
FROM (
  SELECT s.action, s.actor IS NOT NULL AS by_person, extract(epoch FROM s.at - began.at)::float8 AS seconds,
         NOT EXISTS (SELECT FROM warning_events e
                     WHERE e.customer_id = s.customer_id AND e.warning_id = s.warning_id AND e.version < s.version
                       AND e.version > began.version AND e.action IN ('acknowledged', 'investigated')) AS first
  FROM warning_events s
  CROSS JOIN LATERAL (
    SELECT e.at, e.version FROM warning_events e
    WHERE e.customer_id = s.customer_id AND e.warning_id = s.warning_id AND e.version < s.version
      AND e.action IN ('opened', 'reopened')
    ORDER BY e.version DESC LIMIT 1) began
  WHERE s.at >= :start AND s.at < :end AND s.action IN ('acknowledged', 'investigated', 'resolved') AND {{which}}) done
"""
