"""How good the loss warnings are: those raised as of a day against who bought in the time after it.

A second process on the served application's database, whose clock stands at that day, evaluates all customers by the
real job. It must be run while nothing later is stored: figures are of all time.
"""

import asyncio
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import asyncpg
import orjson
from pydantic import SecretStr

from app.assembly import build_services
from app.core.caller import SYSTEM
from app.core.clock import Clock
from app.core.jobs import claim, enqueue, run_job
from app.core.settings import CompanySettings, ModelSettings, Settings
from app.early_warning.jobs import sweep
from app.value.queries import fits
from app.value.rhythm import PARENT, History, Rhythm, buys_within
from tests.early_warning.reading import Rule, missed
from tests.served import Line, Served

REGULAR = 5
LEVELS = {"late": ("late",), "at risk": ("at_risk",), "lost": ("lost",), "at risk or lost": ("at_risk", "lost")}
# The served application's worker has no handler for this kind and leaves the job to us.
_KIND = "test.sweep_as_of"


class Basket(Protocol):
    """What one customer bought at once: on which day, for how many minor units."""

    @property
    def customer(self) -> str: ...
    @property
    def day(self) -> date: ...
    @property
    def net(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Trial:
    """What is measured: warnings as of a day against who bought from then `until` another, in what company."""

    as_of: date
    until: date
    currency: str
    zone: ZoneInfo

    @property
    def days(self) -> int:
        """How long customers had time to come back."""
        return (self.until - self.as_of).days


@dataclass(frozen=True, slots=True)
class Known:
    """A customer as known on the day; and, from later on, whether he was gone for the whole time after it."""

    history: History
    net: int
    gone: bool

    @property
    def silent(self) -> float:
        """Days since the last purchase."""
        return self.history.age - self.history.recency


@dataclass(frozen=True, slots=True)
class Level:
    """Those flagged, beside as many flagged by other means. Shares are of 1; `net` is a customer's earlier average."""

    flagged: int
    precision: float
    recall: float
    net: int
    since_precision: float
    since_recall: float
    since_net: int
    chance_precision: float


@dataclass(frozen=True, slots=True)
class Measured:
    """One set of customers, judged with one set of parameters."""

    customers: int
    gone: float
    expected_gone: float
    chance_average: float
    since_average: float
    levels: dict[str, Level]


def known(trial: Trial, baskets: Iterable[Basket]) -> dict[str, Known]:
    """Whoever had bought by the day, by card."""
    before: dict[str, list[Basket]] = defaultdict(list)
    back: set[str] = set()
    for basket in baskets:
        if basket.net > 0 and basket.day <= trial.as_of:
            before[basket.customer].append(basket)
        elif basket.net > 0 and basket.day <= trial.until:
            back.add(basket.customer)
    return {card: _known(own, trial.as_of, gone=card not in back) for card, own in before.items()}


def _known(own: list[Basket], as_of: date, *, gone: bool) -> Known:
    days = {basket.day for basket in own}
    first, last = min(days), max(days)
    history = History(len(days) - 1, float((last - first).days), float((as_of - first).days))
    return Known(history, sum(basket.net for basket in own), gone)


# --- through the application ------------------------------------------------------------------------------------------


def warn(served: Served, trial: Trial, models: ModelSettings, horizon: int) -> tuple[dict[str, str], Rhythm]:
    """Evaluate everybody as of the day; (state by card of who is on the board then, the parameters that counted)."""
    _set_rule(served, {"horizon_days": horizon})
    rhythm = asyncio.run(_swept(served, trial, models))
    cards = asyncio.run(_cards(served.dsn))
    with served.line(served.admin) as line:
        return {cards[uuid.UUID(one["customer_id"])]: one["state"] for one in _board(line)}, rhythm


def silence(served: Served) -> None:
    """Switch the rule off: the served application's own clock is far later, and it is not to judge these silences."""
    _set_rule(served, {"enabled": False})


def _set_rule(served: Served, settings: Mapping[str, Any]) -> None:
    with served.line(served.admin) as line:
        assert line.call("PUT", "/v1/warning-rules/loss", orjson.dumps(settings)).status == 200


async def _swept(served: Served, trial: Trial, models: ModelSettings) -> Rhythm:
    url = served.dsn.replace("postgresql://", "postgresql+asyncpg://", 1)
    company = CompanySettings(currency=trial.currency, time_zone=str(trial.zone))
    settings = Settings(
        database_url=SecretStr(url), secret_key=SecretStr("test"), data_dir=served.directory, company=company,
        models=models,
    )  # fmt: skip
    clock = Clock()
    clock.set(datetime(trial.as_of.year, trial.as_of.month, trial.as_of.day, 23, tzinfo=trial.zone))
    services = build_services(settings, url, clock)
    await services.db.open()
    try:
        await services.db.run(lambda tx: enqueue(tx, _KIND, {"kinds": ["loss"]}, SYSTEM.client_id))
        job = await claim(services.db, [_KIND], settings.jobs, asyncio.Event())
        assert job is not None
        await run_job(services, sweep, job)
        assert job.over
        found = {fit["population"]: Rhythm(**fit["parameters"]) for fit in await services.db.read(SYSTEM, fits)}
        return found.get("person", PARENT)
    finally:
        services.offload.close()
        await services.db.close()


async def _cards(dsn: str) -> dict[uuid.UUID, str]:
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch("SELECT customer_id, value FROM identifiers WHERE kind = 'card'")
    finally:
        await connection.close()
    return {row["customer_id"]: row["value"] for row in rows}


def _board(line: Line) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    query = "kind=loss&limit=200"
    while True:
        answer = line.call("GET", f"/v1/warnings?{query}")
        assert answer.status == 200, answer.body
        page = answer.json()
        found += page["data"]
        if not page["has_more"]:
            break
        query = f"kind=loss&limit=200&cursor={page['next_cursor']}"
    assert len({one["customer_id"] for one in found}) == len(found)
    return found


# --- in plain Python --------------------------------------------------------------------------------------------------


def read_plainly(everybody: Mapping[str, Known], rhythm: Rhythm, horizon: int) -> dict[str, str]:
    """The state of whoever is to be warned of, by a plain reading of the rule."""
    rule = Rule().loss | {"horizon_days": horizon}
    states = {card: missed(rule, one.history, rhythm) for card, one in everybody.items()}
    return {card: state for card, state in states.items() if state is not None}


def measure(
    everybody: Mapping[str, Known], states: Mapping[str, str], rhythm: Rhythm, occasions: int, *, days: int
) -> Measured:
    """How good the states are for customers of at least so many purchases, beside days since the last one.

    `days` is how long they had time to come back.
    """
    pool = {card: one for card, one in everybody.items() if one.history.repeats + 1 >= occasions}
    everyone = list(pool.values())
    gone = sum(one.gone for one in everyone)
    since = _Ranking(everyone, lambda one: one.silent)
    chance = _Ranking(everyone, lambda one: 1 - buys_within(rhythm, one.history, days))
    levels = {}
    for name, meant in LEVELS.items():
        flagged = [one for card, one in pool.items() if states.get(card) in meant]
        hits, (since_hits, since_net) = sum(one.gone for one in flagged), since.first(len(flagged))
        count = max(1, len(flagged))
        levels[name] = Level(
            len(flagged), hits / count, hits / gone, sum(one.net for one in flagged) // count,
            since_hits / count, since_hits / gone, int(since_net / count), chance.first(len(flagged))[0] / count,
        )  # fmt: skip
    expected = sum(1 - buys_within(rhythm, one.history, days) for one in everyone) / len(everyone)
    averages = (chance.average_precision(), since.average_precision())
    return Measured(len(everyone), gone / len(everyone), expected, *averages, levels)


class _Ranking:
    """Customers from the likeliest to be gone on. Those ranked alike are in no order: they count by their average."""

    def __init__(self, customers: list[Known], score: Callable[[Known], float]) -> None:
        scored = sorted(((score(one), one.gone, one.net) for one in customers), reverse=True)
        self._groups: list[tuple[int, int, int]] = []
        for _, found in groupby(scored, key=lambda one: one[0]):
            group = list(found)
            self._groups.append((len(group), sum(one[1] for one in group), sum(one[2] for one in group)))

    def first(self, count: int) -> tuple[float, float]:
        """(how many of the first so many were gone, what these had spent)."""
        hits = net = 0.0
        for size, gone, spent in self._groups:
            share = min(1.0, count / size)
            hits, net, count = hits + share * gone, net + share * spent, count - size
            if count <= 0:
                break
        return hits, net

    def average_precision(self) -> float:
        """Precision where each further customer who was gone is found, on average over these."""
        seen = hits = 0
        total = 0.0
        for size, gone, _ in self._groups:
            seen, hits = seen + size, hits + gone
            total += gone * hits / seen
        return total / hits
