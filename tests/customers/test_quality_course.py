"""Who collects well over time, against plain Python; and what it reads."""

import random
import uuid
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from app.core.caller import SYSTEM
from app.customers import queries

ZONE = ZoneInfo("Asia/Shanghai")
PATH = "/v1/profile-quality/periods"
STORES, STAFF = (None, "S1", "S2"), ("emp-1", "emp-2", "emp-3")
SINCE, UNTIL = date(2025, 12, 29), date(2026, 3, 3)


def start_of(day: date, by: str) -> date:
    if by == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if by == "month" else day


def drawn(chance: random.Random) -> list[dict[str, Any]]:
    """Facts of a few customers; their times gather around midnight, in UTC and in the company's zone."""

    def moment() -> datetime:
        day = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=chance.choice([-5, -3, -1, 0, 1, 4, 30, 31, 60, 62]))
        return day + timedelta(minutes=chance.choice([0, 1, 959, 960, 961, 1439]))

    paths = ("display_name", "gender", "life.pace", "life.hobbies", "language", "career.occupation")
    return [
        {
            "customer_id": uuid.UUID(int=customer), "path": path, "collected_at": moment(),
            "confirmed_at": chance.choice([None, moment()]), "confirmed_by": chance.choice(STAFF),
            "confirmed_store": chance.choice(STORES),
            "retired_at": chance.choice([None, None, None, moment()]), "channel": "till",
            "collector": chance.choice(STAFF), "store": chance.choice(STORES),
        }
        for customer in range(1, 9) for path in paths if chance.random() < 0.8
    ]  # fmt: skip


async def insert(house, facts, suspect):
    async with house.services.db.engine.begin() as connection:
        for customer in sorted({fact["customer_id"] for fact in facts}):
            await connection.execute(
                text(
                    "INSERT INTO customers (id, kind, status, suspect, version, created_at, updated_at)"
                    " VALUES (:id, 'person', 'active', :suspect, 1, now(), now())"
                ),
                {"id": customer, "suspect": suspect[customer]},
            )
        names = list(facts[0])
        await connection.execute(
            text(f"INSERT INTO facts ({', '.join(names)}) VALUES ({', '.join(':' + name for name in names)})"), facts
        )


def reckoned(facts, suspect, asked):
    """The rows of the answer, by looking at every fact."""
    rows: dict[Any, Any] = defaultdict(lambda: {"collected": 0, "confirmed": 0, "suspect": 0, "customers": set()})

    def note(fact, at, store, staff, what):
        day = at.astimezone(ZONE).date()
        if not date.fromisoformat(asked["since"]) <= day <= date.fromisoformat(asked["until"]):
            return
        if store != asked.get("store", store) or staff != asked.get("collector", staff):
            return
        row = rows[start_of(day, asked["by"]), store if asked["of"] == "store" else staff]
        row["customers"].add(fact["customer_id"])
        row[what] += 1
        row["suspect"] += what == "collected" and fact["path"] in suspect[fact["customer_id"]]

    for fact in facts:
        if fact["retired_at"] is None:
            note(fact, fact["collected_at"], fact["store"], fact["collector"], "collected")
        if fact["confirmed_at"] is not None:
            note(fact, fact["confirmed_at"], fact["confirmed_store"], fact["confirmed_by"], "confirmed")
    return [
        {"period": start.isoformat(), asked["of"]: whom, **row, "customers": len(row["customers"])}
        for (start, whom), row in sorted(rows.items(), key=lambda each: (each[0][0], each[0][1] or ""))
    ]


@pytest.mark.parametrize("seed", range(3))
async def test_totals_of_periods_are_those_of_plain_python(client, house, seed):
    chance = random.Random(seed)
    facts = drawn(chance)
    paths = sorted({fact["path"] for fact in facts})
    suspect = {fact["customer_id"]: chance.sample(paths, chance.choice([0, 0, 1, 2])) for fact in facts}
    await insert(house, facts, suspect)
    for by in ("day", "week", "month"):
        for of in ("store", "collector"):
            for more in ({}, {"store": "S1"}, {"collector": "emp-2"}):
                asked = {"since": SINCE.isoformat(), "until": UNTIL.isoformat(), "by": by, "of": of, **more}
                rows, cursor = [], dict[str, str]()
                while True:
                    answer = await client.get(PATH, params={**asked, "limit": chance.choice([1, 3, 200]), **cursor})
                    assert answer.status_code == 200, answer.text
                    rows += answer.json()["data"]
                    if not answer.json()["has_more"]:
                        break
                    cursor = {"cursor": answer.json()["next_cursor"]}
                assert rows == reckoned(facts, suspect, asked), asked


