"""A desk at which records of customers are made, and a worker who follows the feed when told."""

from typing import Any

from app.engagement.jobs import Follower
from tests.early_warning.factories import Town
from tests.feed import factories as feed

# What each kind of record needs at least, and a change of it.
LEAST: dict[str, dict[str, Any]] = {
    "interactions": {"channel": "phone", "direction": "inbound"},
    "complaints": {"about": "delivery", "subject": "Broken on arrival"},
    "promises": {"promise": "A new lid", "due_at": "2026-03-06T09:00:00+08:00"},
    "surveys": {"survey": "spring"},
    "suggestions": {"suggestion": "Open on Sundays", "about": "service"},
    "needs": {"category": "tea", "need": "Tea for guests"},
    "losses": {"reason": "price"},
    "care": {"kind": "gift", "occasion": "birthday", "what": "A tin of tea", "planned_for": "2026-03-20"},
    "development-plans": {"goal": "In all four of their shops"},
}
CHANGE: dict[str, dict[str, Any]] = {
    "interactions": {"topic": "delivery"},
    "complaints": {"severity": "serious"},
    "promises": {"owner": "emp-2"},
    "suggestions": {"about": "price"},
    "needs": {"met": True},
    "losses": {"lost_to": "The other shop"},
    "care": {"planned_cost": 500},
    "development-plans": {"owner": "emp-2"},
}


class Desk(Town):
    """A town whose customers are talked to; `mei` is one of them."""

    mei: str

    async def add(self, plural: str, *, of: str | None = None, expect: int = 201, **more: Any) -> Any:
        """Make a record of a customer with the least that it needs, and more."""
        path = f"/customers/{of or self.mei}/{plural}"
        return await self.call("POST", path, {**LEAST[plural], **more}, status=expect)

    async def act(self, plural: str, record: Any, verb: str, expect: int = 200, **said: Any) -> Any:
        """Do something to a record."""
        path = f"/customers/{record['customer_id']}/{plural}/{record['id']}/{verb}"
        return await self.call("POST", path, said, status=expect)

    async def patch(self, plural: str, record: Any, version: int | None = None, **given: Any) -> Any:
        """Patch a record at its version, or at another; the answer."""
        path = f"/v1/customers/{record['customer_id']}/{plural}/{record['id']}"
        tag = f'"{record["version"] if version is None else version}"'
        return await self.client.patch(path, json=given, headers={"If-Match": tag})

    async def told(self, after: str) -> list[tuple[str, Any]]:
        """(type, data) of all events since a cursor of the feed."""
        while await feed.move(self.services.db):
            pass
        return [(event["type"], event["data"]) for event in await feed.read_on(self.client, after)]

    async def listed(self, path: str, **query: Any) -> list[dict[str, Any]]:
        """A list, all in one page."""
        answer = await self.client.get(f"/v1{path}", params={"limit": 200, **query})
        assert answer.status_code == 200, answer.text
        return list(answer.json()["data"])

    async def work(self) -> None:
        """Let the worker look until there is nothing more to do."""
        await self.here()
        while await Follower(self.services).turn():
            pass

    async def rule(self, **more: Any) -> None:
        """Set one follow-up rule, for what happens from now on."""
        usual = {"code": "ask", "title": "Ask how it was", "trigger": "receipt", "days": 14}
        await self.call("PUT", "/follow-up-rules", {"rules": [{**usual, **more}]})
        await self.work()
