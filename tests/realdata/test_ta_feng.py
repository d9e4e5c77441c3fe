"""All of a public data set through the served application, over HTTP, by several clients at once."""

import asyncio
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from app.core.settings import ModelSettings
from app.value.rhythm import PARENT
from tests.realdata import losses, pages, questions, ta_feng
from tests.reckoning import read_feed, say
from tests.served import Served

CLIENTS = 4
ROOT = Path(__file__).parents[2]
TRIAL = losses.Trial(date(2001, 1, 28), date(2001, 2, 28), ta_feng.CURRENCY, ta_feng.ZONE)
# No sample: what it draws depends on random ids.
PARENTS = ModelSettings(sample=1_000_000)
OWN = ModelSettings(sample=1_000_000, days=60)
Results = Mapping[tuple[str, int], losses.Measured]
SETTINGS = {"CLIENTELE_COMPANY__CURRENCY": ta_feng.CURRENCY, "CLIENTELE_COMPANY__TIME_ZONE": "Asia/Taipei"}

# The first days, for every run of the tests.
FIRST_DAYS = 4

pytestmark = pytest.mark.skipif(not ta_feng.PATH.exists(), reason="needs ../shared/data/ta_feng.csv.zip")


def test_the_file_is_the_known_one() -> None:
    found = ta_feng.totals(ta_feng.read())
    assert found == ta_feng.Totals(119_578, 817_741, 32_266, 23_812, 107_840_076_00, 91_676_819_00)


def test_the_first_days_of_ta_feng(capsys: pytest.CaptureFixture[str]) -> None:
    everything = ta_feng.read()
    begins = min(basket.day for basket in everything)
    baskets = [basket for basket in everything if (basket.day - begins).days < FIRST_DAYS]
    assert len(baskets) > 2_500
    with _served() as served:
        pushed = _push_shuffled(served, baskets)
        _check(served, baskets, pushed, capsys)


@pytest.mark.realdata
def test_all_of_ta_feng(capsys: pytest.CaptureFixture[str]) -> None:
    baskets = ta_feng.read()
    before = [basket for basket in baskets if basket.day <= TRIAL.as_of]
    after = [basket for basket in baskets if basket.day > TRIAL.as_of]
    with _served() as served:
        pushed = _push_shuffled(served, before)
        measured = _losses(served, baskets)
        pushed += _push_shuffled(served, after)
        with served.line(served.admin) as line:
            found = questions.check_ten(line, baskets)
        _check(served, baskets, pushed, capsys, found)
    tables = _tables(measured)
    say(capsys, "\n\n".join("\n".join(lines) for lines in tables))
    pages.check(tables)


@contextmanager
def _served() -> Iterator[Served]:
    """The application with the store of the data set."""
    with Served(SETTINGS) as served:
        with served.line(served.admin) as line:
            answer = line.call("PUT", f"/v1/stores/{ta_feng.STORE}", b'{"name": "Ta-Feng", "kind": "own"}')
            assert answer.status == 201, answer.body
        yield served


def _check(
    served: Served, baskets: list[ta_feng.Basket], pushed: "Pushed", capsys: pytest.CaptureFixture[str], more: str = ""
) -> None:
    """What was pushed is there, once, and everything that was derived from it is what a plain loop derives."""
    totals = ta_feng.totals(baskets)
    assert pushed.created == totals.receipts
    assert asyncio.run(_stored(served.dsn)) == totals
    _ten_customers(served, baskets)
    events = _feed(served, totals)
    assert served.verify() == "0 differences"
    assert served.errors() == []
    say(
        capsys,
        f"Ta-Feng: {totals.receipts:,} receipts, {totals.lines:,} lines and {pushed.repeated:,} repeated receipts by "
        f"{CLIENTS} clients in {pushed.seconds:.1f} s: {totals.receipts / pushed.seconds:,.0f} receipts/s, "
        f"{totals.lines / pushed.seconds:,.0f} lines/s; {events:,} events; {more}",
    )


def _losses(served: Served, baskets: list[ta_feng.Basket]) -> Results:
    """How good the loss warnings as of a day are, with the parent's parameters and with the company's own."""
    everybody = losses.known(TRIAL, baskets)
    found = {}
    for parameters, models in (("parent", PARENTS), ("own", OWN)):
        states, rhythm = losses.warn(served, TRIAL, models, TRIAL.days)
        assert (rhythm == PARENT) is (parameters == "parent")
        assert states == losses.read_plainly(everybody, rhythm, TRIAL.days)
        for occasions in (2, losses.REGULAR):
            found[parameters, occasions] = losses.measure(everybody, states, rhythm, occasions, days=TRIAL.days)
    losses.silence(served)
    _what_holds(found)
    return found


def _tables(results: Results) -> list[list[str]]:
    """Both tables of the page, as lines of Markdown."""
    levels, everybody = [], []
    for (parameters, occasions), found in results.items():
        whom = [parameters, f"{occasions} or more"]
        levels += [[*whom, *pages.level(name, one)] for name, one in found.levels.items()]
        everybody.append([*whom, *pages.everybody(found)])
    head = ("parameters", "purchases")
    return [
        pages.markdown((*head, *pages.LEVELS_HEAD), 3, levels),
        pages.markdown((*head, *pages.ALL_HEAD), 3, everybody),
    ]


