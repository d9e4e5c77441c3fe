"""Handing many customers over in one call: what it would do, doing it at once, or as a job in portions."""

import uuid
from collections import Counter
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, insert, update

from app.access.audit import AuditEntry, record
from app.core import jobs
from app.core.db import Tx
from app.core.errors import FORBIDDEN, NOT_FOUND, Problem
from app.core.ids import new_id
from app.core.services import Services
from app.customers import commands as customers
from app.customers.models import Handover
from app.customers.queries import ownership
from app.office.choosing import Choice, source_of, written
from app.segments import definition
from app.segments.asking import Asking
from app.segments.queries import evaluate
from app.segments.queries.evaluate import Question

HANDOVER = "customers.handover"
PORTION = 1000


@dataclass(frozen=True, slots=True)
class Order:
    """A handover that is asked for: whom, to whom, why."""

    choice: Choice
    wanted: dict[str, str | None]
    reason: str


@dataclass(frozen=True, slots=True)
class _Chosen:
    """The customers of a choice. A segment is asked stretch by stretch, the others are a plain SELECT."""

    ids: Select[Any]
    question: Question | None = None

    async def page(self, tx: Tx, after: uuid.UUID | None) -> list[uuid.UUID]:
        """The next of them in the order of ids."""
        if self.question is not None:
            return await evaluate.page(tx, self.question, after=after, limit=PORTION)
        return await ownership.portion(tx, self.ids, after, PORTION)


async def preview(tx: Tx, services: Services, order: Order) -> dict[str, Any]:
    """What the handover would do now. Raises Problem: no such segment or handover, a question that is not granted."""
    chosen = await _chosen(tx, services, order.choice, first=True)
    found, changes, some = await ownership.preview(tx, chosen.ids, order.wanted)
    left_out = {} if chosen.question is not None else await ownership.left_out(tx, chosen.ids)
    return {"dry_run": True, "found": found, "changes": changes, "left_out": left_out, "sample": some}


async def hand_over(tx: Tx, services: Services, order: Order) -> tuple[uuid.UUID, bool]:
    """Hand customers over; (id of the handover, whether it is done): named ones at once, any others by a job.

    Raises Problem as `preview` does.
    """
    chosen, handover = await _chosen(tx, services, order.choice, first=True), new_id()
    at_once = order.choice["by"] == "customers"
    row: dict[str, Any] = {
        "id": handover, "client_id": tx.caller.client_id, "created_at": tx.now, "selection": order.choice["by"],
        "source": source_of(order.choice), "reason": order.reason, "wanted": order.wanted, "found": 0, "changed": 0,
        "left_out": {} if chosen.question is not None else await ownership.left_out(tx, chosen.ids),
    }  # fmt: skip
    if at_once:
        found, changed = await customers.assign(
            tx, await ownership.portion(tx, chosen.ids, None, PORTION), order.wanted, order.reason, handover
        )
        row |= {"found": found, "changed": len(changed), "finished_at": tx.now}
    else:
        arguments = {"choice": order.choice, "caller": written(tx.caller)}
        await jobs.enqueue(tx, HANDOVER, arguments, tx.caller.client_id, job_id=handover)
    await tx.execute(insert(Handover).values(**row))
    await tx.execute(record(tx, [AuditEntry("handover.create", "handover", handover, fields=tuple(order.wanted))]))
    return handover, at_once


async def portion(
    tx: Tx, services: Services, handover: uuid.UUID, choice: Choice, after: uuid.UUID | None
) -> tuple[uuid.UUID | None, dict[str, int]]:
    """Hand over the next customers of a handover that a job does; (how far it came, None at the end; what was done)."""
    chosen = await _chosen(tx, services, choice)
    ids = await chosen.page(tx, after)
    found, changed, order = 0, 0, await ownership.order_of(tx, handover)
    if ids:
        found, assigned = await customers.assign(tx, ids, order.wanted, order.reason, handover)
        changed = len(assigned)
    over = len(ids) < PORTION
    counted = {"found": Handover.found + found, "changed": Handover.changed + changed}
    ended = {"finished_at": tx.now} if over else {}
    await tx.execute(update(Handover).where(Handover.id == handover).values(**counted, **ended))
    return (None if over else ids[-1]), Counter(found=found, changed=changed)


async def _chosen(tx: Tx, services: Services, choice: Choice, *, first: bool = False) -> _Chosen:
    if choice["by"] == "customers":
        return _Chosen(ownership.named([uuid.UUID(str(one)) for one in choice["value"]]))
    if choice["by"] == "account_manager":
        return _Chosen(ownership.managed(tx, choice["value"]))
    if choice["by"] == "handover":
        before = uuid.UUID(str(choice["value"]))
        if await ownership.handover(tx, before) is None:
            raise Problem(NOT_FOUND, "There is no such handover.")
        return _Chosen(ownership.handed(before))
    question = await _question(tx, services, choice, first=first)
    return _Chosen(evaluate.matching(question, caller=tx.caller), question)


async def _question(tx: Tx, services: Services, choice: Choice, *, first: bool) -> Question:
    asking = Asking(services)
    if not tx.caller.may("segments:read"):
        raise Problem(FORBIDDEN, "This API key lacks the scope segments:read.")
    await evaluate.limited(tx, services.settings.segments.evaluation_seconds)
    if "id" in choice:
        _, world, checked = await asking.saved(tx, uuid.UUID(str(choice["id"])))
    else:
        given = {"text": choice["text"]}
        world = await asking.world(tx, given)
        checked = asking.checked(given, world)
        definition.refuse_unless_granted(tx.caller, checked)
    question = asking.question(checked, world, asking.today())
    if first:
        await asking.affordable(tx, question)
    return question
