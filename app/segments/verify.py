"""Proof that who is kept in segments is who their questions are true of, and its repair."""

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial

from app.core.caller import SYSTEM
from app.core.db import Tx
from app.core.services import Services
from app.segments import commands
from app.segments.asking import Asking
from app.segments.commands.keeping import digest
from app.segments.queries import happened, memberships
from app.segments.queries.evaluate import limited


@dataclass(frozen=True, slots=True)
class Difference:
    """A customer who is kept in a segment and should not be, or the other way round."""

    segment_id: uuid.UUID
    customer_id: uuid.UUID
    kept: bool

    def __str__(self) -> str:
        return f"{self.customer_id} segment {self.segment_id}: {'kept, not true' if self.kept else 'true, not kept'}"


async def check(services: Services, *, repair: bool = False) -> AsyncIterator[list[Difference]]:
    """The differences segment by segment, each in a transaction of its own; with `repair` they are put right in it.

    Both are of one moment. Who has changed since the worker's last look is left out: what is kept may lag behind, but
    not be wrong.
    """
    asking = Asking(services)
    for segment in await services.db.read(SYSTEM, memberships.all_kept):
        yield await services.db.run(partial(_of_one, asking=asking, segment=segment, repair=repair))


async def _of_one(tx: Tx, asking: Asking, segment: uuid.UUID, *, repair: bool) -> list[Difference]:
    row = await commands.held_row(tx, segment)
    if row is None or row.since is None:
        return []
    _, world, checked = await asking.posed(tx, segment)
    question = asking.question(checked, world, row.as_of)
    if row.asked != digest(question.tree, question.trees, checked):
        return []
    await limited(tx, asking.refresh_seconds)
    if row.as_of == asking.today():
        # What has been told since is followed first, as the worker would in a moment.
        while (await commands.refresh(tx, row, checked, question, asking.refresh_seconds)).more:
            row = await commands.held_row(tx, segment)
        row = await commands.held_row(tx, segment)
    differing = await memberships.differing(tx, question, segment)
    moving = await happened.underway(tx, row.sequence, [one for one, _ in differing])
    found = [Difference(segment, one, kept) for one, kept in differing if one not in moving]
    if found and repair:
        await commands.ask_anew(tx, segment)
        again = asking.question(checked, world, asking.today())
        await commands.refresh(tx, await commands.held_row(tx, segment), checked, again, asking.refresh_seconds)
    return found
