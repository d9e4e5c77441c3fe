"""A file as lines: fed block by block, bounded in memory, and restartable from the offset of any line."""

from collections import deque
from typing import NamedTuple

LONGEST_LINE = 1024 * 1024
# Of a line that is too long only its start is kept, enough to tell which record it belonged to.
_PREFIX = 4096


class Line(NamedTuple):
    """One line without its newline. `size` counts all its bytes in the file; `cut`: `data` is only its start."""

    data: bytes
    size: int
    cut: bool


class Lines:
    """Lines of a file that arrives in blocks. `offset` and `number` are those of the next line that `pop` answers."""

    def __init__(self, offset: int = 0, number: int = 1) -> None:
        self.offset = offset
        self.number = number
        self.closed = False
        self._ready: deque[Line] = deque()
        self._tail = b""
        self._skipped = 0

    def feed(self, block: bytes) -> None:
        """Add the next bytes of the file."""
        if self._skipped:
            end = block.find(b"\n")
            if end < 0:
                self._skipped += len(block)
                return
            self._ready.append(Line(self._tail, len(self._tail) + self._skipped + end + 1, cut=True))
            self._tail, self._skipped, block = b"", 0, block[end + 1 :]
        parts = (self._tail + block).split(b"\n")
        self._tail = parts.pop()
        self._ready.extend(_line(part, 1) for part in parts)
        if len(self._tail) > LONGEST_LINE:
            self._tail, self._skipped = self._tail[:_PREFIX], len(self._tail) - _PREFIX

    def close(self) -> None:
        """The file has ended; what is left is its last line."""
        if self._skipped:
            self._ready.append(Line(self._tail, len(self._tail) + self._skipped, cut=True))
        elif self._tail:
            self._ready.append(_line(self._tail, 0))
        self._tail, self._skipped, self.closed = b"", 0, True

    def pop(self) -> Line | None:
        """The next line; None when more must be fed, or when the file has ended."""
        if not self._ready:
            return None
        line = self._ready.popleft()
        self.offset += line.size
        self.number += 1
        return line

    def unpop(self, lines: list[Line]) -> None:
        """Put back the last lines that `pop` answered, oldest first."""
        self._ready.extendleft(reversed(lines))
        self.offset -= sum(line.size for line in lines)
        self.number -= len(lines)


def _line(data: bytes, newline: int) -> Line:
    size = len(data) + newline
    if len(data) > LONGEST_LINE:
        return Line(data[:_PREFIX], size, cut=True)
    return Line(data, size, cut=False)
