"""The CDNOW sample: the public purchases that the model's published values are for."""

from collections import defaultdict
from datetime import date, datetime
from pathlib import Path

from app.value.rhythm import History

PATH = Path(__file__).parents[3] / "shared" / "data" / "CDNOW_sample.txt"
END = date(1997, 9, 30)


def purchases() -> dict[str, dict[date, float]]:
    """What each customer spent on each day."""
    days: dict[str, dict[date, float]] = defaultdict(lambda: defaultdict(float))
    for line in PATH.read_text().splitlines():
        if line.strip():
            _, customer, day, _, dollars = line.split()
            days[customer][datetime.strptime(day, "%Y%m%d").date()] += float(dollars)  # noqa: DTZ007  days only
    return days


def histories(*, paid_only: bool = False) -> list[History]:
    """Each customer's history as of the end of week 39, in weeks."""
    found = []
    for spent in purchases().values():
        days = sorted(day for day, dollars in spent.items() if day <= END and (dollars > 0 or not paid_only))
        if days:
            found.append(History(len(days) - 1, (days[-1] - days[0]).days / 7, (END - days[0]).days / 7))
    return found
