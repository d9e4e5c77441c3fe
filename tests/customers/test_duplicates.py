"""Duplicate candidates: found as records change and by sweep, decided on by people, and followed through a merge."""

import asyncio
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text

from app.core.caller import SYSTEM
from app.core.jobs import claim, run_job
from app.customers import commands, queries
from app.customers.commands import duplicates
from app.customers.duplicates import BLOCK_MAX, WEIGHTS
from app.customers.jobs import DuplicateFinder, sweep
from tests.feed.factories import move

PHONE, MAIL = "+86 138 1234 5678", "wang@example.com"


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


@pytest.fixture
async def seeker(house, client) -> Seeker:
    return await Seeker(house, client).watch()


async def relate(seeker: Seeker, one: str, other: str, kind: str) -> None:
    await seeker.call("POST", f"/customers/{one}/relationships", {"other": other, "kind": kind})


BORN = {"month": 9, "day": 21, "year": 1986}
SAME = WEIGHTS["same_phone_similar_name"][0]
# Two records as arguments of `add`, and what is found: nothing, or reasons with weights.
FOUND: list[tuple[tuple[Any, ...], tuple[Any, ...], dict[str, Any], dict[str, Any], dict[str, int] | None]] = [
    (("王芳", PHONE), ("Wang Fang", PHONE), {}, {}, {"same_phone_similar_name": 60}),
    (("王芳", MAIL), ("王芳", MAIL), {}, {}, {"same_phone_similar_name": 60}),
    (("김민준", PHONE), ("Kim Min-jun", PHONE), {}, {}, {"same_phone_similar_name": 60}),
    (("José García", PHONE), ("jose luis garcia", PHONE), {}, {}, {"same_phone_similar_name": 45}),
    (("张伟", PHONE), ("張偉", PHONE), {}, {}, {"same_phone_similar_name": 45}),
    (("王芳", PHONE), ("李娜", PHONE), {}, {}, None),
    (("王芳", PHONE), (None, PHONE), {}, {}, None),
    # What looks made up is nothing to go by.
    (("王芳", "+86 138 8888 8888"), ("王芳", "+86 138 8888 8888"), {}, {}, None),
    (("test", PHONE), ("test", PHONE), {}, {}, None),
    # A business is no person.
    (("王芳", PHONE), ("王芳", PHONE), {"kind": "business"}, {}, None),
    (("ABC贸易有限公司", PHONE), ("ABC 贸易有限公司", PHONE), {"kind": "business"}, {"kind": "business"},
     {"same_phone_similar_name": 60}),
    (("王芳",), ("Wang Fang",), {"birthday": BORN}, {"birthday": BORN}, {"same_name_and_birthday": 60}),
    (("김민준",), ("김민준",), {"birthday": BORN}, {"birthday": BORN}, {"same_name_and_birthday": 60}),
    (("José García",), ("JOSE GARCIA",), {"birthday": BORN}, {"birthday": BORN}, {"same_name_and_birthday": 60}),
    (("张伟",), ("章伟",), {"birthday": BORN}, {"birthday": BORN}, {"same_name_and_birthday": 45}),
    (("王芳",), ("王芳",), {"birthday": BORN}, {"birthday": {**BORN, "year": None}}, None),
    (("王芳",), ("李娜",), {"birthday": BORN}, {"birthday": BORN}, None),
    (("王芳", PHONE), ("王芳", PHONE), {"birthday": BORN}, {"birthday": {**BORN, "year": None}},
     {"same_phone_similar_name": 60, "same_birthday": 15}),
    # What speaks against it.
    (("王芳", PHONE), ("王芳", PHONE), {"gender": "female"}, {"gender": "male"},
     {"same_phone_similar_name": 60, "different_gender": -30}),
    (("王芳", PHONE), ("王芳", PHONE), {"birthday": BORN}, {"birthday": {**BORN, "year": 1960}}, None),
]  # fmt: skip


@pytest.mark.parametrize("how", ["follow", "sweep"])
@pytest.mark.parametrize("case", range(len(FOUND)))
async def test_reasons(seeker, how, case):
    one, other, more, others, expected = FOUND[case]
    await seeker.add(*one, **more)
    await seeker.add(*other, **others)
    await getattr(seeker, how)()
    if expected is None:
        assert await seeker.pairs() == []
    else:
        assert await seeker.reasons() == expected


@pytest.mark.parametrize("how", ["follow", "sweep"])
@pytest.mark.parametrize(
    ("one", "other", "street", "found"),
    [
        ("王芳", "Wang Fang", "zhonghua road 18.", True),
        ("王芳", "王伟", "Zhonghua Road 18", False),
        ("王芳", "李娜", "Zhonghua Road 18", False),
        ("王芳", "王芳", "Zhonghua Road 20", False),
        ("김민준", "Kim Minjun", "Zhonghua Road 18", True),
    ],
)
async def test_an_address_and_a_surname(seeker, how, one, other, street, found):
    await seeker.live(await seeker.add(one))
    await seeker.live(await seeker.add(other), street)
    await getattr(seeker, how)()
    assert [pair["score"] for pair in await seeker.pairs()] == ([40] if found else [])
