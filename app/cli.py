"""The command line: serve, worker, migrate, keys, import, demo, verify, openapi."""

import asyncio
import os
import sys
import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypeVar

import asyncpg
import typer
import uvloop
from pydantic import ValidationError
from pydantic_settings import SettingsError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from sqlalchemy.exc import DBAPIError

from app import worker as background
from app.access import commands as access_commands
from app.access import queries as access_queries
from app.access.keyring import Keyring
from app.access.roles import ROLES
from app.access.schemas import NewApiKey
from app.assembly import build_services, import_kinds
from app.bulk.importing import KINDS, Summary, import_file
from app.bulk.schemas import Delimiter
from app.core import log
from app.core.caller import SYSTEM
from app.core.embedded import server as embedded
from app.core.errors import Problem
from app.core.jobs import Stopped
from app.core.migrate import upgrade
from app.core.server import address_problem
from app.core.services import Services
from app.core.settings import NESTED, PREFIX, Settings, unknown_names
from app.customers import verify as customers_verify
from app.demo import commands as demo_commands
from app.demo import order as demo_order
from app.receipts import verify as receipts_verify

T = TypeVar("T")
cli = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
keys = typer.Typer(no_args_is_help=True, help="API keys: create, list, rotate, revoke.")
cli.add_typer(keys, name="keys")
note = Console(stderr=True, highlight=False)
BAR = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
LISTED = ("id", "client_id", "name", "role", "store", "partner", "expires_at", "revoked_at", "last_used_at")
DataDir = Annotated[Path | None, typer.Option(help="Where the embedded database lives. CLIENTELE_DATA_DIR.")]


def settings_from(data_dir: Path | None = None, port: int | None = None, host: str | None = None) -> Settings:
    """Settings of this run. Leaves with a plain sentence when the environment is wrong."""
    given: dict[str, Any] = {"data_dir": data_dir, "port": port, "host": host}
    try:
        settings = Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        for one in error.errors(include_url=False, include_input=False):
            name = PREFIX + NESTED.join(str(part).upper() for part in one["loc"])
            reason = "there is no such setting" if one["type"] == "extra_forbidden" else one["msg"]
            note.print(f"[red]{name}[/]: {reason}")
        raise typer.Exit(2) from None
    except SettingsError as error:
        # Its cause quotes the value; its text names the setting alone.
        note.print(f"[red]The settings cannot be read:[/] {error}")
        raise typer.Exit(2) from None
    for name in unknown_names(os.environ):
        note.print(f"[yellow]{name}[/] is no setting of ours and changes nothing.")
    if settings.database_url is not None and settings.secret_key is None:
        note.print("[red]CLIENTELE_SECRET_KEY[/] is missing: with an outside database all processes share one.")
        raise typer.Exit(2)
    return settings


