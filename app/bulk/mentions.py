"""Whether a file speaks of somebody. Letters and digits alone are compared: spaces and dashes hide nobody. Pure.

It may find somebody who is not there (a number that is part of a longer one); it misses nobody whose number is written
in ASCII digits.
"""

import re
import zlib
from collections.abc import Iterable

# What is shorter is in every file.
_SHORTEST = 6
_LONGEST = 500
_OTHERS = bytes(byte for byte in range(128) if not chr(byte).isalnum())
_LOWER = bytes(range(256)).lower()


def marks(identifiers: Iterable[tuple[str, str, str]]) -> frozenset[bytes]:
    """What to look for, of (kind, value, typed): a phone also without its country code, however long that is."""
    found: set[str] = set()
    for kind, value, typed in identifiers:
        found |= {value, typed}
        if kind == "phone":
            found |= {value[end:] for end in range(2, 5)}
    plain = {_plain(one.encode()) for one in found}
    return frozenset(one for one in plain if _SHORTEST <= len(one) <= _LONGEST)


def _plain(text: bytes) -> bytes:
    return text.translate(_LOWER, _OTHERS)


class Reader:
    """Looks for marks in a file that comes in compressed chunks."""

    def __init__(self, wanted: frozenset[bytes]) -> None:
        self._wanted = re.compile(b"|".join(re.escape(one) for one in sorted(wanted)))
        self._rest = b""

    def finds(self, chunk: bytes) -> bool:
        """Whether a mark lies in this chunk or ends in it."""
        text = self._rest + _plain(zlib.decompress(chunk))
        self._rest = text[-_LONGEST:]
        return self._wanted.search(text) is not None
