"""Databases full enough to be honest: built once by set-based SQL, kept in the benchmark's own data directory."""

import asyncio
import hashlib
import json
import sys
import time
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import asyncpg
from pydantic import SecretStr
from sqlalchemy import func, update

from app.access import commands as access_commands
from app.access.keyring import Keyring
from app.access.roles import ROLES
from app.assembly import build_services
from app.core.embedded import server as embedded
from app.core.migrate import upgrade
from app.core.models import Job
from app.core.services import Services
from app.core.settings import Settings
from app.credit import commands as credit
from app.customers.terms import NAMED, terms_of
from app.early_warning import commands as warnings
from app.early_warning.opportunities import commands as opportunities
from tests.benchmarks.names import names
from tests.benchmarks.serving import SECRET

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
VERSIONS = ROOT / "migrations" / "versions"

# What every lookup, standing and card reads of a customer, but for receipts: with its indexes in PostgreSQL's memory.
WARM = [
    "customers", "identifiers", "customer_figures", "addresses", "consents", "credit_accounts", "receivables",
]  # fmt: skip
# All the rest is in the system's cache if it takes no more than this share of the memory that is free for it.
FITS = 0.9


@dataclass(frozen=True)
class Size:
    """How much a database holds."""

    customers: int
    receipts: int
    stores: int = 200
    products: int = 5000


@dataclass(frozen=True)
class Filled:
    """A database of a size, ready to be served."""

    name: str
    url: str
    size: Size
    key: str

    @property
    def dsn(self) -> str:
        """The address as asyncpg takes it."""
        return dsn(self.url)


def dsn(url: str) -> str:
    """The driver's own form of a SQLAlchemy address."""
    return url.replace("postgresql+asyncpg://", "postgresql://", 1)


async def filled(server: embedded.EmbeddedServer, directory: Path, name: str, size: Size) -> Filled:
    """The database `name` of this size: the one kept from an earlier run, or a new one."""
    url, marker = server.database_url(name), directory / f"{name}.json"
    wanted = {"size": asdict(size), "made_by": _made_by()}
    known = json.loads(marker.read_text(encoding="utf-8")) if marker.exists() else {}
    if known.get("of") != wanted or not await _exists(server, name):
        marker.unlink(missing_ok=True)
        await _build(server, name, size)
        known = {"of": wanted, "key": await _key(url, directory)}
        marker.write_text(json.dumps(known), encoding="utf-8")
        marker.chmod(0o600)
    await _settle(url, directory)
    await _warm(url)
    return Filled(name, url, size, known["key"])


async def _warm(url: str) -> None:
    """Bring into memory what is there once a company has been served for some hours at the rates that are measured."""
    connection = await asyncpg.connect(dsn(url))
    try:
        await connection.execute("CREATE EXTENSION IF NOT EXISTS pg_prewarm")
        size = await connection.fetchval("SELECT pg_database_size(current_database())")
        if size <= FITS * _available():
            began = time.perf_counter()
            await connection.execute(
                "SELECT pg_prewarm(oid, 'read') FROM pg_class WHERE relkind IN ('r', 'i', 't', 'm')"
                " AND relnamespace IN ('public'::regnamespace, 'pg_toast'::regnamespace)",
                timeout=1800,
            )
            say(f"  {size / 1e9:.1f} GB read in {time.perf_counter() - began:.0f} s")
        await connection.execute(
            "SELECT pg_prewarm(one) FROM (SELECT unnest($1::text[])::regclass AS of) hot, LATERAL (SELECT of AS one"
            " UNION ALL SELECT indexrelid FROM pg_index WHERE indrelid = of) parts",
            WARM,
        )
    finally:
        await connection.close()


def _available() -> int:
    """Bytes of memory that the system could still use as a cache, or does."""
    found = Path("/proc/meminfo").read_text(encoding="ascii")
    return int(found.partition("MemAvailable:")[2].split()[0]) * 1024


async def _settle(url: str, directory: Path) -> None:
    """Leave the worker nothing from before: the day's sweeps, which have rows of their own, are over."""
    services = build_services(settings_for(url, directory), url)
    company = services.settings.company

    async def work(tx: Any) -> None:
        await warnings.enqueue_daily_sweep(tx, company.today(tx.now))
        await opportunities.enqueue_daily_sweep(tx, company)
        await credit.enqueue_daily_fit(tx, company.today(tx.now))
        over = {"status": "done", "finished_at": func.now(), "leased_until": None}
        await tx.execute(update(Job).where(Job.status.in_(("queued", "running"))).values(**over))

    await with_services(services, lambda: services.db.run(work))


