"""What a first visitor sees: `clientele demo` twice, then `clientele serve --welcome` and each of its lines."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.parse
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from app.cli.demo import wants_demo
from app.core.settings import Settings
from app.demo.businesses import DEALER_ID
from tests.served import CLIENTELE, free_port

README = Path(__file__).parents[2] / "README.md"
SMALL = ("--people", "60")
BEGIN = """
import asyncio, sys
from pathlib import Path
from app.cli.frame import run, settings_from
from app.demo import commands
async def work(services):
    await services.db.run(lambda tx: commands._opened(tx, services, commands.Wanted(people=60)))
run(settings_from(Path(sys.argv[1])), work, makes=True)
"""


@pytest.fixture
def data_dir():
    directory = Path(tempfile.mkdtemp(prefix="clientele-welcome-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


def environment():
    return {name: value for name, value in os.environ.items() if not name.startswith("CLIENTELE_")}


def clientele(data_dir, *arguments):
    return subprocess.run(
        [str(CLIENTELE), *arguments, "--data-dir", str(data_dir)],
        env=environment(), capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip


@contextmanager
def served(data_dir, *arguments):
    """What `serve --welcome` printed, while it serves."""
    command = [
        str(CLIENTELE),
        "serve",
        "--welcome",
        *arguments,
        "--data-dir",
        str(data_dir),
        "--port",
        str(free_port()),
    ]
    with subprocess.Popen(
        command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        try:
            printed = []
            for line in process.stdout:
                printed.append(line)
                if line.startswith("Stop with"):
                    break
            yield "".join(printed)
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0


def pasted(line: str):
    """Do what `curl` does with a line; the decoded answer."""
    words = iter(shlex.split(line)[1:])
    url, headers, data, query = "", {}, None, []
    for word in words:
        if word == "-H":
            name, _, value = next(words).partition(": ")
            headers[name] = value
        elif word == "-d":
            data = next(words).encode()
        elif word == "--data-urlencode":
            name, _, value = next(words).partition("=")
            query.append((name, value))
        elif word not in {"-s", "-sG"}:
            url = word
    if query:
        url += "?" + urllib.parse.urlencode(query, quote_via=urllib.parse.quote)
    answer = httpx.request("GET" if data is None else "POST", url, content=data, headers=headers, timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.json()


def exported(text: str):
    """Ask the service as a shell would that the `export` line was put into."""
    (line,) = [line.strip() for line in text.splitlines() if line.strip().startswith("export ")]
    shell = subprocess.run(
        ["bash", "-c", f'{line}\nprintf "%s\n%s" "$BASE" "$KEY"'],
        env=environment(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    base, key = shell.stdout.split("\n")
    return lambda path: pasted(shlex.join(["curl", "-s", f"{base}{path}", "-H", f"Authorization: Bearer {key}"]))


def lines_of(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip().startswith("curl ")]


@pytest.mark.parametrize(
    ("asked", "welcome", "outside", "loads"),
    [
        (None, True, False, True),
        (None, False, False, False),
        (None, True, True, False),
        (True, True, True, True),
        (True, False, False, True),
        (False, True, False, False),
    ],
)
def test_nothing_is_put_into_an_outside_database_unasked(asked, welcome, outside, loads):
    url = SecretStr("postgresql://u@127.0.0.1/x") if outside else None
    assert wants_demo(asked, Settings(database_url=url, secret_key=SecretStr("s")), welcome=welcome) is loads


@pytest.mark.pages
def test_a_load_that_was_begun_is_ended_before_the_lines_are_shown(data_dir):
    subprocess.run([sys.executable, "-c", BEGIN, str(data_dir)], env=environment(), check=True, timeout=120)
    with served(data_dir) as text:
        family, dealer, segment, warnings = [pasted(line) for line in lines_of(text)]
        told = exported(text)
        for numbers in re.findall(r"^.*/customers/search\?q=.*$", README.read_text(), re.MULTILINE):
            for number in re.findall(r"\b\d{4,}\b", numbers):
                assert told(f"/v1/customers/search?q={number}")["data"], f"the README searches {number}"
    assert [one["display_name"] for one in family["data"]] == ["陈建国", "李秀梅"]
    assert [one["match"] for one in family["data"]] == ["primary", "shared_phone"]
    assert (dealer["customer_id"], dealer["standing"]) == (str(DEALER_ID), "review")
    assert dealer["credit"]["balance"] > dealer["credit"]["limit"]
    assert [reason["code"] for reason in dealer["reasons"]] == ["over_limit"]
    assert segment["count"] == len(segment["sample"]) >= 1
    assert {one["status"] for one in warnings["data"]} == {"open"} and len(warnings["data"]) == 5
    again = clientele(data_dir, "demo")
    assert (again.returncode, "was there already" in again.stderr) == (0, True), again.stderr
    other = clientele(data_dir, "demo", "--seed", "7")
    assert (other.returncode, "Another demo company is there" in other.stderr) == (1, True), other.stderr
    assert clientele(data_dir, "verify").stdout == "0 differences\n"


@pytest.mark.pages
def test_an_empty_service_shows_how_to_push_a_receipt_and_is_then_left_alone(data_dir):
    with served(data_dir, "--empty") as text:
        assert "Push a receipt" in text
        key = text.split("API key (admin): ")[1].split()[0]
        address = text.split("ready at ")[1].split()[0]
        found = pasted(f"curl -s {address}/v1/customers -H 'Authorization: Bearer {key}'")
        assert found["data"] == []
        put = httpx.put(
            f"{address}/v1/stores/S01",
            json={"name": "Mine", "kind": "own"},
            headers={"Authorization": f"Bearer {key}"},
        )
        assert put.status_code == 201
    refused = clientele(data_dir, "demo", *SMALL)
    assert (refused.returncode, "holds data already" in refused.stderr) == (1, True), refused.stderr
    with served(data_dir) as text:
        assert "Push a receipt" in text
