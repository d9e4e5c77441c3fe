"""Tills that push receipts until each is acknowledged, and a log of what they sent and were told.

A till never gives up on a request: no answer, 429 and 503 mean 'again', as on a real counter after an outage.
"""

import contextlib
import itertools
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.served import Line, Response, Served, Unanswered

SOURCE = "till"
STORES = ("S1", "S2", "S3")
CARDS = [f"88{number:06}" for number in range(60)]
FIRST_DAY = datetime(2026, 3, 1, 1, tzinfo=UTC)
GIVE_UP_SECONDS = 120.0


@dataclass(slots=True)
class Log:
    """What all tills of a test sent (by number), and the id each receipt was acknowledged with."""

    sent: dict[str, dict[str, Any]] = field(default_factory=dict)
    acknowledged: dict[str, str] = field(default_factory=dict)
    voided: set[str] = field(default_factory=set)
    statuses: Counter[int] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    # Requests that were sent and cut off before an answer: what the tests are about.
    cut_off: int = 0
    troubles: list[str] = field(default_factory=list)
    # The test has failed: nobody needs the last acknowledgements any more.
    abandoned: threading.Event = field(default_factory=threading.Event)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def send(self, receipts: list[dict[str, Any]]) -> None:
        """Remember receipts that are about to leave."""
        with self._guard:
            for receipt in receipts:
                self.sent.setdefault(receipt["number"], receipt)

    def hear(self, number: str, record: str, outcome: str) -> None:
        """A receipt was acknowledged."""
        with self._guard:
            self.outcomes[outcome] += 1
            if self.acknowledged.setdefault(number, record) != record:
                self.troubles.append(f"{number} was acknowledged with two ids")

    def trouble(self, text: str) -> None:
        """Something that must not happen."""
        with self._guard:
            self.troubles.append(text)

    def count(self, answer: Response | Unanswered) -> None:
        """Count what came of a request."""
        with self._guard:
            if isinstance(answer, Response):
                self.statuses[answer.status] += 1
            elif answer.sent:
                self.cut_off += 1


class Till(threading.Thread):
    """One client. Tills with the same seed push the same receipts, racing each other."""

    def __init__(self, served: Served, key: str, log: Log, seed: int, *, twin: bool = False, batch: int = 25) -> None:
        super().__init__(name=f"till-{seed}", daemon=True)
        self._line = Line(served.port, key)
        self._log = log
        self._random = random.Random(seed)
        self._numbers = (f"{seed}-{count}" for count in itertools.count())
        self._seed = seed
        self._twin = twin
        self._batch = batch
        self._mine: list[dict[str, Any]] = []
        self.halt = threading.Event()

    def run(self) -> None:
        """Push until told to halt; what is on its way then is still pushed until acknowledged."""
        try:
            while not self.halt.is_set():
                self._one()
        except Exception as error:  # noqa: BLE001  a thread's exception would be lost: the test reads it from the log
            self._log.trouble(f"{self.name}: {error!r}")
        finally:
            self._line.close()

    def _one(self) -> None:
        choice = self._random.random()
        if not self._twin and self._mine and choice < 0.05:
            self._void(self._random.choice(self._mine))
        elif not self._twin and self._mine and choice < 0.1:
            self._single(self._random.choice(self._mine), repeated=True)
        elif choice < 0.55:
            self._single(self._receipt())
        else:
            self._many([self._receipt() for _ in range(self._random.randint(1, self._batch))])

    def _receipt(self) -> dict[str, Any]:
        receipt = receipt_of(self._random, next(self._numbers))
        self._mine = [*self._mine[-50:], receipt]
        return receipt

    def _single(self, receipt: dict[str, Any], *, repeated: bool = False) -> None:
        self._log.send([receipt])
        headers = {}
        if self._random.random() < 0.5 and not self._twin and not repeated:
            headers["Idempotency_Key"] = f"single-{receipt['number']}"
        answer, attempts = self._deliver("/v1/receipts", json.dumps(receipt).encode(), headers)
        if answer.status not in {200, 201}:
            self._log.trouble(f"{receipt['number']}: {answer.status} {answer.body[:500]!r}")
            return
        status = "created" if answer.status == 201 else "duplicate"
        self._heard(receipt, answer.json()["id"], status, first=attempts == 1 and not repeated)

    def _many(self, receipts: list[dict[str, Any]]) -> None:
        self._log.send(receipts)
        body = json.dumps({"items": receipts}).encode()
        answer, attempts = self._deliver("/v1/receipts/batch", body, {})
        if answer.status != 200:
            self._log.trouble(f"batch: {answer.status} {answer.body[:500]!r}")
            return
        results = answer.json()["results"]
        if [result["index"] for result in results] != list(range(len(receipts))):
            self._log.trouble("batch: not one result per item in order")
        for receipt, result in zip(receipts, results, strict=True):
            if result["status"] == "failed":
                self._log.trouble(f"{receipt['number']}: {result}")
            else:
                self._heard(receipt, result["id"], result["status"], first=attempts == 1)

    def _heard(self, receipt: dict[str, Any], record: str, status: str, *, first: bool) -> None:
        if first and not self._twin and status != "created":
            self._log.trouble(f"{receipt['number']} was {status} at its first push")
        self._log.hear(receipt["number"], record, status)

    def _void(self, receipt: dict[str, Any]) -> None:
        record = self._log.acknowledged[receipt["number"]]
        # Only with a key can a repeat of an unanswered void be told from a second void.
        headers = {"Idempotency_Key": f"void-{receipt['number']}"}
        answer, _ = self._deliver(f"/v1/receipts/{record}/void", b"{}", headers)
        if answer.status == 200:
            self._log.voided.add(receipt["number"])
        else:
            self._log.trouble(f"void: {answer.status} {answer.body[:500]!r}")

    def _deliver(self, path: str, body: bytes, headers: dict[str, str]) -> tuple[Response, int]:
        """Send until answered with something else than 'later'. Answers it and how often it was sent."""
        deadline = time.monotonic() + GIVE_UP_SECONDS
        for attempt in itertools.count(1):
            try:
                answer = self._line.call("POST", path, body, **headers)
            except Unanswered as error:
                self._log.count(error)
            else:
                self._log.count(answer)
                if not later(answer):
                    return answer, attempt
            if time.monotonic() > deadline or self._log.abandoned.is_set():
                break
            time.sleep(0.05)
        raise AssertionError(f"{path} was not answered for {GIVE_UP_SECONDS} s")


