"""The company's promotions, the same days every year. Pure."""

from dataclasses import dataclass
from datetime import date, timedelta


@dataclass(frozen=True, slots=True)
class Promotion:
    """So much off, for some days of every year."""

    name: str
    month: int
    day: int
    days: int
    percent: int

    def code(self, day: date) -> str | None:
        """Its code if it runs on that day."""
        begins = date(day.year, self.month, self.day)
        return f"{self.name}-{day.year}" if begins <= day < begins + timedelta(days=self.days) else None


PROMOTIONS = (
    Promotion("NEWYEAR", 1, 16, 21, 15),
    Promotion("SPRING", 3, 20, 14, 10),
    Promotion("618", 6, 10, 9, 15),
    Promotion("MIDAUTUMN", 9, 8, 14, 10),
    Promotion("DOUBLE11", 11, 1, 11, 20),
)


def running(day: date) -> tuple[str, int] | None:
    """(code, percent off) of the promotion of a day, or None."""
    return next(((code, one.percent) for one in PROMOTIONS if (code := one.code(day)) is not None), None)
