"""Rate limits, with a clock that moves when told."""

from __future__ import annotations

import re

import pytest

from app.access.throttle import Throttle
from app.core.errors import RATE_LIMITED, Problem
from app.core.settings import RateSettings, Settings
from tests.access.callers import Moving, a_caller


@pytest.fixture
def clock() -> Moving:
    return Moving()


@pytest.fixture
def throttle(clock) -> Throttle:
    """10 a second and 20 at once; the bulk lane 2 and 4."""
    rates = RateSettings(standard_per_second=10, large_per_second=50, bulk_per_second=2, burst_seconds=2)
    return Throttle(Settings(rates=rates), clock)


def allowed(throttle: Throttle, caller, lane: str = "main", most: int = 1000) -> int:
    """How many requests in a row are let through."""
    for count in range(most):
        try:
            throttle(caller, lane)
        except Problem as problem:
            if problem.type is not RATE_LIMITED:
                raise
            return count
    return most


def remaining(headers: dict[str, str]) -> int:
    match = re.fullmatch(r'"[a-z]+";r=(\d+);t=\d+', headers["RateLimit"])
    assert match, headers
    return int(match[1])


@pytest.mark.parametrize(
    ("rate_class", "lane", "quota"), [("standard", "main", 20), ("large", "main", 100), ("bulk", "main", 4),
                                      ("standard", "bulk", 4), ("large", "bulk", 4)]
)  # fmt: skip
def test_a_burst_is_the_quota_of_the_class_and_the_lane(throttle, rate_class, lane, quota):
    assert allowed(throttle, a_caller(rate_class=rate_class), lane) == quota


def test_an_unknown_rate_class_is_treated_as_standard(throttle):
    assert allowed(throttle, a_caller(rate_class="from a newer version")) == 20


def test_afterwards_the_rate_holds(throttle, clock):
    caller = a_caller()
    assert allowed(throttle, caller) == 20
    clock.now += 0.099
    assert allowed(throttle, caller) == 0
    clock.now += 0.002
    assert allowed(throttle, caller) == 1
    clock.now += 1
    assert allowed(throttle, caller) == 10
    clock.now += 3600
    assert allowed(throttle, caller) == 20


def test_over_a_minute_no_more_than_rate_plus_burst(throttle, clock):
    caller, count = a_caller(), 0
    for _ in range(6000):
        clock.now += 0.01
        count += allowed(throttle, caller, most=1)
    assert 600 <= count <= 620


def test_a_refused_request_costs_nothing(throttle, clock):
    caller = a_caller()
    allowed(throttle, caller)
    for _ in range(1000):
        assert allowed(throttle, caller) == 0
    clock.now += 0.1001
    assert allowed(throttle, caller) == 1


def test_the_lanes_do_not_starve_each_other(throttle):
    caller = a_caller()
    assert allowed(throttle, caller, "bulk") == 4
    assert allowed(throttle, caller, "main") == 20
    assert allowed(throttle, caller, "bulk") == 0


def test_clients_do_not_share_and_keys_of_one_client_do(throttle):
    first = a_caller()
    assert allowed(throttle, first) == 20
    assert allowed(throttle, a_caller()) == 20
    assert allowed(throttle, a_caller(client_id=first.client_id)) == 0


def test_the_headers_count_down(throttle, clock):
    caller = a_caller()
    found = [throttle(caller, "main") for _ in range(20)]
    assert [remaining(headers) for headers in found] == list(range(19, -1, -1))
    assert {headers["RateLimit-Policy"] for headers in found} == {'"standard";q=20;w=2'}
    assert found[0]["RateLimit"] == '"standard";r=19;t=1'
    clock.now += 0.5
    assert remaining(throttle(caller, "main")) == 4


def test_a_refusal_says_when_to_come_back(throttle, clock):
    caller = a_caller()
    allowed(throttle, caller, "bulk")
    with pytest.raises(Problem) as refused:
        throttle(caller, "bulk")
    headers = refused.value.headers
    assert headers == {"Retry-After": "1", "RateLimit": '"bulk";r=0;t=2', "RateLimit-Policy": '"bulk";q=4;w=2'}
    clock.now += int(headers["Retry-After"])
    assert allowed(throttle, caller, "bulk") == 2


def test_coming_back_after_retry_after_always_works():
    clock = Moving()
    throttle = Throttle(Settings(rates=RateSettings(standard_per_second=0.01, burst_seconds=1)), clock)
    caller = a_caller()
    assert allowed(throttle, caller) == 1, "however low the rate is, one request fits"
    with pytest.raises(Problem) as refused:
        throttle(caller, "main")
    assert refused.value.headers["Retry-After"] == "100"
    clock.now += 100
    assert allowed(throttle, caller) == 1


async def test_every_answer_has_the_headers_and_too_many_are_refused(house, client, monkeypatch):
    answer = await client.get("/v1/audit")
    assert answer.status_code == 200
    assert re.fullmatch(r'"standard";r=\d+;t=\d+', answer.headers["RateLimit"])
    assert re.fullmatch(r'"standard";q=\d+;w=2', answer.headers["RateLimit-Policy"])
    slow = Throttle(Settings(rates=RateSettings(standard_per_second=1, burst_seconds=2)), Moving())
    monkeypatch.setattr(house.app, "_throttle", slow)
    answers = [await client.get("/v1/audit") for _ in range(3)]
    assert [each.status_code for each in answers] == [200, 200, 429]
    refused = answers[-1]
    assert refused.json()["code"] == "rate_limited"
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.headers["Retry-After"] == "1"
    assert refused.headers.get_list("RateLimit") == ['"standard";r=0;t=2']
