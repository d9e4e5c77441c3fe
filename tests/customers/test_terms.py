"""What names are found by: the terms, that they follow the names, the job and the proof that fill them."""

import asyncio
import uuid

import asyncpg
import pytest
from sqlalchemy import text

from app.core.caller import SYSTEM
from app.core.jobs import Stopped, claim, enqueue, run_job
from app.customers import hangul, pinyin, verify
from app.customers.jobs import FILL, HANDLERS
from app.customers.terms import KINDS, TERM_MAX, terms_of, words


def terms(name):
    return {(one.kind, one.term) for one in terms_of({"display_name": name})}


@pytest.mark.parametrize(
    ("name", "reading"),
    [
        ("单雄信", "shanxiongxin"), ("曾国藩", "zengguofan"), ("解缙", "xiejin"), ("仇英", "qiuying"),
        ("区志明", "ouzhiming"), ("查良镛", "zhaliangyong"), ("任达华", "rendahua"), ("盖叫天", "gejiaotian"),
        ("欧阳锋", "ouyangfeng"), ("尉迟恭", "yuchigong"), ("万俟卨", "moqixie"), ("單于", "shanyu"),
        ("陳大文", "chendawen"), ("中国银行股份有限公司", "zhongguoyinhanggufenyouxiangongsi"),
    ],
)  # fmt: skip
def test_surnames_are_read_as_surnames(name, reading):
    assert ("pinyin", reading) in terms(name)


@pytest.mark.parametrize(
    ("name", "spellings"),
    [
        ("김민준", "kimminjun kimminjoon gimminjun"), ("이서연", "leeseoyeon iseoyeon yiseoyun rheeseoyeon"),
        ("박지훈", "parkjihoon bakjihun pakjihoon"), ("최지우", "choijiwoo choejiu"),
        ("정하은", "junghaeun jeonghaeun chunghaeun"), ("유재석", "yoojaesuk yujaeseok"),
        ("노무현", "rohmoohyun nomuhyeon"),
        ("안성기", "ahnsungki anseonggi"), ("구혜선", "koohyesun guhyeseon kuhyesun"),
        ("임영웅", "limyoungwoong imyeongung"),
    ],
)  # fmt: skip
def test_the_usual_spellings_of_a_korean_name_have_one_key(name, spellings):
    assert {hangul.key(one) for one in spellings.split()} == {hangul.name_keys(name)[0]}


def test_different_korean_names_have_different_keys():
    names = ("김민준", "김민서", "이민준", "박지훈", "박지현", "최수빈", "정하은", "강도윤", "윤서준")
    assert len({hangul.name_keys(name) for name in names}) == len(names)


def test_names_are_compared_without_case_accents_and_width():
    assert words("ＪＯＳÉ  Garcí́a-O'Neill") == ["jose", "garcia", "oneill"]
    assert words("Łódź Ørsted STRASSE Straße") == ["lodz", "orsted", "strasse", "strasse"]


def test_terms_are_bounded_and_of_known_kinds():
    long = terms_of(
        {"display_name": "王" * 300, "family_name": "a b " * 99, "given_name": "ж" * 300, "reading": "x" * 300}
    )
    assert len(long) <= 50
    assert {one.kind for one in long} <= set(KINDS)
    assert max(len(one.term) for one in long) <= TERM_MAX
    assert (
        terms_of({"display_name": "Store", "kind": "walk_in"}) == terms_of({}) == terms_of({"display_name": "--"}) == []
    )


def test_variants_for_keyboards_without_an_umlaut():
    assert pinyin.variants(("lv", "bu")) == ["lvbu", "lubu", "lyubu"]
    assert {("name", "juergenmueller"), ("name", "jurgenmuller")} <= terms("Jürgen Müller")


async def kept(house):
    connection = await asyncpg.connect(house.services.db.dsn)
    try:
        rows = await connection.fetch("SELECT customer_id, kind, term, personal FROM search_terms")
    finally:
        await connection.close()
    return {tuple(row) for row in rows}


