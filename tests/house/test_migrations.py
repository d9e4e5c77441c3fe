"""Migrations: they say what the models say, go down and up again, take turns, wait shortly, and use safe DDL."""

from __future__ import annotations

import ast
import asyncio
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import Script, ScriptDirectory
from sqlalchemy import Connection, MetaData, event, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.core import migrate
from tests.house.catalogue import difference, extensions, snapshot

pytestmark = pytest.mark.migrations

ROOT = Path(__file__).parents[2]
SQUAWK_CONFIG = Path(__file__).with_name("squawk.toml")
DDL = re.compile(r"\s*(CREATE|ALTER|DROP)\s", re.IGNORECASE)


def config(connection: Connection | None = None, output: io.StringIO | None = None) -> Config:
    made = Config(str(ROOT / "alembic.ini"), output_buffer=output)
    if connection is not None:
        made.attributes["connection"] = connection
    return made


def chain() -> list[Script]:
    """All revisions, oldest first."""
    return list(reversed(list(ScriptDirectory.from_config(config()).walk_revisions())))


async def alembic(engine: AsyncEngine, run: Callable[..., Any], *arguments: str) -> None:
    async with engine.connect() as connection:
        await connection.run_sync(lambda sync: run(config(sync), *arguments))


async def look(engine: AsyncEngine) -> set[str]:
    async with engine.connect() as connection:
        return await connection.run_sync(snapshot)


def test_names_are_dated_and_in_order():
    revisions = [script.revision for script in chain()]
    files = sorted(path.stem for path in (ROOT / "migrations" / "versions").glob("*.py"))
    assert revisions == files, "a file is named after its revision, and the order of names is the order of running"
    assert revisions == list(migrate.revisions())
    misnamed = [name for name in revisions if not re.fullmatch(r"20\d{6}_\d\d_[a-z0-9_]+", name) or len(name) > 32]
    assert not misnamed, f"YYYYMMDD_NN_what_it_does, 32 characters at most: {misnamed}"


def test_env_knows_every_room_with_models():
    tree = ast.parse((ROOT / "migrations" / "env.py").read_text(encoding="utf-8"))
    known = next(
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "ROOMS"
    )
    rooms = {path.parent.name for path in (ROOT / "app").glob("*/models*")}
    assert set(known) == rooms, "add the room to ROOMS in migrations/env.py, or autogenerate drops its tables"


async def test_alembic_finds_nothing_to_generate(migrated: AsyncConnection):
    await migrated.run_sync(lambda connection: command.check(config(connection)))


async def test_models_and_migrations_make_the_same_database(
    migrated: AsyncConnection, empty: AsyncEngine, metadata: MetaData
):
    """Autogenerate sees no checks, index expressions or opclasses; two catalogues side by side hide nothing."""
    by_migrations = await migrated.run_sync(snapshot)
    async with empty.begin() as connection:
        for name in await migrated.run_sync(extensions):
            await connection.execute(text(f"CREATE EXTENSION IF NOT EXISTS {name}"))
        await connection.run_sync(metadata.create_all)
    by_models = await look(empty)
    assert by_migrations == by_models, "- migrations, + models\n" + difference(by_migrations, by_models)


async def test_every_revision_goes_down_and_up_again(empty: AsyncEngine):
    for script in chain():
        before = await look(empty)
        await alembic(empty, command.upgrade, script.revision)
        up = await look(empty)
        await alembic(empty, command.downgrade, str(script.down_revision or "base"))
        down = await look(empty)
        assert down == before, f"downgrade of {script.revision} leaves\n" + difference(before, down)
        await alembic(empty, command.upgrade, script.revision)
        again = await look(empty)
        assert again == up, f"{script.revision} is another the second time\n" + difference(up, again)


async def test_all_the_way_down_leaves_nothing(empty: AsyncEngine):
    fresh = await look(empty)
    await alembic(empty, command.upgrade, "head")
    assert await look(empty) != fresh
    await alembic(empty, command.downgrade, "base")
    left = await look(empty)
    assert left == fresh, difference(fresh, left)


async def test_what_a_newer_version_migrated_stays_as_it_is(empty: AsyncEngine):
    address = empty.url.render_as_string(hide_password=False)
    await migrate.upgrade(address)
    async with empty.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '29990101_01_not_ours'"))
    await migrate.upgrade(address)
    async with empty.connect() as connection:
        assert (await connection.execute(text("SELECT version_num FROM alembic_version"))).scalar() == (
            "29990101_01_not_ours"
        )


