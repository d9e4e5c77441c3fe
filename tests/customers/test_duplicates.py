"""Duplicate candidates: found as records change and by sweep, decided on by people, and followed through a merge."""

import asyncio
import uuid
from typing import Any

import pytest

from app.customers.commands import duplicates
from app.customers.duplicates import BLOCK_MAX
from app.customers.jobs import DuplicateFinder
from app.customers.queries import duplicates as looking
from tests.customers.seeker import MAIL, PHONE, Seeker

BORN = {"month": 9, "day": 21, "year": 1986}
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


async def test_a_family_shares_a_phone(seeker):
    father, son = await seeker.add("王伟", PHONE), await seeker.add("王伟", PHONE)
    await seeker.follow()
    assert await seeker.reasons() == {"same_phone_similar_name": 60}
    await seeker.relate(father, son, "child")
    await seeker.follow()
    assert await seeker.pairs(status="all") == []


async def refuse_added(seeker: Seeker, one: str, card: str) -> None:
    refused = await seeker.call("POST", f"/customers/{one}/identifiers", {"kind": "card", "value": card}, 409)
    assert refused["code"] == "identifier_taken"


async def refuse_batch(seeker: Seeker, one: str, card: str) -> None:
    item = {"id": one, "identifiers": [{"kind": "card", "value": card}]}
    answer = await seeker.call("POST", "/customers/batch", {"items": [item, {"display_name": "Somebody else"}]})
    assert [result["status"] for result in answer["results"]] == ["failed", "created"]


async def refuse_external(seeker: Seeker, one: str, card: str) -> None:
    await seeker.call("POST", f"/customers/{one}/identifiers", {"kind": "external", "system": "erp", "value": "7"})
    body = {"identifiers": [{"kind": "card", "value": card}]}
    assert (await seeker.call("PUT", "/customers/by-external/erp/7", body, 409))["code"] == "identifier_taken"


async def refuse_new(seeker: Seeker, one: str, card: str) -> None:
    await seeker.call("POST", f"/customers/{one}/identifiers", {"kind": "card", "value": "C-OF-ONE"})
    cards = [{"kind": "card", "value": value} for value in ("C-OF-ONE", card)]
    assert (await seeker.call("POST", "/customers", {"identifiers": cards}, 409))["code"] == "identifier_taken"


async def refuse_mixed(seeker: Seeker, one: str, card: str) -> None:
    await seeker.call("POST", f"/customers/{one}/identifiers", {"kind": "card", "value": "C-OF-ONE"})
    item = {"identifiers": [{"kind": "card", "value": value} for value in ("C-OF-ONE", card)]}
    answer = await seeker.call("POST", "/customers/batch", {"items": [item]})
    assert answer["results"][0]["problem"]["code"] == "identifier_taken"


@pytest.mark.parametrize("refuse", [refuse_added, refuse_batch, refuse_external, refuse_new, refuse_mixed])
async def test_an_identifier_that_is_refused_to_a_record_pairs_it_with_its_holder(seeker, refuse):
    one, holder = await seeker.add("王芳"), await seeker.add("李娜", "C-1")
    await refuse(seeker, one, "C-1")
    await seeker.follow()
    (pair,) = await seeker.pairs()
    assert {customer["id"] for customer in pair["customers"]} == {one, holder}
    assert pair["refused"] == ["card"] and "C-1" not in str(pair["reasons"])
    assert await seeker.reasons() == {"identifier_refused": 70, "different_name": -20}
    # Nothing else remembers it: it stays, whatever is looked at later, and counts once.
    await refuse(seeker, one, "C-1")
    await seeker.follow()
    await seeker.sweep()
    assert [again["id"] for again in await seeker.pairs()] == [pair["id"]]
    assert await seeker.reasons() == {"identifier_refused": 70, "different_name": -20}


async def test_an_identifier_that_is_refused_to_a_new_customer_pairs_nobody(seeker, client):
    await seeker.add("李娜", "C-1")
    answer = await client.post("/v1/customers", json={"identifiers": [{"kind": "card", "value": "C-1"}]})
    assert answer.status_code == 409
    await seeker.follow()
    assert await seeker.pairs() == []


async def test_a_pair_that_is_none_any_more_is_taken_back(seeker, rows):
    one, other = await seeker.add("王芳", PHONE), await seeker.add("王芳", PHONE)
    await seeker.follow()
    (pair,) = await seeker.pairs()
    await seeker.call("PATCH", f"/customers/{other}", {"display_name": "李娜"}, headers={"If-Match": '"1"'})
    await seeker.follow()
    assert await seeker.pairs(status="all") == []
    await seeker.feed()
    told = "SELECT type FROM events WHERE subject = :pair ORDER BY sequence"
    assert [row.type for row in await rows(told, pair=pair["id"])] == ["duplicate.found", "duplicate.withdrawn"]
    assert {one, other} == {
        str(row.customer_id)
        for row in await rows("SELECT customer_id FROM audit_entries WHERE record_id = :pair", pair=pair["id"])
        if row.customer_id.int
    }


