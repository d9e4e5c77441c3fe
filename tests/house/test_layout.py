"""The house rules that no common linter knows: sizes, one commit point, where SQL may be, what lies in the root."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
MODULES = sorted((ROOT / "app").rglob("*.py"))

MOST_LINES_OF_A_FILE = 400
MOST_LINES_OF_A_FUNCTION = 60

# What may lie in the root. A new file there is a decision about the house: add it here and say why in the commit.
TOP_LEVEL = {
    *("app", "docs", "migrations", "tests", "openapi", ".ci"),
    *(
        "Makefile",
        "Dockerfile",
        "compose.yaml",
        "alembic.ini",
        "pyproject.toml",
        "requirements.lock",
        "requirements-dev.lock",
    ),
    *("README.md", "LICENSE", ".gitignore", ".dockerignore", ".editorconfig"),
}

# Files of a room that may talk to the database; the rest of a room is wire types, routes and pure logic.
SQL_FILES = {"models", "queries", "commands", "jobs", "person", "hot", "fields"}
# The rows that the commands of every room add to their own: they have a file of their own to be found by name.
ROWS_OF_EVERY_COMMAND = {"access/audit", "feed/outbox"}
DRIVERS = {"sqlalchemy", "asyncpg", "alembic"}


def place(path: Path, node: ast.AST | None = None) -> str:
    where = path.relative_to(ROOT).as_posix()
    return f"{where}:{node.lineno}" if node is not None and hasattr(node, "lineno") else where


@pytest.fixture(scope="module")
def trees() -> list[tuple[Path, ast.Module]]:
    return [(path, ast.parse(path.read_text(encoding="utf-8"), filename=str(path))) for path in MODULES]


def test_no_file_is_long():
    long = {place(path): len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}
    long = {name: lines for name, lines in long.items() if lines > MOST_LINES_OF_A_FILE}
    assert not long, f"split by verb or noun into a folder of the file's name: {long}"


def test_no_function_is_long(trees):
    long = {
        f"{place(path, node)} {node.name}": node.end_lineno - node.lineno + 1
        for path, tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None
    }
    long = {name: lines for name, lines in long.items() if lines > MOST_LINES_OF_A_FUNCTION}
    assert not long, f"two functions hide in each of these: {long}"


def test_there_is_one_commit(trees):
    found = [
        f"{place(path, node)} .{node.func.attr}()"
        for path, tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "commit"
    ]
    assert len(found) == 1, f"only core.db commits, once: do the work inside Database.write or Database.run: {found}"
    assert found[0].startswith("app/core/db.py:"), found


def test_only_core_opens_transactions(trees):
    """`engine.begin()` and asyncpg's `transaction()` commit at the end of their block, without being called commit."""
    found = [
        f"{place(path, node)} .{node.func.attr}()"
        for path, tree in trees
        if path.relative_to(ROOT / "app").parts[0] != "core"
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        if node.func.attr in {"begin", "transaction"}
    ]
    assert not found, f"use Database.write or Database.run (a savepoint is begin_nested): {found}"


def test_sql_stays_in_its_files(trees):
    found = []
    for path, tree in trees:
        room, *inside = path.relative_to(ROOT / "app").with_suffix("").parts
        if room == "core" or not inside or SQL_FILES & set(inside) or f"{room}/{inside[0]}" in ROWS_OF_EVERY_COMMAND:
            continue
        for node in ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found += [f"{place(path, node)} {name}" for name in names if name.split(".")[0] in DRIVERS]
    assert not found, f"SELECTs live in queries, writes in commands; nouns are pure: {found}"


def test_no_imports_hide_in_functions(trees):
    """An import inside a function silences an import circle, it does not undo it."""
    found = [
        f"{place(path, inner)} in {node.name}()"
        for path, tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for inner in ast.walk(node)
        if (isinstance(inner, ast.ImportFrom) and (inner.module or "").split(".")[0] == "app")
        or (isinstance(inner, ast.Import) and any(alias.name.split(".")[0] == "app" for alias in inner.names))
        if path.relative_to(ROOT / "app").parts[0].removesuffix(".py") != "cli"  # commands load what they need
    ]
    assert not found, f"import at the top; if that makes a circle, one of the two is on the wrong floor: {found}"


def tracked() -> list[str]:
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    found = subprocess.run([git, "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [name for name in found.split("\0") if name]


def test_the_root_holds_only_what_is_meant_to_be_there():
    extra = {name.split("/")[0] for name in tracked()} - TOP_LEVEL
    assert not extra, f"move it to app, tests or migrations, or declare it in {place(Path(__file__))}: {extra}"


def test_nothing_is_left_for_later():
    """Work that is left is an issue with a number, not a word in a file."""
    words = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK"]) + r")\b")
    found = []
    for name in tracked():
        path = ROOT / name
        if path.suffix not in {".py", ".toml", ".md", ".ini", ".mako", ""} or not path.is_file():
            continue
        lines = path.read_text(encoding="utf-8").splitlines()
        found += [f"{name}:{number}: {line.strip()}" for number, line in enumerate(lines, 1) if words.search(line)]
    assert not found, found


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_locks_carry_hashes_and_no_address(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    assert not re.search(r"://|@ |^-|file:", text, re.MULTILINE), "an address or an option in a lock: run make lock"
    pins = re.split(r"^(?=[a-zA-Z0-9])", text, flags=re.MULTILINE)[1:]
    assert pins
    assert [pin.split()[0] for pin in pins if "--hash=sha256:" not in pin or "==" not in pin] == []


@pytest.mark.parametrize(
    ("lock", "groups"), [("requirements.lock", ["build"]), ("requirements-dev.lock", ["build", "dev"])]
)
def test_locks_hold_what_the_project_asks_for(lock, groups):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    asked = [
        *project["project"]["dependencies"],
        *(line for group in groups for line in project["dependency-groups"][group]),
    ]
    pins = dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", (ROOT / lock).read_text(encoding="utf-8"), re.MULTILINE))
    stale = [
        line
        for line in asked
        if (wanted := Requirement(line)).name not in pins or not wanted.specifier.contains(pins[wanted.name])
    ]
    assert not stale, f"run make lock: {stale}"
