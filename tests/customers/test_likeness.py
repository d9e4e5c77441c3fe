"""Names in three scripts, and what counts for and against two records being one."""

import uuid

import pytest

from app.customers import duplicates
from app.customers.duplicates import BLOCK_MAX, THRESHOLD, WEIGHTS, Profile, judge
from app.customers.likeness import Likeness, alike, names_of, one_surname, similarity, surnames_of


def fields(name=None, **more):
    return {"display_name": name, "given_name": None, "family_name": None, "reading": None, **more}


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("José García", "garcia jose", "SAME"),
        ("JOSE  GARCIA", "José García", "SAME"),
        ("José García", "José Luis García", "SIMILAR"),
        ("Katharina Schmidt", "Katarina Schmid", "SIMILAR"),
        ("Anna Smith", "Peter Smith", "NONE"),
        ("Li", "Lu", "NONE"),
        ("王芳", "Wang Fang", "SAME"),
        ("王芳", "fang wang", "SAME"),
        ("欧阳娜娜", "Ouyang Nana", "SAME"),
        ("吕布", "Lu Bu", "SAME"),
        ("张伟", "張偉", "SIMILAR"),
        ("张伟", "章伟", "SIMILAR"),
        ("王芳", "王伟", "NONE"),
        ("王小明", "王明", "NONE"),
        ("김민준", "Kim Min-jun", "SAME"),
        ("김민준", "Minjun Gim", "SAME"),
        ("이지우", "Lee Jiwoo", "SAME"),
        ("이지우", "리지우", "SIMILAR"),
        ("김민준", "김민서", "NONE"),
        ("김민준", "金民俊", "NONE"),
    ],
)
def test_names(one, other, expected):
    for first, second in ((one, other), (other, one)):
        assert alike(names_of(fields(first)), names_of(fields(second))).name == expected


def test_the_parts_of_a_name_and_its_reading_are_names_too():
    parts = names_of(fields(None, family_name="王", given_name="芳"))
    read = names_of(fields("Auntie", reading="Wang Fang"))
    assert alike(parts, read) is Likeness.SAME
    assert names_of(fields(None, family_name="王")) == ()
    assert names_of(fields("test"), ["display_name"]) == ()


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (fields("王芳"), fields("王伟"), True),
        (fields("王芳"), fields("Wang Wei"), True),
        (fields("王芳"), fields("Wei Wang"), True),
        (fields("王芳"), fields("汪伟"), True),
        (fields("欧阳娜娜"), fields(None, family_name="Ouyang"), True),
        (fields("김민준"), fields("김지우"), True),
        (fields("김민준"), fields("Kim Jiwoo"), True),
        (fields("Anna Smith"), fields("Peter Smith"), True),
        (fields("Anna Smith"), fields("Anna Jones"), False),
        (fields("王芳"), fields("李芳"), False),
        (fields("王芳"), fields("贵阳茶叶贸易有限公司"), False),
        (fields("Madonna"), fields("Madonna"), False),
    ],
)
def test_surnames(one, other, same):
    assert one_surname(surnames_of(one), surnames_of(other)) is same
    assert one_surname(surnames_of(other), surnames_of(one)) is same


def test_similarity_is_that_of_the_databases_trigrams():
    assert similarity("katharina", "katarina") == pytest.approx(7 / 12)
    assert similarity("anna", "anna") == 1
    assert similarity("anna", "peter") == 0


def person(name="王芳", **more):
    row = {
        "id": uuid.uuid4(), "kind": "person", "gender": None, "birth_month": None, "birth_day": None,
        "birth_year": None, "suspect": [], "reached": ["phone +8613908512346"], "addresses": [], "family": [],
        **fields(name), **more,
    }  # fmt: skip
    return Profile.of(row)


DAY = {"birth_month": 9, "birth_day": 21, "birth_year": 1986}


@pytest.mark.parametrize(
    ("one", "other", "score"),
    [
        (person(), person(), 60),
        (person(**DAY), person(**DAY), 100),
        (person(**DAY), person(**{**DAY, "birth_year": None}), 75),
        (person(**DAY), person(**{**DAY, "birth_year": 1987}), 20),
        (person(**DAY), person(**{**DAY, "birth_year": 1987}, suspect=["birthday"]), 60),
        (person(**DAY, gender="male"), person(**{**DAY, "birth_day": 1}, gender="female"), 0),
        (person(gender="male"), person(gender="other"), 30),
        (person(reached=[]), person(), 0),
        (person("李娜", reached=[], addresses=["here"]), person(reached=[], addresses=["here"]), 0),
        (person("王伟", reached=[], addresses=["here"]), person(reached=[], addresses=["here"]), 20),
        (person(None), person(), 0),
        (person(kind="business"), person(), 0),
    ],
)
def test_scores(one, other, score):
    for first, second in ((one, other), (other, one)):
        found = judge(first, second)
        assert found.score == score
        assert found.is_candidate() is (score >= THRESHOLD)
        assert list(found.reasons) == sorted(found.reasons, key=lambda reason: (-reason[1], reason[0]))


def test_family_counts_against_whichever_side_says_it():
    one = person()
    assert judge(one, person(family=[one.id])).score == judge(person(family=[one.id]), one).score == 20


def test_a_refused_identifier_is_looked_at_whatever_speaks_against_it():
    found = judge(
        person(**DAY, gender="male"), person("李娜", birth_month=1, birth_day=2, birth_year=1960), refused=True
    )
    assert (found.score, found.is_candidate()) == (10, True)


def test_the_weights_are_those_of_the_documentation():
    for code, (weight, _) in WEIGHTS.items():
        assert f"| {code} | {weight} |" in duplicates.__doc__
    assert BLOCK_MAX == 20
