"""What the commands have in common: settings, a database to work on, plain words for what goes wrong."""

import gc
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
import uvloop
from pydantic import ValidationError
from pydantic_settings import SettingsError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from app.cli.interrupts import INTERRUPTED, stopped, working
from app.core import log
from app.core.embedded import server as embedded
from app.core.errors import Problem, database_error
from app.core.services import Services
from app.core.settings import NESTED, PREFIX, Settings, unknown_names
from app.core.wording import said

T = TypeVar("T")
note = Console(stderr=True, highlight=False)
DataDir = Annotated[Path | None, typer.Option(help="Where the embedded database lives. CLIENTELE_DATA_DIR.")]


def settings_from(data_dir: Path | None = None, port: int | None = None, host: str | None = None) -> Settings:
    """Settings of this run. Leaves with a plain sentence when the environment is wrong."""
    given: dict[str, Any] = {"data_dir": data_dir, "port": port, "host": host}
    try:
        settings = Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        for one in error.errors(include_url=False, include_input=False):
            name = PREFIX + NESTED.join(str(part).upper() for part in one["loc"])
            reason = "there is no such setting" if one["type"] == "extra_forbidden" else said(one)[1]
            note.print(f"[red]{name}[/]: {reason}", soft_wrap=True)
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
    """Work begins: say in plain words what goes wrong or that it was stopped, and leave with status 1 or 130."""
    # Everything is loaded: from here on collections pass it over.
    gc.freeze()
    gc.enable()
    try:
        with working():
            yield
    except Problem as problem:
        tell(problem)
    except Exception as error:
        found = database_error(error)
        if found is None:
            raise
        # The system's own words name no value; the driver's may, so of its errors only the SQLSTATE is told.
        reason = (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
        state = f" (SQLSTATE {found[0]})" if found[0] else ""
        note.print(f"[red]The database does not answer as it should:[/] {reason}{state}")
    except KeyboardInterrupt:
        note.print(stopped())
        raise typer.Exit(INTERRUPTED) from None
    else:
        return
    raise typer.Exit(1)


def tell(problem: Problem) -> None:
    """What a problem says: a line, and one more for each field."""
    detail = problem.detail or problem.type.title
    note.print(detail, style="red", markup=False, soft_wrap=True)
    for error in problem.errors:
        if error.detail != detail:
            note.print(f"  {error.pointer}: {error.detail}", markup=False, soft_wrap=True)


@contextmanager
def database(settings: Settings, *, makes: bool = False) -> Iterator[str]:
    """The address of the database: the configured one, or the embedded server, running while the block does.

    Unless the command `makes` companies, none is made in whatever folder one happens to stand in: only where the data
    directory was named, and then it is said.
    """
    if settings.database_url is not None:
        yield settings.database_url.get_secret_value()
        return
    new = not makes and not embedded.begun(settings.data_dir)
    if new and "data_dir" not in settings.model_fields_set:
        note.print(
            f"There is no company at {settings.data_dir.resolve()}: name it with --data-dir or CLIENTELE_DATA_DIR.",
            style="red", markup=False, soft_wrap=True,
        )  # fmt: skip
        raise typer.Exit(1)
    try:
        with embedded.running(settings.data_dir) as server:
            if new:
                note.print(f"A new, empty company was made in {settings.data_dir}.", markup=False, soft_wrap=True)
            yield server.url
    except embedded.EmbeddedUnavailable as error:
        note.print(str(error), style="red", markup=False, soft_wrap=True)
        raise typer.Exit(1) from None


async def with_services(settings: Settings, url: str, work: Callable[[Services], Awaitable[T]]) -> T:
    """Run a command's work against the database at `url`, brought to the newest revision first."""
    from app.assembly import build_services
    from app.core.migrate import upgrade

    await upgrade(url)
    services = build_services(settings, url)
    await services.db.open()
    try:
        return await work(services)
    finally:
        services.offload.close()
        await services.db.close()


def run(settings: Settings, work: Callable[[Services], Awaitable[T]], *, makes: bool = False) -> T:
    """The same against the database that the settings name."""
    # Loaded before anything begins: until then Ctrl-C has nothing to end.
    import app.assembly
    import app.core.migrate  # noqa: F401

    with plain_errors(), database(settings, makes=makes) as url:
        return uvloop.run(with_services(settings, url, work))


def bar() -> Progress:
    """A bar for what takes minutes, on standard error."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=note)


def log_beside_bar(settings: Settings) -> None:
    """Only what is wrong is logged while a bar is drawn, unless the environment asks for more."""
    log.configure(settings.log_level if "log_level" in settings.model_fields_set else "WARNING")
