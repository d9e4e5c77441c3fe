"""Starting processes: the API with its worker as a child, and what a first visitor is shown."""

import asyncio
import gc
import logging
import os
import sys
from contextlib import suppress
from pathlib import Path

import uvicorn

from app.access import commands as access_commands
from app.access.authentication import is_live
from app.access.keyring import Keyring
from app.assembly import build_services
from app.core.caller import SYSTEM
from app.core.child import Child, start
from app.core.db import Database
from app.core.embedded import server as embedded
from app.core.migrate import upgrade
from app.core.server import server
from app.core.services import Services
from app.core.settings import Settings
from app.demo import commands as demo
from app.demo.welcome import lines as demo_lines
from app.demo.welcome import shell
from app.main import create_app

log = logging.getLogger("clientele.launch")
RESTART_SECONDS = 1.0
DATABASE_SECONDS = 0.5

READY = """\
Clientele is ready at {address}
API key (admin): {key}

{lines}
Stop with Ctrl-C. Data stays in {data_dir}.
"""
# With an empty database.
PUSH = """\
Push a receipt, then look its customer up:

  curl -s -X PUT {address}/v1/stores/S01 -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' \\
    -d '{{"name": "First store", "kind": "own"}}'
  curl -s {address}/v1/receipts -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' \\
    -d '{{"source": "till", "number": "S01-1", "store": "S01", "kind": "sale", "occurred_at": "{now}",
         "currency": "{currency}", "customer": {{"identifier": {{"kind": "phone", "value": "138 1234 5678"}}}},
         "on_unknown_customer": "create", "lines": [{{"product": "TEA-1", "category": "food/tea", "quantity": "2",
         "net": 3000}}], "tenders": [{{"kind": "cash", "amount": 3000}}]}}'
  curl -s '{address}/v1/customers/lookup?phone=%2B8613812345678' -H 'Authorization: Bearer {key}'
"""


async def serve(settings: Settings, url: str, *, with_worker: bool, child: Child | None, welcome: bool) -> bool:
    """Migrate, then serve until SIGTERM or SIGINT; the worker stops after the last request.

    `child` waits to be that worker; without one it is started. False if SIGINT came before it was ready.
    """
    await upgrade(url)
    services = build_services(settings, url)
    api = server(create_app(services), settings, services.feed.release)
    # What is loaded now stays: a full collection over it would stop every request for a tenth of a second.
    gc.freeze()
    # A Ctrl-C up to here cancels us at our next wait. Here it costs nothing; in the server it would be an error.
    await asyncio.sleep(0)
    stop = asyncio.Event()
    beside = [asyncio.create_task(_keep_worker(settings, child, stop))] if with_worker else []
    if settings.database_url is None:
        beside.append(asyncio.create_task(_keep_database(settings, stop)))
    if welcome:
        beside.append(asyncio.create_task(_welcome(services, api, stop)))
    try:
        await api.serve()
    finally:
        stop.set()
        await asyncio.gather(*beside)
    return not api.interrupted


async def _keep_worker(settings: Settings, child: Child | None, stop: asyncio.Event) -> None:
    """Run the worker as a child, start it again when it dies, end it at the stop."""
    while not stop.is_set():
        if child is None:
            # Whatever folder we were started in, the `app` that is meant is the installed one.
            arguments = ["-P", "-m", "app", "worker", "--data-dir", str(settings.data_dir), "--parent"]
            child = start([sys.executable, *arguments])
        else:
            child.let_begin()
        ended = asyncio.create_task(child.ended())
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({ended, stopping}, return_when=asyncio.FIRST_COMPLETED)
        # A worker that is still starting does not watch its parent yet: the signal ends it at once.
        child.end()
        await ended
        stopping.cancel()
        status = child.status()
        child = None
        if not stop.is_set():
            log.warning("the worker ended and is started again", extra={"status": status})
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), RESTART_SECONDS)


async def _keep_database(settings: Settings, stop: asyncio.Event) -> None:
    """Bring the embedded database back when it was killed; until then requests are answered 503."""
    while not stop.is_set():
        try:
            if await asyncio.to_thread(embedded.revive, settings.data_dir):
                log.warning("the database had ended and was started again")
        except embedded.EmbeddedUnavailable:
            log.exception("the database has ended and cannot be started again")
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), DATABASE_SECONDS)


async def _welcome(services: Services, api: uvicorn.Server, stop: asyncio.Event) -> None:
    """Once the port is open, print the address, a key that works, and lines to paste."""
    settings = services.settings
    while not api.started:
        if stop.is_set():
            return
        await asyncio.sleep(0.05)
    key = await _first_key(services.db, settings, settings.data_dir / "first-key")
    address = f"http://{settings.host}:{settings.port}"
    if await services.db.read(SYSTEM, demo.state) == "loaded":
        lines = demo_lines(address, key)
    else:
        now, currency = services.clock.now().isoformat(timespec="seconds"), settings.company.currency
        pushed = PUSH.format(address=address, key=key, now=now, currency=currency)
        lines = f"{shell(address, key)}\n{pushed}"
    sys.stdout.write(READY.format(address=address, key=key, lines=lines, data_dir=settings.data_dir))
    sys.stdout.flush()


async def _first_key(db: Database, settings: Settings, path: Path) -> str:
    """The admin key of this data directory: the kept one while it works, else a new one."""
    kept = _read(path)
    if kept and await is_live(db, settings, kept):
        return kept
    _, secret = await db.run(
        lambda tx: access_commands.create_key(tx, Keyring(settings.secret), "First steps", "admin")
    )
    _keep(path, secret)
    return secret


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return ""


def _keep(path: Path, secret: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secret)
