"""Masked values: what they show, the same in Python and in SQL, and in every document that a masked key reads."""

import itertools
import random
import re
from functools import partial

import pytest
from sqlalchemy import Text, column, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY

from app.access import commands as access
from app.access.keyring import Keyring
from app.core.caller import SYSTEM
from app.customers import masks
from app.customers.queries import masks as in_sql

PAIRS = [(masks.phone, in_sql.masked_phone), (masks.email, in_sql.masked_email), (masks.number, in_sql.masked_number),
         (masks.name, in_sql.masked_name)]  # fmt: skip
CASES = ["", "@", "@@", "a@", "@a", "z@example.com", "a@b@c", "zhang.wei@example.com", "+8613812345678", "12345678",
         "+6591234567", "138 1234 5678", "123456789", "+1234567", "王小明", "𠮷野家", "😀@😀", "e\u0301milie", "A",
         "中@国", "86001234", "1234567", "a\\b@c\\1", "x'y@z''"]  # fmt: skip


@pytest.mark.parametrize(
    ("mask", "value", "shown"),
    [
        (masks.phone, "+8613812345678", "+86138****5678"),
        (masks.phone, "+6591234567", "+65****4567"),
        (masks.phone, "138 1234 5678", "138****5678"),
        (masks.phone, "110", "****"),
        (masks.email, "zhang.wei@example.com", "z***@example.com"),
        (masks.email, "z@example.com", "z***@example.com"),
        (masks.email, "nobody", "****"),
        (masks.number, "86001234", "****1234"),
        (masks.number, "4711", "****"),
        (masks.name, "王小明", "王*"),
        (masks.name, "José García", "J*"),
    ],
)
def test_what_a_mask_shows(mask, value, shown):
    assert mask(value) == shown


async def test_python_and_sql_agree(house):
    letters, chance = "a1+@ .王é😀\\'*", random.Random(7)
    some = ["".join(chance.choices(letters, k=chance.randint(0, 16))) for _ in range(500)]
    values = [*CASES, *some]
    each = func.unnest(literal(values, ARRAY(Text))).table_valued(column("value", Text), name="each").render_derived()
    kinds = ("phone", "email", "card", "external:crm", "chat:wechat")
    asked = [(python, sql(each.c.value)) for python, sql in PAIRS]
    asked += [
        (partial(masks.identifier, one), in_sql.masked_identifier(literal(one, Text), each.c.value)) for one in kinds
    ]
    rows = await house.services.db.read(
        SYSTEM, lambda tx: tx.rows(select(*(sql for _, sql in asked)).select_from(each))
    )
    for place, (python, _) in enumerate(asked):
        assert [row[place] for row in rows] == [python(value) for value in values], python


NAME, GIVEN, FAMILY, READING = "欧阳娜娜", "娜娜", "欧阳", "Ouyang Nana"
SECRETS = ["13855501234", "nana.ouyang", "86007766", "C-991177", NAME, GIVEN, FAMILY, "Ouyang", "1986", "Porter Road",
           "13900007777", "li.buyer", "李买手", "1979", "Third floor", "single-secret", "550077"]  # fmt: skip
PERSON = {
    "display_name": NAME, "given_name": GIVEN, "family_name": FAMILY, "reading": READING,
    "birthday": {"month": 9, "day": 21, "year": 1986}, "home_store": "TPE",
    "profile": {"life": {"hobbies": ["single-secret"]}},
    "identifiers": [
        {"kind": "phone", "value": "+86 138 5550 1234"}, {"kind": "email", "value": "nana.ouyang@example.com"},
        {"kind": "card", "value": "86007766"}, {"kind": "external", "system": "crm", "value": "C-991177"},
    ],
}  # fmt: skip
MASKED = ("contact", "personal", "financial")


@pytest.fixture
async def person(client, make, store):
    """A person with everything that a mask hides, and who is related to another like it."""
    one, other = (await make(**PERSON))["id"], (await make(display_name=NAME))["id"]
    base = f"/v1/customers/{one}"
    for path, body in (
        ("addresses", {"kind": "home", "city": "Taipei", "district": "Daan", "street": "Porter Road 5",
                       "postcode": "550077", "recipient": NAME}),
        ("contacts", {"role": "buyer", "name": "李买手", "phones": ["139 0000 7777"], "email": "li.buyer@example.com",
                      "birthday": {"month": 5, "day": 4, "year": 1979}, "address": "Third floor"}),
        ("relationships", {"other": other, "kind": "friend", "note": "single-secret"}),
    ):  # fmt: skip
        (await client.post(f"{base}/{path}", json=body)).raise_for_status()
    # A name that was replaced is one, too.
    changed = await client.patch(base, json={"display_name": f"{NAME}2"}, headers={"If-Match": '"1"'})
    changed.raise_for_status()
    (await client.put(f"{base}/credit", json={"limit": 123456, "term_days": 30})).raise_for_status()
    return one


