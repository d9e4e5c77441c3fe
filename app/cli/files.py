"""`clientele import`: a file of this machine."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from app.bulk.columns import SHAPES
from app.bulk.schemas import Delimiter
from app.cli.frame import DataDir, bar, log_beside_bar, note, run, settings_from, tell
from app.core.errors import INVALID, Problem
from app.core.services import Services


def import_command(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)],
    kind: Annotated[str, typer.Option(help=f"What the rows are: {', '.join(SHAPES)}.")],
    delimiter: Annotated[Delimiter | None, typer.Option(help="Of a CSV; found by its header if absent.")] = None,
    again: Annotated[bool, typer.Option(help="Also if this file was imported before.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Import a CSV or NDJSON file. Run it again after an interruption: it goes on where it stopped.

    Exit status: 0 all rows are in (now or before), 1 some rows were refused or the import could not end, 130 stopped.
    """
    from app.assembly import import_kinds
    from app.bulk.importing import Summary, import_file, layout_of

    if kind not in SHAPES:
        note.print(f"[red]--kind must be one of: {', '.join(SHAPES)}.[/]")
        raise typer.Exit(2)
    try:
        layout_of(file, kind, delimiter)
    except Problem as problem:
        tell(problem)
        if problem.type is INVALID:
            columns = ", ".join(SHAPES[kind].names())
            note.print(f"Columns of a file of {kind}: {columns}.", markup=False, soft_wrap=True)
        raise typer.Exit(1) from None

    async def work(services: Services) -> Summary:
        with bar() as progress:
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
    log_beside_bar(settings)
    summary = run(settings, work)
    sys.stdout.write(f"{summary}\n")
    if summary.known:
        note.print("Nothing was done now; --again imports the file once more.")
    raise typer.Exit(0 if summary.status == "done" and not summary.failed else 1)
