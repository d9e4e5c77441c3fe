"""Rows that tests leave behind, put back to where a test begins: empty tables, or a company that many tests share.

Only the tables that were written since are touched: each notes in its own transaction that it was, by a trigger that
the database of a test process has besides the schema. It fires also where a test has switched off all others to fill
tables quickly.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Self

import asyncpg

NOTED = "noted_by_tests"
# What the whole run shares.
SHARED = ("alembic_version", "feed_state")
_OWN_KEYS = "name NOT LIKE 'test %'"
_NOTES = """
CREATE SCHEMA notes;
CREATE UNLOGGED TABLE notes.written (name text NOT NULL);
CREATE FUNCTION notes.note() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN INSERT INTO notes.written VALUES (TG_TABLE_NAME); RETURN NULL; END $$;
"""
_NOTE = """
CREATE TRIGGER {trigger} AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON public."{table}"
  FOR EACH STATEMENT WHEN (current_setting('application_name') <> '{sweeper}') EXECUTE FUNCTION notes.note();
ALTER TABLE public."{table}" ENABLE ALWAYS TRIGGER {trigger};
"""
# What its own connection is called.
_SWEEPER = "sweeper"
_TABLES = """
SELECT relname FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition AND NOT relname = ANY ($1)
"""


@dataclass
class Sweeper:
    """One connection for all tests. `company`: the tables that have rows in the shared company, once it was kept."""

    dsn: str
    connection: "asyncpg.Connection"
    tables: frozenset[str]
    company: frozenset[str] = frozenset()
    shown: bool = field(default=False, kw_only=True)
    _all: bool = True

    @classmethod
    async def on(cls, dsn: str) -> Self:
        """Find the tables, which are the same for the whole run, and have each note that it was written."""
        connection = await cls._connect(dsn)
        tables = sorted(row["relname"] for row in await connection.fetch(_TABLES, SHARED))
        notes = (_NOTE.format(trigger=NOTED, table=table, sweeper=_SWEEPER) for table in tables)
        await connection.execute(_NOTES + "".join(notes))
        return cls(dsn, connection, frozenset(tables))

    @staticmethod
    async def _connect(dsn: str) -> "asyncpg.Connection":
        # Not even foreign keys are looked at: everything goes.
        settings = {"session_replication_role": "replica", "application_name": _SWEEPER}
        return await asyncpg.connect(dsn, server_settings=settings)

    async def run(self, sql: str) -> None:
        """Run statements that write, which no trigger notes: on a new connection if a test has ended this one."""
        self._all = True
        await self._execute(sql)

    async def _execute(self, sql: str) -> None:
        if self.connection.is_closed():
            self.connection = await self._connect(self.dsn)
        await self.connection.execute(sql)

    async def close(self) -> None:
        """End the connection of the moment."""
        await self.connection.close()

    async def keep(self) -> None:
        """Copy every row of the company of this moment aside: from now on it can be put back."""
        await self.connection.execute("CREATE SCHEMA kept")
        filled = []
        for table in sorted(self.tables):
            which = _OWN_KEYS if table == "api_keys" else "true"
            copied = f'CREATE UNLOGGED TABLE kept."{table}" AS SELECT * FROM public."{table}" WHERE {which}'
            await self.connection.execute(copied)
            if await self.connection.fetchval(f'SELECT count(*) FROM kept."{table}"'):
                filled.append(table)
        self.company = frozenset(filled)

    async def back(self, *, company: bool = False) -> None:
        """Empty the tables, or have exactly the rows of the company in them."""
        if self.connection.is_closed():
            self.connection = await self._connect(self.dsn)
            # Notes do not outlive a crash of the server.
            self._all = True
        noted = await self.connection.fetch("DELETE FROM notes.written RETURNING name")
        written: Collection[str] = {row["name"] for row in noted} & self.tables
        if self._all or company != self.shown:
            written = self.tables
        if written:
            await self._execute("; ".join(self._putting_back(sorted(written), company=company)))
        self.shown, self._all = company, False

    def _putting_back(self, tables: Collection[str], *, company: bool) -> list[str]:
        deletes = [
            f'DELETE FROM public."{table}"' + (f" WHERE {_OWN_KEYS}" if table == "api_keys" else "")
            for table in tables
        ]  # fmt: skip
        filled = [table for table in tables if company and table in self.company]
        return deletes + [f'INSERT INTO public."{table}" SELECT * FROM kept."{table}"' for table in filled]
