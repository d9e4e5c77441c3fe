"""`clientele demo`, and the demo company that `serve` loads first."""

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.frame import DataDir, bar, log_beside_bar, note, run, settings_from
from app.core.caller import SYSTEM
from app.core.services import Services
from app.core.settings import Settings
from app.demo import order as demo_order

if TYPE_CHECKING:
    from app.demo.commands import Wanted


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
    from app.demo.commands import Wanted

    settings = settings_from(data_dir)
    log_beside_bar(settings)
    run(settings, partial(load_demo, wanted=Wanted(seed, people)), makes=True)


def wants_demo(asked: bool | None, settings: Settings, *, welcome: bool) -> bool:
    """Whether `serve` loads the demo company. An outside database is somebody's own: nothing is put into it unasked."""
    return asked if asked is not None else welcome and settings.database_url is None


async def load_demo(services: Services, wanted: "Wanted | None" = None, *, asked: bool = True) -> None:
    """Load the demo company and show how far it is. If nobody `asked` for it, only where nothing stands against it."""
    from app.assembly import import_kinds
    from app.core.jobs import Stopped
    from app.demo import commands as demo_commands
    from app.worker import stop_on_signals

    if not asked and (
        services.settings.company.currency != demo_order.CURRENCY
        or await services.db.read(SYSTEM, demo_commands.state) not in {"empty", "begun"}
    ):
        return
    stop = asyncio.Event()
    stop_on_signals(stop)
    wanted = wanted or demo_commands.Wanted()
    with bar() as progress:
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