@contextmanager
def plain_errors() -> Iterator[None]:
    """Say in one line what went wrong with the database, and leave with status 1."""
    try:
        yield
    except Problem as problem:
        note.print(f"[red]{problem.detail or problem.type.title}[/]")
    except (OSError, DBAPIError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        # The system's own words name no value; the driver's may.
        reason = error.strerror if isinstance(error, OSError) else None
        note.print(f"[red]The database does not answer as it should:[/] {reason or type(error).__name__}")
    else:
        return
    raise typer.Exit(1)


@contextmanager
def database(settings: Settings) -> Iterator[str]:
    """The address of the database: the configured one, or the embedded server, running while the block does."""
    if settings.database_url is not None:
        yield settings.database_url.get_secret_value()
        return
    try:
        with embedded.running(settings.data_dir) as server:
            yield server.url
    except embedded.EmbeddedUnavailable as error:
        note.print(f"[red]{error}[/]")
        raise typer.Exit(1) from None


async def with_services(settings: Settings, url: str, work: Callable[[Services], Awaitable[T]]) -> T:
    """Run a command's work against the database at `url`, brought to the newest revision first."""
    await upgrade(url)
    services = build_services(settings, url)
    await services.db.open()
    try:
        return await work(services)
    finally:
        services.offload.close()
        await services.db.close()


def run(settings: Settings, work: Callable[[Services], Awaitable[T]]) -> T:
    """The same against the database that the settings name."""
    with plain_errors(), database(settings) as url:
        return uvloop.run(with_services(settings, url, work))


@cli.command()
def serve(
    data_dir: DataDir = None,
    port: Annotated[int | None, typer.Option(help="CLIENTELE_PORT; default 8080.")] = None,
    host: Annotated[str | None, typer.Option(help="CLIENTELE_HOST; default 127.0.0.1.")] = None,
    welcome: Annotated[bool, typer.Option(help="Print a key and lines to try.")] = False,
    worker: Annotated[bool, typer.Option(help="Also run the worker, as a child process.")] = True,
    demo: Annotated[
        bool | None,
        typer.Option(
            "--demo/--empty",
            help="Load the demo company first, or do not. Default: with --welcome, into an empty embedded database.",
        ),
    ] = None,
) -> None:
    """Serve the API, with the embedded database and a worker unless told otherwise."""
    # Here and below: no other command needs the web framework and every route, and they take a second to load.
    from app import launch  # noqa: PLC0415

    settings = settings_from(data_dir, port, host)
    # Before anything is started: a port that is taken is the commonest slip.
    problem = address_problem(settings.host, settings.port)
    if problem is not None:
        note.print(f"[red]{problem}[/]")
        raise typer.Exit(1)
    log.configure(settings.log_level)
    with plain_errors(), database(settings) as url:
        if wants_demo(demo, settings, welcome=welcome):
            uvloop.run(with_services(settings, url, partial(load_demo, asked=demo is True)))
        uvloop.run(launch.serve(settings, url, with_worker=worker, welcome=welcome))


@cli.command()
def worker(data_dir: DataDir = None, parent: Annotated[int | None, typer.Option(hidden=True)] = None) -> None:
    """Run the background work alone: feed, imports, housekeeping."""
    settings = settings_from(data_dir)
    log.configure(settings.log_level)
    with plain_errors(), database(settings) as url:
        uvloop.run(background.run(settings, url, parent))


@cli.command()
def migrate(data_dir: DataDir = None, revision: str = "head") -> None:
    """Bring the database to the newest revision."""
    settings = settings_from(data_dir)
    with plain_errors(), database(settings) as url:
        asyncio.run(upgrade(url, revision))
    note.print("The database is up to date.")


@keys.command("create")
def create_key(
    name: Annotated[str, typer.Option(help="Who will use it, such as 'Store S01'.")],
    role: Annotated[str, typer.Option(help=f"One of: {', '.join(ROLES)}.")],
    store: Annotated[str | None, typer.Option(help="Bind the key to a store's code.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Create an API key; the last line printed is the key, and it is shown only now."""
    try:
        wanted = NewApiKey.model_validate({"name": name, "role": role, "store": store})
    except ValidationError as error:
        for one in error.errors(include_url=False, include_input=False):
            note.print(f"[red]--{one['loc'][0]}[/]: {one['msg']}")
        raise typer.Exit(2) from None

    async def work(services: Services) -> str:
        keyring = Keyring(services.settings.secret)
        made = await services.db.run(
            lambda tx: access_commands.create_key(tx, keyring, wanted.name, wanted.role, store=wanted.store)
        )
        return made[1]

    note.print(f"A key for {wanted.name} ({wanted.role}):", markup=False)
    sys.stdout.write(run(settings_from(data_dir), work) + "\n")


@keys.command("list")
def list_keys(data_dir: DataDir = None) -> None:
    """List the keys (never their secrets), one a line, with tabs between the columns that the first line names."""

    async def work(services: Services) -> list[dict[str, object]]:
        return await services.db.read(SYSTEM, access_queries.all_keys)

    sys.stdout.write("\t".join(LISTED) + "\n")
    for key in run(settings_from(data_dir), work):
        sys.stdout.write("\t".join(str(key[name] or "-") for name in LISTED) + "\n")


@keys.command("rotate")
def rotate_key(key_id: uuid.UUID, data_dir: DataDir = None) -> None:
    """Make a second key for the same client; the old one works until it is revoked."""

    async def work(services: Services) -> str:
        keyring = Keyring(services.settings.secret)
        return (await services.db.run(lambda tx: access_commands.rotate_key(tx, keyring, key_id)))[1]

    sys.stdout.write(run(settings_from(data_dir), work) + "\n")


@keys.command("revoke")
def revoke_key(key_id: uuid.UUID, data_dir: DataDir = None) -> None:
    """Revoke a key; it stops working within five seconds everywhere."""

    async def work(services: Services) -> None:
        await services.db.run(lambda tx: access_commands.revoke_key(tx, key_id))

    run(settings_from(data_dir), work)
    note.print("Revoked.")


@cli.command("import")
def import_command(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)],
    kind: Annotated[str, typer.Option(help=f"What the rows are: {', '.join(KINDS)}.")],
    delimiter: Annotated[Delimiter | None, typer.Option(help="Of a CSV; found by its header if absent.")] = None,
    again: Annotated[bool, typer.Option(help="Also if this file was imported before.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Import a CSV or NDJSON file. Run it again after an interruption: it goes on where it stopped."""
    if kind not in KINDS:
        note.print(f"[red]--kind must be one of: {', '.join(KINDS)}.[/]")
        raise typer.Exit(2)

    async def work(services: Services) -> Summary:
        with Progress(*BAR, console=note) as progress:
            task = progress.add_task(file.name, total=file.stat().st_size)
            return await import_file(
                services,
                import_kinds(),
                file,
                kind,
                lambda done: progress.update(task, completed=done),
                delimiter=delimiter,
                again=again,
            )

    settings = settings_from(data_dir)
    log.configure(settings.log_level)
    summary = run(settings, work)
    sys.stdout.write(f"{summary}\n")
    raise typer.Exit(0 if summary.status == "done" else 1)


@cli.command("demo")
def demo_command(
    seed: Annotated[
        int | None, typer.Option(min=0, max=2**31, help=f"Another seed, another company; default {demo_order.SEED}.")
    ] = None,
    people: Annotated[
        int | None,
        typer.Option(
            min=demo_order.PEOPLE_LEAST, max=demo_order.PEOPLE_MOST, help=f"Its size; default {demo_order.PEOPLE}."
        ),
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Load a made-up company into an empty database. Run it again after an interruption: it goes on."""
    settings = settings_from(data_dir)
    log.configure(settings.log_level)
    run(settings, partial(load_demo, wanted=demo_commands.Wanted(seed, people)))


def wants_demo(asked: bool | None, settings: Settings, *, welcome: bool) -> bool:
    """Whether `serve` loads the demo company. An outside database is somebody's own: nothing is put into it unasked."""
    return asked if asked is not None else welcome and settings.database_url is None


async def load_demo(services: Services, wanted: demo_commands.Wanted | None = None, *, asked: bool = True) -> None:
    """Load the demo company and show how far it is. If nobody `asked` for it, only where nothing stands against it."""
    if not asked and (
        services.settings.company.currency != demo_order.CURRENCY
        or await services.db.read(SYSTEM, demo_commands.state) not in {"empty", "begun"}
    ):
        return
    stop = asyncio.Event()
    background.stop_on_signals(stop)
    wanted = wanted or demo_commands.Wanted()
    with Progress(*BAR, console=note) as progress:
        task = progress.add_task("the demo company", total=None)

        def show(what: str, done: int, of: int) -> None:
            progress.update(task, description=what, completed=done, total=of)

        try:
            order, loaded = await demo_commands.load(services, import_kinds(), wanted, show, stop)
        except Stopped:
            progress.stop()
            note.print("Stopped. The next start goes on where this one stopped.")
            raise typer.Exit(1) from None
    note.print(
        f"The demo company {'is loaded' if loaded else 'was there already'}: {order.people} people and "
        f"{order.businesses} businesses, {order.since} to {order.until} (seed {order.seed}).",
        soft_wrap=True,
    )


@cli.command()
def verify(
    repair: Annotated[bool, typer.Option(help="Correct what differs.")] = False, data_dir: DataDir = None
) -> None:
    """Recompute figures from receipts and search terms from names, and say where they differ from what is kept."""

    async def work(services: Services) -> int:
        count = 0
        for part in (receipts_verify, customers_verify):
            async for found in part.check(services.db, repair=repair):
                sys.stdout.writelines(f"{line}\n" for line in found)
                count += len(found)
        return count

    count = run(settings_from(data_dir), work)
    sys.stdout.write(f"{count} differences{' repaired' if repair and count else ''}\n")
    raise typer.Exit(1 if count and not repair else 0)


@cli.command("openapi")
def print_openapi() -> None:
    """Print the OpenAPI document."""
    from app.main import api, openapi_bytes  # noqa: PLC0415

    sys.stdout.write(openapi_bytes(api()).decode())


def main() -> None:
    """Entry point of the `clientele` command."""
    cli()