@pytest.fixture
async def masked(house):
    """A client that sees everything that can be masked so, and may do everything."""
    keyring = Keyring(house.services.settings.secret)
    made = await house.services.db.run(
        lambda tx: access.create_key(tx, keyring, "masked", "admin", terms=access.Terms(masked=MASKED))
    )
    async with house.client(None) as found:
        found.headers["Authorization"] = f"Bearer {made[1]}"
        yield found


async def test_every_document_shows_masked_values_alone(masked, person):
    base = f"/v1/customers/{person}"
    answers = [
        await masked.get(path)
        for path in (
            base, f"{base}/card", f"{base}/addresses", f"{base}/contacts", f"{base}/relationships",
            f"{base}/provenance", f"{base}/completeness", f"{base}/standing", "/v1/customers", "/v1/customers/snapshot",
            "/v1/customers/lookup?phone=%2B8613855501234", "/v1/customers/lookup?card=86007766",
        )
    ]  # fmt: skip
    answers.append(await masked.post("/v1/customers/read", json={"ids": [person]}))
    answers.append(await masked.post("/v1/segments/preview", json={"text": "kind = 'person'", "sample": 5}))
    for answer in answers:
        assert answer.status_code == 200, answer.text
        assert [secret for secret in SECRETS if secret in answer.text] == [], answer.request.url
    one = answers[0].json()
    assert one["display_name"] == one["family_name"] == "欧*"
    assert (one["given_name"], one["reading"]) == ("娜*", "O*")
    assert one["birthday"] == {"month": 9, "day": 21, "year": None}
    assert [(row["kind"], row["value"], row["typed"]) for row in one["identifiers"]] == [
        ("card", "****7766", "****7766"),
        ("email", "n***@example.com", "n***@example.com"),
        ("external", "****1177", "****1177"),
        ("phone", "+86138****1234", "+86138****1234"),
    ]
    assert not {"gender", "source", "figures"} & one.keys()
    assert one["profile"] == {}
    assert [found["id"] for found in answers[10].json()["data"]] == [person]
    (address,), (contact,) = answers[2].json()["data"], answers[3].json()["data"]
    assert (address["city"], address["district"], address["recipient"]) == ("Taipei", "Daan", "欧*")
    assert (contact["name"], contact["phones"], contact["email"]) == ("李*", ["139****7777"], "l***@example.com")
    assert answers[1].json()["relationships"][0]["other_name"] == "欧*"


async def test_masked_values_are_found_by_a_whole_number_alone(masked, person):
    for question in (NAME, "ouyang", "5550 1234", "nana.ouy"):
        answer = await masked.get("/v1/customers/search", params={"q": question})
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), question
    for question in ("display_name contains '欧'", "family_name = '欧阳'", "has_phone = true", "age > 3"):
        answer = await masked.post("/v1/segments/preview", json={"text": question})
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), question
    offered = {field["name"] for field in (await masked.get("/v1/segments/fields")).json()["fields"]}
    assert "home_store" in offered
    assert not offered & {"display_name", "family_name", "has_phone", "age"}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "", {"display_name": "欧*"}),
        ("PATCH", "", {"family_name": "欧*"}),
        ("POST", "/identifiers", {"kind": "email", "value": "n***@example.com"}),
        ("POST", "/addresses", {"kind": "home", "street": "Elsewhere"}),
    ],
)
async def test_masked_values_are_never_written_back(masked, person, method, path, body):
    answer = await masked.request(
        method, f"/v1/customers/{person}{path}", json=body, headers={"If-Match": '"2"'}
    )  # fmt: skip
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_what_is_masked_cannot_be_taken_away(masked, client, person):
    before = (await client.get(f"/v1/customers/{person}")).json()
    for one in before["identifiers"]:
        path = f"/v1/customers/{person}/identifiers/{one['id']}"
        answer = await masked.delete(path, headers={"If-Match": f'"{before["version"]}"'})
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert (await client.get(f"/v1/customers/{person}")).json() == before


async def test_amounts_are_absent(masked, person):
    assert (await masked.get(f"/v1/customers/{person}/credit")).status_code == 403
    assert "123456" not in (await masked.get(f"/v1/customers/{person}/standing")).text


async def test_each_group_is_masked_by_itself(house, client, person):
    keyring = Keyring(house.services.settings.secret)
    for groups in itertools.chain.from_iterable(itertools.combinations(MASKED, count) for count in range(4)):
        made = await house.services.db.run(
            lambda tx, groups=groups: access.create_key(
                tx, keyring, "masked", "admin", terms=access.Terms(masked=groups)
            )
        )
        async with house.client(None) as some:
            some.headers["Authorization"] = f"Bearer {made[1]}"
            one = (await some.get(f"/v1/customers/{person}")).json()
        assert (one["display_name"] == "欧*") == ("personal" in groups)
        assert ("profile" in one and "life" in one["profile"]) == ("personal" not in groups)
        assert any("****" in row["value"] for row in one["identifiers"]) == ("contact" in groups)
        assert ("figures" in one) == ("financial" not in groups)
    assert not re.search(r"\*", (await client.get(f"/v1/customers/{person}")).text)
