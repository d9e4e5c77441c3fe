"""A process that makes workers: `python -m tests.early_warning.sweeper URL DATA_DIR LOCKED_MAX`.

Each line on standard input is a moment. For each, a worker is forked whose clock stands there and that runs sweeps of
the warnings, of few customers at a time; its process id goes out. It ends when it is killed, or with this process.
"""

import asyncio
import ctypes
import os
import signal
import sys
from datetime import datetime
from pathlib import Path

from pydantic import SecretStr

from app.assembly import build_services
from app.core.clock import Clock
from app.core.jobs import JobRunner
from app.core.settings import JobSettings, Settings
from app.early_warning.commands import evaluating
from app.early_warning.jobs import HANDLERS

# Who dies is followed soon.
JOBS = JobSettings(slots=1, lease_seconds=0.3, poll_seconds=0.02)
_DIE_WITH_PARENT = 1


def main() -> None:
    """Fork until the input ends."""
    url, data_dir, locked_max = sys.argv[1:]
    evaluating.LOCKED_MAX = int(locked_max)
    # Nobody waits for the dead.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            asyncio.run(_work(url, Path(data_dir), datetime.fromisoformat(line.strip())))
            os._exit(0)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


async def _work(url: str, data_dir: Path, moment: datetime) -> None:
    settings = Settings(
        database_url=SecretStr(url), secret_key=SecretStr("only for tests"), data_dir=data_dir, jobs=JOBS
    )
    clock = Clock()
    clock.set(moment)
    services = build_services(settings, url, clock)
    await services.db.open()
    await JobRunner(services, HANDLERS).run(asyncio.Event())


if __name__ == "__main__":
    main()
