"""Compares what the tills were told with the tables, the figures, the feed and the audit trail."""

import asyncio
import sys
import time
from collections import Counter, defaultdict
from datetime import date, datetime
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from tests.served import Served
from tests.tills import Log

ZONE = ZoneInfo("Asia/Shanghai")
QUIET_SECONDS = 30.0


def read_feed(served: Served) -> list[dict[str, Any]]:
    """Every event from zero, in order, read when the feed has caught up with what is committed."""
    deadline = time.monotonic() + QUIET_SECONDS
    with served.line(served.admin) as line:
        while (waiting := line.call("GET", "/readyz").json()["feed_waiting"]) > 0:
            assert time.monotonic() < deadline, f"{waiting} events have not reached the feed"
            time.sleep(0.05)
        events: list[dict[str, Any]] = []
        query = "limit=1000"
        while True:
            answer = line.call("GET", f"/v1/changes?{query}")
            assert answer.status == 200, answer.body
            page = answer.json()
            events += page["data"]
            if not page["has_more"]:
                return events
            query = f"limit=1000&after={page['next_cursor']}"


def numbers(served: Served) -> dict[str, str]:
    """Receipt number -> id, as stored."""
    return {row["number"]: row["id"] for row in asyncio.run(_tables(served.dsn))["numbers"]}


def check(served: Served, log: Log) -> str:
    """Assert all of it. Answers a line about what was compared."""
    assert log.troubles == [], "\n".join(log.troubles[:20])
    assert set(log.acknowledged) == set(log.sent), "a till stopped before its last receipt was acknowledged"
    tables = asyncio.run(_tables(served.dsn))
    _receipts(tables, log)
    _figures(tables["figures"], log)
    _events(read_feed(served), tables, log)
    _audit(tables, log)
    assert served.verify() == "0 differences"
    return f"{len(log.sent):,} receipts ({len(log.voided):,} voided)"


async def _tables(dsn: str) -> dict[str, list[Any]]:
    """The rows to compare."""
    connection = await asyncpg.connect(dsn)
    try:
        return {
            "receipts": await connection.fetch(
                "SELECT r.id::text, r.number, r.net, r.cost, r.voided_at IS NOT NULL AS voided, r.customer_id::text,"
                " (SELECT value FROM identifiers i WHERE i.customer_id = r.customer_id AND i.kind = 'card') AS card,"
                " (SELECT sum(net) FROM receipt_lines l"
                "  WHERE l.customer_id = r.customer_id AND l.receipt_id = r.id)::bigint AS lines_net,"
                " (SELECT count(*) FROM receipt_lines l"
                "  WHERE l.customer_id = r.customer_id AND l.receipt_id = r.id) AS lines FROM receipts r"
            ),
            "numbers": await connection.fetch("SELECT number, receipt_id::text AS id FROM receipt_numbers"),
            "customers": await connection.fetch("SELECT id::text FROM customers WHERE kind <> 'walk_in'"),
            "figures": await connection.fetch(
                "SELECT i.value AS card, f.* FROM customer_figures f JOIN identifiers i USING (customer_id)"
                " WHERE i.kind = 'card'"
            ),
            "audit": await connection.fetch(
                "SELECT record_id::text AS id, action, count(*) FROM audit_entries"
                " WHERE record_kind = 'receipt' GROUP BY record_id, action"
            ),
        }
    finally:
        await connection.close()


def _receipts(tables: dict[str, list[Any]], log: Log) -> None:
    """Each acknowledged receipt is there once, as sent, under the id that was told; nothing else is there."""
    rows = tables["receipts"]
    assert sorted(row["number"] for row in rows) == sorted(log.sent)
    assert {row["number"]: row["id"] for row in rows} == log.acknowledged
    assert {row["number"]: row["id"] for row in tables["numbers"]} == log.acknowledged
    for row in rows:
        sent = log.sent[row["number"]]
        net = net_of(sent)
        assert (row["net"], row["lines_net"], row["lines"]) == (net, net, len(sent["lines"])), row
        assert (row["card"], row["voided"]) == (card_of(sent), row["number"] in log.voided), row