async def test_a_sweep_takes_back_what_is_none_any_more(seeker):
    await seeker.add("王芳", PHONE)
    other = await seeker.add("王芳", PHONE)
    assert (await seeker.sweep())["found"] == 1
    await seeker.call("PATCH", f"/customers/{other}", {"display_name": "李娜"}, headers={"If-Match": '"1"'})
    assert (await seeker.sweep())["withdrawn"] == 1
    assert await seeker.pairs(status="all") == []


async def test_what_is_dismissed_stays_dismissed(seeker):
    one, other = await seeker.add("王芳", PHONE), await seeker.add("王芳", PHONE, "C-1")
    await seeker.follow()
    (pair,) = await seeker.pairs()
    path = f"/duplicate-candidates/{pair['id']}"
    given = {"reason": "family", "note": "Mother and daughter"}
    gone = await seeker.call("POST", f"{path}/dismiss", given, headers={"If-Match": f'"{pair["version"]}"'})
    assert (gone["status"], gone["dismissed_for"], gone["note"], gone["version"]) == (
        "dismissed", "family", "Mother and daughter", pair["version"] + 1,
    )  # fmt: skip
    # New and stronger reasons do not bring it back.
    await refuse_added(seeker, one, "C-1")
    await seeker.call("PATCH", f"/customers/{one}", {"birthday": BORN}, headers={"If-Match": '"1"'})
    await seeker.call("PATCH", f"/customers/{other}", {"birthday": BORN}, headers={"If-Match": '"1"'})
    await seeker.follow()
    await seeker.sweep()
    assert await seeker.pairs() == []
    assert {**await seeker.call("GET", path), "customers": []} == {**gone, "customers": []}
    assert (await seeker.call("POST", f"{path}/dismiss", given, 409))["code"] == "duplicate_not_open"
    # A person brings it back, and then it is judged again, but never taken back by the worker.
    stale = {"If-Match": f'"{pair["version"]}"'}
    assert (await seeker.call("POST", f"{path}/reopen", None, 412, headers=stale))["version"] == gone["version"]
    again = await seeker.call("POST", f"{path}/reopen")
    assert (again["status"], again["dismissed_for"], again["note"]) == ("open", None, None)
    assert (await seeker.call("POST", f"{path}/reopen", None, 409))["code"] == "duplicate_not_dismissed"
    await seeker.sweep()
    assert await seeker.reasons() == {"same_phone_similar_name": 60, "same_name_and_birthday": 60}
    await seeker.relate(one, other, "spouse")
    await seeker.call("PATCH", f"/customers/{one}", {"display_name": "李娜"}, headers={"If-Match": '"2"'})
    await seeker.follow()
    await seeker.sweep()
    assert [one["id"] for one in await seeker.pairs()] == [pair["id"]]


async def test_a_value_that_many_share_makes_no_pairs(seeker):
    """And costs no more than noticing that."""
    many = BLOCK_MAX + 1
    items = [{"display_name": "王芳", "birthday": BORN, "identifiers": [{"kind": "phone", "value": PHONE}]}] * many
    await seeker.call("POST", "/customers/batch", {"items": items})
    await seeker.follow()
    assert await seeker.pairs() == []
    swept = await seeker.sweep()
    # The phone; the birthday with the name, and with its reading.
    assert (swept["large"], swept["judged"], swept["found"]) == (3, 0, 0)
    # Two of them share something of their own.
    two = [(await seeker.call("GET", "/customers", params={"limit": 2}))["data"][place]["id"] for place in (0, 1)]
    for one in two:
        await seeker.call("POST", f"/customers/{one}/identifiers", {"kind": "email", "value": MAIL})
    await seeker.follow()
    (pair,) = await seeker.pairs()
    assert {customer["id"] for customer in pair["customers"]} == set(two)


async def test_a_sweep_goes_on_where_it_was_whatever_a_look_takes(seeker, rows, monkeypatch):
    for number in range(5):
        for name in ("王芳", "Wang Fang"):
            more = {"birthday": {**BORN, "year": 1970 + number}}
            customer = await seeker.add(name, f"+86 139 0851 {2000 + number}", f"one{number}@example.com", **more)
            await seeker.live(customer, f"Road {number}")
    assert (await seeker.sweep())["found"] == 5
    stored = "SELECT customer_id, other, score FROM duplicate_candidates ORDER BY 1, 2"
    found = [tuple(row) for row in await rows(stored)]
    async with seeker.db.engine.begin() as connection:
        await connection.exec_driver_sql("DELETE FROM duplicate_candidates")
    monkeypatch.setattr(looking, "LOOK", 3)
    assert (await seeker.sweep())["found"] == 5
    assert [tuple(row) for row in await rows(stored)] == found


