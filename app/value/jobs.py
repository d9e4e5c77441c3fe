"""Fitting models to what the company's own customers do. For the worker: a fit takes seconds of a helper process."""

import math
from datetime import date, timedelta
from typing import Any

from app.core.caller import SYSTEM
from app.core.services import Services
from app.value import queries
from app.value.fitting import Fit, fit
from app.value.models import POPULATIONS

# Always in a helper process, whatever the size: it would hold up the feed.
_BIG = 2**62
Fits = dict[str, tuple[Fit, dict[str, Any]]]


async def fits_if_old(services: Services, as_of: date) -> Fits:
    """New fits by population, unless there are some already that are not old; none where buyers or days are too few.

    A fit of all customers is made only where one of the others cannot be.
    """
    newest = await services.db.read(SYSTEM, queries.newest_fit)
    if newest is not None and services.clock.now() - newest < timedelta(days=services.settings.models.refit_days):
        return {}
    found: Fits = {}
    for population in POPULATIONS:
        if population != "all" or len(found) < len(POPULATIONS) - 1:
            one = await _fitted(services, population, as_of, found)
            if one is not None:
                found[population] = one
    return found


async def _fitted(services: Services, population: str, as_of: date, known: Fits) -> tuple[Fit, dict[str, Any]] | None:
    least = services.settings.models
    buyers, days = await services.db.read(SYSTEM, lambda tx: queries.buyers(tx, population, as_of))
    if buyers < least.buyers or days < least.days:
        return None
    if population == "all":
        # Where only people buy (or only businesses), all are the same ones: nothing is left to fit.
        for one in known.values():
            if one[1]["buyers"] == buyers:
                return one
    modulus = math.ceil(buyers / least.sample)
    counts = await services.db.read(SYSTEM, lambda tx: queries.histories(tx, population, as_of, modulus))
    if not any(history.repeats for history in counts):
        return None
    # Plain dicts and tuples: they travel to the helper process.
    found = await services.offload.run(_BIG, fit, counts)
    return found, {"buyers": buyers, "days": days, "sample": sum(counts.values())}
