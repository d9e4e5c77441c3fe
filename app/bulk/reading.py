"""A file as batches: what it is (by its first block), its rows in bounded batches, and where to go on after each."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.bulk.columns import SHAPES, Column
from app.bulk.lines import Lines
from app.bulk.rows import FlatRows, GroupedRows, JsonRows, Row, Rows
from app.core.batch import BATCH_MAX
from app.core.errors import INVALID, FieldError, Problem, ProblemType

BLOCK = 1024 * 1024
BATCH_BYTES = 4 * BLOCK
# Far more than any kind of file has.
COLUMNS_MAX = 1000
DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t"}
UNREADABLE = ProblemType("unreadable_file", 422, "The file cannot be read")
_BOM = b"\xef\xbb\xbf"
_OTHER_FILES = {
    b"\xff\xfe": "The file is UTF-16; save it as UTF-8.",
    b"\xfe\xff": "The file is UTF-16; save it as UTF-8.",
    b"PK\x03\x04": "The file is a spreadsheet or a ZIP archive; save it as CSV.",
    b"\x1f\x8b": "The file is compressed; send it as it is.",
    b"\xd0\xcf\x11\xe0": "The file is a spreadsheet; save it as CSV.",
}
_NAME_SHOWN = 40


@dataclass(frozen=True, slots=True)
class Position:
    """A place between two rows: the next byte and its line, and the key of a receipt given up there."""

    offset: int = 0
    line: int = 1
    split: list[str] | None = None

    def as_dict(self) -> dict[str, Any]:
        """As a job's cursor."""
        return {"offset": self.offset, "line": self.line, "split": self.split}


@dataclass(frozen=True, slots=True)
class Layout:
    """What the first block says: kind, format, the columns of a CSV, and where the rows start."""

    kind: str
    format: str
    start: Position
    columns: Sequence[Column] = ()
    delimiter: str | None = None

    def rows(self, position: Position) -> Rows:
        """The rows from `position` on, to be fed from its offset."""
        lines, shape = Lines(position.offset, position.line), SHAPES[self.kind]
        if self.format == "ndjson":
            return JsonRows(lines, shape)
        kind = GroupedRows if shape.grouped_by else FlatRows
        rows = kind(lines, shape, self.columns, self.delimiter or ",")
        rows.split = position.split
        return rows


@dataclass(frozen=True, slots=True)
class RowBatch:
    """At most a thousand rows, where to go on behind them, and whether the file ends there."""

    rows: list[Row]
    after: Position
    ended: bool


class Batches:
    """Collects rows until a batch is full; `take` answers None while more must be fed."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._taken: list[Row] = []
        self._size = 0

    def feed(self, block: bytes | None) -> None:
        """Add the next bytes; None means that there are no more."""
        if block is None:
            self._rows.lines.close()
        else:
            self._rows.lines.feed(block)

    def take(self) -> RowBatch | None:
        """The next batch."""
        while len(self._taken) < BATCH_MAX and self._size < BATCH_BYTES:
            row = self._rows.next()
            if row is None:
                if not self._rows.lines.closed:
                    return None
                return self._batch(ended=True)
            self._taken.append(row)
            self._size += row.size
        return self._batch(ended=False)

    def _batch(self, *, ended: bool) -> RowBatch:
        rows, self._taken, self._size = self._taken, [], 0
        offset, line = self._rows.position
        return RowBatch(rows, Position(offset, line, self._rows.split), ended)


def layout(kind: str, format: str, block: bytes, delimiter: str | None = None) -> Layout:  # noqa: A002
    """What a file is, from its first block. Raises Problem (422) for one that holds no rows we could read."""
    if not block:
        raise Problem(UNREADABLE, "The file is empty.")
    for magic, detail in _OTHER_FILES.items():
        if block.startswith(magic):
            raise Problem(UNREADABLE, detail)
    start = len(_BOM) if block.startswith(_BOM) else 0
    if format == "ndjson":
        return Layout(kind, format, Position(start))
    return _csv_layout(kind, block, start, delimiter)


def _csv_layout(kind: str, block: bytes, start: int, delimiter: str | None) -> Layout:
    head, newline, _ = block[start:].partition(b"\n")
    if not newline and b"\r" in head:
        raise Problem(UNREADABLE, "The lines end with a bare carriage return; save the file with line feeds.")
    if not newline and len(block) >= BLOCK:
        raise Problem(UNREADABLE, "The first line is too long to be a header.")
    try:
        text = head.decode().rstrip("\r")
    except UnicodeDecodeError:
        raise Problem(UNREADABLE, "The header is not UTF-8.") from None
    shape = SHAPES[kind]
    best: list[str] = []
    used = ","
    for candidate in [delimiter] if delimiter else DELIMITERS.values():
        names = _names(text, candidate)
        if len(names) > COLUMNS_MAX:
            raise Problem(UNREADABLE, f"The header has more than {COLUMNS_MAX} columns.")
        if not best or sum(map(bool, map(shape.column, names))) > sum(map(bool, map(shape.column, best))):
            best, used = names, candidate
    columns = [shape.column(name) for name in best]
    faults = [
        FieldError(_shown(place, name), "unknown_field", f"Column {place} is not one of a file of {kind}.")
        for place, (name, column) in enumerate(zip(best, columns, strict=True), 1)
        if column is None
    ]
    first = {name: place for place, name in reversed([*enumerate(best, 1)])}
    faults += [
        FieldError(_shown(place, name), "repeated", f"Column {place} repeats an earlier one.")
        for place, name in enumerate(best, 1)
        if first[name] < place
    ]
    faults += [
        FieldError(f"/{name}", "missing", f"A file of {kind} needs the column {name}.")
        for name in shape.required
        if name not in best
    ]
    if faults:
        raise Problem(INVALID, "The header, the first line, is not one of this kind of file.", faults[:50])
    return Layout(kind, "csv", Position(start + len(head) + len(newline), 2), [c for c in columns if c], used)


def _names(text: str, delimiter: str) -> list[str]:
    try:
        return [name.strip().lower() for name in next(csv.reader([text], delimiter=delimiter, strict=True), [""])]
    except csv.Error:
        raise Problem(UNREADABLE, "The header's quotes do not match.") from None


def _shown(place: int, name: str) -> str:
    # A file without a header has data here: show a name only if it looks like one.
    plain = name.replace(".", "").replace("_", "").isalpha() and name.isascii() and len(name) <= _NAME_SHOWN
    return f"/{name}" if plain else f"/{place}"
