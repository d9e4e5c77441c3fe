"""Background jobs: a queue in the database, leases, and steps that commit a job's cursor together with their effects.

A job runs in one process at a time. Its work is cut into steps; a step's effects and the cursor that says how far the
job has come are one transaction, so a job that is killed anywhere goes on with nothing lost and nothing done twice. The
queue keeps the database's time, not the business clock: leases of several machines must agree on one.
"""

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Interval, and_, case, func, insert, literal, or_, select, update
from sqlalchemy.dialects import postgresql

from app.core.caller import SYSTEM, Caller
from app.core.db import Database, Tx
from app.core.errors import Problem, database_error
from app.core.hot import LateSql
from app.core.ids import new_id
from app.core.models import Job
from app.core.services import Services
from app.core.settings import JobSettings

log = logging.getLogger("clientele.jobs")
LONGEST_BACKOFF = 300.0
LONGEST_PAUSE = 60.0
TRANSIENT_SECONDS = 5.0
# The database is away or full: not the job's fault, so it costs no attempt.
_TRANSIENT = ("08", "53", "57P", "58")


@dataclass(frozen=True, slots=True)
class Step:
    """What one step leaves behind: where to go on, what to show, and whether the job is over (`error`: it failed)."""

    cursor: dict[str, Any]
    progress: dict[str, Any]
    done: bool = False
    error: str | None = None


class LeaseLost(Exception):
    """Another process has taken the job over; nothing of the step was kept."""


class Stopped(Exception):
    """The process is stopping; the job goes back to the queue and another goes on with it."""


class RunningJob:
    """A job that this process holds. A handler reads `arguments` and `cursor`, and moves on with `step`."""

    def __init__(self, db: Database, row: Any, settings: JobSettings, stop: asyncio.Event) -> None:
        self.id: uuid.UUID = row.id
        self.kind: str = row.kind
        self.client_id: uuid.UUID = row.client_id
        self.arguments: dict[str, Any] = row.arguments
        self.cursor: dict[str, Any] = row.cursor
        self.progress: dict[str, Any] = row.progress
        self.attempts: int = row.attempts
        self.over = False
        self._db = db
        self._settings = settings
        self._stop = stop
        # Exactly what the row says while the job is ours: every claim and renewal writes a later moment.
        self._until: datetime = row.leased_until
        self._turn = asyncio.Lock()

    async def step(self, work: Callable[[Tx], Awaitable[Step]], caller: Caller = SYSTEM) -> Step:
        """Run `work` and keep what it answers, in one transaction.

        Raises LeaseLost if the job is no longer ours (nothing was written), Stopped after the commit when the process
        is to end. `work` may run again after a deadlock, so it must only touch the database.
        """

        async def held(tx: Tx) -> tuple[Step, datetime]:
            # The row stays locked to the end, and who looks for work skips locked rows: no takeover in the middle.
            mine = select(Job.id).where(Job.id == self.id, Job.leased_until == self._until).with_for_update()
            if await tx.scalar(mine) is None:
                raise LeaseLost
            step = await work(tx)
            return step, await tx.scalar(_kept(self.id, step, self._settings.lease_seconds))

        async with self._turn:
            step, self._until = await self._db.run(held, caller)
            self.cursor, self.progress, self.over = step.cursor, step.progress, step.done
            self.attempts = 1
        if self._stop.is_set() and not step.done:
            raise Stopped
        return step

    async def renew(self) -> None:
        """Prolong the lease, unless a step is just doing so. Raises LeaseLost."""
        if self._turn.locked() or self.over:
            return
        async with self._turn:
            statement = (
                update(Job)
                .where(Job.id == self.id, Job.leased_until == self._until)
                .values(leased_until=_later(self._settings.lease_seconds))
                .returning(Job.leased_until)
            )
            until = await self._db.run(lambda tx: tx.scalar(statement))
            if until is None:
                raise LeaseLost
            self._until = until

    async def give_back(self, *, seconds: float = 0, attempts: int, error: str | None = None) -> None:
        """Put the job into the queue again, to be run after `seconds`; or end it, if it has had all its attempts."""
        spent = attempts >= self._settings.attempts
        statement = (
            update(Job)
            .where(Job.id == self.id, Job.leased_until == self._until)
            .values(
                status="failed" if spent else "queued",
                run_after=_later(seconds),
                leased_until=None,
                attempts=attempts,
                error=error,
                finished_at=func.clock_timestamp() if spent else None,
            )
        )
        await self._db.run(lambda tx: tx.execute(statement))


Handler = Callable[[Services, RunningJob], Awaitable[None]]


