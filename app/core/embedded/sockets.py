"""The folder of the server's socket. Who can enter it can use the database, so it is its owner's alone."""

import hashlib
import os
import re
import stat
import tempfile
from pathlib import Path

from app.core.embedded.accounts import Account
from app.core.embedded.unavailable import EmbeddedUnavailable
from app.core.embedded.wire import SOCKET_NAME

# The kernel takes 107 bytes, macOS 103.
_LONGEST = 100
# Separators in PostgreSQL's list of folders, or in the host of a database URL.
_AWKWARD = re.compile(r"[\s,:\"'\\]")


def choose(cluster: Path, account: Account) -> Path:
    """Choose the cluster itself or, where its path is too long or odd, a folder of the account's in /tmp."""
    if _fits(cluster):
        return cluster
    name = f"clientele-{hashlib.sha256(os.fsencode(cluster)).hexdigest()[:12]}"
    for parent in (Path(tempfile.gettempdir()).resolve(), Path("/tmp").resolve()):  # noqa: S108 - verified below
        folder = parent / name
        if _fits(folder) and (not account.switch or account.reaches(parent)):
            _make(folder, account)
            return folder
    raise EmbeddedUnavailable(f"The path {cluster} is too long for a socket; choose a shorter data directory.")


def trusted(folder: Path, cluster: Path, account: Account) -> bool:
    """Whether a socket in `folder` can only be the server's: in /tmp anybody could put up another."""
    if folder == cluster:
        return True
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == account.uid and stat.S_IMODE(found.st_mode) == stat.S_IRWXU


def _make(folder: Path, account: Account) -> None:
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        pass
    else:
        account.give(folder)
    if not trusted(folder, folder / "cluster", account):
        message = (
            f"{folder}, needed for the socket, is not a folder of {account.name} alone; remove it and start again."
        )
        raise EmbeddedUnavailable(message)


def _fits(folder: Path) -> bool:
    return not _AWKWARD.search(str(folder)) and len(os.fsencode(folder / SOCKET_NAME)) <= _LONGEST
