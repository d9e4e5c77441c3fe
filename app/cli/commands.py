"""The command line: serve, worker, migrate, keys, import, demo, verify, erasures, feed, openapi."""

import sys
from functools import partial
from importlib import metadata
from typing import Annotated

import typer
import uvloop

from app.cli.demo import demo_command, load_demo, wants_demo
from app.cli.files import import_command
from app.cli.frame import DataDir, database, note, plain_errors, run, settings_from, with_services
from app.cli.interrupts import INTERRUPTED, stopped
from app.cli.keys import keys
from app.cli.privacy import erasures, feed
from app.core import log
from app.core.server import address_problem
from app.core.services import Services

cli = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)


def _show_version(asked: bool) -> None:
    if asked:
        sys.stdout.write(f"clientele {metadata.version('clientele')}\n")
        raise typer.Exit


@cli.callback()
def _options(
    _version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_show_version, help="Print the version.")
    ] = False,
) -> None:
    pass


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
    settings = settings_from(data_dir, port, host)
    # Before anything is loaded or started: a port that is taken is the commonest slip.
    problem = address_problem(settings.host, settings.port)
    if problem is not None:
        note.print(f"[red]{problem}[/]")
        raise typer.Exit(1)
    from app import launch
    from app import worker as background
    from app.core.child import fork

    log.configure(settings.log_level)
    child = fork("worker") if worker else None
    if child is not None and child.pid == 0:
        if child.may_begin():
            with plain_errors(), database(settings) as url:
                uvloop.run(background.run(settings, url, child.line))
        return
    with plain_errors(), database(settings, makes=True) as url:
        if wants_demo(demo, settings, welcome=welcome):
            uvloop.run(with_services(settings, url, partial(load_demo, asked=demo is True)))
        ready = uvloop.run(launch.serve(settings, url, with_worker=worker, child=child, welcome=welcome))
    if not ready:
        note.print(stopped())
        raise typer.Exit(INTERRUPTED)


@cli.command()
def worker(data_dir: DataDir = None, parent: Annotated[int | None, typer.Option(hidden=True)] = None) -> None:
    """Run the background work alone: feed, imports, housekeeping."""
    from app import worker as background

    settings = settings_from(data_dir)
    log.configure(settings.log_level)
    with plain_errors(), database(settings) as url:
        uvloop.run(background.run(settings, url, parent))


@cli.command()
def migrate(data_dir: DataDir = None, revision: str = "head") -> None:
    """Bring the database to the newest revision. Makes the embedded one where there is none."""
    from app.core.migrate import upgrade

    settings = settings_from(data_dir)
    with plain_errors(), database(settings, makes=True) as url:
        uvloop.run(upgrade(url, revision))
    note.print("The database is up to date.")


@cli.command()
def verify(
    repair: Annotated[bool, typer.Option(help="Correct what differs.")] = False,
    segments: Annotated[bool, typer.Option(help="Ask kept segments anew as well.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Recompute figures from receipts and search terms from names, and say where they differ from what is kept.

    The ledgers of accounts must agree with themselves; what does not is only told, also with --repair.
    """
    from app.credit import verify as credit_verify
    from app.customers import verify as customers_verify
    from app.receipts import verify as receipts_verify
    from app.segments import verify as segments_verify

    async def work(services: Services) -> tuple[int, int]:
        count = broken = 0
        for part in (receipts_verify, customers_verify):
            async for found in part.check(services.db, repair=repair):
                sys.stdout.writelines(f"{line}\n" for line in found)
                count += len(found)
        if segments:
            async for differing in segments_verify.check(services, repair=repair):
                sys.stdout.writelines(f"{line}\n" for line in differing)
                count += len(differing)
        async for lines in credit_verify.check(services.db):
            sys.stdout.writelines(f"{line}\n" for line in lines)
            broken += len(lines)
        return count, broken

    count, broken = run(settings_from(data_dir), work)
    if broken:
        sys.stdout.write(f"{broken} differences in ledgers\n")
    sys.stdout.write(f"{count if repair else count + broken} differences{' repaired' if repair and count else ''}\n")
    raise typer.Exit(1 if broken or (count and not repair) else 0)


@cli.command("openapi")
def print_openapi() -> None:
    """Print the OpenAPI document."""
    from app.main import api, openapi_bytes

    sys.stdout.write(openapi_bytes(api()).decode())


cli.add_typer(keys, name="keys")
cli.add_typer(erasures, name="erasures")
cli.add_typer(feed, name="feed")
cli.command("import")(import_command)
cli.command("demo")(demo_command)
