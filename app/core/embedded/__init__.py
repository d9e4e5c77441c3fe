"""A PostgreSQL server of our own, kept in the data directory: for a laptop, a demo, a test run, a small shop.

`server.start` makes the database on first use and answers when it takes connections; `server.stop` ends it when no
other process uses it. Only a Unix socket is opened, in a folder that only the database's owner (and root) can enter,
and no permission of any existing folder is ever changed. Both calls block: from async code call them through
`asyncio.to_thread`.
"""
