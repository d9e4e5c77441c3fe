"""A company whose kept segments are followed, as the worker would, and compared with what is asked anew."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import text

from app.core.caller import SYSTEM
from app.segments.asking import Asking
from app.segments.jobs import refreshed
from app.segments.queries import evaluate, happened
from tests.feed import factories as feed


class Keeping:
    """The API, the worker's part, and both ways of asking."""

    def __init__(self, house: Any, client: Any) -> None:
        self.house, self.client, self.services = house, client, house.services

    async def segment(self, name: str, question: str | None, *, materialised: bool = True, **more: Any) -> str:
        """A segment, a list without a question; its id."""
        body = {"kind": "list"} if question is None else {"text": question}
        answer = await self.client.post(
            "/v1/segments", json={"name": name, "materialised": materialised, **body, **more}
        )
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def patch(self, segment: str, status: int = 200, **given: Any) -> Any:
        """Change a segment at its version."""
        tag = (await self.client.get(f"/v1/segments/{segment}")).headers["etag"]
        answer = await self.client.patch(f"/v1/segments/{segment}", json=given, headers={"If-Match": tag})
        assert answer.status_code == status, answer.text
        return answer.json()

    async def follow(self) -> None:
        """What the worker does until there is nothing more to do."""
        again = True
        while again:
            while await feed.move(self.services.db):
                pass
            while await self.turn():
                pass
            again = bool(await self.waiting())

    async def turn(self) -> bool:
        """Look once at every kept segment, as the keeper does, but raise what goes wrong."""
        asking, more = Asking(self.services), False
        for one in await self.services.db.run(lambda tx: happened.waiting(tx, asking.today())):
            done = await self.services.db.run(lambda tx, one=one: refreshed(tx, asking, one))
            more = more or done.more
        return more

    async def waiting(self) -> bool:
        """Whether something was told that is not on the feed yet."""
        return bool(await self.services.db.hot.fetchval("SELECT EXISTS (SELECT FROM outbox)"))

    async def get(self, path: str, status: int = 200, **query: Any) -> Any:
        answer = await self.client.get(f"/v1{path}", params=query)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def members(self, segment: str, size: int = 100, **query: Any) -> set[str]:
        """Who is in a segment, page by page; as many as are counted."""
        found, cursor = list[str](), ""
        while True:
            more: dict[str, Any] = {"cursor": cursor} if cursor else {}
            page = await self.get(f"/segments/{segment}/members", limit=size, **query, **more)
            found += [one["id"] for one in page["data"]]
            cursor = page["next_cursor"] or ""
            if not cursor:
                break
        count = await self.get(f"/segments/{segment}/count", **query)
        assert (count["count"], count["as_of"]) == (len(found), page["as_of"])
        assert len(found) == len(set(found))
        return set(found)

    async def kept(self) -> dict[str, set[str]]:
        """Who is in each segment by what is kept."""
        found: dict[str, set[str]] = {}
        for row in await self.rows("SELECT segment_id, customer_id FROM memberships WHERE left_on IS NULL"):
            found.setdefault(str(row[0]), set()).add(str(row[1]))
        return found

    async def live(self, segment: str) -> set[str]:
        """Whom the question is true of, asked anew."""
        asking = Asking(self.services)
        async with self.services.db.reading(SYSTEM) as tx:
            _, world, checked = await asking.posed(tx, uuid.UUID(segment))
            question = asking.question(checked, world, asking.today())
            return {str(one) for one in await evaluate.page(tx, question, after=None, limit=10_000)}

    async def changes(self, segment: str, size: int = 100, **query: Any) -> list[tuple[str, str, str]]:
        """(who, what, on which day) of everything that is known, page by page."""
        found, cursor = list[tuple[str, str, str]](), ""
        while True:
            more: dict[str, Any] = {"cursor": cursor} if cursor else {}
            page = await self.get(f"/segments/{segment}/changes", limit=size, **query, **more)
            found += [(one["customer_id"], one["what"], one["on"]) for one in page["data"]]
            cursor = page["next_cursor"] or ""
            if not cursor:
                return found

    async def told(self) -> list[tuple[str, str, str, str]]:
        """(type, customer, segment, day) of all events of kept segments, in the order of the feed."""
        events = await feed.read_on(self.client, None, types="segment.entered,segment.left")
        for one in events:
            assert one["subject"] == one["data"]["segment_id"]
        return [(one["type"], one["customer_id"], one["subject"], one["data"]["on"]) for one in events]

    async def rows(self, sql: str) -> Any:
        async def work(tx: Any) -> Any:
            return await tx.rows(text(sql))

        return await self.services.db.run(work)

    def at(self, moment: datetime) -> None:
        """Let it be a moment."""
        self.services.clock.set(moment)
