"""Somebody with a value of his own for everything that can be said of a customer, put in through every way there is."""

import itertools
import re
import uuid
import zlib
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import httpx

from app.customers.attributes import PROFILE, Type
from tests.api.test_privacy import TEXTS
from tests.api.world import SAMPLES, filled, receipt, request

# Never part of a word or a number of ours.
MARK = "qzvx"
SCOPES = (
    "customers:write",
    "customers:assign",
    "engagement:record",
    "engagement:write",
    "credit:write",
    "warnings:write",
)
PHONE, SECOND = "138 4477 0919", "+8613955330771"
EMAIL = f"{MARK}000.canary@example.com"
CARD, OUTSIDE, CHAT = "QZVXCARD77", f"{MARK}-crm-1", f"{MARK}_chat"
NUMBERS = ("13844770919", "138 4477 0919", "13955330771", "44770919", "QZVXCARD77")
# Texts of ours that a fact's path or an audit entry may quote.
_FOUND = re.compile(f"{MARK}[0-9]{{3}}")


@dataclass
class Canary:
    """The person: who it is, and every value that was given."""

    client: httpx.AsyncClient
    names: dict[str, str]
    customer: str = ""
    given: dict[str, str] = field(default_factory=dict)
    keyed: list[httpx.Request] = field(default_factory=list)
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    def text(self, what: str) -> str:
        """A new value."""
        token = f"{MARK}{next(self._numbers):03d}"
        self.given[token] = what
        return token

    def marked(self, value: Any, where: str, key: str = "") -> Any:
        """A sample's body with a value of its own for every text."""
        if isinstance(value, dict):
            return {name: self.marked(one, where, name) for name, one in value.items()}
        if isinstance(value, list):
            return [self.marked(one, where, key) for one in value]
        if not isinstance(value, str) or (key, value) == ("reason", "price"):
            return value
        return self._word(value, where, key)

    def _word(self, value: str, where: str, key: str) -> str:
        if key == "phones":
            return "139 5533 0771"
        if key not in TEXTS | {"topic", "email"}:
            return value
        return self.text(f"{where} {key}") + ("@example.com" if key == "email" else "")

    async def send(self, operation: str, body: Any, **headers: str) -> httpx.Response:
        """A request with an Idempotency-Key, to be repeated later; again with the version that we hold."""
        names = {**self.names, "customer_id": self.customer}
        sent = request(self.client, operation, names, body=body, headers={"Idempotency-Key": str(uuid.uuid4())})
        answer = await self.client.send(sent)
        if answer.status_code == 412:
            headers = {"If-Match": f'"{answer.json()["version"]}"', "Idempotency-Key": str(uuid.uuid4())}
            sent = request(self.client, operation, names, body=body, headers=headers)
            answer = await self.client.send(sent)
        assert answer.status_code in {200, 201}, (operation, answer.text)
        self.keyed.append(sent)
        return answer

    def profile(self) -> dict[str, Any]:
        """A value for every attribute that takes a text."""
        made: dict[str, Any] = {}
        for one in PROFILE:
            if one.type in {Type.TEXT, Type.TAGS}:
                text = self.text(one.path)
                made.setdefault(one.section, {})[one.name] = [text] if one.type is Type.TAGS else text
        return made


async def live(canary: Canary) -> None:
    """Everything that can happen to a customer, through the API."""
    identifiers = [
        {"kind": "phone", "value": PHONE}, {"kind": "email", "value": EMAIL}, {"kind": "card", "value": CARD},
        {"kind": "external", "system": "crm", "value": OUTSIDE}, {"kind": "chat", "system": "wechat", "value": CHAT},
    ]  # fmt: skip
    sample = SAMPLES["POST /v1/customers"].body
    family = {"family": sample["profile"]["family"], "custom": sample["profile"]["custom"]}
    body = canary.marked({**sample, "profile": family}, "customer") | {"identifiers": identifiers}
    for section, values in canary.profile().items():
        body["profile"][section] = body["profile"].get(section, {}) | values
    made = await canary.send("POST /v1/customers", filled(body, canary.names))
    canary.customer = made.json()["id"]
    for operation in sorted(name for name, sample in SAMPLES.items() if sample.body is not None):
        sample = SAMPLES[operation]
        mine = "{customer_id}" in operation and operation.startswith(("POST", "PUT")) and sample.scope in SCOPES
        if mine and operation.count("{") == 1 and not operation.endswith(("/confirm", "/batch", "/credit", "/holds")):
            answer = await canary.send(operation, canary.marked(sample.body, operation))
            if operation.endswith("/complaints"):
                canary.names["complaint_id"] = answer.json()["id"]
    await _what_follows(canary)
    await _purchases(canary)


