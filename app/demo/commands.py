"""Loading the demo company: the commands of the batch routes, one after the other, as a job that this process runs.

Each part is written together with the job's cursor in one transaction, so that a load that is killed anywhere goes on
with the next part, and a second load finds that there is nothing left to do.
"""

import asyncio
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import date
from functools import partial
from typing import Any

from app.bulk.kinds import Check, Kinds
from app.catalog.commands import put_categories
from app.catalog.schemas import CategoryItem
from app.core.batch import Checked, check_items
from app.core.caller import SYSTEM
from app.core.db import Tx
from app.core.errors import CONFLICT, Problem
from app.core.jobs import Handler, RunningJob, Step, Stopped, claim, enqueue_once, run_job
from app.core.services import Services
from app.core.settings import CreditSettings
from app.credit.schemas import CreditTerms, ReceivableIn
from app.demo import queries
from app.demo.company import Part, parts
from app.demo.order import CURRENCY, EDITION, PEOPLE, SEED, Order
from app.early_warning.commands import SWEEP
from app.early_warning.jobs import sweep
from app.early_warning.rules import KINDS
from app.office.commands import enter_receivables, put_credit

LOAD = "demo.load"
# There is one demo company in a database, and one first sweep of its warnings.
LOAD_ID, SWEEP_ID = (uuid.uuid5(uuid.NAMESPACE_URL, f"urn:clientele:demo:{name}") for name in ("load", "sweep"))
# An earlier run that was killed still holds its lease for a while; a little longer than that is worth waiting. The
# sweep may also be run by a worker.
_PATIENCE, _PATIENCE_WITH_WORKER, _POLL = 5.0, 300.0, 0.2

