"""What is kept = what is asked anew = plain Python, whatever happens to customers and however days pass."""

from datetime import date
from itertools import pairwise
from typing import Any

import pytest

from tests.office.people import People
from tests.segments.keeping import Keeping

# Each speaks of other rooms, or changes in another way: by what happens, by time, by others, by other segments.
QUESTIONS = {
    "rich": "figures.net >= 40.00",
    "lately": "any(receipts during last 2 days) or net_30d > 60.00",
    "top": "figures.net in top 1 customers",
    "allowed": "consent('marketing', 'sms') = 'granted'",
    "debtors": "credit.overdue > 0.00 or credit.balance > credit.limit",
    "known": "language = 'ko' or gender = 'female' or career.occupation = 'cook'",
    "talked": "any(interactions) or any(complaints where status != 'resolved') or any(surveys)",
    "friends": "any(relationships where other.status != 'active') or any(relationships where kind = 'friend')",
    "list 1": None,
    "both": "in segment 'lately' and not in segment 'list 1'",
    "new": "entered segment 'rich' during last 3 days or left segment 'top' during last 2 days",
    "planned": "plan_share > 0.2 or budget_spent > 0.00 or expense_this_year > 1.00",
}
ROUNDS = 2


class Chronicle:
    """What plain Python remembers: who was in a segment after every look."""

    def __init__(self, since: date, members: set[str]) -> None:
        self.since, self.members = since, members
        self.by_day = {since: members}
        self.changes: list[tuple[str, str, str]] = []

    def look(self, day: date, members: set[str]) -> None:
        for what, who in (("entered", members - self.members), ("left", self.members - members)):
            self.changes += [(one, what, day.isoformat()) for one in who]
        self.members = self.by_day[day] = members

    def on(self, day: date) -> set[str]:
        """Who was in it when a day ended, as far as anybody had looked by then."""
        return self.by_day[max(each for each in self.by_day if each <= day)]

    def moved(self, what: str, first: date) -> set[str]:
        return {who for who, did, day in self.changes if did == what and day >= first.isoformat()}


class Town(People):
    """People to whom anything may happen, and segments of them that are kept."""

    async def settle(self, keeping: Keeping) -> None:
        self.keeping, self.people = keeping, [await self.person(name) for name in ("Mei", "Bo", "An")]
        self.merges: list[tuple[str, str]] = []
        self.gone: dict[str, str] = {}
        self.segments = {}
        for name, text in QUESTIONS.items():
            if text is not None and "entered segment" in text:
                await keeping.follow()
            more: dict[str, Any] = {} if text is not None else {"id": "00000000-0000-0000-0000-000000000001"}
            self.segments[name] = await keeping.segment(name, text, **more)
        await keeping.follow()
        self.chronicles = {name: Chronicle(self.day, await keeping.live(one)) for name, one in self.segments.items()}

    async def happen(self) -> str:
        """One thing or another; what it was."""
        alive = [one for one in self.people if one not in self.gone]
        chance = self.dice.random()
        if chance < 0.1 or len(alive) < 3:
            self.people.append(await self.person())
            return "came"
        one, other = self.dice.sample(alive, 2)
        if chance < 0.2:
            made = await self.call("POST", "/merges", {"winner": one, "loser": other}, status=201)
            self.gone[other] = one
            self.merges.append((made["id"], other))
            return "merged"
        if chance < 0.27 and self.merges:
            merge, loser = self.merges.pop()
            if (await self.client.post(f"/v1/merges/{merge}/undo", json={})).is_success:
                del self.gone[loser]
            return "parted"
        return await self.anything(one, other)

    async def compare(self, done: str) -> None:
        await self.keeping.follow()
        kept = await self.keeping.kept()
        for name, one in self.segments.items():
            live = await self.keeping.live(one)
            assert kept.get(one, set()) == live, (name, done)
            self.chronicles[name].look(self.day, live)
        new, rich, top = (self.chronicles[name] for name in ("new", "rich", "top"))
        days = [self.day.fromordinal(self.day.toordinal() - back) for back in (1, 2)]
        assert new.members == (rich.moved("entered", days[1]) | top.moved("left", days[0])) & await self.everybody()

    def today(self, who: str) -> str:
        """The customer that a record has become."""
        while who in self.gone:
            who = self.gone[who]
        return who

    async def everybody(self) -> set[str]:
        return {str(row[0]) for row in await self.keeping.rows(
            "SELECT id FROM customers WHERE kind <> 'walk_in' AND status NOT IN ('merged', 'erased')"
        )}  # fmt: skip

    async def look_back(self) -> None:
        """All that is kept is what plain Python remembers."""
        told = await self.keeping.told()
        for name, one in self.segments.items():
            chronicle = self.chronicles[name]
            changes = await self.keeping.changes(one)
            assert sorted(changes) == sorted(chronicle.changes), name
            assert [on for _, _, on in changes] == sorted(on for _, _, on in changes)
            events = [(who, kind.partition(".")[2], on) for kind, who, segment, on in told if segment == one]
            assert sorted(events) == sorted(changes)
            for who in self.people:
                mine = [what for one_of, what, _ in events if one_of == who]
                assert all(former != later for former, later in pairwise(mine)), "in order"
            for day in {self.day, *(date.fromisoformat(on) for _, _, on in changes)}:
                merged = {self.today(who) for who in chronicle.on(day)}
                assert await self.keeping.members(one, as_of=day.isoformat()) == merged, (name, day)


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.proof) for seed in range(2, 60))])
async def test_what_is_kept_is_what_is_asked_anew(house, client, seed):
    town = Town(house.services, client, date(2026, 3, 2))
    town.begin(seed)
    await town.call("PUT", "/stores/S1", {"name": "First", "kind": "own", "time_zone": "Asia/Shanghai"})
    await town.settle(Keeping(house, client))
    for _ in range(ROUNDS if seed == 1 else 40):
        done = [await town.happen() for _ in range(town.dice.choice((2, 4, 6)))]
        await town.compare(", ".join(done))
    await town.look_back()
