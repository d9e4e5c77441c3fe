"""`clientele erasures` and `clientele feed`: the list kept outside the database, and what is done after a restore."""

import json
import sys
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.frame import DataDir, note, run, settings_from
from app.core.services import Services

erasures = typer.Typer(no_args_is_help=True, help="Who was erased: the list, its replay after a restore, the proof.")
feed = typer.Typer(no_args_is_help=True, help="The change feed.")
AT_ONCE = 100
ListFile = Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)]


@erasures.command("export")
def export_list(data_dir: DataDir = None) -> None:
    """Print the list of erasures, a JSON line each, without personal data. Keep it outside the database."""
    from app.core.caller import SYSTEM
    from app.privacy import queries

    async def work(services: Services) -> None:
        after = None
        while True:
            rows = await services.db.read(SYSTEM, partial(queries.page, after=after, limit=1000))
            sys.stdout.writelines(f"{document}\n" for _, document in rows)
            if not rows:
                return
            after = rows[-1][0]

    run(settings_from(data_dir), work)


@erasures.command()
def replay(
    file: ListFile,
    key: Annotated[list[str] | None, typer.Option(help="A public key that was ours before the secret changed.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Erase again whoever came back with a restore. Do it before the service opens; doing it twice is harmless.

    Every line must be signed with the key of this deployment: nobody is erased by a list that somebody made up. Exit
    status 1, and nothing done, if one is not.
    """
    from app.core.caller import SYSTEM
    from app.privacy import commands
    from app.privacy.signing import signer_of

    settings = settings_from(data_dir)

    async def work(services: Services) -> tuple[int, int]:
        trusted = frozenset([signer_of(settings.secret).public_key, *(key or ())])
        listed = list(_listed(file, trusted))
        office, back, rest = commands.Office.of(services), 0, iter(listed)
        while some := list(islice(rest, AT_ONCE)):
            back += await services.db.run(partial(commands.replay, office=office, listed=some), SYSTEM)
        await services.db.run(commands.complete, SYSTEM)
        return len(listed), back

    count, back = run(settings, work)
    sys.stdout.write(f"{count} on the list, {back} had come back and were erased again\n")


def _listed(file: Path, trusted: frozenset[str]) -> Iterator[Any]:
    from app.privacy.commands import Listed

    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                try:
                    yield Listed.read(json.loads(line), trusted)
                except ValueError as error:
                    note.print(f"[red]Line {number}:[/] {error}. Nothing was done.", soft_wrap=True)
                    raise typer.Exit(1) from None


@erasures.command()
def check(
    file: ListFile,
    key: Annotated[str, typer.Option(help="The public key, from GET /v1/erasures/keys.")],
) -> None:
    """Check proofs, without a database: an answer of GET /v1/erasures/{id}, or a list. Exit status 1 if one fails."""
    from app.privacy.signing import is_signed

    good = bad = 0
    for one in _proofs(file):
        fine = is_signed(one["record"], one["signature"], key)
        good, bad = good + fine, bad + (not fine)
        if not fine:
            note.print(f"[red]Not what was signed:[/] {one['record'].get('id')}", soft_wrap=True)
    sys.stdout.write(f"{good} as signed, {bad} not\n")
    raise typer.Exit(1 if bad or not good else 0)


def _proofs(file: Path) -> Iterator[dict[str, Any]]:
    text = file.read_text(encoding="utf-8")
    try:
        found = [json.loads(line) for line in text.splitlines() if line.strip()]
    except ValueError:
        found = None
    try:
        for one in [json.loads(text)] if found is None else found:
            for proof in (one, *one.get("later", ())):
                yield {"record": dict(proof["record"]), "signature": str(proof["signature"])}
    except (ValueError, KeyError, TypeError, AttributeError):
        note.print("[red]This is no proof of an erasure.[/]")
        raise typer.Exit(1) from None


@feed.command()
def restored(data_dir: DataDir = None) -> None:
    """Begin the feed anew: every cursor given so far answers 410 with how to go on.

    A restore from a dump is noticed by itself. Do it after files of the database were put back in place.
    """
    from app.feed.commands import begin_epoch

    async def work(services: Services) -> str:
        return str(await services.db.run(begin_epoch))

    sys.stdout.write(f"{run(settings_from(data_dir), work)}\n")
