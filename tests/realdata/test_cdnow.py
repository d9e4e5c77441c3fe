"""Loss warnings as of the end of week 39 against who bought in weeks 40 to 78, beside days since last purchase."""

import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from app.core.settings import ModelSettings
from app.value.rhythm import PARENT, Rhythm
from tests.realdata import cdnow, losses, pages
from tests.reckoning import say
from tests.served import Served

TRIAL = cdnow.TRIAL
# As the rule is unless somebody sets it, and as long as it is measured.
HORIZONS = (90, TRIAL.days)
# No sample of the customers: what it draws depends on random ids. All else is as usual.
MODELS = ModelSettings(sample=1_000_000)
SETTINGS = {"CLIENTELE_COMPANY__CURRENCY": TRIAL.currency, "CLIENTELE_COMPANY__TIME_ZONE": str(TRIAL.zone)}
# The rows of the page: (horizon, purchases or more), and states.
SHOWN = ((HORIZONS[0], 2), (TRIAL.days, 2), (TRIAL.days, losses.REGULAR))
STATES = ("late", "at risk", "lost")
# Of the sample, by our rule of what an occasion is; in weeks.
PUBLISHED = Rhythm(0.528, 6.201, 0.894, 1.623)
# (horizon, purchases or more).
Results = Mapping[tuple[int, int], losses.Measured]

pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif(not cdnow.WHOLE.exists(), reason="needs ../shared/data/CDNOW_master.txt"),
]


def test_loss_warnings_of_the_sample(capsys: pytest.CaptureFixture[str]) -> None:
    found, rhythm = _measured(cdnow.SAMPLE, capsys)
    _what_holds(found)
    in_weeks = (rhythm.r, rhythm.alpha / 7, rhythm.a, rhythm.b)
    published = (PUBLISHED.r, PUBLISHED.alpha, PUBLISHED.a, PUBLISHED.b)
    assert in_weeks == pytest.approx(published, rel=0.005)
    _compare("sample", found, capsys)


@pytest.mark.proof
def test_loss_warnings_of_the_whole_shop(capsys: pytest.CaptureFixture[str]) -> None:
    found, _ = _measured(cdnow.WHOLE, capsys)
    _what_holds(found)
    # The sample has too few for this. Whoever is warned of had spent more than whoever has been away for longest.
    assert all(
        found[key].levels[name].net > 1.05 * found[key].levels[name].since_net for key in SHOWN for name in STATES
    )
    _compare("all", found, capsys)


def _measured(path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[Results, Rhythm]:
    """How good the warnings are that the application raises as of the day, having seen nothing later."""
    purchases = cdnow.read(path)
    everybody = losses.known(TRIAL, purchases)
    found, rhythm = {}, PARENT
    # Without a worker: it would fit a model as of today, by which everybody has been silent for decades.
    with Served(SETTINGS, worker=False) as served:
        began = time.perf_counter()
        pushed = _push(served, [one for one in purchases if one.day <= TRIAL.as_of])
        say(capsys, f"CDNOW: {pushed:,} receipts in {time.perf_counter() - began:.1f} s")
        for horizon in HORIZONS:
            states, rhythm = losses.warn(served, TRIAL, MODELS, horizon)
            assert states == losses.read_plainly(everybody, rhythm, horizon)
            for least in (1, 2, losses.REGULAR):
                found[horizon, least] = losses.measure(everybody, states, rhythm, least, days=TRIAL.days)
        assert served.errors() == []
    return found, rhythm


def _push(served: Served, purchases: list[cdnow.Purchase]) -> int:
    with served.line(served.admin) as line:
        answer = line.call("PUT", f"/v1/stores/{cdnow.STORE}", b'{"name": "CDNOW", "kind": "online"}')
        assert answer.status == 201, answer.body
        for body in cdnow.bodies(purchases):
            answer = line.call("POST", "/v1/receipts/batch", body)
            assert answer.status == 200, answer.body[:1000]
            assert {one["status"] for one in answer.json()["results"]} == {"created"}
    return len(purchases)


def _what_holds(found: Results) -> None:
    """What the page says in words; the limits leave a little room beside what was seen."""
    everybody, again = found[TRIAL.days, 1], found[TRIAL.days, 2]
    # Six in ten have bought once, and hardly any of them comes again.
    once = everybody.customers - again.customers
    assert once / everybody.customers == pytest.approx(0.6, abs=0.02)
    stayed_away = everybody.gone * everybody.customers - again.gone * again.customers
    assert stayed_away / once == pytest.approx(0.85, abs=0.02)
    # The model gives customers up too early, and ranks them about as well as days since last.
    assert again.expected_gone > again.gone + 0.1
    for one in found.values():
        assert one.chance_average == pytest.approx(one.since_average, abs=0.03)
    for key in SHOWN:
        for name in STATES:
            # As many who were silent for longest are no worse a list.
            assert found[key].levels[name].since_precision > found[key].levels[name].precision - 0.01


def _compare(whose: str, found: Results, capsys: pytest.CaptureFixture[str]) -> None:
    """The page says what was found."""
    levels, everybody = [], []
    for (horizon, least), one in found.items():
        whom = [whose, f"{least} or more"]
        if (horizon, least) in SHOWN:
            levels += [[*whom, f"{horizon} days", *pages.level(name, one.levels[name])] for name in STATES]
        if horizon == TRIAL.days:
            everybody.append([*whom, *pages.everybody(one)])
    head = ("customers of", "purchases")
    tables = [
        pages.markdown((*head, "horizon", *pages.LEVELS_HEAD), 4, levels),
        pages.markdown((*head, *pages.ALL_HEAD), 2, everybody),
    ]
    say(capsys, "\n\n".join("\n".join(lines) for lines in tables))
    pages.check(tables, whose=whose)
