"""`clientele keys`: create, list, rotate, revoke."""

import sys
import uuid
from typing import Annotated

import typer
from pydantic import ValidationError

from app.access.roles import ROLES
from app.cli.frame import DataDir, note, run, settings_from
from app.core.caller import SYSTEM
from app.core.db import Tx
from app.core.errors import NOT_FOUND, Problem
from app.core.services import Services
from app.core.wording import said

keys = typer.Typer(no_args_is_help=True, help="API keys: create, list, rotate, revoke.")
LISTED = (
    "id",
    "client_id",
    "name",
    "role",
    "store",
    "partner",
    "staff",
    "reach",
    "expires_at",
    "revoked_at",
    "last_used_at",
)


@keys.command("create")
def create_key(
    name: Annotated[str, typer.Option(help="Who will use it, such as 'Store S01'.")],
    role: Annotated[str, typer.Option(help=f"One of: {', '.join(ROLES)}.")],
    store: Annotated[str | None, typer.Option(help="Bind the key to a store's code.")] = None,
    staff: Annotated[str | None, typer.Option(help="The staff member whom the key belongs to.")] = None,
    reach: Annotated[str, typer.Option(help="Which customers it may know of: own, store, region or all.")] = "all",
    mask: Annotated[
        list[str] | None, typer.Option(help="Show a field group masked: contact, personal, financial. May be repeated.")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Create an API key; the last line printed is the key, and it is shown only now."""
    from app.access import commands
    from app.access.keyring import Keyring
    from app.access.schemas import NewApiKey
    from app.catalog import queries as catalog

    try:
        given = {"name": name, "role": role, "store": store, "staff": staff, "reach": reach, "masked": mask or []}
        wanted = NewApiKey.model_validate(given)
    except ValidationError as error:
        for one in error.errors(include_url=False, include_input=False):
            option = str(one["loc"][0]).replace("masked", "mask")
            note.print(f"[red]--{option}[/]: {said(one)[1]}")
        raise typer.Exit(2) from None

    async def made(tx: Tx, keyring: Keyring) -> str:
        if wanted.store is not None and await catalog.store(tx, wanted.store) is None:
            raise Problem(NOT_FOUND, f"There is no store {wanted.store}.")
        terms = commands.Terms(staff=wanted.staff, reach=wanted.reach, masked=wanted.masked)
        return (await commands.create_key(tx, keyring, wanted.name, wanted.role, store=wanted.store, terms=terms))[1]

    async def work(services: Services) -> str:
        keyring = Keyring(services.settings.secret)
        return await services.db.run(lambda tx: made(tx, keyring))

    secret = run(settings_from(data_dir), work)
    note.print(f"A key for {wanted.name} ({wanted.role}):", markup=False)
    sys.stdout.write(secret + "\n")


@keys.command("list")
def list_keys(data_dir: DataDir = None) -> None:
    """List the keys (never their secrets), one a line, with tabs between the columns that the first line names."""
    from app.access import queries

    async def work(services: Services) -> list[dict[str, object]]:
        return await services.db.read(SYSTEM, queries.all_keys)

    found = run(settings_from(data_dir), work)
    sys.stdout.write("\t".join(LISTED) + "\n")
    for key in found:
        sys.stdout.write("\t".join(str(key[name] or "-") for name in LISTED) + "\n")


@keys.command("rotate")
def rotate_key(key_id: uuid.UUID, data_dir: DataDir = None) -> None:
    """Make a second key for the same client; the old one works until it is revoked."""
    from app.access import commands
    from app.access.keyring import Keyring

    async def work(services: Services) -> str:
        keyring = Keyring(services.settings.secret)
        return (await services.db.run(lambda tx: commands.rotate_key(tx, keyring, key_id)))[1]

    sys.stdout.write(run(settings_from(data_dir), work) + "\n")


@keys.command("revoke")
def revoke_key(key_id: uuid.UUID, data_dir: DataDir = None) -> None:
    """Revoke a key; it stops working within five seconds everywhere."""
    from app.access import commands

    async def work(services: Services) -> None:
        await services.db.run(lambda tx: commands.revoke_key(tx, key_id))

    run(settings_from(data_dir), work)
    note.print("Revoked.")
