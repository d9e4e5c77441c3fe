"""Building the image by hand: the steps of the Dockerfile itself, done below a folder of this machine.

The folder stands for the root of the file system. A stage's folder is moved aside when the next begins, so a stage has
only what it copies, at the same place as before.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from app.core.embedded.accounts import Account
from tests.container.files import ROOT, Instruction, Stage, context, stages

# The folders that the image has for itself; all else in it is the base's, for which this machine stands.
_OURS = re.compile(r"(?<![\w./-])/(?=(?:opt|srv)\b)")
# How pip reaches its index is the machine's affair.
_PASSED = re.compile(r"PIP_|SSL_|XDG_CONFIG|(HTTPS?|NO|ALL)_PROXY$", re.IGNORECASE)


class Image:
    """The built image: `run` starts its processes as its own user where root can, else as ours."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.root = directory / "root"
        self.size = 0

    def build(self) -> Stage:
        """Do every step; the last stage."""
        self._base()
        found = stages()
        for number, stage in enumerate(found):
            if number:
                self.root.rename(self._directory / found[number - 1].name)
            self.root.mkdir(mode=0o755)
            self._folder = self.root
            # The second is for a copied interpreter, which would look for its library where only we may.
            base = self._directory / "base"
            self.environment = {"PATH": f"{base}/bin:{os.defpath}", "LD_LIBRARY_PATH": f"{base}/lib"}
            for step in stage.steps:
                self._do(step)
        self.stage = found[-1]
        return self.stage

    def _base(self) -> None:
        """What the base image has: a `python` with pip that is not of our own environment and that anybody may run."""
        prefix, name = Path(sys.base_prefix), f"python3.{sys.version_info.minor}"
        (self._directory / "base" / "bin").mkdir(parents=True)
        ours = self._directory / "base" / "bin" / "python"
        if os.geteuid() != 0 or Account("nobody in particular", -1, -1, switch=True).reaches(prefix):
            ours.symlink_to(prefix / "bin" / name)
            return
        shutil.copy(prefix / "bin" / name, ours)
        standard, packages = prefix / "lib" / name, prefix / "lib" / name / "site-packages"
        target = self._directory / "base" / "lib" / name
        shutil.copytree(standard, target, ignore=shutil.ignore_patterns("site-packages", "test", "__pycache__"))
        shutil.copytree(packages / "pip", target / "site-packages" / "pip")
        for library in (prefix / "lib").glob("libpython*.so*"):
            shutil.copy(library, target.parent)

    def _here(self, text: str) -> str:
        return _OURS.sub(f"{self.root}/", text)

    def _do(self, step: Instruction) -> None:
        if step.name == "ENV":
            for word in step.words:
                name, _, value = word.partition("=")
                self.environment[name] = self._here(value).replace("$PATH", self.environment["PATH"])
        elif step.name == "WORKDIR":
            self._folder = Path(self._here(step.text))
            self._folder.mkdir(parents=True, exist_ok=True)
        elif step.name == "COPY":
            self._copy(step)
        elif step.name == "RUN":
            passed = {name: value for name, value in os.environ.items() if _PASSED.match(name)}
            environment = {**passed, "HOME": str(self._directory), **self.environment}
            done = subprocess.run(
                ["/bin/sh", "-c", self._here(step.text)],
                cwd=self._folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, f"RUN {step.text}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        else:
            assert step.name in {"USER", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK", "ENTRYPOINT", "CMD"}, step.name

    def _copy(self, step: Instruction) -> None:
        *sources, last = step.words
        target = self._folder / self._here(last)
        for source in sources:
            if "from" in step.flags:
                self._take(Path(f"{self._directory}/{step.flags['from']}{source}"), target)
                continue
            files = [path for path in context() if path.parts[0] == source]
            assert files, f"COPY {source}: .dockerignore leaves nothing of it"
            for path in files:
                inside = path.relative_to(source)
                place = target / path.name if last.endswith("/") else target / inside
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / path, place)

    @staticmethod
    def _take(source: Path, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, symlinks=True)
        else:
            shutil.copyfile(source, target)

    # --- what is built -------------------------------------------------------------------------------------------

    def files(self) -> set[str]:
        """All that lies in the image."""
        return {path.relative_to(self.root).as_posix() for path in self.root.rglob("*")}

    def start(self, command: Sequence[str], environment: dict[str, str], **more: Any) -> "subprocess.Popen[str]":
        """Start a process in the image, with no more environment than a container has."""
        uid, gid = (int(word) for word in self.stage.last("USER").text.split(":"))
        given = {**self.environment, "HOME": "/", **environment}
        program = shutil.which(command[0], path=given["PATH"])
        assert program is not None, command
        switch: dict[str, Any] = {"user": uid, "group": gid, "extra_groups": []} if os.geteuid() == 0 else {}
        return subprocess.Popen(
            [program, *command[1:]], cwd=self._folder, env=given, stdin=subprocess.DEVNULL, text=True, **switch, **more
        )  # fmt: skip

    def run(self, command: Sequence[str], environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
        """Run a process in the image to its end."""
        with self.start(command, environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            out, err = process.communicate(timeout=300)
        return subprocess.CompletedProcess(list(command), process.returncode, out, err)

    def clientele(self, *arguments: str) -> list[str]:
        """The image's entry point with arguments, or with its own."""
        return [*self.stage.last("ENTRYPOINT").words, *(arguments or self.stage.last("CMD").words)]
