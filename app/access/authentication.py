"""Who is calling: API keys, kept in process so that a request costs no query.

A key is trusted for at most five seconds after it was read. A task reads all keys in use again well before that, on a
connection of its own, and forgets a key at once when the database tells that it has changed.
"""

import asyncio
import hmac
import logging
import random
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from app.access.commands import CHANNEL, note_uses
from app.access.keyring import Keyring, in_url, read
from app.access.queries import KEYS_BY_PREFIX, groups_of, scopes_of
from app.core.caller import Caller, shown_groups
from app.core.db import Database
from app.core.errors import BAD_REQUEST, UNAUTHENTICATED, Problem
from app.core.settings import Settings

log = logging.getLogger("clientele.access")

LIFE_SECONDS = 5.0
REFRESH_SECONDS = 1.5
USES_SECONDS = 10.0
IDLE_SECONDS = 300.0
# Keys that are gone; only keys that we once made can get here, see `Keyring.genuine`.
ABSENT_MAX = 1000


@dataclass(slots=True)
class _Known:
    """A key's row, as of the monotonic time `read_at`."""

    caller: Caller
    hash: bytes
    version: int
    expires_at: datetime | None
    revoked: bool
    read_at: float
    kept_since: float
    used_at: float = 0.0


class Authenticator:
    """Turns the key of a request into its caller. Works without `start`, then with a query every five seconds."""

    def __init__(self, db: Database, settings: Settings, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._db = db
        self._monotonic = monotonic
        self._keyring = Keyring(settings.secret)
        self._known: dict[bytes, _Known] = {}
        self._absent: dict[bytes, float] = {}
        self._reading: dict[bytes, asyncio.Task[_Known | None]] = {}
        self._noted_at = monotonic()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to listen for changes, to refresh, and to note when keys were used."""
        if not self._tasks:
            self._tasks = [asyncio.create_task(self._watch()), asyncio.create_task(self._note_uses())]

    async def close(self) -> None:
        """Stop the tasks and write down the last uses."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        await self._write_uses()

    async def authenticate(self, headers: Mapping[bytes, bytes], query: bytes) -> Caller:
        """The caller of a request with these headers and this query string.

        Raises Problem: a key in the query string; no key, or one that is malformed, unknown, revoked or expired, which
        all get the same answer.
        """
        if in_url(query):
            raise Problem(
                BAD_REQUEST,
                "Send the API key in the Authorization header, never in the URL. Rotate this key: URLs end up in logs.",
            )
        presented = read(headers.get(b"authorization", b""))
        if presented is None:
            # As much work as for a key of the right form.
            self._keyring.genuine(self._keyring.hash(b""))
            raise _refused()
        key, prefix = presented
        now = self._monotonic()
        found = self._known.get(prefix)
        if found is None or now - found.read_at > LIFE_SECONDS:
            found = await self._fresh(key, prefix)
        same = hmac.compare_digest(self._keyring.hash(key), found.hash if found else bytes(32))
        if found is None or not same or not self._live(found):
            raise _refused()
        found.used_at = now
        return found.caller

    def _live(self, found: _Known) -> bool:
        if found.revoked:
            return False
        return found.expires_at is None or self._db.clock.now() < found.expires_at

    async def _fresh(self, key: bytes, prefix: bytes) -> _Known | None:
        """The key's row, read now. However many requests ask at once, one reads."""
        if not self._keyring.genuine(key):
            return None
        absent_since = self._absent.get(prefix)
        if absent_since is not None and self._monotonic() - absent_since <= LIFE_SECONDS:
            return None
        task = self._reading.get(prefix)
        if task is None:
            task = self._reading[prefix] = asyncio.create_task(self._read(prefix))
        # A caller that goes away must not take the answer from the others.
        return await asyncio.shield(task)

    async def _read(self, prefix: bytes) -> _Known | None:
        started = self._monotonic()
        try:
            async with asyncio.timeout(LIFE_SECONDS):
                rows = await self._db.hot.fetch(KEYS_BY_PREFIX, [prefix.decode()])
        finally:
            self._reading.pop(prefix, None)
        self._take(rows, [prefix], started)
        return self._known.get(prefix)

    def _take(self, rows: Iterable[Any], asked: Iterable[bytes], started: float) -> None:
        """Keep what a query that began at `started` said about the prefixes it was asked for."""
        gone = set(asked)
        for row in rows:
            prefix = row["prefix"].encode()
            gone.discard(prefix)
            self._absent.pop(prefix, None)
            known = self._known.get(prefix)
            if known is not None and known.version == row["version"]:
                known.read_at = max(known.read_at, started)
            elif known is None or known.version < row["version"]:
                self._known[prefix] = _from_row(row, started, known.used_at if known else 0.0)
        for prefix in gone:
            self._known.pop(prefix, None)
            self._absent[prefix] = started
        while len(self._absent) > ABSENT_MAX:
            del self._absent[next(iter(self._absent))]

    def _changed(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        prefix = str(payload).encode()
        self._known.pop(prefix, None)
        self._absent.pop(prefix, None)

    async def _watch(self) -> None:
        pause = 0.1
        while True:
            try:
                connection = await self._db.connect()
                try:
                    await connection.add_listener(CHANNEL, self._changed)
                    while True:
                        await self._refresh(connection)
                        pause = 0.1
                        await asyncio.sleep(REFRESH_SECONDS)
                finally:
                    connection.terminate()
            except Exception:
                # Whatever the database does, this task comes back.
                log.warning("the connection that watches the API keys was lost; trying again", exc_info=True)
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311  jitter is no secret
            pause = min(pause * 2, 2.0)

    async def _refresh(self, connection: Any) -> None:
        started = self._monotonic()
        oldest = started - IDLE_SECONDS
        for prefix in [each for each, known in self._known.items() if max(known.used_at, known.kept_since) < oldest]:
            del self._known[prefix]
        prefixes = list(self._known)
        # Also without keys: a connection that has died must be noticed.
        rows = await connection.fetch(KEYS_BY_PREFIX, [prefix.decode() for prefix in prefixes], timeout=3)
        self._take(rows, prefixes, started)

    async def _note_uses(self) -> None:
        while True:
            await asyncio.sleep(USES_SECONDS)
            await self._write_uses()

    async def _write_uses(self) -> None:
        """Write when keys were last used; never in a request, where every request of a key would wait for its row."""
        started, now = self._monotonic(), self._db.clock.now()
        uses = {
            known.caller.key_id: now - timedelta(seconds=started - known.used_at)
            for known in self._known.values()
            if known.used_at > self._noted_at
        }
        if not uses:
            return
        try:
            await self._db.run(lambda tx: note_uses(tx, uses))
            self._noted_at = started
        except Exception:
            # It is tried again with the next round.
            log.warning("the last uses of API keys could not be written", exc_info=True)


async def is_live(db: Database, settings: Settings, key: str) -> bool:
    """Whether this key, as text, would be let in now."""
    authenticator = Authenticator(db, settings)
    with suppress(Problem):
        await authenticator.authenticate({b"authorization": b"Bearer " + key.encode()}, b"")
        return True
    return False


def _refused() -> Problem:
    detail = "Send a live API key as 'Authorization: Bearer clk_...'."
    return Problem(UNAUTHENTICATED, detail, headers={"WWW-Authenticate": "Bearer"})


def _from_row(row: Any, read_at: float, used_at: float) -> _Known:
    return _Known(
        caller=Caller(
            client_id=uuid.UUID(int=row["client_id"].int),
            key_id=uuid.UUID(int=row["id"].int),
            name=row["name"],
            role=row["role"],
            scopes=scopes_of(row["role"], row["scopes"], row["reach"]),
            field_groups=shown_groups(groups_of(row["role"], row["field_groups"]), row["masked"]),
            rate_class=row["rate_class"],
            store=row["store"],
            partner=row["partner"],
            staff=row["staff"],
            reach=row["reach"],
        ),
        hash=row["hash"],
        version=row["version"],
        expires_at=row["expires_at"],
        revoked=row["revoked_at"] is not None,
        read_at=read_at,
        kept_since=read_at,
        used_at=used_at,
    )
