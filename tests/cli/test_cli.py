"""The command line as a person uses it: real processes, an own data directory, plain answers to wrong input."""

import asyncio
import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest
from typer.testing import CliRunner

from app.bulk.columns import SHAPES
from app.cli.commands import cli
from app.core.embedded import server as embedded
from tests import forked, served
from tests.conftest import FAST


@contextmanager
def open_folder():
    """A folder that a database can be made in."""
    directory = Path(tempfile.mkdtemp(prefix="clientele-cli-"))
    directory.chmod(0o755)
    try:
        yield directory
    finally:
        shutil.rmtree(directory)


@pytest.fixture
def new_dir():
    """A folder for a test that makes a company of its own."""
    with open_folder() as directory:
        yield directory


@pytest.fixture(scope="module")
def data_dir():
    """A company for all tests that may share one; its database runs, so that no command waits for it to start."""
    with open_folder() as directory:
        directory.joinpath("data").mkdir(mode=0o755)
        assert served.begun is not None
        served.begun.copy(directory / "data")
        with embedded.running(directory / "data", settings=FAST):
            yield directory / "data"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Run a command in this process, in an empty folder and with no settings."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("CLIENTELE_")]:
        monkeypatch.delenv(name)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield lambda *arguments: CliRunner().invoke(cli, arguments)
    root.handlers[:] = handlers
    root.setLevel(level)


def clientele(*arguments, data_dir=None, **environment):
    """Run `clientele` with a clean environment."""
    given = {name: value for name, value in os.environ.items() if not name.startswith("CLIENTELE_")} | environment
    options = [] if data_dir is None else ["--data-dir", str(data_dir)]
    return forked.run([*arguments, *options], given, timeout=120)


def test_help_names_every_command():
    shown = clientele("--help")
    assert shown.returncode == 0
    for command in ("serve", "worker", "migrate", "keys", "import", "demo", "verify", "openapi"):
        assert command in shown.stdout


def test_the_version_is_told(here):
    assert here("--version").stdout == "clientele 0.1.0\n"


@pytest.mark.parametrize(
    "arguments",
    [("verify",), ("worker",), ("keys", "list"), ("keys", "create", "--name", "x", "--role", "pos"),
     ("import", "stores.csv", "--kind", "stores")],
)  # fmt: skip
def test_no_company_is_made_in_a_folder_that_has_none(here, arguments):
    Path("stores.csv").write_text("code\nS01\n")
    answer = here(*arguments)
    assert (answer.exit_code, answer.stdout) == (1, "")
    [line] = answer.stderr.splitlines()
    assert line.startswith(f"There is no company at {Path.cwd() / '.clientele'}") and "--data-dir" in line
    assert not Path(".clientele").exists()


def test_a_company_is_made_where_it_was_named_and_that_is_said(new_dir):
    made = clientele("keys", "create", "--name", "x", "--role", "admin", CLIENTELE_DATA_DIR=str(new_dir / "data"))
    assert made.returncode == 0 and made.stdout.startswith("clk_") and made.stdout.count("\n") == 1
    assert "A new, empty company was made in" in made.stderr
    again = clientele("keys", "list", data_dir=new_dir / "data")
    assert again.stdout.count("\n") == 2
    assert again.stderr == ""


def test_migrate_twice(data_dir):
    assert clientele("migrate", data_dir=data_dir).returncode == 0
    assert clientele("migrate", data_dir=data_dir).returncode == 0


def test_the_life_of_a_key(data_dir, tmp_path):
    stores = tmp_path / "stores.csv"
    stores.write_text("code,name,kind\nS77,First,own\n")
    assert clientele("import", str(stores), "--kind", "stores", data_dir=data_dir).returncode == 0
    made = clientele("keys", "create", "--name", "Store S01", "--role", "pos", "--store", "S77", data_dir=data_dir)
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


def test_a_key_of_a_staff_member(data_dir):
    order = ("keys", "create", "--name", "Ms Li", "--role", "call_center", "--reach", "own")
    refused = clientele(*order, data_dir=data_dir)
    assert refused.returncode == 1
    assert "names its staff member" in refused.stderr
    masks = ("--mask", "contact", "--mask", "financial")
    made = clientele(*order, "--staff", "emp-7", *masks, data_dir=data_dir)
    assert made.returncode == 0, made.stderr
    names, *lines = clientele("keys", "list", data_dir=data_dir).stdout.splitlines()
    (line,) = [line for line in lines if "Ms Li" in line]
    shown = dict(zip(names.split("\t"), line.split("\t"), strict=True))
    assert (shown["staff"], shown["reach"]) == ("emp-7", "own")


def test_no_key_is_made_for_a_store_that_there_is_not(data_dir):
    order = ("keys", "create", "--name", "Till of nowhere", "--role", "pos", "--store", "NOPE")
    refused = clientele(*order, data_dir=data_dir)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "There is no store NOPE." in refused.stderr
    assert "Till of nowhere" not in clientele("keys", "list", data_dir=data_dir).stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("keys", "create", "--name", "x", "--role", "king"), "role"),
        (("keys", "create", "--name", "a\nb", "--role", "pos"), "control characters"),
        (("keys", "create", "--name", "x", "--role", "pos", "--store", "a b"), "--store"),
        (("keys", "revoke", "00000000-0000-0000-0000-000000000000"), "no such"),
        (("keys", "create", "--name", "x", "--role", "pos", "--reach", "far"), "--reach"),
        (("keys", "create", "--name", "x", "--role", "pos", "--mask", "basic"), "--mask"),
        (("keys", "revoke", "nonsense"), "uuid"),
        (("import", "missing.csv", "--kind", "customers"), "does not exist"),
    ],
)
def test_wrong_arguments_get_a_plain_answer(data_dir, arguments, words):
    answer = clientele(*arguments, data_dir=data_dir)
    assert answer.returncode != 0
    assert words.lower() in (answer.stderr + answer.stdout).lower()
    assert "Traceback" not in answer.stderr