@contextlib.contextmanager
def pushing(served: Served, key: str, log: Log) -> Iterator[None]:
    """Two tills that push the same receipts, and two of their own, for as long as the block runs."""
    tills = [Till(served, key, log, seed=1, twin=True), Till(served, key, log, seed=1, twin=True)]
    tills += [Till(served, key, log, seed=seed) for seed in (2, 3)]
    for till in tills:
        till.start()
    try:
        yield
    except BaseException:
        log.abandoned.set()
        raise
    finally:
        for till in tills:
            till.halt.set()
        for till in tills:
            till.join(150)
    assert not any(till.is_alive() for till in tills), "a till is still waiting for an answer"


def later(answer: Response) -> bool:
    """Whether an answer asks to send the same again."""
    if answer.status in {429, 503}:
        return True
    return answer.status == 409 and answer.json().get("code") == "request_running"


def receipt_of(chance: random.Random, number: str) -> dict[str, Any]:
    """A receipt at a random hour of 90 days, of a customer who is mostly known; some returns, some costs unknown."""
    lines = [_line(chance) for _ in range(chance.randint(1, 4))]
    moment = FIRST_DAY + timedelta(minutes=chance.randrange(90 * 24 * 60))
    return {
        "source": SOURCE,
        "number": number,
        "store": chance.choice(STORES),
        "till": "1",
        "kind": "return" if chance.random() < 0.1 else "sale",
        "occurred_at": moment.isoformat(),
        "currency": "CNY",
        "customer": {"identifier": {"kind": "card", "value": chance.choice(CARDS)}},
        "on_unknown_customer": "create",
        "lines": lines,
        "tenders": [{"kind": "cash", "amount": sum(line["net"] for line in lines)}],
    }


def _line(chance: random.Random) -> dict[str, Any]:
    product = chance.randrange(200)
    net = chance.randrange(0, 20_000)
    line: dict[str, Any] = {
        "product": f"P{product}",
        "category": f"c{product % 7}/c{product % 7}{product % 3}",
        "quantity": str(chance.randint(1, 5)),
        "net": net,
    }
    if chance.random() < 0.3:
        line |= {"discount": 150, "gross": net + 150}
    if chance.random() < 0.8:
        line["cost"] = net * 7 // 10
    return line


def open_stores(served: Served) -> None:
    """Make the stores that the tills stand in."""
    with served.line(served.admin) as line:
        for code in STORES:
            body = json.dumps({"name": f"Store {code}", "kind": "own", "time_zone": "Asia/Shanghai"}).encode()
            answer = line.call("PUT", f"/v1/stores/{code}", body)
            assert answer.status in {200, 201}, answer.body
