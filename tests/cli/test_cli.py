"""The command line as a person uses it: real processes, an own data directory, plain answers to wrong input."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.xdist_group("cli")


@pytest.fixture(scope="module")
def data_dir():
    """A data directory that a database can live in."""
    directory = Path(tempfile.mkdtemp(prefix="clientele-cli-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


def clientele(*arguments, data_dir=None, **environment):
    """Run `clientele` with a clean environment."""
    given = {name: value for name, value in os.environ.items() if not name.startswith("CLIENTELE_")} | environment
    options = [] if data_dir is None else ["--data-dir", str(data_dir)]
    return subprocess.run(
        [sys.executable, "-m", "app", *arguments, *options],
        env=given, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_help_names_every_command():
    shown = clientele("--help")
    assert shown.returncode == 0
    for command in ("serve", "worker", "migrate", "keys", "import", "demo", "verify", "openapi"):
        assert command in shown.stdout


def test_openapi_is_what_is_committed():
    shown = clientele("openapi")
    committed = Path(__file__).parents[2] / "openapi" / "openapi.json"
    assert shown.stdout == committed.read_text(encoding="utf-8")


def test_migrate_twice(data_dir):
    assert clientele("migrate", data_dir=data_dir).returncode == 0
    assert clientele("migrate", data_dir=data_dir).returncode == 0


def test_the_life_of_a_key(data_dir):
    made = clientele("keys", "create", "--name", "Store S01", "--role", "pos", "--store", "S01", data_dir=data_dir)
    assert made.returncode == 0, made.stderr
    key = made.stdout.splitlines()[-1]
    assert key.startswith("clk_")
    assert made.stdout == key + "\n"
    listed = clientele("keys", "list", data_dir=data_dir)
    assert listed.stdout.startswith("id\tclient_id\tname\trole\tstore\t")
    assert "Store S01" in listed.stdout
    assert key not in listed.stdout
    key_id = next(line for line in listed.stdout.splitlines() if "Store S01" in line).split("\t")[0]
    rotated = clientele("keys", "rotate", key_id, data_dir=data_dir).stdout.strip()
    assert rotated.startswith("clk_") and rotated != key
    assert clientele("keys", "revoke", key_id, data_dir=data_dir).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("keys", "create", "--name", "x", "--role", "king"), "role"),
        (("keys", "create", "--name", "a\nb", "--role", "pos"), "control characters"),
        (("keys", "create", "--name", "x", "--role", "pos", "--store", "a b"), "--store"),
        (("keys", "revoke", "00000000-0000-0000-0000-000000000000"), "no such"),
        (("keys", "revoke", "nonsense"), "uuid"),
        (("import", "missing.csv", "--kind", "customers"), "does not exist"),
    ],
)
def test_wrong_arguments_get_a_plain_answer(data_dir, arguments, words):
    answer = clientele(*arguments, data_dir=data_dir)
    assert answer.returncode != 0
    assert words.lower() in (answer.stderr + answer.stdout).lower()
    assert "Traceback" not in answer.stderr


@pytest.fixture(scope="module")
def imported(data_dir):
    """What importing a store and twenty receipts (and one bad row) printed, the first time and again."""
    stores, receipts = data_dir / "stores.ndjson", data_dir / "receipts.ndjson"
    stores.write_text('{"code":"S01","name":"First","kind":"own"}\n')
    lines = [
        {"source": "till", "number": str(number), "store": "S01", "kind": "sale", "currency": "CNY",
         "occurred_at": f"2026-11-{number:02}T12:00:00Z", "on_unknown_customer": "create",
         "customer": {"identifier": {"kind": "card", "value": str(number % 3)}},
         "lines": [{"product": "T", "category": "tea", "quantity": "1", "net": 100}],
         "tenders": [{"kind": "cash", "amount": 100}]}
        for number in range(1, 21)
    ]  # fmt: skip
    receipts.write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"source": 1}\n')
    assert clientele("import", str(stores), "--kind", "stores", data_dir=data_dir).returncode == 0
    return [clientele("import", str(receipts), "--kind", "receipts", data_dir=data_dir) for _ in range(2)]


def test_a_file_is_imported_and_the_figures_are_proved(data_dir, imported):
    first, again = imported
    assert "20 created" in first.stdout and "1 failed" in first.stdout, first.stderr
    assert (again.returncode, "Imported before" in again.stdout) == (first.returncode, True)
    verified = clientele("verify", data_dir=data_dir)
    assert (verified.returncode, verified.stdout) == (0, "0 differences\n")


def test_verify_finds_and_repairs_what_is_wrong(data_dir, imported):
    spoil = """
import asyncio, asyncpg
from pathlib import Path
from app.core.embedded import server as embedded
async def spoil(url):
    connection = await asyncpg.connect(url.replace("postgresql+asyncpg://", "postgresql://", 1))
    await connection.execute("UPDATE customer_figures SET net = net + 1")
    await connection.close()
with embedded.running(Path(r"%s")) as server:
    asyncio.run(spoil(server.url))
"""
    subprocess.run([sys.executable, "-c", spoil % data_dir], check=True, timeout=60)
    found = clientele("verify", data_dir=data_dir)
    assert (found.returncode, found.stdout.splitlines()[-1]) == (1, "3 differences")
    assert clientele("verify", "--repair", data_dir=data_dir).stdout.splitlines()[-1] == "3 differences repaired"
    assert clientele("verify", data_dir=data_dir).stdout == "0 differences\n"


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"CLIENTELE_PORT": "99999"}, "CLIENTELE_PORT"),
        ({"CLIENTELE_COMPANY__CURENCY": "USD"}, "CLIENTELE_COMPANY__CURENCY"),
        ({"CLIENTELE_FEED": "{bad"}, "feed"),
        ({"CLIENTELE_COMPANY__TIME_ZONE": "Mars/Olympus"}, "CLIENTELE_COMPANY__TIME_ZONE"),
        ({"CLIENTELE_DATA_DIR": "/dev/null/x"}, "data directory"),
        ({"CLIENTELE_DATABASE_URL": "postgresql://u@127.0.0.1:1/x", "CLIENTELE_SECRET_KEY": "s"}, "database"),
        ({"CLIENTELE_DATABASE_URL": "postgresql://u@127.0.0.1:1/x"}, "CLIENTELE_SECRET_KEY"),
    ],
)
def test_wrong_settings_get_a_plain_answer(environment, words):
    answer = clientele("verify", **environment)
    assert answer.returncode in (1, 2)
    assert words in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_taken_port_gets_a_plain_answer(data_dir):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        answer = clientele("serve", "--port", port, data_dir=data_dir, CLIENTELE_PRT="1")
    assert answer.returncode == 1
    assert f"Port {port} of 127.0.0.1 is in use" in answer.stderr
    assert "CLIENTELE_PRT is no setting" in answer.stderr
