"""Plans and expenses as answers show them. Pure."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from app.core.types import rfc3339
from app.credit.kinds import PlanKind
from app.credit.period import months_of


def plan(kind: PlanKind, row: Mapping[str, Any], currency: str) -> dict[str, Any]:
    """A measured plan."""
    phases = row["phases"]
    laid_out = None
    if phases is not None:
        months = months_of(row["starts_on"], len(phases))
        laid_out = [{"month": month, "planned": part} for month, part in zip(months, phases, strict=True)]
    return {
        "customer_id": row["customer_id"], "period": row["period"], "starts_on": row["starts_on"],
        "ends_on": row["ends_on"], "planned": row["planned"], "currency": currency, "months": laid_out,
        kind.reached: row["reached"], "share": _share(row["share"]), "normal_share": _share(row["normal_share"]),
        "expected": row["expected"], "forecast": row["forecast"], "shape": row["shape"], "as_of": row["today"],
        "version": row["version"], "created_at": rfc3339(row["created_at"]), "updated_at": rfc3339(row["updated_at"]),
    }  # fmt: skip


def _share(of_ten_thousand: int | None) -> str | None:
    return None if of_ten_thousand is None else f"{Decimal(of_ten_thousand).scaleb(-4):f}"


def expense(row: Mapping[str, Any]) -> dict[str, Any]:
    """What was spent once."""
    names = ("id", "source", "external_id", "kind", "amount", "occurred_on", "by", "note", "corrects")
    return {name: row[name] for name in names} | {"recorded_at": rfc3339(row["recorded_at"])}
