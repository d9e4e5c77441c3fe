"""What a run found, as one table: on the screen and in RESULTS.md."""

import os
import platform
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

RESULTS = Path(__file__).parent / "RESULTS.md"
HEAD = ("work", "measured", "budget", "met")


@dataclass(frozen=True)
class Row:
    """One measurement against its budget; `met` is None where there is no budget. `notes` say how it came about."""

    work: str
    measured: str
    budget: str = ""
    met: bool | None = None
    notes: str = ""

    @property
    def cells(self) -> tuple[str, str, str, str]:
        """The row as text."""
        return self.work, self.measured, self.budget, {True: "yes", False: "**no**", None: ""}[self.met]


def markdown(rows: list[Row]) -> str:
    """The table, with columns as wide as their longest cell."""
    lines = [HEAD, *(row.cells for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    text = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    ]
    text.insert(1, "| " + " | ".join("-" * width for width in widths) + " |")
    return "\n".join(text)


def machine(postgres: str) -> list[str]:
    """What the numbers were measured on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    return [
        f"- {datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        f"- {os.cpu_count()} cores ({_processor()}), {memory:.0f} GB of memory, {platform.system()}",
        f"- Python {platform.python_version()}, PostgreSQL {postgres}",
        "- everything on 127.0.0.1: clients, server, worker and database share the cores",
        f"- load on the machine at the end: {os.getloadavg()[2]:.1f} (15 minutes)",
    ]


def _processor() -> str:
    try:
        found = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    except OSError:
        found = None
    return found[1].strip() if found else platform.machine()


def write(rows: list[Row], about: list[str], path: Path = RESULTS) -> None:
    """Keep the table with what it was measured on and how."""
    notes = [f"- **{row.work}**: {row.notes}" for row in rows if row.notes]
    text = [
        "# Measured",
        "",
        "By `make bench`; budgets are the product's own.",
        "",
        *about,
        "",
        markdown(rows),
        "",
        "## How",
        "",
    ]
    path.write_text("\n".join([*text, *notes, ""]), encoding="utf-8")
