"""Records as API objects: one per CSV record or NDJSON line, or one receipt per run of records with its number."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from app.bulk.columns import BadCell, Column, Shape
from app.bulk.lines import Line, Lines
from app.bulk.records import Record, Records
from app.core.errors import FieldError, Problem
from app.core.gate import parse_json

Places = Sequence[tuple[int, Column]]
GROUP_MAX = 1000
_NAME_MAX = 130


@dataclass(slots=True)
class Row:
    """One API object with the place it came from, or the reasons why there is none.

    `place` turns a JSON pointer into the object into (line of the file, column or pointer).
    """

    line: int
    size: int
    item: dict[str, Any] | None
    faults: list[FieldError] = field(default_factory=list)
    key: str | None = None
    place: Callable[[str], tuple[int, str]] | None = None


class Rows(Protocol):
    """Rows of lines that are fed; `split` is the cell key of a receipt so long that it was given up half-way."""

    lines: Lines
    split: list[str] | None

    @property
    def position(self) -> tuple[int, int]:
        """Offset and line behind the row that `next` answered last."""

    def next(self) -> Row | None:
        """The next row; None when more must be fed, or when the file has ended."""


class JsonRows:
    """One JSON object a line."""

    def __init__(self, lines: Lines, shape: Shape) -> None:
        self.lines = lines
        self.split: list[str] | None = None
        self._shape = shape

    @property
    def position(self) -> tuple[int, int]:
        """See Rows."""
        return self.lines.offset, self.lines.number

    def next(self) -> Row | None:
        """See Rows."""
        while True:
            number = self.lines.number
            line = self.lines.pop()
            if line is None:
                return None
            text = line.data.strip(b" \t\r")
            if text:
                return self._row(number, line, text)

    def _row(self, number: int, line: Line, text: bytes) -> Row:
        if line.cut:
            return _lost(number, line.size, "line_too_long", "The line is longer than 1 MiB.")
        try:
            item = parse_json(text)
        except Problem as problem:
            if problem.errors:
                return Row(number, line.size, None, problem.errors[:20], place=lambda pointer: (number, pointer))
            # Which line it is of the file is told beside it.
            detail = problem.detail.replace("The body", "The line").replace("at line 1, column", "at column")
            return _lost(number, line.size, problem.type.code, detail)
        if not isinstance(item, dict):
            return _lost(number, line.size, "not_an_object", "A line must hold one JSON object.")
        named = [item.get(name) for name in self._shape.named_by]
        return Row(number, line.size, item, key=_key(named), place=lambda pointer: (number, pointer))


class FlatRows:
    """One object per CSV record."""

    def __init__(self, lines: Lines, shape: Shape, columns: Sequence[Column], delimiter: str) -> None:
        self.lines = lines
        self.split: list[str] | None = None
        self._records = Records(lines, delimiter, len(columns))
        self._columns = list(enumerate(columns))
        self._names = [_index(columns, name) for name in shape.named_by]

    @property
    def position(self) -> tuple[int, int]:
        """See Rows."""
        return self.lines.offset, self.lines.number

    def next(self) -> Row | None:
        """See Rows."""
        record = self._records.next()
        if record is None:
            return None
        faults = _record_faults(record)
        key = _key(_cells(record, self._names))
        if faults:
            return Row(record.line, record.size, None, faults, key)
        item, faults = _filled(self._columns, record.cells)

        def place(pointer: str) -> tuple[int, str]:
            return record.line, _named(_shadow(self._columns, record.cells), pointer)

        return Row(record.line, record.size, None if faults else item, faults, key, place)


class GroupedRows:
    """One receipt per run of records with the same number: each record is a line of it.

    A record that cannot be read costs its receipt, because a receipt without one of its lines would be wrong; but not
    the receipts around it.
    """

    def __init__(self, lines: Lines, shape: Shape, columns: Sequence[Column], delimiter: str) -> None:
        self.lines = lines
        self.split: list[str] | None = None
        self._records = Records(lines, delimiter, len(columns))
        self._heads = [(place, column) for place, column in enumerate(columns) if not column.of_line]
        self._of_line = [(place, column) for place, column in enumerate(columns) if column.of_line]
        self._group = [_index(columns, name) for name in shape.grouped_by]
        # The first record of the next receipt, which ended the one before, and its lines.
        self._held: tuple[Record, list[Line]] | None = None

    @property
    def position(self) -> tuple[int, int]:
        """See Rows."""
        held = self._held[1] if self._held else []
        return self.lines.offset - sum(line.size for line in held), self.lines.number - len(held)

    def next(self) -> Row | None:
        """See Rows."""
        group: list[Record] = []
        used: list[Line] = []
        # Records whose receipt is not known: they belong to the group if it goes on behind them.
        strays: list[Record] = []
        loose: list[Line] = []
        key: list[str] | None = None
        while len(group) + len(strays) <= GROUP_MAX:
            record, taken = self._held or (self._records.next(), self._records.used)
            self._held = None
            if record is None:
                break
            own = self._key_of(record)
            if own is None and key is None:
                return Row(record.line, record.size, None, _record_faults(record) or [_NO_NUMBER])
            if own is None:
                strays.append(record)
                loose += taken
            elif key is None or own == key:
                key = own
                group += [*strays, record]
                used += loose + taken
                strays, loose = [], []
            else:
                if loose:
                    self.lines.unpop(loose + taken)
                else:
                    self._held = (record, taken)
                return self._row(key, group)
        if len(group) > GROUP_MAX:
            return self._row(key, group, too_long=True)
        if len(group) + len(strays) > GROUP_MAX:
            # Whether the receipt goes on behind so many records of nobody is not known.
            self.lines.unpop(loose)
            return self._row(key, group, too_long=True)
        if not self.lines.closed:
            self.lines.unpop(used + loose)
            return None
        self.lines.unpop(loose)
        return self._row(key, group) if group else None

    def _key_of(self, record: Record) -> list[str] | None:
        cells = _cells(record, self._group)
        if record.code:
            cells = [cell.strip('" ') for cell in cells]
        known = len(cells) == len(self._group) and all(cells) and "".join(cells).isprintable()
        return cells if known else None

    def _row(self, key: list[str] | None, group: list[Record], *, too_long: bool = False) -> Row:
        line, size = group[0].line, sum(record.size for record in group)
        name = _key(key or [])
        too_long = too_long or (key is not None and key == self.split)
        self.split = key if too_long else None
        if too_long:
            detail = f"A receipt has at most {GROUP_MAX} lines, with those inside it that have no number."
            fault = FieldError("", "receipt_too_long", detail)
            return Row(line, size, None, [fault], name)
        faults = [fault for record in group for fault in _record_faults(record, line)]
        if faults:
            return Row(line, size, None, faults[:20], name)
        item, faults = self._item(group)

        def place(pointer: str) -> tuple[int, str]:
            parts = pointer.split("/")
            if parts[1:2] == ["lines"] and len(parts) > 2 and parts[2].isdigit() and int(parts[2]) < len(group):  # noqa: PLR2004
                record = group[int(parts[2])]
                return record.line, _named({"lines": {parts[2]: _shadow(self._of_line, record.cells)}}, pointer)
            return line, _named(_shadow(self._heads, group[0].cells), pointer)

        return Row(line, size, None if faults else item, faults[:20], name, place)

    def _item(self, group: list[Record]) -> tuple[dict[str, Any], list[FieldError]]:
        first = group[0]
        item, faults = _filled(self._heads, first.cells)
        lines = []
        for record in group:
            line, wrong = _filled(self._of_line, record.cells)
            lines.append(line)
            if record is not first:
                wrong += self._differences(first, record)
            faults += [_at_line(fault, record.line, first.line) for fault in wrong]
        item["lines"] = lines
        return item, faults

    def _differences(self, first: Record, record: Record) -> list[FieldError]:
        one, other = first.cells, record.cells
        return [
            FieldError(column.name, "differs", "Within one receipt this column is empty or the same on every line.")
            for place, column in self._heads
            if other[place] != one[place] and other[place]
        ]


_NO_NUMBER = FieldError("number", "missing", "The row names no receipt.")


def _filled(columns: Places, cells: list[str]) -> tuple[dict[str, Any], list[FieldError]]:
    """The object that these cells stand for, and what is wrong with them."""
    item: dict[str, Any] = {}
    faults: list[FieldError] = []
    for place, column in columns:
        text = cells[place]
        if not text:
            continue
        try:
            value = text if column.read is None else column.read(text)
            if column.put is None:
                item[column.field] = value
            else:
                column.put(item, value)
        except BadCell as error:
            faults.append(FieldError(column.name, error.code, str(error)))
    return item, faults


def _shadow(columns: Places, cells: list[str]) -> dict[str, Any]:
    """The same object with the name of its column in place of each value."""
    item: dict[str, Any] = {}
    for place, column in columns:
        if not cells[place]:
            continue
        with suppress(BadCell):
            if column.put is None:
                item[column.field] = column.name
            else:
                column.put(item, column.name)
    return item


def _record_faults(record: Record, first_line: int | None = None) -> list[FieldError]:
    if not record.code:
        return []
    fault = FieldError("", record.code, record.detail)
    return [fault if first_line is None else _at_line(fault, record.line, first_line)]


def _at_line(fault: FieldError, line: int, first: int) -> FieldError:
    return fault if line == first else FieldError(fault.pointer, fault.code, f"Line {line}: {fault.detail}")


def _named(shadow: Any, pointer: str) -> str:
    """The column that the value at `pointer` came from; the path in dots where no column gave it."""
    found = shadow
    for part in pointer.split("/")[1:]:
        if isinstance(found, dict):
            found = found.get(part)
        elif isinstance(found, list) and part.isdigit() and int(part) < len(found):
            found = found[int(part)]
        if isinstance(found, str):
            return found
    path = [part for part in pointer.split("/")[1:] if not part.isdigit()]
    return ".".join(path)


def _lost(line: int, size: int, code: str, detail: str) -> Row:
    return Row(line, size, None, [FieldError("", code, detail)])


def _index(columns: Sequence[Column], name: str) -> int:
    return next((place for place, column in enumerate(columns) if column.name == name), -1)


def _cells(record: Record, places: Sequence[int]) -> list[str]:
    return [record.cells[place] for place in places if 0 <= place < len(record.cells)]


def _key(parts: Sequence[Any]) -> str | None:
    """A row's own name, if it has one that can be shown."""
    if not parts or not all(isinstance(part, str) and part for part in parts):
        return None
    text = " ".join(parts)
    return text if len(text) <= _NAME_MAX and text.isprintable() else None
