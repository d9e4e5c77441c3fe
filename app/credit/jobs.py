"""The daily fit of how sales lie over a week. Twice it does nothing more."""

from app.core.db import Tx
from app.core.jobs import Handler, RunningJob, Step
from app.core.services import Services
from app.credit import commands


async def fit_shapes(services: Services, job: RunningJob) -> None:
    """Fit the shapes to what was sold before the company's day."""

    async def fitted(tx: Tx) -> Step:
        found = await commands.fit_shapes(tx, services.settings.company.today(tx.now))
        return Step({}, {"shapes": found}, done=True)

    await job.step(fitted)


HANDLERS: dict[str, Handler] = {commands.FIT_SHAPES: fit_shapes}