async def test_two_migrators_take_turns(empty: AsyncEngine):
    """Two hosts that start a new version at the same moment."""
    address = empty.url.render_as_string(hide_password=False)
    migrators = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "alembic", "upgrade", "head"),
            cwd=ROOT,
            env={**os.environ, "CLIENTELE_DATABASE_URL": address},
            stderr=asyncio.subprocess.PIPE,
        )
        for _ in range(3)
    ]
    errors = [(await migrator.communicate())[1].decode() for migrator in migrators]
    assert [migrator.returncode for migrator in migrators] == [0, 0, 0], errors
    async with empty.connect() as connection:
        found = (await connection.execute(text("SELECT version_num FROM alembic_version"))).scalars().all()
    assert found == [chain()[-1].revision]


async def test_time_limits_are_set_before_any_change_and_given_back(empty: AsyncEngine):
    ran: list[str] = []
    async with empty.connect() as connection:

        def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            ran.append(statement)

        event.listen(connection.sync_connection, "before_cursor_execute", note)
        await connection.run_sync(lambda sync: command.upgrade(config(sync), "head"))
        left = [
            (await connection.execute(text(f"SHOW {name}"))).scalar() for name in ("lock_timeout", "statement_timeout")
        ]
    first_change = next(number for number, statement in enumerate(ran) if DDL.match(statement))
    set_before = [statement for statement in ran[:first_change] if statement.startswith("SET ")]
    assert "SET lock_timeout = '2s'" in set_before
    assert any(statement.startswith("SET statement_timeout = ") for statement in set_before)
    weakened = [statement for statement in ran[first_change:] if re.match(r"SET (SESSION )?lock_timeout", statement)]
    assert not weakened, "a migration must not wait longer for a lock: behind it every read waits"
    assert left == ["0", "0"]


async def test_a_connection_inside_a_transaction_is_refused(empty: AsyncEngine):
    """Each migration commits by itself; in a caller's transaction that promise would silently be lost."""
    async with empty.begin() as connection:
        with pytest.raises(RuntimeError, match="not in a transaction"):
            await connection.run_sync(lambda sync: command.upgrade(config(sync), "head"))


def sql_of(script: Script) -> str:
    """What `alembic upgrade --sql` prints for one revision, time limits included."""
    output = io.StringIO()
    command.upgrade(config(output=output), f"{script.down_revision or 'base'}:{script.revision}", sql=True)
    # alembic's own table is as alembic makes it.
    return re.sub(r"CREATE TABLE alembic_version .*?;", "", output.getvalue(), flags=re.DOTALL)


def squawk(sql: str, name: str) -> list[str]:
    """Complaints of the linter for unsafe DDL."""
    program = Path(sys.executable).with_name("squawk")
    options = ("--config", SQUAWK_CONFIG, "--reporter", "json", "--stdin-filepath", f"{name}.sql")
    done = subprocess.run([program, *options], input=sql, capture_output=True, text=True, check=False)
    assert done.stdout.startswith("["), done.stderr
    return [f"{name}:{found['line'] + 1} {found['rule_name']}: {found['message']}" for found in json.loads(done.stdout)]


@pytest.mark.parametrize("script", chain(), ids=lambda script: script.revision)
def test_ddl_is_safe_while_the_service_runs(script: Script):
    sql = sql_of(script)
    assert sql.index("SET lock_timeout") < sql.index("BEGIN")
    complaints = squawk(sql, script.revision)
    assert not complaints, "\n".join(complaints)


@pytest.mark.parametrize(
    ("sql", "rule"),
    [
        ("ALTER TABLE customers ADD COLUMN grade text NOT NULL;", "adding-required-field"),
        ("CREATE INDEX ix_customers_grade ON customers (grade);", "require-concurrent-index-creation"),
        ("ALTER TABLE customers ALTER COLUMN grade TYPE bigint;", "changing-column-type"),
        ("ALTER TABLE customers RENAME COLUMN grade TO level;", "renaming-column"),
        ("ALTER TABLE customers ADD CONSTRAINT ck_x CHECK (grade > 0);", "constraint-missing-not-valid"),
    ],
)
def test_the_linter_is_awake(sql: str, rule: str):
    """The exemptions in squawk.toml must not have put the rules to sleep that keep the service running."""
    assert any(f" {rule}: " in complaint for complaint in squawk(f"SET lock_timeout = '2s'; {sql}", "probe"))
