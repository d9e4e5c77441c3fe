"""What docs/warnings.md says of the measurements: tables of Markdown, written and compared."""

import re
from collections.abc import Iterable
from itertools import takewhile
from pathlib import Path

from tests.realdata.losses import Level, Measured

PAGE = Path(__file__).parents[2] / "docs" / "warnings.md"
LEVELS_HEAD = (
    "warned of", "customers", "did not buy", "of all who did not", "spent before",
    "longest silent: did not buy", "of all who did not", "spent before", "least chance: did not buy",
)  # fmt: skip
ALL_HEAD = (
    "customers", "did not buy", "the model expected", "ranked by chance", "ranked by days since last",
)  # fmt: skip
_NUMBER = re.compile(r"\d[\d,.]*")


def level(name: str, one: Level) -> list[str]:
    """The cells under `LEVELS_HEAD`."""
    return [
        name, f"{one.flagged:,}", _percent(one.precision), _tenths(one.recall), _money(one.net),
        _percent(one.since_precision), _tenths(one.since_recall), _money(one.since_net),
        _percent(one.chance_precision),
    ]  # fmt: skip


def everybody(found: Measured) -> list[str]:
    """The cells under `ALL_HEAD`."""
    shares = (found.gone, found.expected_gone, found.chance_average, found.since_average)
    return [f"{found.customers:,}", *map(_percent, shares)]


def markdown(head: Iterable[str], labels: int, rows: Iterable[list[str]]) -> list[str]:
    """A table as lines; so many of the leading columns are words."""
    head = list(head)
    lines = [head, ["---" if place < labels else "---:" for place in range(len(head))], *rows]
    return ["| " + " | ".join(line) + " |" for line in lines]


def check(found: list[list[str]], *, whose: str = "") -> None:
    """The page holds these tables, of each the rows that begin with the cell `whose`, if one is given.

    Raises AssertionError if a label differs, or a number by more than rounding.
    """
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    for wanted in found:
        assert wanted[0] in lines, f"{PAGE.name} has no table with this head:\n" + "\n".join(wanted)
        start = lines.index(wanted[0])
        written = list(takewhile(lambda line: line.startswith("|"), lines[start:]))
        written = [*written[:2], *(line for line in written[2:] if line.startswith(f"| {whose}"))]
        alike = len(written) == len(wanted) and all(map(_alike, written, wanted))
        assert alike, f"{PAGE.name} says\n" + "\n".join(written) + "\nand measured was\n" + "\n".join(wanted)


def _alike(written: str, wanted: str) -> bool:
    """Whether two lines are the same but for rounding: by 1 or one in a hundred, and by 0.2 where tenths are given."""
    if _NUMBER.sub("#", written) != _NUMBER.sub("#", wanted):
        return False
    pairs = zip(_NUMBER.findall(written), _NUMBER.findall(wanted), strict=True)
    return all(_near(one.replace(",", ""), other.replace(",", "")) for one, other in pairs)


def _near(one: str, other: str) -> bool:
    room = 0.2 if "." in other else max(1, int(other) // 100)
    return abs(float(one) - float(other)) <= room + 1e-9


def _percent(share: float) -> str:
    return f"{share * 100:.0f} %"


def _tenths(share: float) -> str:
    return f"{share * 100:.1f} %"


def _money(cents: int) -> str:
    return f"{cents / 100:,.0f}"
