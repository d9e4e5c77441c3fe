"""Making a database cluster, and telling whether one fits our programs."""

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from app.core.embedded.binaries import Binaries
from app.core.embedded.place import Place
from app.core.embedded.processes import end_initdb
from app.core.embedded.unavailable import EmbeddedUnavailable

ROLE = "clientele"

_OPTIONS = (
    f"--username={ROLE}",
    "--encoding=UTF8",
    # PostgreSQL's own C.UTF-8: sorts by code point, knows the letters of all scripts, and is the same on every machine.
    "--no-locale",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--data-checksums",
    # Who can enter the socket's folder is the owner or root; nobody else gets as far as authentication.
    "--auth-local=trust",
    "--auth-host=reject",
    # We pass these at every start; kept here too for the day when somebody starts the cluster by hand.
    "--set=listen_addresses=",
    "--set=unix_socket_permissions=0700",
    "--no-instructions",
)
# Trigrams and full-text search still ask the operating system what a letter is (PostgreSQL 18): under plain C, a name
# in Chinese has no trigram at all and is never found. The first locale that the system has.
_CTYPES = ("C.UTF-8", "en_US.UTF-8", "C")

_REMOVALS = 20


def create(place: Place, binaries: Binaries, *, durable: bool) -> None:
    """Make the cluster. It appears complete or not at all, whenever the process is killed."""
    parent, name = place.cluster.parent, place.cluster.name
    for left in parent.glob(f"{name}.partial-*"):
        _remove(left, place)
    # A new name each time, so that what a killed process left at work, if anything, has no part in this.
    partial = Path(tempfile.mkdtemp(prefix=f"{name}.partial-", dir=parent))
    try:
        place.account.give(partial)
        _initialise(partial, place, binaries, durable=durable)
        partial.rename(place.cluster)
    except BaseException:
        # Also when a Ctrl-C came: initdb, out of its reach, may still be at work.
        _remove(partial, place)
        raise
    _sync(parent)


def check_version(cluster: Path, binaries: Binaries) -> None:
    """Raise if another major version of PostgreSQL made the cluster."""
    made_by = (cluster / "PG_VERSION").read_text(encoding="ascii", errors="replace").strip()
    if made_by != binaries.major:
        message = (
            f"The database in {cluster} was made by PostgreSQL {made_by or '(unknown)'} and this is "
            f"PostgreSQL {binaries.major}; dump it with the old version and load it into a new data directory."
        )
        raise EmbeddedUnavailable(message)


def _initialise(directory: Path, place: Place, binaries: Binaries, *, durable: bool) -> None:
    command = [binaries.program("initdb"), f"--pgdata={directory}", *_OPTIONS]
    if not durable:
        command.append("--no-sync")
    output, status = "", 1
    for ctype in _CTYPES:
        with place.account.launch([*command, f"--lc-ctype={ctype}"], subprocess.PIPE) as initdb:
            output = initdb.communicate()[0].decode("utf-8", "replace")
            status = initdb.wait()
        if status == 0 or "invalid locale" not in output:
            break
    if status != 0:
        # Its last lines tell of cleaning up; the cause is in the lines marked as errors.
        lines = [line for line in output.splitlines() if "error:" in line or "FATAL:" in line]
        cause = "; ".join(lines[:3]) or output.strip()[-300:] or f"initdb ended with {status}"
        raise EmbeddedUnavailable(f"The embedded database could not be made in {place.cluster}: {cause}")


def _remove(left: Path, place: Place) -> None:
    end_initdb(left, place.account.uid)
    for _ in range(_REMOVALS):
        shutil.rmtree(left, ignore_errors=True)
        if not left.exists():
            return
        time.sleep(0.05)  # initdb's own child may write a last file yet; what stays is removed by the next attempt


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
