"""A company that looks for duplicates among its customers."""

import asyncio
from typing import Any

from sqlalchemy import text

from app.core.jobs import claim, run_job
from app.customers import commands
from app.customers.commands import duplicates
from app.customers.jobs import DuplicateFinder, sweep
from tests.feed.factories import move

PHONE, MAIL = "+86 139 0851 2346", "wang@example.com"


class Seeker:
    """Customers, and what is found of them."""

    def __init__(self, house, client) -> None:
        self.house, self.client, self.db = house, client, house.services.db

    async def call(self, method: str, path: str, body: Any = None, status: int | None = None, **given: Any) -> Any:
        answer = await self.client.request(method, f"/v1{path}", json=body, **given)
        if status is None:
            answer.raise_for_status()
        else:
            assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    async def add(self, name: str | None = None, *identifiers: str, **fields: Any) -> str:
        """A customer with phones, e-mails and (external) card numbers."""
        kinds = [("email" if "@" in one else "card" if one[0] == "C" else "phone", one) for one in identifiers]
        if name is not None:
            fields["display_name"] = name
        given = [{"kind": kind, "value": value} for kind, value in kinds]
        return (await self.call("POST", "/customers", {"identifiers": given, **fields}))["id"]

    async def live(self, customer: str, street: str = "Zhonghua Road 18", **more: Any) -> None:
        place = {"kind": "home", "street": street, "city": "Guiyang", **more}
        await self.call("POST", f"/customers/{customer}/addresses", place)

    async def watch(self) -> "Seeker":
        """Let the worker begin: from here on it follows the feed."""
        await self.feed()
        await DuplicateFinder(self.house.services).turn()
        async with self.db.engine.begin() as connection:
            await connection.execute(text("DELETE FROM jobs WHERE kind = :kind"), {"kind": duplicates.SWEEP})
        return self

    async def feed(self) -> None:
        while await move(self.db):
            pass

    async def follow(self) -> None:
        """What the worker does when records have changed."""
        await self.feed()
        while await DuplicateFinder(self.house.services).turn():
            pass

    async def sweep(self) -> dict[str, Any]:
        """Look at everybody; the job's progress."""
        services = self.house.services
        await self.db.run(commands.enqueue_duplicate_sweep)
        job = await claim(self.db, [duplicates.SWEEP], services.settings.jobs, asyncio.Event())
        assert job is not None
        await run_job(services, sweep, job)
        return job.progress

    async def pairs(self, **query: Any) -> list[dict[str, Any]]:
        return (await self.call("GET", "/duplicate-candidates", params=query))["data"]

    async def reasons(self) -> dict[str, int]:
        """Those of the only pair there is."""
        (pair,) = await self.pairs()
        found = {one["code"]: one["weight"] for one in pair["reasons"]}
        assert pair["score"] == max(0, min(100, sum(found.values())))
        return found

    async def relate(self, one: str, other: str, kind: str) -> None:
        await self.call("POST", f"/customers/{one}/relationships", {"other": other, "kind": kind})
