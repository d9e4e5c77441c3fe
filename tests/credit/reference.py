"""A ledger in plain Python: entries, and what of them is owed, overdue, and since when."""

from dataclasses import dataclass, field
from datetime import date


@dataclass
class Entry:
    """Signed; `due` only of charges, and of what takes a charge back."""

    amount: int
    due: date | None = None


@dataclass
class Ledger:
    """All entries of one account."""

    entries: list[Entry] = field(default_factory=list)

    @property
    def balance(self) -> int:
        return sum(entry.amount for entry in self.entries)

    def unpaid(self) -> list[tuple[date, int]]:
        """What is left of each due day after everything paid has settled what was due soonest."""
        dues: dict[date, int] = {}
        for entry in self.entries:
            if entry.due is not None:
                dues[entry.due] = dues.get(entry.due, 0) + entry.amount
        paid = -sum(entry.amount for entry in self.entries if entry.due is None)
        left = []
        for due, amount in sorted(dues.items()):
            settled = min(paid, amount)
            paid -= settled
            if amount > settled:
                left.append((due, amount - settled))
        return left

    def overdue(self, today: date) -> tuple[int, date | None]:
        """(how much is past its due day, the due day of the oldest of it)."""
        late = [(due, amount) for due, amount in self.unpaid() if due < today]
        return sum(amount for _, amount in late), late[0][0] if late else None
