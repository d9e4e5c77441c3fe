"""The pages of `docs/`, run: every command in them, against the real application with a small demo company.

A block ```sh is run by bash; a block ```json or ```text right after it is its answer. "Keep `data.0.id` as `ID`."
puts a value of the answer before it into a shell variable. What differs from run to run is left out with dots:

    "..." as a value                  any value
    "01..." inside a string           any text in place of the dots
    "..." as the last of a list       any more values
    "...": "..." in an object         any more keys
    ... as a line of text             any lines

The pages share one company and run in the order of PAGES. `make docs` writes their answers anew.
"""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.core.embedded.binaries import installed
from tests.served import Served, free_port

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs"
PAGES = (
    "asking-questions",
    "call-centre",
    "till",
    "following-changes",
    "production",
    "importing-files",
    "one-person",
    "erasure",
)
# docs/warnings.md is measured by `make realdata`.
NOON = datetime(2026, 11, 26, 4, tzinfo=UTC)
PEOPLE = 120
DOTS = "..."
# As a deployment has them; other tests of the served application lift them.
USUAL_RATES = {
    f"CLIENTELE_RATES__{name}_PER_SECOND": per for name, per in (("STANDARD", "100"), ("LARGE", "500"), ("BULK", "50"))
}
WIDTH = 110

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```\n", re.MULTILINE | re.DOTALL)
_KEEP = re.compile(r"^Keep `([\w.]+)` as `([A-Z]+)`", re.MULTILINE)
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\dT)\d\d:\d\d:\d\d.*Z")
_SECRET = frozenset({"request_id", "cursor", "next_cursor", "key"})
_PICK = (
    "import functools, json, sys; print(functools.reduce("
    "lambda value, key: value[int(key) if isinstance(value, list) else key], sys.argv[2].split('.'), "
    "json.load(open(sys.argv[1]))))"
)


# --- a page -----------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Command:
    """A block of commands, where its answer stands in the page (if it shows one), and what is kept of it."""

    text: str
    answer: tuple[int, int] | None = None
    kept: list[tuple[str, str]] = field(default_factory=list)


def commands(page: str) -> list[Command]:
    """The commands of a page. Raises ValueError for a block that is neither a command nor the answer to one."""
    found: list[Command] = []
    end = 0
    for fence in _FENCE.finditer(page):
        if found:
            found[-1].kept += _KEEP.findall(page, end, fence.start())
        if fence[1] == "sh":
            found.append(Command(fence[2]))
        elif fence[1] in {"json", "text"} and found and not page[end : fence.start()].strip():
            found[-1].answer = fence.span()
        else:
            raise ValueError(f"no command stands before this block: {fence[0][:80]}")
        end = fence.end()
    if found:
        found[-1].kept += _KEEP.findall(page, end)
    return found


def run(page: str, environment: Mapping[str, str], folder: Path) -> str:
    """The page with the answers that its commands give now; where they match, as it was."""
    # What the page before it did is on the feed before this one begins.
    steps, script = commands(page), ["until curl -s $BASE/readyz | grep -q '\"feed_waiting\":0,'; do sleep 0.1; done"]
    for number, step in enumerate(steps):
        script.append(f"{{ {step.text.strip()}\n}} > {folder}/{number} 2>&1 < /dev/null")
        script += [f'{name}=$({sys.executable} -c "$PICK" {folder}/{number} {path})' for path, name in step.kept]
    subprocess.run(
        ["bash", "-c", "\n".join(script)], env={**environment, "PICK": _PICK}, cwd=folder, check=False, timeout=300
    )
    for number, step in reversed(list(enumerate(steps))):
        if step.answer is not None:
            start, end = step.answer
            page = page[:start] + answered(page[start:end], (folder / str(number)).read_text()) + page[end:]
    return page


def answered(block: str, answer: str) -> str:
    """A block of the page, or one with the answer of now if that is another."""
    _, _, body = block.removesuffix("```\n").partition("\n")
    try:
        new = json.loads(answer)
    except ValueError:
        new = None
    if not isinstance(new, dict | list):
        return block if matches(body, answer) else f"```text\n{answer.rstrip()}\n```\n"
    try:
        old = json.loads(body)
    except ValueError:
        old = None
    shown = merged(old, new)
    return block if shown == old and old is not None else f"```json\n{printed(shown)}\n```\n"


# --- answers ----------------------------------------------------------------------------------------------------------


def matches(old: str, new: str) -> bool:
    """Whether a text is the one that a page shows, its dots standing for anything."""
    lines = (r"(?:.*\n)*?" if line == DOTS else _with_dots(line) + r"\n" for line in old.rstrip().splitlines())
    return re.fullmatch("".join(lines), new.rstrip() + "\n") is not None