async def differences(db, *, repair=False):
    return [one async for found in verify.check(db, repair=repair) for one in found]


async def test_terms_follow_names_through_every_way_of_writing(client, house):
    items = [
        {"display_name": f"王小{char}", "identifiers": [{"kind": "card", "value": str(ord(char))}]} for char in "明芳伟"
    ]
    assert (await client.post("/v1/customers/batch", json={"items": items})).json()["results"][0]["status"] == "created"
    again = [{**item, "display_name": "José García", "family_name": "李"} for item in items[:2]]
    await client.post("/v1/customers/batch", json={"items": again})
    await client.put("/v1/customers/by-external/crm/1", json={"display_name": "Ann", "reading": "Anna"})
    await client.put("/v1/customers/by-external/crm/1", json={"reading": None})
    made = (await client.post("/v1/customers", json={"display_name": "김민준"})).json()
    await client.patch(f"/v1/customers/{made['id']}", json={"display_name": None}, headers={"If-Match": '"1"'})
    assert await differences(house.services.db) == []
    assert made["id"] not in {str(row[0]) for row in await kept(house)}
    assert {"garcia", "王小伟", "ann"} <= {row[2] for row in await kept(house)}


async def test_a_batch_writes_its_terms_with_the_statements_it_had(client, statements):
    counts = []
    for size in (1, 30):
        items = [{"display_name": f"王{number}"} for number in range(size)]
        with statements() as seen:
            assert (await client.post("/v1/customers/batch", json={"items": items})).status_code == 200
        assert sum("search_terms" in one for one in seen) == 1
        counts.append(len(seen))
    assert counts[0] == counts[1]


async def test_renames_at_the_same_time_leave_the_terms_of_the_last(client, house):
    made = (await client.post("/v1/customers", json={"display_name": "A B"})).json()
    names = [f"Name {number}" for number in range(12)]
    path = "/v1/customers/by-external/crm/1"
    await client.post(
        f"/v1/customers/{made['id']}/identifiers", json={"kind": "external", "system": "crm", "value": "1"}
    )
    await asyncio.gather(*(client.put(path, json={"display_name": name}) for name in names))
    assert await differences(house.services.db) == []


async def spoil(house):
    async def work(tx):
        await tx.execute(text("DELETE FROM search_terms WHERE term LIKE '%wang%'"))
        await tx.execute(text("UPDATE search_terms SET personal = true WHERE term = 'ann'"))
        strange = "INSERT INTO search_terms VALUES ('name', 'ghost', :id, false)"
        await tx.execute(text(strange), {"id": uuid.uuid4()})

    await house.services.db.run(work)


async def test_the_proof_finds_and_repairs_what_differs(client, house):
    for name in ("王小明", "王芳", "Ann", "李娜"):
        await client.post("/v1/customers", json={"display_name": name})
    before = await kept(house)
    await spoil(house)
    found = await differences(house.services.db)
    assert len(found) == 4
    assert not any("ang" in str(one) for one in found)
    assert await differences(house.services.db, repair=True) == found
    assert await differences(house.services.db) == []
    assert await kept(house) == before


async def test_the_job_fills_customers_that_were_there_before(client, house, monkeypatch):
    monkeypatch.setattr("app.customers.jobs.SLICE", 3)
    for number in range(10):
        await client.post("/v1/customers", json={"display_name": f"王小{'明芳伟娜丽'[number % 5]}"})
    before = await kept(house)
    db, settings = house.services.db, house.services.settings.jobs
    await db.run(lambda tx: tx.execute(text("DELETE FROM search_terms")))
    await db.run(lambda tx: enqueue(tx, FILL, {}, SYSTEM.client_id))
    stop = asyncio.Event()
    stop.set()
    for _ in range(10):
        # A process that is told to stop after every step: another goes on where it was.
        job = await claim(db, [FILL], settings, stop)
        if job is None:
            break
        try:
            await run_job(house.services, HANDLERS[FILL], job)
        except Stopped:
            await job.give_back(attempts=0)
    assert await kept(house) == before
    assert await differences(db) == []