# (what is being done, rows done, rows in all)
Progress = Callable[[str, int, int], object]
_SHOWN = {"credit": "credit limits", "receivables": "payments"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which company is asked for; what is None is as it is in the one that is there, or as usual."""

    seed: int | None = None
    people: int | None = None
    until: date | None = None

    def of(self, usual: Order) -> Order:
        """The company that is asked for; `usual` says what is not."""
        said = {name: value for name, value in asdict(self).items() if value is not None}
        return replace(usual, **said)


async def state(tx: Tx) -> str:
    """`loaded`, `begun` (an interrupted load goes on), `empty` (it may be loaded) or `taken` by other data."""
    loading, sweeping = await queries.job(tx, LOAD_ID), await queries.job(tx, SWEEP_ID)
    if loading is not None:
        done = loading.status == "done" and sweeping is not None and sweeping.status == "done"
        return "loaded" if done else "begun"
    return "empty" if await queries.is_empty(tx) else "taken"


async def load(
    services: Services, kinds: Kinds, wanted: Wanted, progress: Progress, stop: asyncio.Event
) -> tuple[Order, bool]:
    """Load the company or what is missing of it; (which it is, whether anything had to be done).

    Raises Problem if the database holds other data, another demo company, or keeps its books in another currency, and
    Stopped when `stop` is set; a later call goes on.
    """
    currency = services.settings.company.currency
    if currency != CURRENCY:
        raise Problem(CONFLICT, f"The demo company keeps its books in {CURRENCY}, this company in {currency}.")
    order, known = await services.db.run(partial(_opened, services=services, wanted=wanted))
    if not known:
        await _attend(services, LOAD_ID, LOAD, partial(_load, kinds, order, progress), stop)
        progress("rhythms and warnings", 1, 1)
        await _attend(services, SWEEP_ID, SWEEP, sweep, stop)
    return order, not known


async def _opened(tx: Tx, services: Services, wanted: Wanted) -> tuple[Order, bool]:
    """(the company, whether it is there entirely). Makes its job if the database is empty."""
    loading, found = await queries.job(tx, LOAD_ID), await state(tx)
    if found == "taken":
        raise Problem(CONFLICT, "The database holds data already; the demo company goes into an empty one.")
    if loading is None:
        given = wanted.of(Order(SEED, PEOPLE, services.settings.company.today(tx.now)))
        await enqueue_once(tx, LOAD, given.as_dict(), SYSTEM.client_id, LOAD_ID)
        return given, False
    there = Order.from_dict(loading.arguments)
    if wanted.of(there) != there:
        detail = f"Another demo company is there: seed {there.seed}, {there.people} people, until {there.until}."
        raise Problem(CONFLICT, detail)
    if found != "loaded" and there.edition != EDITION:
        raise Problem(CONFLICT, "An earlier version began to load its demo company here; start with an empty database.")
    return there, found == "loaded"


async def _attend(services: Services, job_id: uuid.UUID, kind: str, handler: Handler, stop: asyncio.Event) -> None:
    """Run a job here to its end, or wait until another process has. Raises Problem when that one takes too long."""
    settings = services.settings.jobs
    patience = _PATIENCE if kind == LOAD else _PATIENCE_WITH_WORKER
    deadline = time.monotonic() + settings.lease_seconds + patience
    while (await services.db.read(SYSTEM, partial(queries.job, job_id=job_id))).status != "done":
        if stop.is_set():
            raise Stopped
        job = await claim(services.db, [kind], settings, stop, job_id)
        if job is not None:
            await _run(services, handler, job)
        elif time.monotonic() > deadline:
            raise Problem(CONFLICT, "Another process is loading the demo company.")
        else:
            await asyncio.sleep(_POLL)


async def _run(services: Services, handler: Handler, job: RunningJob) -> None:
    try:
        await run_job(services, handler, job)
    except BaseException:
        # So that the next one who loads it need not wait for the lease to run out.
        with suppress(Exception):
            await asyncio.shield(job.give_back(attempts=0))
        raise


async def _load(kinds: Kinds, order: Order, progress: Progress, services: Services, job: RunningJob) -> None:
    """Write every part that is not there yet. While one is written the next is made and checked in a thread."""
    todo = await asyncio.to_thread(parts, order)
    of, done = sum(part.rows for part in todo), int(job.cursor.get("parts", 0))
    rows = sum(part.rows for part in todo[:done])
    ways = _Ways(services, kinds)
    ahead: asyncio.Task[Any] | None = None
    try:
        for number, part in enumerate(todo[done:], done + 1):
            progress(_SHOWN.get(part.kind, part.kind), rows, of)
            checked = await (ahead or await ways.ahead(part))
            following = todo[number] if number < len(todo) else None
            # What the stores say is needed to read customers, so those wait until the stores are there.
            ahead = await ways.ahead(following) if following is not None and part.kind != "stores" else None
            rows += part.rows
            work = _Work(ways, part, checked, Step({"parts": number}, {"rows": rows, "of": of}, done=not following))
            await job.step(work.write)
        progress("receipts", of, of)
    finally:
        if ahead is not None:
            ahead.cancel()
            await asyncio.gather(ahead, return_exceptions=True)


class _Ways:
    """How each kind of part is checked and written: as the routes do it."""

    def __init__(self, services: Services, kinds: Kinds) -> None:
        self._services = services
        self._kinds = kinds
        self._checks: dict[str, Check] = {
            "categories": partial(check_items, model=CategoryItem), "credit": _terms, "receivables": _entries,
        }  # fmt: skip

    async def ahead(self, part: Part) -> "asyncio.Task[Any]":
        """Begin to make a part's items and to check them, in a thread."""
        if part.kind not in self._checks:
            self._checks[part.kind] = await self._kinds[part.kind].checker(self._services)
        return asyncio.create_task(asyncio.to_thread(self.checked, part))

    def checked(self, part: Part) -> Any:
        """What its check makes of a part's items."""
        return self._checks[part.kind](part.items())

    async def write(self, tx: Tx, part: Part, checked: Any) -> None:
        """Write it. Raises RuntimeError if anything of it is refused."""
        company, results = self._services.settings.company, list[Any]()
        if part.kind == "categories":
            outcomes = await put_categories(tx, checked.valid)
            results = [{"problem": one.as_dict()} for one in outcomes.values() if isinstance(one, Problem)]
        elif part.kind == "credit":
            # An account has a route of its own, and so has its ledger: these few are written one by one.
            # Nobody is asked for a second key.
            for customer, terms in checked:
                await put_credit(tx, customer, terms, None, company, CreditSettings())
        elif part.kind == "receivables":
            for customer, entries in checked:
                results += (await enter_receivables(tx, customer, entries, company))["results"]
        else:
            results = list(await self._kinds[part.kind].write(tx, self._services, checked))
        refused = [one["problem"] for one in results if one.get("problem")]
        if refused:
            message = f"{len(refused)} of the demo's {part.kind} were refused, the first with {refused[0]['code']}"
            raise RuntimeError(message)


@dataclass(slots=True)
class _Work:
    """One part's transaction. It may run twice (a deadlock), so what the check made is used once."""

    ways: _Ways
    part: Part
    checked: Any
    step: Step
    again: bool = False

    async def write(self, tx: Tx) -> Step:
        """Write the part; with the last one, order the first sweep of warnings."""
        checked = self.ways.checked(self.part) if self.again else self.checked
        self.again = True
        await self.ways.write(tx, self.part, checked)
        if self.step.done:
            await enqueue_once(tx, SWEEP, {"kinds": list(KINDS)}, SYSTEM.client_id, SWEEP_ID)
        return self.step


def _terms(items: list[Any]) -> list[tuple[uuid.UUID, dict[str, Any]]]:
    return [(customer, CreditTerms.model_validate(terms).model_dump()) for customer, terms in items]


def _entries(items: list[Any]) -> list[tuple[uuid.UUID, Checked]]:
    return [(customer, check_items(entries, ReceivableIn)) for customer, entries in items]
