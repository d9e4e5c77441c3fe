"""Every page in docs/ says what its commands answer; and the rules by which that is compared."""

import json
import re

import pytest

from app.bulk.columns import SHAPES
from tests.docs import pages


@pytest.fixture(scope="session")
def run():
    return pages.all_pages()


@pytest.mark.pages
@pytest.mark.parametrize("name", pages.PAGES)
def test_a_page_shows_what_its_commands_answer(run, name):
    before, after = run[name]
    assert after == before, "run `make docs` and read the difference"


def test_no_page_is_forgotten():
    # That one is measured by `make realdata`.
    assert {path.stem for path in pages.FOLDER.glob("*.md")} == {*pages.PAGES, "warnings"}


@pytest.mark.parametrize("kind", SHAPES)
def test_every_column_of_a_file_is_on_the_page_and_no_other(kind):
    page = (pages.FOLDER / "importing-files.md").read_text()
    section = page.partition(f"## {kind.replace('_', ' ').capitalize()}\n")[2].partition("\n## ")[0]
    table = section.partition("| column | |\n| --- | --- |\n")[2]
    told = {
        row.split("|")[1].strip(): row.split("|")[2].split()[0] for row in table.splitlines() if row.startswith("|")
    }
    shape = SHAPES[kind]
    names = [name for cell in told for name in re.findall("`([^`]+)`", cell)]
    assert sorted(name for name in names if "<" not in name) == sorted(shape.plain)
    free = [re.sub("<.*>", "x", name) for name in names if "<" in name]
    assert all(shape.column(name) for name in free)
    assert all(any(pattern.fullmatch(name) for name in free) for pattern, _ in shape.families)
    needed = [name for cell, word in told.items() if word == "needed;" for name in re.findall("`([^`]+)`", cell)]
    assert sorted(needed) == sorted(shape.required)


@pytest.mark.parametrize(
    ("old", "new", "written"),
    [
        ({"a": 1}, {"a": 1}, {"a": 1}),
        ({"a": 1}, {"a": 2}, {"a": 2}),
        ({"a": 1}, {"a": 1, "b": 2}, {"a": 1, "b": 2}),
        ({"a": 1, "...": "..."}, {"b": 2, "a": 1}, {"a": 1, "...": "..."}),
        ({"a": 1, "...": "..."}, {"a": 1}, {"a": 1}),
        ({"a": 1, "b": 2}, {"a": 1}, {"a": 1}),
        ({"a": "..."}, {"a": [1]}, {"a": "..."}),
        ({"a": "01..."}, {"a": "0193"}, {"a": "01..."}),
        ({"a": "01..."}, {"a": "none"}, {"a": "none"}),
        ([1, "..."], [1, 2, 3], [1, "..."]),
        ([1, "..."], [1], [1]),
        ([1, "..."], [2, 3], [2, "..."]),
        ([1, 2], [1], [1]),
        ({}, {"id": "01a219ba-2716-7054-b60a-8d0b3dd47846", "at": "2026-11-26T04:00:15.475680Z", "key": "clk_x"},
         {"id": "01...", "at": "2026-11-26T...", "key": "..."}),
    ],
)  # fmt: skip
def test_an_answer_is_shortened_as_the_page_did_and_says_what_is_new(old, new, written):
    assert pages.merged(old, new) == written
    block = f"```json\n{json.dumps(old)}\n```\n"
    assert (pages.answered(block, json.dumps(new)) == block) is (written == old)


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("0 differences", "0 differences\n", True),
        ("0 differences", "1 differences\n", False),
        ("a ... c", "a b c\n", True),
        ("a\n...\nd", "a\nb\nc\nd\n", True),
        ("a\n...\nd", "a\nb\n", False),
        ("a.c", "abc\n", False),
        ("a", "a\nb\n", False),
    ],
)
def test_a_text_is_compared_line_by_line(old, new, same):
    assert pages.matches(old, new) is same


def test_a_page_holds_commands_and_their_answers_only():
    page = "a\n\n```sh\nid\n```\n\n```json\n{}\n```\n\nKeep `data.0.id` as `ID`.\n\n```sh\nls\n```\n"
    first, second = pages.commands(page)
    assert (first.text, first.kept, second.answer) == ("id\n", [("data.0.id", "ID")], None)
    assert page[slice(*first.answer or ())] == "```json\n{}\n```\n"
    for wrong in ("```json\n{}\n```\n", "```sh\nid\n```\n\nsays\n\n```json\n{}\n```\n", "```bash\nid\n```\n"):
        with pytest.raises(ValueError, match="no command"):
            pages.commands(wrong)
