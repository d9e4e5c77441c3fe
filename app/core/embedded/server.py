"""Who uses the server: it starts with its first user and ends with its last, over all processes of a data directory."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from app.core.embedded import cluster, place, postmaster
from app.core.embedded.binaries import installed
from app.core.embedded.locks import LockFile
from app.core.embedded.postmaster import DATABASE, Launch
from app.core.embedded.processes import pid_file, serves
from app.core.embedded.shelf import SHELF
from app.core.embedded.unavailable import EmbeddedUnavailable

__all__ = ["EmbeddedServer", "EmbeddedUnavailable", "begun", "revive", "running", "start", "stop"]

# Longer than a start may take, which another process may be in the middle of.
_TURN_SECONDS = postmaster.START_SECONDS + 60.0


@dataclass(frozen=True)
class EmbeddedServer:
    """A server that takes connections. `directory` is PostgreSQL's own data directory, `url` that of the database."""

    directory: Path
    socket_directory: Path
    url: str

    def database_url(self, name: str) -> str:
        """Give the SQLAlchemy URL of another database on this server."""
        return _url(self.socket_directory, name)


@dataclass
class _Use:
    """The use that this process makes of a server: while it shares the lock, no other process stops the server."""

    home: Path
    lock: LockFile
    count: int = 0


_uses: dict[Path, _Use] = {}

# A forked child uses nothing yet: it must neither stop the server nor count as one of its users.
os.register_at_fork(after_in_child=_uses.clear)


def begun(data_dir: Path) -> bool:
    """Whether a database lies in `data_dir`, or is being made there at this moment. Makes nothing itself."""
    home = data_dir.expanduser().resolve()
    if os.path.lexists(home / "postgres"):
        return True
    if not (home / "postgres.lock").exists():
        return False
    with contextlib.closing(LockFile(home / "postgres.lock")) as lock:
        return not lock.share() or os.path.lexists(home / "postgres")


def start(data_dir: Path, *, settings: Mapping[str, str] | None = None) -> EmbeddedServer:
    """Have the server of `data_dir` running, and keep it so until as many calls of `stop`. Blocks for seconds.

    `settings` change PostgreSQL's settings if this call starts the server, not if it joins one that runs.
    Raises EmbeddedUnavailable.
    """
    try:
        home = place.prepare(data_dir)
        with _turn(home) as record:
            return _start(home, record, settings or {})
    except OSError as error:
        subject = f" ({error.filename})" if error.filename else ""
        message = f"The embedded database in {data_dir} cannot be started: {error.strerror or error}{subject}."
        raise EmbeddedUnavailable(message) from error


def stop(server: EmbeddedServer) -> None:
    """Give back one `start`. The last one of the last process stops the server, and waits (up to about a minute)."""
    use = _uses.get(server.directory)
    if use is None:
        return
    with contextlib.ExitStack() as stack:
        if use.home.exists():  # else it was removed under the server, and nobody else can be starting there
            stack.enter_context(_turn(use.home))
        use.count -= 1
        if use.count > 0 or _uses.get(server.directory) is not use:
            return
        del _uses[server.directory]
        try:
            # Where the data directory was removed, a new one may have its server at the same path; never on the shelf.
            ours = use.lock.current() or server.directory.parent == SHELF
            if ours and use.lock.own():
                postmaster.shut_down(server.directory)
        finally:
            use.lock.close()


def revive(data_dir: Path) -> bool:
    """Start the server of `data_dir` again if it died while this process uses it; whether it had. Blocks then.

    The kernel may kill it where memory runs out. It comes back with the usual settings. Raises EmbeddedUnavailable.
    """
    home = data_dir.expanduser().resolve()
    for directory, use in list(_uses.items()):
        found = pid_file(directory)
        if use.home == home and not (found and serves(found.pid, directory)):
            start(data_dir)
            use.count -= 1
            return True
    return False


@contextlib.contextmanager
def running(data_dir: Path, *, settings: Mapping[str, str] | None = None) -> Iterator[EmbeddedServer]:
    """Have the server of `data_dir` running for as long as the block runs."""
    server = start(data_dir, settings=settings)
    try:
        yield server
    finally:
        stop(server)


def _start(home: Path, record: LockFile, settings: Mapping[str, str]) -> EmbeddedServer:
    here = place.locate(home, record)
    binaries = installed().usable_by(here.account)
    if not (here.cluster / "PG_VERSION").exists():
        cluster.create(here, binaries, durable=settings.get("fsync") != "off")
    cluster.check_version(here.cluster, binaries)
    here.show()
    earlier = _uses.get(here.cluster)
    use = earlier if earlier and earlier.lock.current() else _Use(home, _shared(home))
    try:
        folder = postmaster.ensure_up(Launch(here, binaries, settings))
    except BaseException:
        if use.count == 0:
            use.lock.close()
        raise
    if earlier and earlier is not use:
        earlier.lock.close()
    use.count += 1
    _uses[here.cluster] = use
    return EmbeddedServer(here.cluster, folder, _url(folder, DATABASE))


@contextlib.contextmanager
def _turn(home: Path) -> Iterator[LockFile]:
    """Start and stop one after the other, over all threads and processes."""
    try:
        lock = LockFile(home / "postgres.lock")
    except OSError as error:
        message = f"The data directory {home} is not writable ({error.strerror}); choose another, or change its owner."
        raise EmbeddedUnavailable(message) from error
    try:
        if not lock.own(_TURN_SECONDS):
            raise EmbeddedUnavailable(f"Another process has been starting or stopping the database in {home} for long.")
        yield lock
    finally:
        lock.close()


def _shared(home: Path) -> LockFile:
    lock = LockFile(home / "postgres.users")
    if not lock.share():
        lock.close()
        raise EmbeddedUnavailable(
            f"Some process holds {home / 'postgres.users'}, which marks the users of the database."
        )
    return lock


def _url(folder: Path, database: str) -> str:
    return (
        f"postgresql+asyncpg://{cluster.ROLE}@/{quote(database, safe='')}?host={quote(os.fsencode(folder), safe='/')}"
    )
