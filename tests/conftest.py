"""Fixtures that every room's tests share: a real PostgreSQL, a migrated database per test process, the application.

Commits are real; after each test the rows are deleted, so nothing is hidden by a transaction that never ended.
"""

import asyncio
import fcntl
import gc
import os
import shutil
import signal
import sys
import tempfile
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, AsyncExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import hypothesis
import pytest
import uvloop
from pydantic import SecretStr
from sqlalchemy import event

from app.access import commands as access_commands
from app.access.keyring import Keyring
from app.access.roles import ROLES
from app.assembly import build_services
from app.core.caller import SYSTEM
from app.core.db import Tx
from app.core.edge import Edge
from app.core.embedded import postmaster
from app.core.embedded import server as embedded
from app.core.migrate import upgrade
from app.core.services import Services
from app.core.settings import RateSettings, Settings
from app.main import create_app
from tests import forked, pieces, served
from tests.client import Client
from tests.sweeping import Sweeper

TEMPLATE = "clientele_template"
# Tests may lose the last second at a power cut; production may not. And nothing but a test tells the planner how many
# values a column has: what it had learnt of the rows of an earlier test once changed a plan that a later one reads.
FAST = {
    "fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "200",
    "autovacuum_analyze_threshold": "2000000000",
}  # fmt: skip

# That of the house, once it stands.
_sweepers: list[Sweeper] = []
_counting: ContextVar[list[str] | None] = ContextVar("counting", default=None)


def pytest_configure() -> None:
    """Let all test processes of this run share what a first start makes. Their name is that of the first of them."""
    first = os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()
    # What is loaded and collected stays: looking for garbage in it took seconds.
    gc.disable()
    # What failed is told with the way to see it again; thousands of files of examples were written and removed.
    hypothesis.settings.register_profile("ours", database=None, print_blob=True)
    hypothesis.settings.load_profile("ours")
    # httpx looks for it with every request, on every path there is.
    sys.modules.setdefault("sniffio", None)  # type: ignore[arg-type]
    served.begun = served.Begun(Path(tempfile.gettempdir()) / f"clientele-begun-{first}")
    if sys.version_info < (3, 14):
        # The loop that serves costs less. From that version on there are no policies; the plugin's own way to name a
        # loop makes a new one for each file, and the house stands for the session.
        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long."""
    items.sort(key=lambda item: pieces.place(item.nodeid))


def pytest_collection_finish() -> None:
    """From here on there is garbage, but not among what is there already."""
    gc.freeze()
    gc.enable()


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> pieces.InPieces:
    """How tests are dealt out to processes."""
    return pieces.InPieces(config, log)


def pytest_unconfigure() -> None:
    """The first process ends last."""
    forked.close()
    if served.begun is not None and "PYTEST_XDIST_WORKER" not in os.environ:
        served.begun.remove()


@pytest.fixture(scope="session")
def postgres() -> Iterator[embedded.EmbeddedServer]:
    """One server for all test processes of this run; the last to leave stops it and removes its files."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID") or uuid.uuid4().hex
    directory = Path(tempfile.gettempdir()) / f"clientele-tests-{run[:12]}"
    directory.mkdir(mode=0o755, exist_ok=True)
    server = embedded.start(directory, settings=FAST)
    yield server
    with pytest.MonkeyPatch.context() as patch:
        # At once: to write down first what is removed in the next moment takes seconds.
        patch.setattr(postmaster, "_STOP_SIGNALS", ((signal.SIGQUIT, 30),))
        embedded.stop(server)
    if not (server.directory / "postmaster.pid").exists():
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def database_url(postgres: embedded.EmbeddedServer) -> str:
    """A migrated database of this test process's own, cloned from a template that one of them makes."""
    lock = postgres.directory.parent / "template.lock"
    name = f"test_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}_{os.getpid()}"
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        asyncio.run(_clone(postgres, name))
    return postgres.database_url(name)