async def test_workers_at_once_find_each_pair_once(seeker, rows):
    for number in range(10):
        for _ in range(3):
            await seeker.add("王芳", f"+86 139 0851 {2000 + number}")
    everybody = [row.id for row in await rows("SELECT id FROM customers")]

    async def look(tx):
        return await duplicates.find(tx, await looking.around(tx, everybody))

    done = await asyncio.gather(*(seeker.db.run(look) for _ in range(4)))
    assert sum(one.get("found", 0) for one in done) == 30
    found = await rows("SELECT customer_id, other, id FROM duplicate_candidates")
    assert len(found) == 60 and len({row.id for row in found}) == 30
    assert {(row.customer_id, row.other, row.id) for row in found} == {
        (row.other, row.customer_id, row.id) for row in found
    }
    assert len(await rows("SELECT 1 FROM outbox WHERE type = 'duplicate.found'")) == 30


async def test_a_look_costs_the_same_few_statements_however_many_have_changed(seeker, statements):
    for number in range(3):
        for _ in range(2):
            await seeker.add("王芳", f"+86 139 0851 {2000 + number}", birthday=BORN if number else None)
    await seeker.feed()
    with statements() as few:
        await DuplicateFinder(seeker.house.services).turn()
    items = [
        {"display_name": "李娜", "identifiers": [{"kind": "phone", "value": f"+86 139 0851 {3000 + n // 2}"}]}
        for n in range(200)
    ]
    await seeker.call("POST", "/customers/batch", {"items": items})
    await seeker.feed()
    with statements() as many:
        await DuplicateFinder(seeker.house.services).turn()
    # One of a phone alone, six of four who share a birthday, and the hundred.
    assert len(await seeker.pairs(limit=200)) == 107
    assert len(few) == len(many) == 10
    # And where nothing is new, nothing is locked or written but the cursor.
    await seeker.feed()
    with statements() as none:
        await DuplicateFinder(seeker.house.services).turn()
    assert len(none) == 4


async def test_the_first_time_all_who_are_there_are_swept(house, client, rows):
    seeker = Seeker(house, client)
    await seeker.add("王芳", PHONE)
    await seeker.add("王芳", PHONE)
    await seeker.feed()
    finders = [DuplicateFinder(house.services) for _ in range(3)]
    await asyncio.gather(*(finder.turn() for finder in finders))
    assert len(await rows("SELECT 1 FROM jobs WHERE kind = :kind", kind=duplicates.SWEEP)) == 1
    assert (await seeker.sweep())["found"] == 1


async def test_the_list_goes_from_the_best_on(seeker, store):
    for phone, name, more in (("1", "José García", {}), ("2", "王芳", {"birthday": BORN})):
        await seeker.add(name, f"+86 139 0851 200{phone}", **more)
        await seeker.add(name, f"+86 139 0851 200{phone}", **more)
    for gender in ("female", "male"):
        await seeker.add("李娜", PHONE, home_store=store, gender=gender)
    await seeker.follow()
    assert [pair["score"] for pair in await seeker.pairs()] == [100, 60, 30]
    assert [pair["score"] for pair in await seeker.pairs(min_score=60)] == [100, 60]
    assert [pair["score"] for pair in await seeker.pairs(store=store)] == [30]
    assert await seeker.pairs(status="dismissed") == []
    seen: list[int] = []
    cursor: dict[str, str] = {}
    while True:
        page = await seeker.call("GET", "/duplicate-candidates", params={"limit": 1, **cursor})
        seen += [pair["score"] for pair in page["data"]]
        if not page["has_more"]:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert seen == [100, 60, 30]
    worst = (await seeker.pairs())[-1]
    for customer in worst["customers"]:
        assert await seeker.pairs(customer_id=customer["id"]) == [worst]
    assert [customer["id"] for customer in worst["customers"]] == sorted(one["id"] for one in worst["customers"])


async def test_who_sees_what(seeker, clients):
    await seeker.add("王芳", PHONE, birthday=BORN, gender="female")
    await seeker.add("王芳", PHONE, birthday=BORN)
    await seeker.follow()
    (pair,) = await seeker.pairs()
    path = f"/v1/duplicate-candidates/{pair['id']}"
    shown = (await clients["analyst"].get(path)).json()
    assert (shown["score"], shown["reasons"], "refused" in shown, "note" in shown) == (100, [], False, False)
    assert not {"identifiers", "birthday", "gender"} & shown["customers"][0].keys()
    assert shown["customers"][0]["display_name"] == "王芳"
    assert (await clients["partner"].get("/v1/duplicate-candidates")).json()["data"] == []
    absent = await clients["partner"].get(f"/v1/duplicate-candidates/{uuid.uuid4()}")
    hidden = await clients["partner"].get(path)
    assert hidden.status_code == absent.status_code == 404
    assert {**hidden.json(), "request_id": ""} == {**absent.json(), "request_id": ""}
    assert (await clients["analyst"].post(f"{path}/dismiss", json={"reason": "family"})).status_code == 403