async def enqueue(
    tx: Tx, kind: str, arguments: Mapping[str, Any], client_id: uuid.UUID, *, job_id: uuid.UUID | None = None
) -> uuid.UUID:
    """Add a job in the caller's transaction: it exists if and only if that commits. Returns its id."""
    job_id = job_id or new_id()
    row = {"id": job_id, "kind": kind, "arguments": dict(arguments), "client_id": client_id}
    await tx.execute(insert(Job).values(**row, run_after=func.clock_timestamp()))
    return job_id


async def enqueue_once(
    tx: Tx, kind: str, arguments: Mapping[str, Any], client_id: uuid.UUID, job_id: uuid.UUID
) -> None:
    """The same, unless there is or was a job with this id: for work that several processes think of by themselves."""
    row = {"id": job_id, "kind": kind, "arguments": dict(arguments), "client_id": client_id}
    made = postgresql.insert(Job).values(**row, run_after=func.clock_timestamp())
    await tx.execute(made.on_conflict_do_nothing(index_elements=["id"]))


async def waiting(tx: Tx, kind: str, arguments: Mapping[str, Any], client_id: uuid.UUID) -> uuid.UUID | None:
    """A client's job of this kind with these arguments that has not begun yet, if there is one."""
    equal = (Job.kind == kind, Job.arguments == dict(arguments), Job.client_id == client_id)
    idle = (Job.status == "queued", Job.cursor == {})
    found: uuid.UUID | None = await tx.scalar(select(Job.id).where(*equal, *idle).order_by(Job.id).limit(1))
    return found


async def requeue(tx: Tx, job_id: uuid.UUID) -> None:
    """Let a failed job go on where it stopped."""
    fresh = {"status": "queued", "attempts": 0, "error": None, "finished_at": None, "leased_until": None}
    statement = update(Job).where(Job.id == job_id, Job.status == "failed")
    await tx.execute(statement.values(**fresh, run_after=func.clock_timestamp()))


async def probe(db: Database) -> dict[str, Any]:
    """How far workers are behind, for `/readyz`: jobs that are due and untaken, and how long the oldest has waited."""
    late = func.extract("epoch", func.clock_timestamp() - func.min(Job.run_after))
    due = select(func.count(), func.coalesce(func.greatest(late, 0), 0)).where(_due())
    row = (await db.read(SYSTEM, lambda tx: tx.rows(due)))[0]
    return {"jobs_waiting": row[0], "jobs_oldest_seconds": round(float(row[1]), 3)}


def _due() -> Any:
    """What a worker would take now: queued and due, or left behind by one that died."""
    left = and_(Job.status == "running", Job.leased_until < func.now())
    return or_(and_(Job.status == "queued", Job.run_after <= func.now()), left)


_ANY_DUE = LateSql(lambda: select(select(Job.id).where(Job.status.in_(("queued", "running")), _due()).exists()))


async def claim(
    db: Database, kinds: list[str], settings: JobSettings, stop: asyncio.Event, job_id: uuid.UUID | None = None
) -> RunningJob | None:
    """Take the next job that is due (or whose lease ran out), or None. With `job_id`, that one only."""
    wanted = [Job.status.in_(("queued", "running")), _due(), Job.kind.in_(kinds)]
    if job_id is not None:
        wanted.append(Job.id == job_id)
    found = select(Job.id).where(*wanted).order_by(Job.run_after, Job.id).limit(1)
    # A job that ended its process again and again without a step must not do so for ever.
    spent = Job.attempts >= settings.attempts
    statement = (
        update(Job)
        .where(Job.id == found.with_for_update(skip_locked=True).scalar_subquery())
        .values(
            status=case((spent, "failed"), else_="running"),
            finished_at=case((spent, func.clock_timestamp())),
            error=case((spent, "no_progress"), else_=Job.error),
            attempts=Job.attempts + 1,
            leased_until=case((~spent, _later(settings.lease_seconds))),
        )
        .returning(*Job.__table__.c)
    )

    async def take(tx: Tx) -> Any:
        return (await tx.execute(statement)).first()

    row = await db.run(take)
    return None if row is None or row.status == "failed" else RunningJob(db, row, settings, stop)


