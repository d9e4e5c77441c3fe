"""A process that loads a demo company and kills itself when it begins its so-manieth part (see `Company`)."""

import asyncio
import os
import signal
import sys
from datetime import datetime
from pathlib import Path

from pydantic import SecretStr

from app.assembly import build_services, import_kinds
from app.core.settings import JobSettings, Settings
from app.demo.commands import Wanted, load


def main() -> None:
    """Arguments: database, data directory, people, the time of its clock, part."""
    asyncio.run(_load(*sys.argv[1:]))


async def _load(url: str, data_dir: str, people: str, noon: str, part: str) -> None:
    settings = Settings(
        database_url=SecretStr(url),
        secret_key=SecretStr("only for tests"),
        data_dir=Path(data_dir),
        jobs=JobSettings(lease_seconds=1),
    )
    services = build_services(settings, url)
    services.clock.set(datetime.fromisoformat(noon))
    begun = 0

    def progress(*_: object) -> None:
        nonlocal begun
        begun += 1
        if begun == int(part):
            os.kill(os.getpid(), signal.SIGKILL)

    await load(services, import_kinds(), Wanted(people=int(people)), progress, asyncio.Event())
