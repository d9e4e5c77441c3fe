"""Hours of the week in which somebody may be reached, on the wall clock of a time zone. Pure.

A window is open from its start until just before its end, on its weekdays. When clocks are put forward, the minutes
that are skipped do not happen; when they are put back, those that come twice are open twice.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

EVERY_DAY = (1, 2, 3, 4, 5, 6, 7)
# A day of the week can be missing where a zone crosses the date line, and its window skipped the week before.
_SEARCHED_DAYS = 22
_STEP = timedelta(hours=3)


@dataclass(frozen=True, slots=True)
class Window:
    """Some hours on some ISO weekdays (1 is Monday); `start` and `end` are minutes of the day, 0 to 1440."""

    days: tuple[int, ...]
    start: int
    end: int


def minutes(text: str) -> int:
    """Minutes of the day of a time such as 09:30; 24:00 is the day's end."""
    hour, _, minute = text.partition(":")
    return int(hour) * 60 + int(minute)


def is_open(windows: Sequence[Window], zone: ZoneInfo, moment: datetime) -> bool:
    """Whether `moment` lies in one of the windows; without any, it always does."""
    if not windows:
        return True
    wall = moment.astimezone(zone)
    minute = wall.hour * 60 + wall.minute
    return any(wall.isoweekday() in one.days and one.start <= minute < one.end for one in windows)


def next_open(windows: Sequence[Window], zone: ZoneInfo, moment: datetime) -> datetime | None:
    """The first moment from `moment` on that is open; None if there is none within three weeks."""
    if is_open(windows, zone, moment):
        return moment
    opens = {one for one in (*_starts(windows, zone, moment), *_jumps(zone, moment)) if one > moment}
    return next((one for one in sorted(opens) if is_open(windows, zone, one)), None)


def _starts(windows: Sequence[Window], zone: ZoneInfo, moment: datetime) -> Iterator[datetime]:
    """When the windows start on the days from `moment` on; a start that a clock shows twice, both times."""
    today = moment.astimezone(zone).date()
    for ahead in range(_SEARCHED_DAYS):
        day = today + timedelta(days=ahead)
        for one in windows:
            wall = datetime.combine(day, time(one.start // 60, one.start % 60), zone)
            yield from (wall.replace(fold=fold).astimezone(UTC) for fold in (0, 1))


def _jumps(zone: ZoneInfo, moment: datetime) -> Iterator[datetime]:
    """The moments at which the clocks of a zone are changed, to the second."""
    at, end = moment.replace(microsecond=0), moment + timedelta(days=_SEARCHED_DAYS)
    while at < end:
        before, after = at, at + _STEP
        if _offset(zone, before) != _offset(zone, after):
            while after - before > timedelta(seconds=1):
                middle = before + timedelta(seconds=(after - before) // timedelta(seconds=2))
                before, after = (middle, after) if _offset(zone, middle) == _offset(zone, before) else (before, middle)
            yield after
        at += _STEP


def _offset(zone: ZoneInfo, moment: datetime) -> timedelta | None:
    return moment.astimezone(zone).utcoffset()