async def _what_follows(canary: Canary) -> None:
    """Changes, so that there are previous values, and the ends of what has a life."""
    client, base = canary.client, f"/v1/customers/{canary.customer}"
    change = {"display_name": canary.text("new name"), "profile": canary.profile()}
    await canary.send("PATCH /v1/customers/{customer_id}", change)
    for what in ("addresses", "contacts"):
        one = (await client.get(f"{base}/{what}")).json()["data"][0]
        patch = {"note": canary.text(f"new note of {what}")}
        answer = await client.patch(f"{base}/{what}/{one['id']}", json=patch, headers={"If-Match": '"1"'})
        assert answer.status_code == 200, answer.text
    complaint = (await client.get(f"{base}/complaints")).json()["data"][0]["id"]
    done = {"outcome": "compensated", "compensation_cost": 777, "outcome_note": canary.text("outcome"),
            "note": canary.text("step")}  # fmt: skip
    assert (await client.post(f"{base}/complaints/{complaint}/resolve", json=done)).status_code == 200
    care = (await client.get(f"{base}/care")).json()["data"][0]["id"]
    spent = {"cost": 555, "note": canary.text("care")}
    assert (await client.post(f"{base}/care/{care}/complete", json=spent)).status_code == 200
    await canary.send("PUT /v1/customers/{customer_id}/credit", {"limit": 1000, "term_days": 1, "currency": "CNY"})
    reserved = await canary.send("POST /v1/credit-authorisations", {"customer_id": canary.customer, "amount": 100})
    freed = await client.post(f"/v1/credit-authorisations/{reserved.json()['id']}/release")
    assert freed.status_code == 200, freed.text
    wanted = {"customer_id": canary.customer, "amount": 100, "till": "3"}
    allowed = await canary.send("POST /v1/credit-allowances", wanted)
    ended = await client.post(f"/v1/credit-allowances/{allowed.json()['id']}/end")
    assert ended.status_code == 200, ended.text
    await canary.send("PUT /v1/customers/{customer_id}/credit", {"limit": 1, "term_days": 1, "currency": "CNY"})
    owed = {"external_id": "c-1", "kind": "charge", "amount": 900, "note": canary.text("entry")}
    await canary.send("POST /v1/customers/{customer_id}/receivables/batch", {"items": [owed]})
    warnings = (await client.get("/v1/warnings", params={"customer_id": canary.customer})).json()["data"]
    texts = {name: canary.text(f"warning {name}") for name in ("cause", "finding", "remedy", "note")}
    answer = await client.post(f"/v1/warnings/{warnings[0]['id']}/resolve", json={"outcome": "paid", **texts})
    assert answer.status_code == 200, answer.text
    path = f"/v1/warnings/{warnings[0]['id']}"
    for step, body in (
        ("reopen", {"note": canary.text("warning reopened")}), ("comments", {"text": canary.text("warning comment")}),
        ("investigate", {"note": canary.text("warning investigated")}),
        ("snooze", {"until": "2099-01-01T00:00:00Z", "note": canary.text("warning snoozed")}),
        ("assign", {"owner": "emp-1", "note": canary.text("warning assigned")}),
    ):  # fmt: skip
        answer = await client.post(f"{path}/{step}", json=body)
        assert answer.is_success, answer.text
    judged = {"customer_ids": [canary.customer], "kinds": ["promise_due"]}
    assert (await client.post("/v1/opportunities/evaluations", json=judged)).json()["opened"] == 1
    chances = (await client.get("/v1/opportunities", params={"customer_id": canary.customer})).json()["data"]
    taken = {"outcome": "contacted", "note": canary.text("opportunity")}
    answer = await client.post(f"/v1/opportunities/{chances[0]['id']}/take", json=taken)
    assert answer.status_code == 200, answer.text
    paid = {"external_id": "p-1", "kind": "payment", "amount": 900, "note": canary.text("payment"),
            "allocations": [{"external_id": "c-1", "amount": 400}]}  # fmt: skip
    await canary.send("POST /v1/customers/{customer_id}/receivables/batch", {"items": [paid]})
    held = await client.post(f"{base}/holds", json={"reason": canary.text("hold")})
    released = {"reason": canary.text("release")}
    assert (await client.post(f"/v1/holds/{held.json()['id']}/release", json=released)).status_code == 200


