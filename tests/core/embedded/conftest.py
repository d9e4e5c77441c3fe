"""A place for the embedded server of one test."""

import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from app.core.embedded import cluster
from app.core.embedded.server import running
from tests.core.embedded.tools import LIGHT, clean


@pytest.fixture
def home():
    """A data directory in folders that everybody may enter, and an end to whatever a test leaves of it."""
    base = Path(tempfile.mkdtemp(prefix="clientele-test-", dir="/tmp")).resolve()
    (base / "data").mkdir()
    base.chmod(0o755)
    yield base / "data"
    clean(base / "data")
    shutil.rmtree(base)


def copy(of, to):
    """With its owners: as root the database belongs to a system user."""
    subprocess.run(["cp", "-pR", f"{of}/.", str(to)], check=True, timeout=60)


@pytest.fixture
def made(monkeypatch, tmp_path_factory):
    """New clusters are copies of one that was made before: to make one takes longer than what comes after it."""
    whole, make = tmp_path_factory.getbasetemp() / "cluster", cluster._initialise

    def copied(directory, place, binaries, **options):
        if whole.exists():
            copy(whole, directory)
        else:
            make(directory, place, binaries, **options)
            whole.mkdir()
            copy(directory, whole)

    monkeypatch.setattr(cluster, "_initialise", copied)


@pytest.fixture
def filled(home, made):
    """The data directory has its database already: other processes, for which nothing is copied, need not make it."""
    with running(home, settings=LIGHT):
        pass
