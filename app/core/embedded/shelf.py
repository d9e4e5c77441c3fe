"""The folder where root keeps what the database's user must reach when the data directory is closed to it."""

import stat
from pathlib import Path

from app.core.embedded.unavailable import EmbeddedUnavailable

SHELF = Path("/var/lib/clientele")

_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def shelf() -> Path:
    """Give the folder, made if need be: others may pass through it and not list it."""
    try:
        SHELF.mkdir(parents=True, mode=0o711)
    except FileExistsError:
        pass
    except OSError as error:
        message = (
            f"The data directory is closed to the user that PostgreSQL runs as, and {SHELF} cannot be made "
            f"({error.strerror}); choose a data directory in folders that everybody may enter, or do not run as root."
        )
        raise EmbeddedUnavailable(message) from error
    else:
        SHELF.chmod(0o711)
    found = SHELF.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != 0 or found.st_mode & _WRITABLE_BY_OTHERS:
        raise EmbeddedUnavailable(f"{SHELF} must be a folder that belongs to root and that nobody else may write to.")
    return SHELF
