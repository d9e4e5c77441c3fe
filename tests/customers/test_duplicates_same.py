"""What is found as records change is what a sweep finds, and both are what a plain reading of the records says."""

import itertools
import random
from typing import Any

import pytest

NAMES = (
    "王芳", "Wang Fang", "Fang Wang", "王伟", "李娜", "张伟", "張偉", "Zhang Wei", "김민준", "Kim Minjun", "김지우",
    "José García", "garcia jose", "Jose Luis Garcia", "Anna Smith", "Peter Smith",
)  # fmt: skip
_SAME = [
    {"王芳", "Wang Fang", "Fang Wang"}, {"张伟", "Zhang Wei"}, {"張偉", "Zhang Wei"}, {"김민준", "Kim Minjun"},
    {"José García", "garcia jose"},
]  # fmt: skip
_SIMILAR = [{"张伟", "張偉"}, {"José García", "Jose Luis Garcia"}]
# Those among them that one way of reading finds from the other: by a birthday, only these are looked at.
_READ_ALIKE = [{"王芳", "Wang Fang"}, {"张伟", "張偉", "Zhang Wei"}]
_SURNAMES = [
    {"王芳", "王伟", "Wang Fang", "Fang Wang"}, {"张伟", "張偉", "Zhang Wei"}, {"김민준", "김지우", "Kim Minjun"},
    {"José García", "Jose Luis Garcia", "garcia jose"}, {"Anna Smith", "Peter Smith"},
]  # fmt: skip
# Words of these two do not stand where surnames do, and what is before them is no Chinese or Korean surname.
_NO_SURNAME = [{"Wang Fang", "Fang Wang"}, {"garcia jose", "Jose Luis Garcia"}]
STREETS = ("Zhonghua Road 18", "zhonghua  road, 18.", "Zhonghua Road 20", "Ruijin Road 3")
PHONES = [f"+861390851{number}" for number in range(2001, 2006)]
MAILS = [f"{name}@example.org" for name in ("fang", "wei")]
DAYS = [(9, 21, 1986), (9, 21, None), (9, 21, 1960), (1, 2, 1970), (1, 3, 1970), (1, 2, None)]


def together(one, other, groups):
    return one == other or any({one, other} <= group for group in groups)


class Person:
    """A customer as it is entered."""

    def __init__(self, chance: random.Random) -> None:
        self.id = ""
        self.name = chance.choice([*NAMES, None])
        self.day = chance.choice([*DAYS, None, None])
        self.gender = chance.choice(["female", "male", None, None])
        self.reached = {chance.choice([*PHONES, *MAILS]) for _ in range(chance.randrange(3))}
        self.streets: list[str] = []
        self.family: set[str] = set()

    @property
    def fields(self) -> dict[str, Any]:
        found: dict[str, Any] = {"display_name": self.name, "gender": self.gender, "birthday": None}
        if self.day:
            found["birthday"] = dict(zip(("month", "day", "year"), self.day, strict=True))
        return found


def plain(street):
    return "".join(char for char in street.lower() if char.isalnum())


def read(one, other):
    """(score, reasons) of two people if they are a candidate, read word for word from the documentation."""
    named = bool(one.name and other.name)
    same = named and together(one.name, other.name, _SAME)
    similar = named and not same and together(one.name, other.name, _SIMILAR)
    phone = bool(one.reached & other.reached)
    whole = bool(one.day and one.day == other.day and one.day[2])
    days = bool(one.day and other.day)
    day = days and one.day[:2] == other.day[:2] and (None in {one.day[2], other.day[2]} or one.day[2] == other.day[2])
    house = bool({plain(street) for street in one.streets} & {plain(street) for street in other.streets})
    surname = named and (
        same or (together(one.name, other.name, _SURNAMES) and not together(one.name, other.name, _NO_SURNAME))
    )
    looked_at = phone or house or (whole and named and together(one.name, other.name, _READ_ALIKE))
    weights = {
        "same_phone_similar_name": phone and (60 * same + 45 * similar),
        "same_name_and_birthday": whole and (60 * same + 45 * similar),
        "same_address_and_surname": house and surname and 40,
        "same_birthday": day and not (whole and (same or similar)) and 15,
        "different_birthday": days and not day and -40,
        "different_gender": bool(one.gender and other.gender) and one.gender != other.gender and -30,
        "different_name": named and not (same or similar) and -20,
        "family": other.id in one.family and -40,
    }
    reasons = {code: int(weight) for code, weight in weights.items() if weight}
    score = max(0, min(100, sum(reasons.values())))
    return (score, reasons) if looked_at and score >= 30 else None


def expected(people):
    found = {}
    for one, other in itertools.combinations(people, 2):
        answer = read(one, other)
        if answer is not None:
            found[frozenset((one.id, other.id))] = answer
    return found


async def stored(rows):
    found = await rows("SELECT customer_id, other, score, reasons FROM duplicate_candidates WHERE status = 'open'")
    sides = {
        (str(row.customer_id), str(row.other)): (row.score, {one["code"]: one["weight"] for one in row.reasons})
        for row in found
    }
    assert all(sides[pair[::-1]] == value for pair, value in sides.items())
    return {frozenset(pair): value for pair, value in sides.items()}


async def enter(seeker, person):
    given = [{"kind": "email" if "@" in value else "phone", "value": value} for value in sorted(person.reached)]
    made = await seeker.call("POST", "/customers", {**person.fields, "identifiers": given})
    person.id = made["id"]


async def change(seeker, people, chance):
    """Something happens to somebody."""
    one, other = chance.sample(people, 2)
    what = chance.choice(["fields", "reached", "street", "family", "colleague"])
    if what == "fields":
        new = Person(chance)
        one.name, one.day, one.gender = new.name, new.day, new.gender
        version = (await seeker.call("GET", f"/customers/{one.id}"))["version"]
        await seeker.call("PATCH", f"/customers/{one.id}", one.fields, headers={"If-Match": f'"{version}"'})
    elif what == "reached":
        value = chance.choice([*PHONES, *MAILS])
        one.reached.add(value)
        body = {"kind": "email" if "@" in value else "phone", "value": value}
        await seeker.call("POST", f"/customers/{one.id}/identifiers", body)
    elif what == "street":
        one.streets.append(chance.choice(STREETS))
        await seeker.live(one.id, one.streets[-1])
    elif what == "family" and other.id not in one.family:
        one.family.add(other.id)
        other.family.add(one.id)
        await seeker.relate(one.id, other.id, chance.choice(["spouse", "child", "household"]))
    elif what == "colleague":
        body = {"other": other.id, "kind": "colleague"}
        await seeker.client.post(f"/v1/customers/{one.id}/relationships", json=body)


@pytest.mark.parametrize("seed", range(4))
async def test_incremental_is_sweep_is_plain_reading(seeker, rows, seed):
    chance = random.Random(seed)
    people = [Person(chance) for _ in range(40)]
    for person in people:
        await enter(seeker, person)
    for _ in range(60):
        await change(seeker, people, chance)
        if chance.random() < 0.2:
            await seeker.follow()
    await seeker.follow()
    found, wanted = await stored(rows), expected(people)
    assert found == wanted
    assert len(wanted) > 5
    swept = await seeker.sweep()
    assert (swept["found"], swept["changed"], swept["withdrawn"]) == (0, 0, 0)
    async with seeker.db.engine.begin() as connection:
        await connection.exec_driver_sql("DELETE FROM duplicate_candidates")
    assert (await seeker.sweep())["found"] == len(wanted)
    assert await stored(rows) == wanted
