"""What an upsert of a batch does to the records it names: pure, so that the order of items decides and nothing else.

Items apply in their order, as if each were sent alone: a field that is absent stays, `null` clears. Several items of
one code are folded into one change of the record, with one new version.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.core.batch import Status
from app.core.errors import Problem

Fields = dict[str, Any]
Items = Sequence[tuple[int, Fields]]
# What became of each item: its index -> (status, code), or why it failed.
Outcomes = dict[int, tuple[Status, str] | Problem]


@dataclass(slots=True)
class Folded:
    """A record after all items that name it; `version` is the one it had before, 0 if it is new."""

    before: Fields | None
    after: Fields
    version: int = 0
    statuses: list[Status] = field(default_factory=list)

    @property
    def verb(self) -> str:
        """What happened to the record, as the audit trail says it."""
        return "create" if self.before is None else "update"

    @property
    def changed(self) -> tuple[str, ...]:
        """The fields whose value differs from before, in order."""
        before = self.before or {}
        return tuple(name for name in self.after if self.before is None or before.get(name) != self.after[name])


def by_code(items: Items, key: str = "code") -> dict[str, list[tuple[int, Fields]]]:
    """(index, fields without the code) per code, codes in order."""
    grouped: dict[str, list[tuple[int, Fields]]] = {}
    for index, item in items:
        grouped.setdefault(item[key], []).append((index, {name: item[name] for name in item if name != key}))
    return dict(sorted(grouped.items()))


def changes_of(grouped: Mapping[str, list[tuple[int, Fields]]]) -> Iterator[tuple[str, list[Fields]]]:
    """The fields of each code's items, in order."""
    for code, items in grouped.items():
        yield code, [fields for _, fields in items]


def fold(before: Fields | None, defaults: Fields, changes: Sequence[Fields], version: int = 0) -> Folded:
    """Apply `changes` in order to a record, or to `defaults` if there is none yet."""
    known = before is not None
    folded = Folded(before, {**(defaults if before is None else before)}, version)
    for change in changes:
        differs = any(folded.after.get(name) != value for name, value in change.items())
        folded.after.update(change)
        folded.statuses.append("created" if not known else "updated" if differs else "duplicate")
        known = True
    return folded
