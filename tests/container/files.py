"""The container's files as they are in the root, read the way their own tools read them."""

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
_WORD = re.compile(r"\$\{(\w+):\?[^}]*\}")


@dataclass(frozen=True)
class Instruction:
    """One instruction. `text` is what stands after its name, and its flags (`--from=build`) are apart."""

    name: str
    text: str
    flags: Mapping[str, str]

    @property
    def words(self) -> list[str]:
        """The words: of the exec form if it has that, else as a shell reads them."""
        return list(json.loads(self.text)) if self.text.startswith("[") else shlex.split(self.text)

    @property
    def is_exec(self) -> bool:
        """Whether a process is started directly, so that signals reach it, and not a shell around it."""
        return self.text.startswith("[")


@dataclass
class Stage:
    """The instructions from one FROM to the next."""

    base: str
    name: str
    steps: list[Instruction] = field(default_factory=list)

    def last(self, name: str) -> Instruction:
        """The instruction of a name that counts."""
        return [step for step in self.steps if step.name == name][-1]

    @property
    def environment(self) -> dict[str, str]:
        """What ENV sets, with `$PATH` left as it is."""
        return dict(word.split("=", 1) for step in self.steps if step.name == "ENV" for word in step.words)


def _instructions(text: str) -> Iterator[Instruction]:
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        name, _, rest = line.strip().partition(" ")
        flags = {}
        while found := re.match(r"--([a-z-]+)=(\S+)\s+", rest := rest.strip()):
            flags[found[1]] = found[2]
            rest = rest[found.end() :]
        yield Instruction(name.upper(), rest, flags)


def stages() -> list[Stage]:
    """The stages of the Dockerfile."""
    found: list[Stage] = []
    for step in _instructions((ROOT / "Dockerfile").read_text(encoding="utf-8")):
        if step.name == "FROM":
            base, *named = step.words
            found.append(Stage(base, named[1] if named else ""))
        else:
            found[-1].steps.append(step)
    return found


def healthcheck(stage: Stage) -> list[str]:
    """The command of the stage's HEALTHCHECK."""
    text = stage.last("HEALTHCHECK").text
    assert text.startswith("CMD ["), "the exec form needs no shell"
    return list(json.loads(text.removeprefix("CMD ")))


def compose(secrets: Mapping[str, str]) -> dict[str, Any]:
    """compose.yaml with its secrets filled in. Raises KeyError for a variable that is no known secret."""
    return dict(_filled(YAML(typ="safe", pure=True).load(ROOT / "compose.yaml"), secrets))


def _filled(value: Any, secrets: Mapping[str, str]) -> Any:
    # As compose does it: after reading, so that a secret may hold any character.
    if isinstance(value, dict):
        return {name: _filled(inner, secrets) for name, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, secrets) for inner in value]
    return _WORD.sub(lambda found: secrets[found[1]], value) if isinstance(value, str) else value


def context() -> Iterator[Path]:
    """The files that .dockerignore lets into the build. Only the forms of pattern that ours has are known."""
    patterns = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    patterns = [line for line in patterns if line and not line.startswith("#")]
    assert patterns[0] == "*", "all is left out that is not named"
    kept = [line.removeprefix("!") for line in patterns[1:] if line.startswith("!")]
    hidden = {line.removeprefix("**/") for line in patterns[1:] if line.startswith("**/")}
    assert len(kept) + len(hidden) == len(patterns) - 1, "a pattern of a form that is not known here"
    for name in kept:
        place = ROOT / name
        for path in [place, *place.rglob("*")]:
            if path.is_file() and not hidden & set(path.relative_to(ROOT).parts):
                yield path.relative_to(ROOT)
