"""A place for the embedded server of one test."""

import shutil
import tempfile
from pathlib import Path

import pytest

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
