"""People about whom much is known in every room: random writes through the API, and all rows that are held of one."""

import json
import random
import uuid
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from sqlalchemy import TextClause, text

from app.assembly import PERSONS
from app.core.db import Tx
from app.core.person import Fate
from app.customers import verify as customers_verify
from app.receipts import verify as receipts_verify
from tests.engagement.factories import CHANGE, LEAST, Desk

# Counted up by a merge and by its undoing; that is no difference. Of warnings it is what they say now: they are judged
# anew each time, which is their history.
COUNTED = {
    "duplicate_candidates": {"version", "changed_at"}, "customers": {"version", "updated_at"},
    "credit_accounts": {"version", "updated_at"},
    "sales_plans": {"version", "updated_at"}, "expense_budgets": {"version", "updated_at"},
    "warnings": {
        "id", "version", "changed_at", "opened_at", "due_at", "episode", "evidence", "resolution", "resolved_at",
    },
}  # fmt: skip
LIVE = {
    # Pairs of somebody who was merged wait for that to be undone.
    "duplicate_candidates": "AND status <> 'merged'",
    "warnings": "AND status <> 'resolved'",
    "warning_events": "AND false",
}
NAMES = ("王小明", "王小明", "Wang Xiaoming", "김민수", "Ann Lee", None)
CAREERS = ("teacher", "cook", "driver", None)
CITIES = ("Guiyang", "Seoul", None)


