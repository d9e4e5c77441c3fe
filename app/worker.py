"""The worker process: moves events to the feed, runs jobs, keeps house. Several may run; each piece has one leader."""

import asyncio
import logging
import os
import signal
from collections.abc import Awaitable, Callable
from datetime import timedelta

from sqlalchemy.exc import SQLAlchemyError

from app.assembly import build_services, import_kinds
from app.bulk import commands as bulk_commands
from app.bulk.jobs import handlers
from app.core import idempotency
from app.core.db import Tx
from app.core.jobs import JobRunner
from app.core.migrate import upgrade
from app.core.offload import NICENESS
from app.core.services import Services
from app.core.settings import Settings
from app.credit import commands as credit
from app.credit.jobs import HANDLERS as SHAPES
from app.customers.jobs import HANDLERS as RECORDS
from app.customers.jobs import DuplicateFinder
from app.early_warning import commands as warnings
from app.early_warning.jobs import HANDLERS as SWEEPS
from app.early_warning.jobs import Keeper as WarningKeeper
from app.early_warning.jobs import Watcher as WarningWatcher
from app.early_warning.opportunities import commands as opportunities
from app.early_warning.opportunities.jobs import HANDLERS as CHANCES
from app.early_warning.opportunities.jobs import OpportunityFollower
from app.engagement.jobs import Follower
from app.feed import commands as feed_commands
from app.feed.jobs import Sequencer, keep_partitions
from app.office.jobs import HANDLERS as HANDOVERS
from app.privacy import commands as privacy
from app.segments.commands import exports
from app.segments.jobs import HANDLERS as EXPORTS
from app.segments.jobs import Keeper as MembershipKeeper

log = logging.getLogger("clientele.worker")
HOUSEKEEPING_SECONDS = 600


async def run(settings: Settings, url: str, parent: int | None) -> None:
    """The worker until it is told to stop, or until its parent is gone. Where processors are few, requests go first."""
    os.nice(NICENESS)
    await upgrade(url)
    stop = asyncio.Event()
    stop_on_signals(stop)
    watcher = asyncio.create_task(watch_parent(parent, stop)) if parent is not None else None
    try:
        await work(settings, url, stop)
    finally:
        if watcher is not None:
            watcher.cancel()


async def work(settings: Settings, url: str, stop: asyncio.Event) -> None:
    """Run every background part until `stop` is set, then let each finish what it holds."""
    services = build_services(settings, url)
    await services.db.open()
    try:
        await _do(services, lambda tx: _open_feed(tx, settings.feed.keep_days))
        async with asyncio.TaskGroup() as group:
            group.create_task(Sequencer(services.db, settings).run(stop))
            kinds = {**handlers(import_kinds()), **SWEEPS, **RECORDS, **HANDOVERS, **SHAPES, **CHANCES, **EXPORTS}
            group.create_task(JobRunner(services, kinds, sweeps={*SWEEPS, *SHAPES, *CHANCES}).run(stop))
            group.create_task(Follower(services).run(stop))
            group.create_task(OpportunityFollower(services).run(stop))
            group.create_task(DuplicateFinder(services).run(stop))
            group.create_task(WarningKeeper(services).run(stop))
            group.create_task(MembershipKeeper(services).run(stop))
            group.create_task(WarningWatcher(services).run(stop))
            group.create_task(_keep_house(services, stop))
    finally:
        services.offload.close()
        await services.db.close()


async def _open_feed(tx: Tx, keep_days: int) -> None:
    """Before the first event is recorded: a month that begins without a partition never gets one."""
    await feed_commands.ensure_epoch(tx)
    await privacy.ensure_state(tx)
    await keep_partitions(tx, keep_days)


async def _keep_house(services: Services, stop: asyncio.Event) -> None:
    kept = timedelta(days=services.settings.jobs.keep_days)
    office = privacy.Office.of(services)
    chores: tuple[Callable[[Tx], Awaitable[object]], ...] = (
        lambda tx: keep_partitions(tx, services.settings.feed.keep_days),
        bulk_commands.sweep,
        lambda tx: credit.enqueue_daily_fit(tx, services.settings.company.today(tx.now)),
        lambda tx: warnings.enqueue_daily_sweep(tx, services.settings.company.today(tx.now)),
        lambda tx: opportunities.enqueue_daily_sweep(tx, services.settings.company),
    )
    # These answer how many rows they deleted, a bounded portion each time, until none is left.
    portions: tuple[Callable[[Tx], Awaitable[int]], ...] = (
        lambda tx: idempotency.forget_old(tx.connection, tx.now),
        lambda tx: bulk_commands.forget_old(tx, kept),
        lambda tx: privacy.let_go(tx, office),
        privacy.settle,
        exports.forget_old,
    )
    while not stop.is_set():
        for chore in (*chores, *portions):
            more = True
            while more:
                more = bool(await _do(services, chore)) and chore in portions and not stop.is_set()
        await wait_for(stop, HOUSEKEEPING_SECONDS)


async def _do(services: Services, chore: Callable[[Tx], Awaitable[object]]) -> object:
    """What the chore answers; None if it failed."""
    try:
        return await services.db.run(chore)
    except (SQLAlchemyError, OSError):
        log.warning("a chore failed and will be tried again", exc_info=True)
        return None


async def wait_for(stop: asyncio.Event, seconds: float) -> None:
    """Sleep, but wake when told to stop."""
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return


def stop_on_signals(stop: asyncio.Event) -> None:
    """SIGTERM and SIGINT set `stop`."""
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)


async def watch_parent(descriptor: int, stop: asyncio.Event) -> None:
    """Set `stop` when the other end of a pipe closes: a worker must not outlive the server that started it."""
    loop = asyncio.get_running_loop()
    gone = asyncio.Event()
    loop.add_reader(descriptor, gone.set)
    try:
        await gone.wait()
        stop.set()
    finally:
        loop.remove_reader(descriptor)
