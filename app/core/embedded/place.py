"""Where the database of a data directory lies, and who runs it."""

import hashlib
import logging
import os
from dataclasses import dataclass
from pathlib import Path

from app.core.embedded import accounts
from app.core.embedded.accounts import Account
from app.core.embedded.locks import LockFile
from app.core.embedded.shelf import SHELF, shelf
from app.core.embedded.unavailable import EmbeddedUnavailable

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Place:
    """`cluster` is PostgreSQL's own data directory, without symbolic links; it may not exist yet."""

    home: Path
    cluster: Path
    account: Account

    def show(self) -> None:
        """Leave a link in the data directory to a database that had to be kept elsewhere."""
        visible = self.home / "postgres"
        if visible != self.cluster and not os.path.lexists(visible):
            visible.symlink_to(self.cluster)


def prepare(data_dir: Path) -> Path:
    """Make the data directory if it is new; its absolute path, without symbolic links.

    It is its owner's alone. Made by root it may be passed through (not listed), so that the database can lie inside.
    """
    home = data_dir.expanduser().resolve()
    try:
        home.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise EmbeddedUnavailable(f"The data directory {home} must be a folder, but there is a file.") from error
    except OSError as error:
        raise EmbeddedUnavailable(f"The data directory {home} cannot be made: {error.strerror}.") from error
    return home


def locate(home: Path, record: LockFile) -> Place:
    """Where the database of `home` lies or shall lie. `record` remembers a place that is not in `home`."""
    visible = home / "postgres"
    if os.path.lexists(visible):
        return _existing(home, visible)
    account = accounts.chosen()
    if not account.switch or account.reaches(home):
        return Place(home, visible, account)
    cluster = _on_shelf(home, record)
    return Place(home, cluster, accounts.owner(cluster) if cluster.exists() else account)


def _existing(home: Path, visible: Path) -> Place:
    cluster = visible.resolve()
    if not cluster.is_dir():
        message = (
            f"{visible} leads to no folder; restore {cluster}, or remove {visible} to begin with an empty database."
        )
        raise EmbeddedUnavailable(message)
    if (cluster / "PG_VERSION").exists():
        account = accounts.owner(cluster)
    elif not any(cluster.iterdir()):
        account = accounts.chosen()
    else:
        raise EmbeddedUnavailable(f"{cluster} holds something that is not a database; move it out of the way.")
    if account.switch and not account.reaches(cluster.parent):
        message = (
            f"The user {account.name}, who must run the database, cannot enter {cluster.parent}; "
            "move the data directory to a place where it can."
        )
        raise EmbeddedUnavailable(message)
    return Place(home, cluster, account)


def _on_shelf(home: Path, record: LockFile) -> Path:
    recorded = Path(record.read() or "/")
    if recorded.parent == SHELF:
        return shelf() / recorded.name
    # Without a record the data directory is new. If its name is already taken, somebody removed an earlier data
    # directory of this path: what it held must not come back uninvited, and is not ours to delete.
    name = hashlib.sha256(os.fsencode(home)).hexdigest()[:12]
    cluster, count = shelf() / name, 1
    while os.path.lexists(cluster):
        _logger.warning(
            "an earlier database of this data directory remains in %s; delete it if nobody needs it", cluster
        )
        count += 1
        cluster = shelf() / f"{name}-{count}"
    record.write(str(cluster))
    return cluster
