"""A place for the embedded server of one test."""

import shutil
import tempfile
from pathlib import Path

import pytest

from app.core.embedded import cluster
from tests.core.embedded.tools import clean


@pytest.fixture
def home():
    """A data directory in folders that everybody may enter, and an end to whatever a test leaves of it."""
    base = Path(tempfile.mkdtemp(prefix="clientele-test-", dir="/tmp")).resolve()
    (base / "data").mkdir()
    base.chmod(0o755)
    yield base / "data"
    clean(base / "data")
    shutil.rmtree(base)


@pytest.fixture
def made(monkeypatch, tmp_path_factory):
    """New clusters are copies of one that was made before: to make one takes longer than what comes after it."""
    whole, make = tmp_path_factory.getbasetemp() / "cluster", cluster._initialise

    def copied(directory, place, binaries, **options):
        if whole.exists():
            shutil.copytree(whole, directory, dirs_exist_ok=True)
            for path in (directory, *directory.rglob("*")):
                place.account.give(path)
        else:
            make(directory, place, binaries, **options)
            shutil.copytree(directory, whole)

    monkeypatch.setattr(cluster, "_initialise", copied)
