"""A store, customers, sales and days that pass: what stories about warnings are made of."""

import uuid
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
from sqlalchemy import text

from app.core.caller import SYSTEM
from app.core.services import Services
from app.early_warning import commands
from app.early_warning.jobs import Keeper
from tests.feed import factories as feed
from tests.till.factories import line, receipt

ZONE = ZoneInfo("Asia/Shanghai")


def noon(day: date) -> datetime:
    """Noon in the store."""
    return datetime(day.year, day.month, day.day, 12, tzinfo=ZONE)


class Town:
    """A company with one store, whose clock stands at noon of a day."""

    def __init__(self, services: Services, client: httpx.AsyncClient, day: date) -> None:
        self.services = services
        self.client = client
        self.go_to(day)

    def go_to(self, day: date) -> None:
        """Let it be noon of a day."""
        self.day = day
        self.services.clock.set(noon(day))

    def pass_days(self, days: int) -> None:
        """Let days pass; with none, the clock stays where it is."""
        if days:
            self.go_to(self.day + timedelta(days=days))

    def pass_hours(self, hours: float) -> None:
        """Let hours pass."""
        self.services.clock.set(self.services.clock.now() + timedelta(hours=hours))
        self.day = self.services.clock.now().astimezone(ZONE).date()

    def pass_a_minute(self) -> None:
        """Let a minute of the same day pass."""
        self.services.clock.set(self.services.clock.now() + timedelta(minutes=1))

    async def call(self, method: str, path: str, body: Any = None, *, status: int | None = None) -> Any:
        """Call the API; the answer must be a success, or have the given status."""
        answer = await self.client.request(method, f"/v1{path}", json=body)
        assert answer.is_success if status is None else answer.status_code == status, answer.text
        return answer.json()

    async def customer(self, name: str, kind: str = "person", **more: Any) -> str:
        """A customer with a card of the same name; its id."""
        body = {"display_name": name, "kind": kind, "identifiers": [{"kind": "card", "value": name}], **more}
        return str((await self.call("POST", "/customers", body))["id"])

    async def credit(self, customer: str, limit: int, term_days: int = 30, **more: Any) -> Any:
        """Set up a customer's account."""
        return await self.call("PUT", f"/customers/{customer}/credit", {"limit": limit, "term_days": term_days, **more})

    def sale(self, customer: str | None, net: int = 3000, *, on_account: bool = False, **more: Any) -> dict[str, Any]:
        """A receipt of today."""
        kind = "on_account" if on_account else "cash"
        sent = receipt(line(net), occurred_at=noon(self.day).isoformat(), tenders=[{"kind": kind, "amount": net}])
        return sent | {"customer": None if customer is None else {"id": customer}, **more}

    async def sell(self, customer: str | None, net: int = 3000, *, on_account: bool = False, **more: Any) -> Any:
        """Push a receipt of today; its document."""
        return await self.call("POST", "/receipts", self.sale(customer, net, on_account=on_account, **more))

    async def pay(self, customer: str, amount: int, kind: str = "payment", **more: Any) -> Any:
        """Enter a payment (or another entry) of today; its result."""
        item = {"external_id": uuid.uuid4().hex, "kind": kind, "amount": amount, **more}
        answer = await self.call("POST", f"/customers/{customer}/receivables/batch", {"items": [item]})
        return answer["results"][0]

    async def evaluate(self, *customers: str) -> dict[str, int]:
        """Bring the warnings of these customers in line; what was done, as far as anything was."""
        answer = await self.call("POST", "/warnings/evaluations", {"customer_ids": list(customers)})
        assert answer["status"] == "done"
        return {name: answer[name] for name in ("opened", "changed", "reopened", "resolved") if answer[name]}

    async def keep(self) -> None:
        """Let the keeper of warnings do all that the clock and the feed have brought."""
        keeper = Keeper(self.services)
        while await feed.move(self.services.db) or await keeper.turn():
            pass

    async def step(self, warning: Any, verb: str, status: int | None = None, **body: Any) -> Any:
        """Do something about a warning."""
        return await self.call("POST", f"/warnings/{warning['id']}/{verb}", body, status=status)

    async def history(self, warning: Any) -> list[dict[str, Any]]:
        """All that happened to a warning."""
        return list((await self.call("GET", f"/warnings/{warning['id']}"))["history"])

    async def warnings(self, **query: Any) -> list[dict[str, Any]]:
        """The board, or another list."""
        answer = await self.client.get("/v1/warnings", params=query)
        assert answer.status_code == 200, answer.text
        return list(answer.json()["data"])

    async def here(self) -> str:
        """The cursor behind all that has happened so far."""
        while await feed.move(self.services.db):
            pass
        return await feed.head(self.services)

    async def events(self, after: str, *types: str) -> list[tuple[str, Any]]:
        """(type, data) of the events of these types since a cursor of the feed."""
        while await feed.move(self.services.db):
            pass
        found = await feed.read_on(self.client, after, types=",".join(types))
        return [(event["type"], event["data"]) for event in found]

    async def plan(self, customer: str, period: str, planned: int, kind: str = "sales-plans", **more: Any) -> Any:
        """Set a plan (or a budget)."""
        return await self.call("PUT", f"/customers/{customer}/{kind}/{period}", {"planned": planned, **more})

    async def spend(self, customer: str, amount: int, **more: Any) -> Any:
        """Enter an expense of today; its result."""
        item = {"external_id": uuid.uuid4().hex, "kind": "travel", "amount": amount, **more}
        answer = await self.call("POST", f"/customers/{customer}/expenses/batch", {"items": [item]})
        return answer["results"][0]

    async def watch(self) -> None:
        """What the worker does moments after something has happened."""
        while await feed.move(self.services.db):
            pass
        while await self.services.db.run(lambda tx: commands.watch(tx, self.services.settings.company)):
            pass

    async def standing(self, customer: str) -> tuple[str, list[tuple[str, str]]]:
        """How things stand with a customer, and why."""
        found = await self.call("GET", f"/customers/{customer}/standing")
        return found["standing"], [(reason["code"], reason["detail"]) for reason in found["reasons"]]

    async def hold_of(self, customer: str) -> str:
        """The id of the one hold that stops sales to a customer."""
        found = text("SELECT id FROM holds WHERE customer_id = CAST(:customer AS uuid) AND released_at IS NULL")
        rows = await self.services.db.read(SYSTEM, lambda tx: tx.rows(found, {"customer": customer}))
        assert len(rows) == 1
        return str(rows[0].id)