def _made_by() -> str:
    """Changes with the schema and with the data: then a kept database is of no use."""
    files = [
        HERE / "data.sql",
        HERE / "names.py",
        ROOT / "app" / "customers" / "terms.py",
        *sorted(VERSIONS.glob("*.py")),
    ]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


async def _exists(server: embedded.EmbeddedServer, name: str) -> bool:
    admin = await asyncpg.connect(dsn(server.url))
    try:
        return bool(await admin.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name))
    finally:
        await admin.close()


async def _build(server: embedded.EmbeddedServer, name: str, size: Size) -> None:
    began = time.perf_counter()
    say(f"building {name}: {size.customers:,} customers, {size.receipts:,} receipts ...")
    admin = await asyncpg.connect(dsn(server.url))
    try:
        await admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        await admin.execute(f'CREATE DATABASE "{name}"')
    finally:
        await admin.close()
    await upgrade(server.database_url(name))
    connection = await asyncpg.connect(dsn(server.database_url(name)))
    try:
        await connection.execute(
            "SET synchronous_commit = off; SET work_mem = '256MB'; SET jit = off; SELECT setseed(0.5)"
        )
        await _copy_names(connection, size.customers)
        for title, statements in _parts((HERE / "data.sql").read_text(encoding="utf-8").format(**asdict(size))):
            moment = time.perf_counter()
            await connection.execute(statements)
            if title == "search terms":
                await _copy_terms(connection)
            say(f"  {title}: {time.perf_counter() - moment:.1f} s")
        await connection.execute("VACUUM (ANALYZE)")
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()
    say(f"  {name} is ready after {time.perf_counter() - began:.0f} s")


async def _copy_names(connection: Any, count: int) -> None:
    await connection.execute(
        "CREATE UNLOGGED TABLE bench_names (n int, display text, family text, given text, email text)"
    )
    rows = ((number, *name) for number, name in enumerate(names(count), 1))
    await connection.copy_records_to_table("bench_names", records=rows)


async def _copy_terms(connection: Any) -> None:
    """The terms of every customer, as the application makes them; the indexes come after the rows."""
    indexes = await connection.fetch(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'search_terms' AND indexname <> 'pk_search_terms'"
    )
    for row in indexes:
        await connection.execute(f"DROP INDEX {row['indexname']}")
    after, portion = uuid.UUID(int=0), [None]
    query = f"SELECT id, kind, {', '.join(NAMED)} FROM customers WHERE id > $1 ORDER BY id LIMIT $2"
    while portion:
        portion = await connection.fetch(query, after, 20_000)
        rows = [(one.kind, one.term, row["id"], one.personal) for row in portion for one in terms_of(row)]
        columns = ["kind", "term", "customer_id", "personal"]
        await connection.copy_records_to_table("search_terms", records=sorted(rows), columns=columns)
        after = portion[-1]["id"] if portion else after
    for row in indexes:
        await connection.execute(row["indexdef"])


def _parts(script: str) -> list[tuple[str, str]]:
    """(title, statements) of each part of the script; its first lines explain it."""
    parts: list[tuple[str, str]] = []
    title = ""
    lines: list[str] = []
    for line in [*script.splitlines()[2:], "-- end"]:
        if line.startswith("-- ") and len(line) < 40:
            if lines:
                parts.append((title, "\n".join(lines)))
            title, lines = line[3:], []
        else:
            lines.append(line)
    return parts


async def _key(url: str, directory: Path) -> str:
    """A new key that may do everything, for the benchmark's own server."""
    settings = settings_for(url, directory)
    services = build_services(settings, url)

    async def work(tx: Any) -> str:
        keyring = Keyring(settings.secret)
        return (await access_commands.create_key(tx, keyring, "benchmark", "admin"))[1]

    return await with_services(services, lambda: services.db.run(work))


def settings_for(url: str, directory: Path) -> Settings:
    """Settings of a process of the benchmark on one of its databases."""
    assert "admin" in ROLES
    return Settings(database_url=SecretStr(url), secret_key=SecretStr(SECRET), data_dir=directory)


async def with_services(services: Services, work: Any) -> Any:
    """Run `work()` while the services' database is open."""
    await services.db.open()
    try:
        return await work()
    finally:
        services.offload.close()
        await services.db.close()


def say(line: str) -> None:
    """Progress, apart from the table."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def run(work: Any) -> Any:
    """Run a coroutine to its end."""
    return asyncio.run(work)


def build(server: embedded.EmbeddedServer, directory: Path, name: str, size: Size) -> Filled:
    """`filled` for callers without a loop."""
    return asyncio.run(filled(server, directory, name, size))