async def run_job(services: Services, handler: Handler, job: RunningJob) -> None:
    """Run one held job while renewing its lease. Raises what the handler raises, LeaseLost and Stopped among it."""
    work = asyncio.ensure_future(handler(services, job))
    beat = asyncio.create_task(_beat(job, services.settings.jobs.lease_seconds / 3))
    try:
        await asyncio.wait({work, beat}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            work.cancel()
            with suppress(asyncio.CancelledError):
                await work
            await beat
        await work
        if not job.over:
            await job.step(lambda _: _over(job))
    finally:
        for task in (work, beat):
            task.cancel()
        await asyncio.gather(work, beat, return_exceptions=True)


class JobRunner:
    """Runs jobs of the kinds it has handlers for, a few at a time, until told to stop; sits out a database restart.

    `sweeps` are kinds that look at everybody while nobody waits for them: one of these at a time, or all together they
    would take every processor from the tills.
    """

    def __init__(self, services: Services, handlers: Mapping[str, Handler], sweeps: Collection[str] = ()) -> None:
        self._services = services
        self._handlers = handlers
        self._sweeps = frozenset(sweeps)
        self._sweeping = False
        self._settings = services.settings.jobs

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set; jobs in hand then end at their next step and go back to the queue."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._settings.slots):
                group.create_task(self._slot(stop))

    async def _slot(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            job, may_sweep = None, not self._sweeping
            kinds = list(self._handlers) if may_sweep else [kind for kind in self._handlers if kind not in self._sweeps]
            # Before the queue answers: it must not give a sweep to each of two slots that ask at once.
            self._sweeping = True
            try:
                # Nearly always there is nothing, and to look costs less than to begin a transaction.
                if await self._services.db.hot.fetchval(_ANY_DUE.text):
                    job = await claim(self._services.db, kinds, self._settings, stop)
                if may_sweep and (job is None or job.kind not in self._sweeps):
                    self._sweeping = may_sweep = False
                if job is not None:
                    await self.attend(job)
            except Exception as error:
                # Also a job's end may fail to be written: its lease runs out and it is taken up again.
                log.warning("jobs wait for the database", extra={"code": code_of(error)}, exc_info=True)
            finally:
                self._sweeping = self._sweeping and not may_sweep
            if job is None:
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), self._settings.poll_seconds)

    async def attend(self, job: RunningJob) -> None:
        """Run one held job to its end, or give it back to be tried again; it raises what the database says of that."""
        try:
            await run_job(self._services, self._handlers[job.kind], job)
            log.info("job done", extra={"job": str(job.id)})
        except LeaseLost:
            log.warning("job taken over by another process", extra={"job": str(job.id)})
        except Stopped:
            await job.give_back(attempts=0)
        except asyncio.CancelledError:
            with suppress(Exception):
                await asyncio.shield(job.give_back(attempts=0))
            raise
        except Exception as error:
            log.warning("job interrupted", extra={"job": str(job.id), "code": code_of(error)}, exc_info=True)
            if is_transient(error):
                await job.give_back(seconds=TRANSIENT_SECONDS, attempts=max(job.attempts - 1, 0))
            else:
                wait = min(self._settings.backoff_seconds * 2 ** (job.attempts - 1), LONGEST_BACKOFF)
                await job.give_back(seconds=wait, attempts=job.attempts, error=code_of(error))


async def keep_turning(turn: Callable[[], Awaitable[int]], stop: asyncio.Event, pause: float, failed: str) -> None:
    """Do `turn` again and again until `stop` is set: `pause` seconds apart, or at once where it says there is more.

    Outlives whatever a turn raises, such as a restart of the database: `failed` is logged, and it waits longer.
    """
    wait = pause
    while not stop.is_set():
        try:
            wait = 0 if await turn() else pause
        except Exception as error:  # nobody else does this work
            wait = min(2 * max(wait, pause), LONGEST_PAUSE)
            log.warning("%s; trying again", failed, extra={"code": code_of(error)}, exc_info=True)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), wait)


def is_transient(error: BaseException) -> bool:
    """Whether the database is away or out of room, so that only waiting helps."""
    found = database_error(error)
    return found is not None and found[0].startswith(_TRANSIENT)


def code_of(error: BaseException) -> str:
    """A word for an error that quotes no value of anybody."""
    if isinstance(error, Problem):
        return error.type.code
    found = database_error(error)
    return f"database_{found[0]}" if found else type(error).__name__


async def _beat(job: RunningJob, seconds: float) -> None:
    while True:
        await asyncio.sleep(seconds)
        try:
            await job.renew()
        except LeaseLost:
            raise
        except Exception as error:
            extra = {"job": str(job.id), "code": code_of(error)}
            log.warning("a lease could not be renewed", extra=extra, exc_info=True)


async def _over(job: RunningJob) -> Step:
    return Step(job.cursor, job.progress, done=True)


def _kept(job_id: uuid.UUID, step: Step, lease_seconds: float) -> Any:
    values: dict[str, Any] = {"cursor": step.cursor, "progress": step.progress, "attempts": 1, "error": step.error}
    if step.done:
        values |= {"status": "failed" if step.error else "done", "finished_at": func.clock_timestamp()}
    values["leased_until"] = _later(lease_seconds)
    return update(Job).where(Job.id == job_id).values(**values).returning(Job.leased_until)


def _later(seconds: float) -> Any:
    return func.clock_timestamp() + literal(timedelta(seconds=seconds), Interval)
