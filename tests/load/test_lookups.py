"""Lookups while bulk pushes run, and more pushes than there is room for: the only 5xx is one that says 'later'."""

import itertools
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from tests.reckoning import read_feed
from tests.served import Response, Served, Unanswered
from tests.tills import CARDS, open_stores, receipt_of

# As long as it takes to show it; `make proof` goes on for longer.
SECONDS, FULL_SECONDS = 2.0, 30.0
# Within this time there must have been so many lookups, however busy the machine is.
PATIENCE, LOOKS = 6.0, 20
MORE_MEMORY = 300 * 1024 * 1024


class Clients:
    """Threads that call for some seconds, with a count of what they were answered.

    Until it is `enough` they go on, but no longer than patience lasts.
    """

    def __init__(self, seconds: float, enough: Callable[[], bool] = lambda: True) -> None:
        self._seconds, self._enough = seconds, enough
        self.until = 0.0
        self.statuses: Counter[int] = Counter()
        self.troubles: list[str] = []
        self._threads: list[threading.Thread] = []

    def add(self, count: int, work: Callable[[int], None]) -> None:
        """Start `count` threads that run `work(number)` again and again."""
        self.until = time.monotonic() + self._seconds
        for number in range(count):
            thread = threading.Thread(target=self._run, args=(work, number), daemon=True)
            self._threads.append(thread)
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join(60)
        assert not any(thread.is_alive() for thread in self._threads)
        assert self.troubles == []

    def heard(self, answer: Response) -> None:
        """Count an answer. One that asks to wait must say how long."""
        self.statuses[answer.status] += 1
        if answer.status in {429, 503} and float(answer.headers.get("retry-after", "-1")) < 0:
            self.troubles.append(f"{answer.status} without Retry-After")

    def _run(self, work: Callable[[int], None], number: int) -> None:
        try:
            patience = self.until - self._seconds + PATIENCE
            while time.monotonic() < self.until or (time.monotonic() < patience and not self._enough()):
                work(number)
        except (AssertionError, Unanswered, KeyError, ValueError) as error:
            self.troubles.append(repr(error))


def batch_of(chance: random.Random, numbers: "itertools.count[int]", client: int, size: int) -> bytes:
    items = [receipt_of(chance, f"{client}-{next(numbers)}") for _ in range(size)]
    return json.dumps({"items": items}).encode()


def test_every_lookup_is_answered_during_bulk_pushes() -> None:
    _lookups(SECONDS)


@pytest.mark.proof
def test_every_lookup_is_answered_during_many_bulk_pushes() -> None:
    _lookups(FULL_SECONDS)


def _lookups(seconds: float) -> None:
    with Served() as served, ExitStack() as stack:
        open_stores(served)
        key = served.key("pos")
        known = [receipt_of(random.Random(0), f"known-{card}") for card in CARDS]
        for receipt, card in zip(known, CARDS, strict=True):
            receipt["customer"]["identifier"]["value"] = card
        push_lines = [stack.enter_context(served.line(key)) for _ in range(3)]
        look_lines = [stack.enter_context(served.line(served.key("call_center"))) for _ in range(2)]
        assert push_lines[0].call("POST", "/v1/receipts/batch", json.dumps({"items": known}).encode()).status == 200
        looks = Clients(seconds, lambda: looks.statuses.total() >= LOOKS)
        # Every lookup of those meets pushes.
        pushes = Clients(seconds, lambda: looks.statuses.total() >= LOOKS)
        numbers, chances = itertools.count(), [random.Random(number) for number in range(3)]

        def push(client: int) -> None:
            body = batch_of(chances[client], numbers, client, 500)
            answer = push_lines[client].call("POST", "/v1/receipts/batch", body)
            pushes.heard(answer)
            assert {result["status"] for result in answer.json()["results"]} == {"created"}

        def look(client: int) -> None:
            card = random.choice(CARDS)
            answer = look_lines[client].call("GET", f"/v1/customers/lookup?card={card}")
            looks.heard(answer)
            found = answer.json()["data"]
            assert len(found) == 1 and found[0]["figures"]["receipts"] >= 1, card

        pushes.add(3, push)
        looks.add(2, look)
        pushes.join()
        looks.join()
        assert set(looks.statuses) == {200} and looks.statuses[200] >= LOOKS
        assert set(pushes.statuses) == {200} and pushes.statuses[200] >= 3
        assert served.verify() == "0 differences"
        assert served.errors() == []


def test_more_pushes_than_there_is_room_for() -> None:
    _pushes(SECONDS, items=100)


@pytest.mark.proof
def test_many_more_pushes_than_there_is_room_for() -> None:
    _pushes(FULL_SECONDS, items=300)


def _pushes(seconds: float, items: int) -> None:
    """Refused politely, memory flat, and well again by itself."""
    settings = {"CLIENTELE_LIMITS__BULK_RUNNING": "1", "CLIENTELE_LIMITS__BULK_WAITING": "2"}
    with Served(settings) as served, ExitStack() as stack:
        open_stores(served)
        clients, numbers, chance = Clients(seconds), itertools.count(), random.Random(3)
        key = served.key("pos")
        lines = [stack.enter_context(served.line(key)) for _ in range(12)]
        bodies = [batch_of(chance, numbers, 0, items) for _ in lines]

        def push(client: int) -> None:
            clients.heard(lines[client].call("POST", "/v1/receipts/batch", bodies[client]))

        for client in range(12):
            push(client)
        assert clients.statuses == {200: 12}
        before = served.resident_bytes()
        clients.add(12, push)
        clients.join()
        assert set(clients.statuses) == {200, 503}
        assert served.resident_bytes() - before < MORE_MEMORY
        push(0)
        assert clients.statuses[200] > 12
        assert served.readiness() == 200
        assert served.errors() == []
        # However often each was sent, it is there once.
        recorded = Counter(event["subject"] for event in read_feed(served) if event["type"] == "receipt.recorded")
        assert len(recorded) == 12 * items and set(recorded.values()) == {1}


def test_a_caller_above_its_rate_is_told_to_wait() -> None:
    settings = {"CLIENTELE_RATES__STANDARD_PER_SECOND": "20", "CLIENTELE_RATES__BURST_SECONDS": "1"}
    with (
        Served(settings) as served,
        served.line(served.key("analyst")) as hasty,
        served.line(served.key("pos")) as calm,
    ):
        statuses, wait = Counter[int](), 0.0
        for _ in range(100):
            answer = hasty.call("GET", "/v1/customers/lookup?card=1")
            statuses[answer.status] += 1
            if answer.status == 429:
                wait = float(answer.headers["retry-after"])
                assert answer.json()["code"] == "rate_limited"
            # Another client does not notice.
            assert calm.call("GET", "/v1/customers/lookup?card=1").status == 200
        assert statuses[200] >= 20 and statuses[429] > 0 and set(statuses) == {200, 429}
        time.sleep(wait)
        assert hasty.call("GET", "/v1/customers/lookup?card=1").status == 200
