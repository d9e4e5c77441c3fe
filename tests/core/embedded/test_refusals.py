"""Where the embedded server cannot be had, one sentence says why."""

import subprocess
import sys
from pathlib import Path

import pytest

from app.core.embedded.accounts import chosen
from app.core.embedded.server import EmbeddedUnavailable, running, start
from tests.core.embedded.tools import LIGHT, PROGRAM, REPOSITORY, ROOT, modes, query


def test_refusals(home):
    before = modes(home)
    a_file = home / "file"
    a_file.touch()
    for wrong in (a_file, a_file / "below"):
        with pytest.raises(EmbeddedUnavailable, match="must be a folder"):
            start(wrong)
    with pytest.raises(EmbeddedUnavailable, match="cannot be made"):
        start(Path("/proc/clientele"))
    if not ROOT:
        home.chmod(0o555)
        with pytest.raises(EmbeddedUnavailable, match="not writable"):
            start(home)
        home.chmod(before[str(home)][0] & 0o777)
    cluster = home / "postgres"
    cluster.symlink_to(home / "gone")
    with pytest.raises(EmbeddedUnavailable, match="leads to no folder"):
        start(home)
    cluster.unlink()
    cluster.mkdir(mode=0o700)
    (cluster / "letters.txt").touch()
    with pytest.raises(EmbeddedUnavailable, match="not a database"):
        start(home)
    (cluster / "PG_VERSION").write_text("14\n")
    chosen().give(cluster)
    with pytest.raises(EmbeddedUnavailable, match="made by PostgreSQL 14 and this is PostgreSQL 18"):
        start(home)
    assert modes(home) == before


def test_no_space(home):
    """A limit on the size of files stands in for a full disk: initdb fails in the middle."""
    program = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))" + PROGRAM
    command = [sys.executable, "-c", program, str(home)]
    child = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert "EmbeddedUnavailable: The embedded database could not be made in" in child.stderr
    assert [path.name for path in home.iterdir()] == ["postgres.lock"]


def test_server_that_does_not_start(home):
    with pytest.raises(EmbeddedUnavailable, match=r"did not start in .* Its log ends: .*shared_buffers"):
        start(home, settings={"fsync": "off", "shared_buffers": "no size"})
    with running(home, settings=LIGHT) as server:
        assert query(server, "SELECT 1") == 1


def test_no_programs(home):
    program = f"import sys; sys.path.insert(0, {str(REPOSITORY)!r})" + PROGRAM
    command = [sys.executable, "-I", "-S", "-c", program, str(home)]
    child = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "EmbeddedUnavailable: No embedded PostgreSQL is installed for this machine" in child.stderr
