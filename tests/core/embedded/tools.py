"""What the tests of the embedded server share: another process that uses it, a query, a look at its processes."""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import asyncpg

from app.core.embedded.processes import pid_file, serves
from app.core.embedded.server import EmbeddedServer
from app.core.embedded.shelf import SHELF

REPOSITORY = Path(__file__).parents[3]
ROOT = os.geteuid() == 0
# Small and quick; one test runs with the settings of every day.
LIGHT = {"fsync": "off", "shared_buffers": "16MB", "max_connections": "20", "max_parallel_workers_per_gather": "0"}

# Starts the server, says so, and stops it when its input ends.
PROGRAM = f"""
import sys
from pathlib import Path
from app.core.embedded import server as embedded
server = embedded.start(Path(sys.argv[1]), settings={LIGHT!r})
print("ready", flush=True)
sys.stdin.read()
embedded.stop(server)
"""


def clean(data_dir):
    visible = data_dir / "postgres"
    cluster = visible.resolve()
    if left := serving(cluster):
        os.kill(left, signal.SIGQUIT)
        wait_until(lambda: not serves(left, cluster))
    if visible.is_symlink() and cluster.parent == SHELF:
        shutil.rmtree(cluster, ignore_errors=True)


def serving(cluster):
    """The pid of the server, or None."""
    found = pid_file(cluster)
    return found.pid if found and serves(found.pid, cluster) else None


def wait_until(condition, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def query(server: EmbeddedServer, statement: str, *values):
    async def ask():
        connection = await asyncpg.connect(
            host=str(server.socket_directory), user="clientele", database="clientele", timeout=10
        )
        try:
            return await connection.fetchval(statement, *values)
        finally:
            await connection.close()

    return asyncio.run(ask())


@contextlib.contextmanager
def process(data_dir, program=PROGRAM, env=None):
    """Another process that uses the server of `data_dir`."""
    command, pipe = [sys.executable, "-c", program, str(data_dir)], subprocess.PIPE
    with subprocess.Popen(command, cwd=REPOSITORY, env=env, text=True, stdin=pipe, stdout=pipe, stderr=pipe) as child:
        try:
            yield child
        finally:
            child.kill()


def ready(child):
    assert child.stdout.readline() == "ready\n", child.stderr.read()


def modes(path):
    return {str(each): (each.stat().st_mode, each.stat().st_uid, each.stat().st_gid) for each in (path, *path.parents)}