class People(Desk):
    """A town of people to whom anything may happen."""

    def begin(self, seed: int) -> "People":
        """Make what happens depend on a seed."""
        self.dice = random.Random(seed)
        self.count = 0
        return self

    def number(self, prefix: str) -> str:
        """A value that nobody else has."""
        self.count += 1
        return f"{prefix}-{self.dice.randrange(10**6)}-{self.count}"

    async def person(self, name: str = "Mei") -> str:
        """Somebody new, with a card."""
        card = {"kind": "card", "value": self.number("C")}
        answer = await self.call(
            "POST", "/customers", {"display_name": name, "identifiers": [card], "home_store": "S1"}
        )
        return str(answer["id"])

    async def held(self, *customers: str) -> dict[str, list[str]]:
        """Every row that any room holds of each customer, by table, as sorted texts."""
        found = {}
        for one in (holding for person in PERSONS for holding in person.HOLDINGS if holding.fate is not Fate.STAYS):
            key = "id" if one.name == "customers" else "customer_id"
            ids = [uuid.UUID(customer) for customer in customers]
            sql = text(f"SELECT to_jsonb(t) FROM {one.name} t WHERE {key} = ANY (:ids) {LIVE.get(one.name, '')}")
            rows = await self.services.db.run(partial(_rows, sql=sql, ids=ids))
            left_out = COUNTED.get(one.name, set())
            plain = [{name: value for name, value in row[0].items() if name not in left_out} for row in rows]
            found[one.name] = sorted(json.dumps(row, sort_keys=True) for row in plain)
        return found

    async def verified(self) -> None:
        """All figures and terms are what a recomputation gives."""
        for part in (receipts_verify, customers_verify):
            assert [line async for found in part.check(self.services.db) for line in found] == []

    async def anything(self, customer: str, other: str | None = None) -> str:
        """One random write about a customer, through the API; its name."""
        name, deed = self.dice.choice([one for one in self.deeds().items() if other is not None or one[0] != "relate"])
        await deed(customer, other or customer)
        return name

    def deeds(self) -> dict[str, Callable[[str, str], Awaitable[Any]]]:
        """What may happen to a customer, by name; the second customer is somebody else."""
        return {
            "sell": lambda who, _: self.sell(who, self.dice.choice((1000, 2500, 4000))),
            "sell again": lambda who, _: self.sell(who, 1200, on_account=self.dice.random() < 0.5),
            "patch": self._patch,
            "identify": self._identify,
            "address": self._address,
            "relate": self._relate,
            "consent": self._consent,
            "policy": self._policy,
            "credit": lambda who, _: self.credit(who, self.dice.choice((0, 1000, 90_000)), term_days=10),
            "pay": lambda who, _: self.pay(who, self.dice.choice((100, 700)), external_id=self.dice.choice("abc")),
            "plan": self._plan,
            "spend": self._spend,
            "record": self._record,
            "act": self._act,
            "assign": self._assign,
            "hold": lambda who, _: self.call("POST", f"/customers/{who}/holds", {"reason": "not paid"}),
            "void": self._void,
            "list": self._list,
            "tomorrow": self._tomorrow,
        }

    async def _list(self, customer: str, _: str) -> None:
        """Put a customer into one of two lists."""
        number = self.dice.choice((1, 2))
        listed = {"id": str(uuid.UUID(int=number)), "name": f"list {number}", "kind": "list"}
        assert (await self.client.post("/v1/segments", json=listed)).status_code in {201, 409}
        await self.call("POST", f"/segments/{listed['id']}/members/batch", {"items": [{"id": customer}]})

    async def _tomorrow(self, customer: str, _: str) -> None:
        self.pass_days(self.dice.choice((1, 1, 3, 40)))
        await self.evaluate(customer)

    async def _patch(self, customer: str, _: str) -> None:
        given: dict[str, Any] = self.dice.choice((
            {"display_name": self.dice.choice(NAMES)},
            {"profile": {"career": {"occupation": self.dice.choice(CAREERS)}}},
            {"gender": self.dice.choice(("female", "male", None)), "language": "ko"},
            {"birthday": self.dice.choice(({"month": 9, "day": 21, "year": 1980}, None))},
        ))  # fmt: skip
        version = (await self.call("GET", f"/customers/{customer}"))["version"]
        headers = {"If-Match": f'"{version}"'}
        answer = await self.client.patch(f"/v1/customers/{customer}", json=given, headers=headers)
        assert answer.is_success, answer.text

    async def _assign(self, customer: str, _: str) -> None:
        given = {self.dice.choice(("account_manager", "sponsor")): self.dice.choice(("emp-1", "emp-2", None))}
        version = (await self.call("GET", f"/customers/{customer}"))["version"]
        path, headers = f"/v1/customers/{customer}/assignment", {"If-Match": f'"{version}"'}
        answer = await self.client.put(path, json=given, headers=headers)
        assert answer.is_success, answer.text

    async def _identify(self, customer: str, _: str) -> None:
        phone = f"+861380013{self.dice.randrange(8000, 8006)}"
        body = {"kind": "phone", "value": phone, "primary": self.dice.random() < 0.5}
        await self.call("POST", f"/customers/{customer}/identifiers", body)

    async def _address(self, customer: str, _: str) -> None:
        await self.call("POST", f"/customers/{customer}/addresses", {"kind": "home", "city": self.dice.choice(CITIES)})

    async def _relate(self, customer: str, other: str) -> None:
        body = {"other": other, "kind": self.dice.choice(("friend", "household", "referrer"))}
        answer = await self.client.post(f"/v1/customers/{customer}/relationships", json=body)
        assert answer.status_code in {201, 409}, answer.text

    async def _consent(self, customer: str, _: str) -> None:
        state = self.dice.choice(("granted", "denied", "withdrawn"))
        body = {"purpose": "marketing", "channel": "sms", "state": state, "source": "form"}
        await self.call("POST", f"/customers/{customer}/consents", body)

    async def _policy(self, customer: str, _: str) -> None:
        body = {"do_not_call": self.dice.random() < 0.3, "preferred_channel": self.dice.choice(("phone", "sms"))}
        path = f"/v1/customers/{customer}/contact-policy"
        tag = (await self.client.get(path)).headers.get("etag")
        answer = await self.client.put(path, json=body, headers={"If-Match": tag} if tag else {})
        assert answer.is_success, answer.text

    async def _plan(self, customer: str, _: str) -> None:
        kind, period = self.dice.choice(("sales-plans", "expense-budgets")), self.dice.choice(("2026-Q1", "2026"))
        months = [self.dice.choice((0, 70, 501)) for _ in range(12 if period == "2026" else 3)]
        laid_out = {"monthly_amounts": months} if self.dice.random() < 0.5 else {}
        await self.call("PUT", f"/customers/{customer}/{kind}/{period}", {"planned": sum(months), **laid_out})

    async def _spend(self, customer: str, _: str) -> None:
        path = f"/customers/{customer}/expenses"
        item = {"external_id": self.dice.choice("abc"), "kind": "visit", "amount": 90}
        spent = [
            one for one in (await self.call("GET", path))["data"] if one["source"] == "expense" and one["amount"] > 0
        ]
        if spent and self.dice.random() < 0.5:
            corrects = self.dice.choice(spent)["external_id"]
            item = {**item, "external_id": self.number("x"), "amount": -20, "corrects": corrects}
        await self.call("POST", f"{path}/batch", {"items": [item]})

    async def _record(self, customer: str, _: str) -> None:
        await self.add(self.dice.choice(sorted(LEAST)), of=customer)

    async def _act(self, customer: str, _: str) -> None:
        plural = self.dice.choice(sorted(CHANGE))
        listed = (await self.call("GET", f"/customers/{customer}/{plural}"))["data"]
        if listed:
            answer = await self.patch(plural, self.dice.choice(listed), **CHANGE[plural])
            assert answer.is_success, answer.text

    async def _void(self, customer: str, _: str) -> None:
        listed = (await self.call("GET", f"/customers/{customer}/receipts"))["data"]
        if listed:
            await self.call("POST", f"/receipts/{self.dice.choice(listed)['id']}/void", {})


async def _rows(tx: Tx, sql: TextClause, ids: list[uuid.UUID]) -> list[Any]:
    return await tx.rows(sql, {"ids": ids})
