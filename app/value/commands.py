"""Every write of value."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from typing import Any

from sqlalchemy import insert

from app.core.db import Tx
from app.core.ids import new_id
from app.value.fitting import Fit
from app.value.models import ModelFit
from app.value.queries import MODEL


async def keep_fits(tx: Tx, as_of: date, fits: Mapping[str, tuple[Fit, dict[str, Any]]]) -> None:
    """Take fits (by population, with what they were fitted on) into use."""
    rows = [
        {
            "id": new_id(),
            "fitted_at": tx.now,
            "as_of": as_of,
            "model": MODEL,
            "population": population,
            "parameters": asdict(fit.rhythm),
            "basis": {**basis, "log_likelihood": fit.log_likelihood},
        }
        for population, (fit, basis) in fits.items()
    ]
    if rows:
        await tx.execute(insert(ModelFit), rows)
