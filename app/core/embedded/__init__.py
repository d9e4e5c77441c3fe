"""A PostgreSQL server of our own, kept in the data directory: for a laptop, a demo, a test run, a small shop.

`start` makes the database on first use and answers when it takes connections; `stop` ends it when no other process uses
it. Only a Unix socket is opened, in a folder that only the database's owner (and root) can enter, and no permission of
any existing folder is ever changed. Both calls block: from async code call them through `asyncio.to_thread`.
"""

from app.core.embedded.server import EmbeddedServer, revive, running, start, stop
from app.core.embedded.unavailable import EmbeddedUnavailable

__all__ = ["EmbeddedServer", "EmbeddedUnavailable", "revive", "running", "start", "stop"]
