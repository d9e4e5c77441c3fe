"""An acknowledged write survives: servers are killed at random while tills push, and nothing is lost or doubled."""

import random
import time

import pytest

from tests.reckoning import check, say
from tests.served import Served
from tests.tills import Log, open_stores, pushing


def test_ten_kills_lose_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    _story(10, capsys)


@pytest.mark.proof
def test_a_thousand_kills_lose_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    _story(1000, capsys)


def _story(kills: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Kill `kills` times, every second time the database; then compare what the tills were told with what is there."""
    began, chance = time.perf_counter(), random.Random(7)
    with Served() as served:
        open_stores(served)
        log = Log()
        with pushing(served, served.key("pos"), log):
            for number in range(kills):
                # From the middle of the first requests to a steady flow.
                _await_answer(log)
                time.sleep(chance.uniform(0.0, 0.7))
                if number % 2:
                    served.kill_database()
                    if number % 4 == 1:  # else the API is killed while the database is still coming back
                        served.wait_ready()
                else:
                    served.kill()
                    served.start()
                assert not log.troubles, log.troubles[:10]
            served.wait_ready()
        compared = check(served, log)
        assert log.cut_off > 0, "no kill met a request: the test shows nothing"
        assert served.errors() == []
        starts = served.starts[1:]
    say(
        capsys,
        f"{kills:,} kills, {compared}, {log.outcomes['duplicate']:,} pushes of what was there, "
        f"{log.cut_off:,} requests cut off; mean start {sum(starts) / len(starts):.2f} s, "
        f"longest {max(starts):.2f} s; {time.perf_counter() - began:.0f} s",
    )


def _await_answer(log: Log) -> None:
    """Wait for one more acknowledgement, so that a slow machine gets on, too."""
    before, deadline = log.heard, time.monotonic() + 30
    while log.heard == before and time.monotonic() < deadline:
        time.sleep(0.005)