async def _clone(postgres: embedded.EmbeddedServer, name: str) -> None:
    admin = await asyncpg.connect(_dsn(postgres.url))
    try:
        if not await admin.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", TEMPLATE):
            await admin.execute(f'CREATE DATABASE "{TEMPLATE}"')
            await upgrade(postgres.database_url(TEMPLATE))
        await admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{TEMPLATE}"')
    finally:
        await admin.close()


def _dsn(url: str) -> str:
    return url.replace("postgresql+asyncpg://", "postgresql://", 1)


@dataclass
class House:
    """The running application, in this process."""

    services: Services
    app: Edge
    keys: dict[str, str]
    sweeper: Sweeper

    def client(self, role: str | None = "admin", **headers: str) -> httpx.AsyncClient:
        """An HTTP client with the key of a role, or without one."""
        given = {"Authorization": f"Bearer {self.keys[role]}"} if role else {}
        return Client(self.app, {**given, **headers})


@pytest.fixture(scope="session")
def settings(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of the application under test. Rates are high: a test that means to be throttled makes its own."""
    return Settings(
        database_url=SecretStr(database_url),
        secret_key=SecretStr("only for tests"),
        data_dir=tmp_path_factory.mktemp("data"),
        rates=RateSettings(standard_per_second=1e6, large_per_second=1e6, bulk_per_second=1e6),
    )


@pytest.fixture(scope="session")
async def house(settings: Settings, database_url: str) -> AsyncIterator[House]:
    """The application with its lifespan running, and one key per role."""
    services = build_services(settings, database_url)
    edge = create_app(services)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(edge.api.router.lifespan_context(edge.api))
        sweeper = await Sweeper.on(services.db.dsn)
        _sweepers.append(sweeper)
        stack.push_async_callback(sweeper.close)
        stack.callback(_sweepers.clear)
        yield House(services, edge, {role: await _key(services, role) for role in ROLES}, sweeper)


async def _key(services: Services, role: str) -> str:
    keyring = Keyring(services.settings.secret)
    return (await services.db.run(lambda tx: access_commands.create_key(tx, keyring, f"test {role}", role)))[1]


@pytest.fixture
async def client(house: House) -> AsyncIterator[httpx.AsyncClient]:
    """A client with every scope."""
    async with house.client("admin") as found:
        yield found


@pytest.fixture
async def clients(house: House) -> AsyncIterator[dict[str, httpx.AsyncClient]]:
    """A client per role."""
    async with AsyncExitStack() as stack:
        yield {role: await stack.enter_async_context(house.client(role)) for role in ROLES}


@pytest.fixture
def statements(house: House) -> Callable[[], AbstractContextManager[list[str]]]:
    """A context whose list grows with every statement on the main pool that the block causes (BEGIN, COMMIT are not).

    What tasks in the background send meanwhile is not counted.
    """

    @contextmanager
    def counted() -> Iterator[list[str]]:
        found: list[str] = []

        def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            if _counting.get() is found:
                found.append(statement)

        engine = house.services.db.engine.sync_engine
        event.listen(engine, "before_cursor_execute", note)
        token = _counting.set(found)
        try:
            yield found
        finally:
            _counting.reset(token)
            event.remove(engine, "before_cursor_execute", note)

    return counted


@pytest.fixture
async def tx(house: House) -> AsyncIterator[Tx]:
    """An open transaction that is rolled back at the end."""
    async with house.services.db.engine.connect() as connection:
        yield Tx(connection, SYSTEM, house.services.clock.now())


@pytest.fixture(autouse=True)
async def clean(request: pytest.FixtureRequest) -> AsyncIterator[None]:
    """Begin with empty tables, or with the company that `names` shows, and let the clock run again afterwards."""
    used = request.fixturenames
    if _sweepers and "names" not in used and ("house" in used or "database_url" in used):
        await _sweepers[0].back()
    yield
    if "house" in used:
        house: House = request.getfixturevalue("house")
        house.services.clock.set(None)
        # Reads are written a moment later: what is left of this test would stand among the entries of the next.
        await house.services.reads.flush()