async def test_the_course_tells_what_the_totals_tell(client, house, make):
    """One period that is the whole: the same numbers, phones too; all through the API."""
    house.services.clock.set(datetime(2026, 1, 5, 12, tzinfo=UTC))
    await make(display_name="test", identifiers=[{"kind": "phone", "value": "+8613800138000"}])
    body = await make(profile={"life": {"pace": "calm"}})
    await client.post(f"/v1/customers/{body['id']}/confirm", json={"paths": ["life.pace"]})
    period = {"since": "2026-01-01", "until": "2026-01-31"}
    whole = (await client.get("/v1/profile-quality", params=period)).json()
    for of in ("store", "collector"):
        found = (await client.get(PATH, params={**period, "of": of})).json()["data"]
        assert found == [{"period": "2026-01-01", **row} for row in whole[f"by_{of}"]]
    assert whole["by_store"][0]["collected"] == 3
    assert (await client.get(PATH, params={"since": "2026-02-01", "until": "2026-02-02"})).json()["data"] == []


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"by": "day", "until": "2027-01-01"}, 200),
        ({"by": "day", "until": "2027-01-02"}, 422),
        ({"by": "week", "until": "2029-01-02"}, 200),
        ({"by": "week", "until": "2029-01-04"}, 422),
        ({"by": "month", "until": "2036-01-08"}, 200),
        ({"by": "month", "until": "2036-01-10"}, 422),
        ({"until": "2025-12-31"}, 422),
        ({"by": "year"}, 422),
        ({"of": "channel"}, 422),
        ({"cursor": "nothing"}, 400),
    ],
)
async def test_periods_are_so_many_at_most(client, more, status):
    answer = await client.get(PATH, params={"since": "2026-01-01", "until": "2026-01-02", **more})
    assert answer.status_code == status, answer.text


async def test_a_short_time_reads_few_of_many_facts(house):
    """Facts come nearly in the order of their time: a day of ten years is a few pages, found through the index."""
    one = "lpad(to_hex(n), 32, '0')::uuid"
    statements = [
        f"""INSERT INTO customers (id, kind, status, version, created_at, updated_at)
        SELECT {one}, 'person', 'active', 1, now(), now() FROM generate_series(1, 3000) n""",
        f"""INSERT INTO facts (customer_id, path, collected_at, confirmed_at, channel, collector, confirmed_by)
        SELECT {one.replace("n)", "1 + n % 3000)")}, 'p' || n / 3000, timestamptz '2016-01-01' + n * interval '1 hour',
               CASE WHEN n % 3 = 0 THEN timestamptz '2016-01-02' + n * interval '1 hour' END, 'till', 'emp', 'emp'
        FROM generate_series(1, 87600) n""",
        "SELECT brin_summarize_new_values('ix_facts_collected_at')",
        "ANALYZE facts",
        "ANALYZE customers",
    ]
    async with house.services.db.engine.begin() as connection:
        for statement in statements:
            await connection.execute(text(statement))
    since = datetime(2024, 3, 1, tzinfo=ZONE)
    asked = queries.Course("collector", "day", "Asia/Shanghai", since, since + timedelta(days=7))
    plans: list[str] = []

    class Explaining:
        """A transaction that explains what it is asked."""

        def __init__(self, tx: Any) -> None:
            self._tx, self.caller = tx, tx.caller

        async def page(self, statement: Any) -> list[Any]:
            found = await self._tx.rows(statement)
            sql = str(statement.compile(self._tx.connection.engine, compile_kwargs={"literal_binds": True}))
            plans.extend(row[0] for row in await self._tx.rows(text(f"EXPLAIN {sql}".replace(":", "\\:"))))
            return list(found)

    async with house.services.db.reading(SYSTEM) as tx:
        found = await queries.course(Explaining(tx), asked, after=None, limit=100)  # type: ignore[arg-type]  # reads only
    assert [(totals["collected"], totals["confirmed"]) for _, _, totals in found] == [(24, 8)] * 7
    plan = "\n".join(plans)
    assert "ix_facts_collected_at" in plan and "ix_facts_confirmed_at" in plan, plan
    assert "Seq Scan on facts" not in plan, plan
