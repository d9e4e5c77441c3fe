"""A ledger in plain Python: entries, and what of them is owed, overdue, and since when."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date


@dataclass
class Entry:
    """Signed; `due` only of charges, and of what takes a charge back. `named` are charges that a payment settles."""

    amount: int
    due: date | None = None
    key: str = ""
    named: list[tuple["Entry", int]] = field(default_factory=list)
    gone: bool = False


@dataclass
class Ledger:
    """All entries of one account, in the order in which they were entered."""

    entries: list[Entry] = field(default_factory=list)

    @property
    def balance(self) -> int:
        return sum(entry.amount for entry in self.entries)

    def charges(self) -> list[Entry]:
        """Those that are there still, what is due soonest before the others."""
        there: list[Entry] = []
        for entry in self.entries:
            if entry.due is None or entry.gone:
                continue
            if entry.amount > 0:
                there.append(entry)
            else:
                there.remove(next(one for one in there if (one.amount, one.due) == (-entry.amount, entry.due)))
        return sorted(there, key=lambda entry: entry.due or date.max)

    def named(self, charge: Entry) -> int:
        """How much of a charge was paid by name."""
        return sum(amount for entry in self.entries for other, amount in entry.named if other is charge)

    def take_back(self, charge: Entry) -> None:
        """The charge is there no more, and nothing was paid for it."""
        charge.gone = True
        for entry in self.entries:
            entry.named = [one for one in entry.named if one[0] is not charge]
        self.entries.append(Entry(-charge.amount, charge.due, gone=True))

    def open(self) -> Iterator[tuple[Entry, int]]:
        """Every charge with what is left of it, after all that names none has settled what was due soonest."""
        free = -sum(entry.amount for entry in self.entries if entry.due is None)
        free -= sum(amount for entry in self.entries for _, amount in entry.named)
        for charge in self.charges():
            left = charge.amount - self.named(charge)
            settled = min(free, left)
            free -= settled
            yield charge, left - settled

    def overdue(self, today: date) -> tuple[int, date | None]:
        """(how much is past its due day, the due day of the oldest of it)."""
        late = [(charge.due, left) for charge, left in self.open() if charge.due and charge.due < today and left]
        return sum(left for _, left in late), late[0][0] if late else None

    def ageing(self, today: date) -> dict[str, int]:
        """What is owed by how long it is overdue."""
        found = dict.fromkeys(("not_due", "days_1_30", "days_31_60", "days_61_90", "days_over_90"), 0)
        for charge, left in self.open():
            days = (today - (charge.due or today)).days
            name = "not_due" if days <= 0 else "days_over_90" if days > 90 else f"days_{(days - 1) // 30 * 30 + 1}_"
            found[next(one for one in found if one.startswith(name))] += left
        return found