def _with_dots(text: str) -> str:
    return ".*".join(re.escape(part) for part in text.split(DOTS))


def merged(old: Any, new: Any, name: str = "") -> Any:
    """`new`, shortened as `old` is; equal to `old` if it says the same."""
    if old == DOTS:
        return DOTS
    if isinstance(new, dict):
        return _merged_object(old if isinstance(old, dict) else {}, new)
    if isinstance(new, list):
        return _merged_list(old if isinstance(old, list) else [], new)
    return _shortened(old, new, name) if isinstance(new, str) else new


def _merged_object(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    if DOTS not in old:
        return {key: merged(old.get(key), value, key) for key, value in new.items()}
    shown = {key: merged(value, new[key], key) for key, value in old.items() if key in new}
    return {**shown, DOTS: DOTS} if len(shown) < len(new) else shown


def _merged_list(old: list[Any], new: list[Any]) -> list[Any]:
    if DOTS in old and len(new) >= len(old):
        kept = len(old) - 1
        return [*(merged(*pair) for pair in zip(old[:kept], new[:kept], strict=True)), DOTS]
    return [merged(old[place] if place < len(old) else None, value) for place, value in enumerate(new)]


def _shortened(old: Any, new: str, name: str) -> str:
    if isinstance(old, str) and (old == new or (DOTS in old and re.fullmatch(_with_dots(old), new))):
        return old
    if name in _SECRET:
        return DOTS
    if _ID.fullmatch(new):
        # What begins with these digits was made between 2004 and 2039.
        return "01" + DOTS
    return _MOMENT.sub(r"\1" + DOTS, new)


def printed(value: Any, indent: int = 0) -> str:
    """JSON on one line where it fits, else one value a line."""
    line = json.dumps(value, ensure_ascii=False)
    if len(line) + indent <= WIDTH or not isinstance(value, dict | list) or not value:
        return line
    space = " " * (indent + 2)
    if isinstance(value, list):
        inner = [printed(item, indent + 2) for item in value]
        return f"[\n{space}" + f",\n{space}".join(inner) + f"\n{' ' * indent}]"
    pairs = [f"{json.dumps(key)}: {printed(item, indent + 2)}" for key, item in value.items()]
    return f"{{\n{space}" + f",\n{space}".join(pairs) + f"\n{' ' * indent}}}"


# --- the application --------------------------------------------------------------------------------------------------


@contextmanager
def company() -> Iterator[dict[str, str]]:
    """The demo company at NOON, served with a worker of its own; the environment of a shell that talks to it."""
    away = (NOON - datetime.now(UTC)).total_seconds()
    program = (sys.executable, str(Path(__file__).with_name("at.py")), str(away))
    served = Served(USUAL_RATES, program, worker=False, fresh=True)
    data = ["--data-dir", str(served.data)]
    served.command("demo", "--people", str(PEOPLE))
    # On its own, not as a child of `serve`, which would start the real one; both start at once.
    with (served.directory / "worker-log").open("ab") as log:
        worker = subprocess.Popen([*program, "worker", *data], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        with served:
            yield _environment(served, program)
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(60) == 0
    finally:
        worker.kill()


def _environment(served: Served, program: tuple[str, ...]) -> dict[str, str]:
    """BASE and KEY as the pages want them, and on the path `clientele` and the tools of PostgreSQL."""
    tools = served.directory / "bin"
    tools.mkdir()
    (tools / "clientele").write_text(f'#!/bin/sh\nexec {" ".join(program)} "$@"\n')
    (tools / "clientele").chmod(0o755)
    for tool in ("pg_dump", "pg_restore", "createdb"):
        (tools / tool).symlink_to(installed().program(tool))
    given = {name: value for name, value in os.environ.items() if not name.startswith("CLIENTELE_")}
    return given | {
        "PATH": f"{tools}:{os.environ['PATH']}", "BASE": f"http://127.0.0.1:{served.port}", "KEY": served.admin,
        "CLIENTELE_DATA_DIR": str(served.data), "SECRET": (served.data / "secret").read_text(),
        "DATABASE": served.dsn, "RESTORED": served.dsn.replace("/clientele?", "/restored?"), "PORT": str(free_port()),
    }  # fmt: skip


def all_pages() -> dict[str, tuple[str, str]]:
    """Every page as it stands, and as it would be written now."""
    found = {}
    with company() as environment:
        for name in PAGES:
            folder = Path(environment["CLIENTELE_DATA_DIR"]).parent / name
            folder.mkdir()
            page = (FOLDER / f"{name}.md").read_text()
            found[name] = (page, run(page, environment, folder))
    return found


if __name__ == "__main__":
    for name, (before, after) in all_pages().items():
        if before != after:
            (FOLDER / f"{name}.md").write_text(after)
            print(f"docs/{name}.md is written anew")
