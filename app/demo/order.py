"""Which company is made: everything else follows from these few values. Pure."""

import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from random import Random
from typing import Any

# Raised when the same order makes another company, so that a load that was interrupted is not ended as another one.
EDITION = 1
DAYS = 730
CURRENCY = "CNY"
SEED, PEOPLE, PEOPLE_LEAST, PEOPLE_MOST = 1, 2400, 60, 20_000


@dataclass(frozen=True, slots=True)
class Order:
    """A company of about so many people whose last full day is the one before `until`."""

    seed: int
    people: int
    until: date
    edition: int = EDITION

    @property
    def since(self) -> date:
        """The first day of the company's history."""
        return self.until - timedelta(days=DAYS)

    @property
    def businesses(self) -> int:
        """How many of the customers are businesses."""
        return max(24, self.people // 12)

    @property
    def accounts(self) -> int:
        """How many of the businesses, the first ones, buy on account."""
        return max(12, self.people // 60)

    def chance(self, *names: object) -> Random:
        """A stream of numbers of its own for a part of the company: what one part draws moves no other part."""
        return Random(":".join(str(one) for one in (self.seed, *names)))

    def day(self, chance: Random, first: int, last: int) -> date:
        """A day from so many to so many days after the history begins."""
        return self.since + timedelta(days=chance.randint(first, max(first, last)))

    def as_dict(self) -> dict[str, Any]:
        """As it is kept."""
        return {**asdict(self), "until": self.until.isoformat()}

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> "Order":
        """As it was kept."""
        return cls(kept["seed"], kept["people"], date.fromisoformat(kept["until"]), kept["edition"])


def identity(chance: Random, day: date) -> uuid.UUID:
    """A UUIDv7 of that day."""
    milliseconds = (day - date(1970, 1, 1)) // timedelta(days=1) * 86_400_000 + chance.randrange(86_400_000)
    value = milliseconds << 80 | 0x7 << 76 | chance.getrandbits(12) << 64 | 0b10 << 62 | chance.getrandbits(62)
    return uuid.UUID(int=value)
