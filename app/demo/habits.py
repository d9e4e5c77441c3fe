"""When customers come: each has one of a few habits. Pure.

Regular customers come at a rhythm of their own until the end; lapsing ones did so and have stopped; seasonal ones come
around one time of the year; occasional ones now and then; one-time customers once; prospects have not come yet.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from random import Random
from typing import Literal

from app.demo.order import DAYS, Order

Habit = Literal["regular", "lapsing", "seasonal", "occasional", "once", "prospect", "dealer"]

# Handed out in turn, so that a small company has all of them, too.
PEOPLE: tuple[Habit, ...] = (
    "regular", "lapsing", "once", "regular", "seasonal", "once", "regular", "lapsing", "regular", "once",
    "occasional", "regular", "lapsing", "once", "seasonal", "regular", "lapsing", "once", "regular", "occasional",
    "regular", "prospect", "once", "seasonal", "once",
)  # fmt: skip
BUSINESSES: tuple[Habit, ...] = (
    "regular", "regular", "lapsing", "seasonal", "regular", "once", "regular", "occasional", "lapsing", "prospect",
)  # fmt: skip

_GAPS = (10, 14, 17, 21, 24, 28, 30, 34, 40, 50)
# (month, day, days) of the weeks in which seasonal customers come.
SEASONS = ((1, 18, 24), (3, 20, 30), (9, 5, 20), (12, 5, 20))


def days(order: Order, habit: Habit, chance: Random) -> list[date]:
    """The days on which a customer comes, in order."""
    made = {
        "regular": _regular, "lapsing": _lapsing, "seasonal": _seasonal, "occasional": _occasional, "once": _once,
        "prospect": _never, "dealer": _weekly,
    }[habit]  # fmt: skip
    return sorted({day for day in made(order, chance) if order.since <= day < order.until})


def _rhythm(chance: Random, start: date, end: date, gap: float) -> Iterator[date]:
    """Gaps that are much alike: their spread is half their mean."""
    day = start
    while day < end:
        yield day
        day += timedelta(days=max(1, round(chance.gammavariate(4, gap / 4))))


def _regular(order: Order, chance: Random) -> Iterator[date]:
    gap = chance.choice(_GAPS)
    yield from _rhythm(chance, order.day(chance, 0, DAYS - 4 * gap - 30), order.until, gap)


def _lapsing(order: Order, chance: Random) -> Iterator[date]:
    """At least six visits, then a silence of at least five usual gaps."""
    gap = chance.choice(_GAPS[:7])
    start = order.day(chance, 0, DAYS - 14 * gap)
    last = order.until - timedelta(days=5 * gap)
    least = start + timedelta(days=7 * gap)
    end = least + timedelta(days=chance.randint(0, max(0, (last - least).days)))
    yield from _rhythm(chance, start, min(end, last), gap)


def _seasonal(order: Order, chance: Random) -> Iterator[date]:
    month, day, length = chance.choice(SEASONS)
    for year in range(order.since.year, order.until.year + 1):
        for _ in range(chance.randint(1, 3)):
            yield date(year, month, day) + timedelta(days=chance.randrange(length))


def _occasional(order: Order, chance: Random) -> Iterator[date]:
    yield from _rhythm(chance, order.day(chance, 0, 360), order.until, chance.uniform(80, 160))


def _once(order: Order, chance: Random) -> Iterator[date]:
    yield order.day(chance, 0, DAYS - 1)


def _weekly(order: Order, chance: Random) -> Iterator[date]:
    yield from _rhythm(chance, order.day(chance, 0, 60), order.until, chance.choice((9, 12, 14)))


def _never(_: Order, __: Random) -> Iterator[date]:
    yield from ()
