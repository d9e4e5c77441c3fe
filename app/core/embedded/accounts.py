"""The system user that PostgreSQL runs as. It refuses root, so root hands it to somebody else."""

import os
import pwd
import stat
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from app.core.embedded.unavailable import EmbeddedUnavailable

READ, ENTER = 4, 1

_CANDIDATES = ("clientele", "postgres", "nobody")


@dataclass(frozen=True)
class Account:
    """A system user; `switch` says that it is not the one this process runs as, so that root has to change to it."""

    name: str
    uid: int
    gid: int
    switch: bool

    def may(self, path: Path, bits: int) -> bool:
        """Whether the permission bits of `path` itself grant READ or ENTER (or their sum), whatever lies above it."""
        found = path.stat()
        if found.st_uid == self.uid:
            granted = stat.S_IMODE(found.st_mode) >> 6
        elif found.st_gid == self.gid:
            granted = stat.S_IMODE(found.st_mode) >> 3
        else:
            granted = stat.S_IMODE(found.st_mode)
        return granted & bits == bits

    def reaches(self, folder: Path) -> bool:
        """Whether the user can enter `folder` (without symbolic links) and all folders above it."""
        return all(self.may(each, ENTER) for each in (folder, *folder.parents))

    def give(self, path: Path) -> None:
        """Make the user the owner of `path`, which we have just made."""
        if self.switch:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def launch(
        self, command: Sequence[str], output: IO[bytes] | int, environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a program as the user, with none of our environment, in a session that a Ctrl-C does not reach."""
        try:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd="/",  # ours may be closed to the user
                env={"PATH": os.defpath, "LC_ALL": "C", **(environment or {})},
                start_new_session=True,
                umask=0o077,
                user=self.uid if self.switch else None,
                group=self.gid if self.switch else None,
                extra_groups=[] if self.switch else None,
            )
        except PermissionError as error:
            if not self.switch:
                raise
            message = f"Root may not run PostgreSQL as the user {self.name} here; run as an ordinary user instead."
            raise EmbeddedUnavailable(message) from error


def chosen() -> Account:
    """Who shall own a new database: ourselves, or, for root, the first of a few users that exists."""
    if os.geteuid() != 0:
        return _account(os.geteuid(), os.getegid())
    for name in _CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid, switch=True)
    raise EmbeddedUnavailable("PostgreSQL refuses to run as root: create a user for it (useradd --system clientele).")


def owner(cluster: Path) -> Account:
    """Who has to run the existing database in `cluster`."""
    found = cluster.stat()
    account = _account(found.st_uid, found.st_gid)
    if found.st_uid == 0:
        message = f"{cluster} belongs to root, whom PostgreSQL refuses; give it to another user (chown -R)."
        raise EmbeddedUnavailable(message)
    if account.switch and os.geteuid() != 0:
        raise EmbeddedUnavailable(f"{cluster} belongs to the user {account.name}; run as that user, or as root.")
    return account


def _account(uid: int, gid: int) -> Account:
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = str(uid)  # containers often run as a number without a name
    return Account(name, uid, gid, switch=uid != os.geteuid())
