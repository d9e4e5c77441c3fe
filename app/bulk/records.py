"""CSV text as records: quoted fields over several lines, and damage that stays with the record it is in."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field

from app.bulk.lines import LONGEST_LINE, Line, Lines

# A quote that is never closed would swallow the rest of the file; a real record is shorter than this.
LONGEST_RECORD_LINES = 64
_BLANK = (b"", b"\r")


@dataclass(slots=True)
class Record:
    """One record: its cells, or what is wrong with it and a guess at its cells. `line` is where it starts."""

    line: int
    size: int
    cells: list[str]
    code: str = ""
    detail: str = ""


class _NeedMore(Exception):
    """The record may go on in a block that is not here yet."""


class _TooLong(Exception):
    """The record goes on for longer than any real one."""


@dataclass(slots=True)
class Records:
    """Records of CSV lines. After a record that cannot be read, reading goes on with the line after its first."""

    lines: Lines
    delimiter: str
    width: int
    # The lines of the record that `next` answered last.
    used: list[Line] = field(default_factory=list)
    _size: int = 0
    _reader: Iterator[list[str]] = field(init=False)

    def __post_init__(self) -> None:
        self._restart()

    def next(self) -> Record | None:
        """The next record that is not empty; None when more lines must be fed, or when the file has ended."""
        while True:
            self.used, self._size = [], 0
            try:
                cells = next(self._reader)
            except _NeedMore:
                self.lines.unpop(self.used)
                self._restart()
                return None
            except StopIteration:
                self._restart()
                return None
            except (csv.Error, _TooLong) as error:
                self._restart()
                return self._damaged(error)
            if len(self.used) > 1 and len(cells) != self.width:
                # Two open quotes make one well-formed record of all the rows between them.
                self._restart()
                return self._damaged(_TooLong())
            line, damage = self.lines.number - len(self.used), self._damage() or self._miscount(cells)
            if damage:
                return Record(line, self._size, cells, *damage)
            if any(cells):
                return Record(line, self._size, cells)

    def _restart(self) -> None:
        # A generator is over once something was raised through it. With `strict` a quote in the wrong place is an error
        # of its record, not a silent change of what it says.
        self._reader = csv.reader(self._texts(), delimiter=self.delimiter, strict=True)

    def _texts(self) -> Iterator[str]:
        while True:
            line = self.lines.pop()
            if line is None:
                if self.lines.closed:
                    return
                raise _NeedMore
            if not self.used and line.data in _BLANK:
                continue
            self.used.append(line)
            self._size += line.size
            if len(self.used) > 1 and (line.cut or len(self.used) > LONGEST_RECORD_LINES or self._size > LONGEST_LINE):
                raise _TooLong
            if line.cut:
                raise _TooLong
            yield line.data.decode("utf-8", "surrogateescape") + "\n"

    def _damaged(self, error: Exception) -> Record:
        """Only the first line is given up; the ones that its open quote took with it are read again."""
        number, first = self.lines.number - len(self.used), self.used[0]
        alone = len(self.used) == 1
        self.lines.unpop(self.used[1:])
        self.used = [first]
        guess = first.data.decode("utf-8", "surrogateescape").rstrip("\r").split(self.delimiter)
        if first.cut:
            return Record(number, first.size, guess, "line_too_long", "The line is longer than 1 MiB.")
        if alone and "field limit" in str(error):
            return Record(number, first.size, guess, "field_too_long", "A field is longer than 131,072 characters.")
        return Record(number, first.size, guess, "bad_quotes", "A quote is opened and not closed where the field ends.")

    def _miscount(self, cells: list[str]) -> tuple[str, str] | None:
        if len(cells) == self.width or not any(cells):
            return None
        return "column_count", f"The row has {len(cells)} columns, the header {self.width}."

    def _damage(self) -> tuple[str, str] | None:
        for line in self.used:
            if b"\0" in line.data:
                return "nul", "The row holds the NUL character."
            if not line.data.isascii():
                try:
                    line.data.decode()
                except UnicodeDecodeError:
                    return "invalid_utf8", "The row holds bytes that are not UTF-8."
        return None