async def _purchases(canary: Canary) -> None:
    """Receipts by number, card and id; one that was nobody's first; lookups and searches."""
    client = canary.client
    for number, who in (
        ("C-1", {"identifier": {"kind": "phone", "value": PHONE}}), ("C-2", {"id": canary.customer}),
        ("C-3", {"identifier": {"kind": "card", "value": CARD}}),
    ):  # fmt: skip
        body = filled(receipt(number), canary.names) | {"customer": who, "extensions": {"t": canary.text("extension")}}
        await canary.send("POST /v1/receipts", body)
    nobody = filled(receipt("C-4"), canary.names) | {"extensions": {"t": canary.text("extension of a walk-in")}}
    nobody |= {"customer": None}
    pushed = await canary.send("POST /v1/receipts", nobody)
    path = f"/v1/receipts/{pushed.json()['id']}/attribution"
    assert (await client.post(path, json={"customer": {"id": canary.customer}})).status_code == 200
    canary.names["value"] = OUTSIDE
    await canary.send(
        "PUT /v1/customers/by-external/{system}/{value}",
        {"reading": canary.text("reading"), "identifiers": [{"kind": "phone", "value": SECOND}]},
    )
    for query in ({"phone": PHONE}, {"email": EMAIL}, {"card": CARD}, {"external": f"crm:{OUTSIDE}"}):
        assert (await client.get("/v1/customers/lookup", params=query)).status_code == 200
        answer = await client.post("/v1/customers/lookup", json=query)
        assert answer.status_code == 200 or "external" in query, answer.text
    assert (await client.get("/v1/customers/search", params={"q": EMAIL})).status_code == 200


def flat(value: Any) -> str:
    """Whatever a database answers, as text: bytes also unpacked."""
    if isinstance(value, bytes | bytearray | memoryview):
        raw = bytes(value)
        with suppress(zlib.error):
            raw += zlib.decompress(raw)
        return raw.decode("utf-8", "replace")
    if isinstance(value, list | tuple | set):
        return " ".join(flat(one) for one in value)
    return str(value)


async def scan(dsn: str) -> dict[str, str]:
    """Every column of every table, and what the planner has learnt of it: name -> all its values as one text."""
    connection = await asyncpg.connect(dsn)
    try:
        columns = await connection.fetch(
            """SELECT t.relname, a.attname FROM pg_class t JOIN pg_attribute a ON a.attrelid = t.oid
               WHERE t.relkind IN ('r', 'p', 'm') AND NOT t.relispartition AND a.attnum > 0 AND NOT a.attisdropped
                 AND t.relnamespace = 'public'::regnamespace"""
        )
        found = {
            f"{table}.{column}": "\n".join(
                flat(row[0]) for row in await connection.fetch(f'SELECT "{column}" FROM "{table}"')
            )
            for table, column in columns
        }
        learnt = await connection.fetch(
            """SELECT tablename, attname, concat_ws(' ', most_common_vals, histogram_bounds, most_common_elems)
               FROM pg_stats WHERE schemaname = 'public'"""
        )
        return found | {f"pg_stats {table}.{column}": text for table, column, text in learnt}
    finally:
        await connection.close()


def leaks(text: str, canary: Canary) -> set[str]:
    """The values of the person that a text holds."""
    lower = text.lower()
    found = {one for one in _FOUND.findall(lower) if one in canary.given}
    return found | {one for one in (*NUMBERS, EMAIL, OUTSIDE, CHAT) if one.lower() in lower}
