"""Rooms stand on lower rooms only: import-linter's contracts hold, and nobody has talked them down."""

from __future__ import annotations

from pathlib import Path

from importlinter import api
from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

ROOT = Path(__file__).parents[2]
CONFIG = str(ROOT / "pyproject.toml")

# Floors that are one file or none of the fixed ones: they have no inner floors to check.
NO_ROOMS = {"core", "main", "worker", "cli", "demo", "registry", "examples"}


def test_every_contract_is_kept(capsys):
    status = lint_imports(config_filename=CONFIG, no_logo=True, no_cache=True)
    assert status == EXIT_STATUS_SUCCESS, capsys.readouterr().out


def test_no_import_is_excused():
    contracts = api.read_configuration(CONFIG)["contracts_options"]
    assert {contract["id"] for contract in contracts} == {"rooms", "inside", "http", "sql", "routers"}
    excused = {contract["id"]: contract["ignore_imports"] for contract in contracts if contract.get("ignore_imports")}
    assert not excused, "move the code to the right floor instead of excusing the import"


def test_every_room_has_its_inner_floors_checked():
    inside = next(
        contract for contract in api.read_configuration(CONFIG)["contracts_options"] if contract["id"] == "inside"
    )
    rooms = {path.parent.name for path in (ROOT / "app").glob("*/__init__.py")} - NO_ROOMS
    listed = {name.removeprefix("app.") for name in inside["containers"]}
    assert listed == rooms, "a room is added to the contract 'inside' in pyproject.toml when it is built"