def _figures(rows: list[Any], log: Log) -> None:
    """A plain loop over what was sent gives the figures that are kept."""
    own: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for number, sent in log.sent.items():
        if number not in log.voided:
            own[card_of(sent)].append(sent)
    assert {row["card"] for row in rows} == set(own)
    for row in rows:
        expected = recomputed(own[row["card"]])
        assert {name: row[name] for name in expected} == expected, row["card"]


def recomputed(receipts: list[dict[str, Any]]) -> dict[str, Any]:
    """A customer's figures from the receipts as they were sent."""
    purchases = [receipt for receipt in receipts if receipt["kind"] == "sale" and net_of(receipt) > 0]
    moments = [(datetime.fromisoformat(receipt["occurred_at"]), receipt["store"]) for receipt in purchases]
    nets = Counter[date]()
    for receipt in receipts:
        nets[datetime.fromisoformat(receipt["occurred_at"]).astimezone(ZONE).date()] += net_of(receipt)
    days = sorted(day for day, net in nets.items() if net > 0)
    gaps = [(later - earlier).days for earlier, later in pairwise(days)]
    signed = [(line, -1 if receipt["kind"] == "return" else 1) for receipt in receipts for line in receipt["lines"]]
    margins = [sign * (line["net"] - line["cost"]) for line, sign in signed if "cost" in line]
    return {
        "receipts": len(receipts),
        "occasions": len(days),
        "net": sum(nets.values()),
        "margin": sum(margins) if margins else None,
        "discount": sum(sign * line.get("discount", 0) for line, sign in signed),
        "returns": sum(line["net"] for line, sign in signed if sign < 0),
        "first_purchase_at": min(moments)[0] if moments else None,
        "last_purchase_at": max(moments)[0] if moments else None,
        "last_store": max(moments)[1] if moments else None,
        "gap_sum": sum(gaps),
        "gap_square_sum": sum(gap * gap for gap in gaps),
    }


def _events(events: list[dict[str, Any]], tables: dict[str, list[Any]], log: Log) -> None:
    """The feed has no gap and no repeat, and exactly one event for each thing that happened."""
    assert [event["sequence"] for event in events] == list(range(1, len(events) + 1))
    assert len({event["id"] for event in events}) == len(events)
    subjects: dict[str, list[str]] = defaultdict(list)
    for event in events:
        subjects[event["type"]].append(event["subject"])
    assert Counter(subjects["receipt.recorded"]) == Counter(log.acknowledged.values())
    assert Counter(subjects["receipt.voided"]) == Counter(log.acknowledged[number] for number in log.voided)
    assert Counter(subjects["customer.created"]) == Counter(row["id"] for row in tables["customers"])


def _audit(tables: dict[str, list[Any]], log: Log) -> None:
    """One entry per receipt and per void, no more: a rolled-back attempt left none."""
    entries = Counter[str]()
    for row in tables["audit"]:
        if not row["action"].endswith(".read"):
            entries[row["id"]] += row["count"]
    voided = Counter(log.acknowledged[number] for number in log.voided)
    assert entries == Counter(log.acknowledged.values()) + voided


def net_of(receipt: dict[str, Any]) -> int:
    """What a sent receipt counts: a return counts negative."""
    net = sum(line["net"] for line in receipt["lines"])
    return -net if receipt["kind"] == "return" else net


def card_of(receipt: dict[str, Any]) -> str:
    """The card a receipt was sent with."""
    return str(receipt["customer"]["identifier"]["value"])


def say(capsys: pytest.CaptureFixture[str], text: str) -> None:
    """Print a line for the person who runs the tests, past pytest and its worker processes."""
    with capsys.disabled():
        print(f"\n{text}", file=sys.stderr)