def _what_holds(found: Results) -> None:
    """What the documentation promises of the warnings; the limits leave a little room beside what was seen."""
    for one in found.values():
        # To be ranked by the model's chance tells more than to be ranked by the days since the last purchase.
        assert one.chance_average > one.since_average + 0.015
        risk = one.levels["at risk or lost"]
        assert risk.precision > one.gone + 0.07
        # Whoever is warned of had spent more than whoever has merely been away for longest.
        assert risk.net > 1.1 * risk.since_net
    # A fit of the company's own says how many will be gone; other people's parameters do not.
    assert abs(found["own", 2].expected_gone - found["own", 2].gone) < 0.05
    for parameters in ("parent", "own"):
        everybody, regulars = (found[parameters, least].levels["at risk or lost"] for least in (2, losses.REGULAR))
        # Of regulars the warnings know as much as the days since the last purchase; of the others less.
        assert regulars.precision > regulars.since_precision - 0.02
        assert everybody.precision > everybody.since_precision - 0.25


@dataclass(frozen=True, slots=True)
class Pushed:
    """What pushing came to."""

    created: int
    repeated: int
    seconds: float

    def __add__(self, other: "Pushed") -> "Pushed":
        return Pushed(self.created + other.created, self.repeated + other.repeated, self.seconds + other.seconds)


def _push_shuffled(served: Served, baskets: list[ta_feng.Basket]) -> Pushed:
    """Push in random order, every tenth batch twice: most receipts arrive after later ones of their customer."""
    parts = ta_feng.bodies(baskets)
    again = range(0, len(parts), 10)
    repeated = sum(parts[index].count(b'"number"') for index in again)
    order = [*range(len(parts)), *again]
    random.Random(1).shuffle(order)
    began = time.perf_counter()
    outcomes = _push(served, [parts[index] for index in order])
    seconds = time.perf_counter() - began
    assert outcomes == {"created": len(baskets), "duplicate": repeated}
    return Pushed(len(baskets), repeated, seconds)


def _push(served: Served, parts: list[bytes]) -> Counter[str]:
    """Push the batches from processes of their own. Answers how often each status was given."""
    environment = {**os.environ, "PUSHER_KEY": served.key("pos")}
    command = [sys.executable, "-m", "tests.realdata.pusher", str(served.port)]
    clients = []
    for client in range(CLIENTS):
        names = served.directory / f"client-{client}"
        with names.open("w") as file:
            for index in range(client, len(parts), CLIENTS):
                path = served.directory / f"batch-{index}"
                path.write_bytes(parts[index])
                file.write(f"{path}\n")
        with names.open() as file:
            clients.append(
                subprocess.Popen(
                    command,
                    cwd=ROOT,
                    env=environment,
                    stdin=file,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
    outcomes: Counter[str] = Counter()
    for client_process in clients:
        out, err = client_process.communicate(timeout=600)
        assert client_process.returncode == 0, err[-2000:] + served.last_lines()
        for text in out.splitlines():
            outcomes.update(json.loads(text))
    return outcomes


async def _stored(dsn: str) -> ta_feng.Totals:
    """What the tables add up to."""
    connection = await asyncpg.connect(dsn)
    try:
        row = await connection.fetchrow(
            "SELECT (SELECT count(*) FROM receipts) AS receipts, (SELECT count(*) FROM receipt_lines) AS lines,"
            " (SELECT count(*) FROM customers WHERE kind <> 'walk_in') AS customers,"
            " (SELECT count(*) FROM products) AS products,"
            " (SELECT sum(net) FROM receipts)::bigint AS net, (SELECT sum(cost) FROM receipts)::bigint AS cost"
        )
    finally:
        await connection.close()
    return ta_feng.Totals(**dict(row or {}))


def _ten_customers(served: Served, baskets: list[ta_feng.Basket]) -> None:
    """The figures of ten random customers, as a lookup answers them, equal those of a plain loop over the file."""
    chosen = random.Random(2).sample(sorted({basket.customer for basket in baskets}), 10)
    expected = ta_feng.figures([basket for basket in baskets if basket.customer in chosen])
    with served.line(served.admin) as line:
        for card in chosen:
            candidates = line.call("GET", f"/v1/customers/lookup?card={card}").json()["data"]
            assert len(candidates) == 1, card
            assert _told(candidates[0]["figures"]) == expected[card], card


def _told(figures: dict[str, Any]) -> dict[str, Any]:
    told = {name: value for name, value in figures.items() if name in ta_feng.FIGURES}
    for name in ("first_purchase_at", "last_purchase_at"):
        told[name] = datetime.fromisoformat(told[name])
    gap = told["usual_gap_days"]
    return told | {"usual_gap_days": None if gap is None else float(gap)}


def _feed(served: Served, totals: ta_feng.Totals) -> int:
    """Read the feed from zero: no gap, one event per receipt, one per customer. Answers how many events there are."""
    events = read_feed(served)
    assert [event["sequence"] for event in events] == list(range(1, len(events) + 1))
    assert len({event["id"] for event in events}) == len(events)
    of = {
        kind: [event["subject"] for event in events if event["type"] == kind]
        for kind in ("receipt.recorded", "customer.created")
    }
    assert len(of["receipt.recorded"]) == len(set(of["receipt.recorded"])) == totals.receipts
    assert len(of["customer.created"]) == len(set(of["customer.created"])) == totals.customers
    return len(events)