def test_a_refused_header_is_told_column_by_column(here):
    Path("receipts.csv").write_text("source,number,store,kind,occurred_at,currency,nett\n")
    answer = here("import", "receipts.csv", "--kind", "receipts")
    assert answer.exit_code == 1
    lines = answer.stderr.splitlines()
    assert lines[0] == "The header, the first line, is not one of this kind of file."
    assert "  /nett: Column 7 is not one of a file of receipts." in lines
    assert "  /lines.net: A file of receipts needs the column lines.net." in lines
    assert lines[-1].startswith("Columns of a file of receipts: source, number,") and "tenders.<kind>" in lines[-1]


def test_every_column_that_is_told_is_one():
    for shape in SHAPES.values():
        for name in shape.names():
            assert shape.column(name.replace("<system>", "crm").replace("<kind>", "cash")) is not None, name
        assert bool(shape.free) == bool(shape.families)


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
    assert (first.returncode, again.returncode) == (1, 1), "a row was refused"
    assert "Imported before" in again.stdout and "--again" in again.stderr
    assert '{"' not in first.stderr, "nothing is logged into the bar"
    verified = clientele("verify", data_dir=data_dir)
    assert (verified.returncode, verified.stdout) == (0, "0 differences\n")


def test_verify_finds_and_repairs_what_is_wrong(data_dir, imported):
    async def spoil(url):
        connection = await asyncpg.connect(url.replace("postgresql+asyncpg://", "postgresql://", 1))
        await connection.execute("UPDATE customer_figures SET net = net + 1")
        await connection.close()

    with embedded.running(data_dir) as server:
        asyncio.run(spoil(server.url))
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
    answer = clientele("keys", "list", **environment)
    assert answer.returncode in (1, 2)
    assert words in answer.stderr
    assert answer.stdout == ""
    assert "Traceback" not in answer.stderr


def test_a_taken_port_gets_a_plain_answer(data_dir):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        answer = subprocess.run(
            [sys.executable, "-X", "importtime", "-m", "app", "serve", "--port", port, "--data-dir", str(data_dir)],
            env={**os.environ, "CLIENTELE_PRT": "1"}, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
    assert answer.returncode == 1
    assert f"Port {port} of 127.0.0.1 is in use" in answer.stderr
    assert "CLIENTELE_PRT is no setting" in answer.stderr
    assert "app.cli.commands" in answer.stderr and "app.main" not in answer.stderr, "before everything is loaded"


@contextmanager
def serving(data_dir, *, forked_one):
    """`clientele serve` in a process group of its own, as a terminal has it, and where its lines go."""
    given = {name: value for name, value in os.environ.items() if not name.startswith("CLIENTELE_")}
    lines = data_dir.with_name("lines")
    arguments = ["serve", "--data-dir", str(data_dir), "--port", "0"]
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # Under nohup: what a process ignores, its children do.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    with lines.open("wb") as output:
        process: forked.Process | subprocess.Popen[bytes]
        if forked_one:
            process = forked.Process(arguments, given, stdout=output, stderr=output)
        else:
            process = subprocess.Popen(
                [sys.executable, "-m", "app", *arguments], env=given, stdout=output, stderr=output, process_group=0
            )
    try:
        yield process, lines
    finally:
        process.kill()
        process.wait()


# In the order of a first start, so that one directory serves them all.
MOMENTS = {
    "loading": lambda data, _lines: time.time() > data.stat().st_mtime + 0.5,
    "making the database": lambda data, _lines: any(data.glob("postgres.partial-*/base")),
    "starting the database": lambda data, _lines: (data / "postgres" / "postmaster.pid").exists(),
    "loading the routes": lambda data, _lines: (data / "secret").exists(),
    "starting to serve": lambda _data, lines: "Waiting for application startup" in lines.read_text(),
}


def test_ctrl_c_at_any_moment_of_a_start_ends_it_quietly(new_dir):
    """The first moment is the only one in which it loads; at all others it has, here or where it was forked."""
    stopped_at_each(new_dir / "data", in_full=["loading"])


@pytest.mark.proof
def test_ctrl_c_at_any_moment_of_a_start_in_full_ends_it_quietly(new_dir):
    stopped_at_each(new_dir / "data", in_full=MOMENTS)


def stopped_at_each(data, in_full):
    data.mkdir(mode=0o755)
    for moment, reached in MOMENTS.items():
        (data / "secret").unlink(missing_ok=True)
        with serving(data, forked_one=moment not in in_full) as (process, lines):
            deadline = time.monotonic() + 60
            while not reached(data, lines):
                assert process.poll() is None and time.monotonic() < deadline, (moment, lines.read_text())
                time.sleep(0.002)
            os.killpg(process.pid, signal.SIGINT)
            assert process.wait(60) == 130, (moment, lines.read_text())
        said = lines.read_text().splitlines()
        logged = [json.loads(line) for line in said if line.startswith("{")]
        assert [line for line in said if not line.startswith("{")] == ["Stopped."], moment
        assert not [line for line in logged if line["level"] == "error"], moment
        assert not list(data.glob("postgres.partial-*")), moment
        assert not (data / "postgres" / "postmaster.pid").exists(), f"{moment}: the database was left running"
