"""Whatever is sent: a tree, or a clear refusal; never an exception, and never SQL."""

import contextlib
import copy
import random
import uuid
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from sqlalchemy.dialects import postgresql

from app.core.errors import Problem
from app.core.fields import FieldType
from app.segments import definition, grammar
from app.segments.check import World, check
from app.segments.parse import parse
from app.segments.queries import evaluate
from app.segments.queries.evaluate import Question
from app.segments.tree import from_json
from tests.segments.company import make
from tests.segments.test_same import ANCHORS, ZONE

HOSTILE = [
    "'; DROP TABLE customers; --", "' OR '1'='1", "\\'; SELECT pg_sleep(9); --", "%s", ":name", "$1", "{0}", "%(x)s",
    "a' UNION SELECT secret FROM api_keys --", "\\", "\\\\'", "x'||(SELECT current_user)||'", "E'\\x27'", "'''", "%%%",
    "_____", "\u2019 OR 1=1", "；DROP", "/* */", "--", "';", "${jndi:x}", "{{7*7}}", "\ufeff", "\U0010ffff", "\u202e",
]  # fmt: skip


class Babble:
    """Random strings of tokens, most of which could follow each other, so that they reach deep into the parser."""

    def __init__(self, registry, chance):
        self.chance = chance
        fields = [*registry.fields, "nonsense", "home_stor", "receipts.net"]
        inner = [name for one in registry.collections.values() for name in [one.name, *one.by_name]]
        qualified = [f"{one.name}.{name}" for one in registry.collections.values() for name in one.by_name]
        compare = ["=", "!=", "<", "<=", ">", ">="]
        value = ["'a'", "'GY-01'", "''", "'it''s'", "'active'", "0", "1", "-3", "0.5", "200.00", "2026-02-28", "true"]
        more = ["in (", "not in (", "between", "is missing", "is not missing", "contains", "starts with", "under",
                "during last 3 days", "from 2026-01-01 to 2026-02-01", "before 2026-01-01", "after", "in top 20%",
                "anniversary during next 1 month", "in bottom 3 customers of (", "within 5 km of",
                "within 5 km of 'GY-01'", "within 0.5 km of (26.6, -106.6)", "within 5 km of (26.6,"]  # fmt: skip
        call = [f"{name}(" for name in [*grammar.AGGREGATES, *grammar.QUANTIFIERS, "ratio", "consent", "suum"]]
        odd = [";", "'", '"', "\\", "\x00", "\n", "$1", ":x", "--", "＞", "（", "é", "\ud800", "\u0663", "1e5", "..",
               "*", "99999999999999999999", "2026-02-30", "12x", *sorted(grammar.WORDS)]  # fmt: skip
        self.kinds = {
            "start": (["field", "field", "call", "open", "not", "sequence", "ratio"], [""]),
            "field": (["compare", "compare", "more"], fields),
            "compare": (["value", "value", "field"], compare),
            "value": (["join", "close", "end", "comma", "miss"], value),
            "more": (["value", "join", "close", "end"], more),
            "call": (["inner"], call),
            "inner": (["filter", "shut", "compare"], [*inner, *qualified, "distinct lines.receipt"]),
            "filter": (
                ["inner", "shut"],
                ["where", "during last 90 days where", "during next 2 weeks", "before 2026-01-01"],
            ),
            "shut": (["compare", "join", "end"], [")"]),
            "close": (["join", "end", "close"], [")"]),
            "open": (["start"], ["(", "(", "(("]),
            "not": (["start"], ["not", "not not", "in segment 'vip' and", "sample 5% seed 'x' and"]),
            "sequence": (["then", "step"], [f"sequence({name}" for name in registry.collections]),
            "step": (["compare"], [f"where {name}" for one in registry.collections.values() for name in one.by_name]),
            "then": (
                ["then", "shut", "during"],
                [f"then {one} within 3 days" for one in [*registry.collections, "not lines", "lines where net > 1"]],
            ),
            "during": (["join", "end"], [") during last 9 days", ")"]),
            "ratio": (
                ["compare"],
                ["ratio(age, age)", "ratio(sum(receipts.net), figures.net)", "ratio(", "ratio(age,"],
            ),
            "join": (["start"], ["and", "or"]),
            "comma": (["value"], [","]),
            "miss": (["join", "end"], ["including missing"]),
            "end": ([], [""]),
            "odd": (["start", "field", "value", "end"], odd),
        }

    def text(self):
        parts: list[str] = []
        kind = "start"
        while kind != "end" and len(parts) < 30:
            following, words = self.kinds[kind]
            parts.append(self.chance.choice(words))
            kind = self.chance.choice(following) if self.chance.random() < 0.95 else self.chance.choice([*self.kinds])
        return self.chance.choice([" ", " ", " ", ""]).join(parts)


def read(text, world):
    """Reads a text in every way; answers whether it was understood. Anything but a clear refusal comes through."""
    checked, problem = None, None
    try:
        checked = definition.of_text(text, world)
    except Problem as found:
        problem = found
    if checked is not None:
        assert check(parse(world.printer.text(checked.tree)).tree, world, from_text=True)[0] == checked
        return True
    assert problem is not None
    assert problem.type.code == "invalid_segment"
    assert problem.errors
    for error, place in zip(problem.errors, problem.extra["places"], strict=True):
        assert error.detail
        assert 0 <= place["start"] <= place["end"] <= len(text)
        assert place["line"] >= 1
        assert place["column"] >= 1
    return False


def random_texts(registry, world, seed, count):
    babble = Babble(registry, random.Random(seed))
    return sum(read(babble.text(), world) for _ in range(count))


def test_random_tokens_give_a_tree_or_a_clear_error(registry, world):
    understood = random_texts(registry, world, seed=1, count=5_000)
    assert 50 < understood < 2_500, "what is never (or always) understood tests little"


@pytest.mark.proof
def test_many_random_tokens_give_a_tree_or_a_clear_error(registry, world):
    random_texts(registry, world, seed=2, count=100_000)


def test_texts_with_one_piece_changed_give_a_tree_or_a_clear_error(registry, world):
    """Near misses reach further into the parser than random pieces do."""
    chance, understood = random.Random(5), 0
    texts = [
        "count(distinct lines.receipt during last 90 days where category under 'garden') >= 3 and age > 3",
        "margin_365d in top 20% of (status = 'active' or not home_store is missing) and age > 2 including missing",
        "created from 2026-01-01 to 2026-02-01 and display_name not in ('a', 'b') including missing",
    ]
    every = [word for _, words in Babble(registry, chance).kinds.values() for word in words]
    for _ in range(2_000):
        words = chance.choice(texts).split(" ")
        place = chance.randrange(len(words))
        words[place : place + chance.randint(0, 2)] = [chance.choice(every)]
        understood += read(" ".join(words), world)
    assert understood > 10


@settings(max_examples=300)
@given(st.text(max_size=200))
def test_any_text_gives_a_tree_or_a_clear_error(world, text):
    read(text, world)


def statement(registry, world, question):
    checked = definition.of_text(question, world)
    asked = Question(registry, checked.tree, ANCHORS[0], ZONE)
    return evaluate.matching(asked).compile(dialect=postgresql.dialect())


@pytest.mark.parametrize("text", HOSTILE)
def test_every_value_is_bound(registry, world, text):
    """A question with a hostile value has the very statement of one with a harmless value."""
    for hostile, harmless in zip(hostile_questions(text), hostile_questions("harmless"), strict=True):
        found, plain = statement(registry, world, hostile), statement(registry, world, harmless)
        assert str(found) == str(plain)
        assert found.params != plain.params


def hostile_questions(text):
    quoted = "'" + text.replace("'", "''") + "'"
    yield f"display_name = {quoted}"
    yield f"display_name in ('a', {quoted})"
    yield f"display_name contains {quoted}"
    yield f"last(receipts.store) = {quoted}"
    yield f"any(lines where category under {quoted})"
    yield f"display_name starts with {quoted}"
    yield f"location within 5 km of {quoted}"
    yield f"sample 10% seed {quoted}"
    yield f"sequence(receipts where store = {quoted} then lines where category under {quoted} within 3 days)"


async def test_hostile_values_are_only_compared(house, registry, world):
    """They run, find exactly who has them as a name, and leave every table as it was."""
    company = make(1, ANCHORS[0])
    people = [person for person in company.people if person.counted]
    for number, text in enumerate(HOSTILE):
        people[number % len(people)].display_name = (
            text if number < len(people) else people[number % len(people)].display_name
        )
    await house.services.db.run(company.insert)
    tables = await count_tables(house)
    for text in HOSTILE:
        for question in hostile_questions(text):
            try:
                checked = definition.of_text(question, world)
            except Problem:
                continue

            async def ask(tx, tree=checked.tree):
                return await evaluate.page(tx, Question(registry, tree, ANCHORS[0], ZONE), after=None, limit=100)

            found = set(await house.services.db.run(ask))
            name = people[HOSTILE.index(text)].id if HOSTILE.index(text) < len(people) else None
            if question.startswith("display_name ="):
                expected = {person.id for person in people if person.display_name == text}
                assert found == expected
                assert name is None or name in found
    assert await count_tables(house) == tables


async def count_tables(house):
    rows = await house.services.db.hot.fetch(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    )
    return {row[0]: await house.services.db.hot.fetchval(f'SELECT count(*) FROM "{row[0]}"') for row in rows}


@pytest.mark.parametrize(
    "field", ["id; DROP TABLE customers", "customers.id", "version", "profile", "collected", "1", "a b", "ä", "A"]
)
async def test_only_names_of_the_registry_are_fields(client, field):
    tree = {"op": "missing", "field": field}
    answer = await client.post("/v1/segments/preview", json={"tree": tree})
    assert answer.status_code == 422


async def test_a_tree_nested_too_deep_is_refused(client):
    tree: dict[str, Any] = {"op": "missing", "field": "age"}
    for _ in range(28):
        tree = {"op": "not", "item": tree}
    answer = await client.post("/v1/segments/parse", json={"tree": tree})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "too_deep")


WHOLE = {"op": "or", "items": [
    {"op": "and", "items": [
        {"op": "compare", "left": {"field": "home_store"}, "comparator": "=", "right": {"text": "a"},
         "including_missing": True},
        {"op": "not", "item": {"op": "in", "field": "status", "values": [{"text": "lost"}], "not": False,
                               "including_missing": False}},
        {"op": "between", "field": "figures.net", "low": {"money": 0}, "high": {"money": 100}},
        {"op": "missing", "field": "language", "not": True},
        {"op": "contains", "field": "display_name", "value": {"text": "x"}},
        {"op": "during", "field": "created", "window": {"last": 3, "unit": "days"}},
    ]},
    {"op": "anniversary", "field": "created", "window": {"from": "2026-01-01", "to": "2026-02-01"}},
    {"op": "rank", "field": "figures.net", "end": "top", "size": 20, "unit": "percent",
     "of": {"op": "compare", "left": {"field": "created"}, "comparator": "=", "right": {"date": "2026-01-01"}}},
    {"op": "any", "collection": "lines", "window": {"before": "2026-01-01"},
     "where": {"op": "under", "field": "category", "value": {"text": "food"}}},
    {"op": "compare", "comparator": ">", "right": {"number": "3"},
     "left": {
         "aggregate": "count", "of": "lines.receipt", "distinct": True, "window": {"next": 1, "unit": "weeks"},
         "where": {"op": "compare", "left": {"field": "quantity"}, "comparator": ">=", "right": {"number": "0.5"}},
     }},
    {"op": "compare", "comparator": "<", "right": {"number": "3"},
     "left": {"ratio": {"field": "age"}, "to": {"aggregate": "sum", "of": "lines.quantity"}}},
    {"op": "sample", "percent": "10", "seed": "a"},
    {"op": "within_km", "field": "location", "km": "5", "of": {"place": "GY-01"}},
    {"op": "any", "collection": "addresses", "where":
        {"op": "within_km", "field": "location", "km": "0.5", "of": {"latitude": "26.6", "longitude": "106.6"}}},
    {"op": "sequence", "window": {"last": 9, "unit": "days"}, "steps": [
        {"collection": "receipts", "where": {"op": "missing", "field": "seller"}},
        {"collection": "lines", "not": True, "within": {"count": 3, "unit": "days"}},
    ]},
    {"op": "in_segment", "name": "nobody"},
    {"op": "entered", "name": "nobody", "window": {"last": 7, "unit": "days"}},
    {"op": "was_in", "name": "nobody", "on": "2026-03-01"},
]}  # fmt: skip
ODD: list[Any] = [
    None, True, 0, -1, 2**63 - 1, "", "x" * 300, "age", "receipts.net", "\x00", "\ud800", "and", "0.5", "NaN", "1e9",
    "2026-01-01", [], [[]], [None], {}, {"op": "not"}, {"op": ["x"]}, {"field": "age"}, {"money": 1}, {"number": 1},
    {"text": 1}, {"last": 1}, {"last": -1, "unit": "days"}, {"last": 10**9, "unit": "days"}, [{}] * 600,
    {"from": "2026-02-30", "to": 3}, {"place": 1}, {"place": "'; --"}, {"latitude": "91", "longitude": "0"},
    {"latitude": "1", "longitude": "2"}, {"latitude": "1"}, "-1", "20041",
]  # fmt: skip


def places(value, path=()):
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*path, key))


def test_every_place_of_a_tree_takes_every_odd_value(world):
    """A tree or a clear refusal, from the types or from the check."""
    understood = 0
    for path in places(WHOLE):
        for odd in ODD:
            tree: Any = copy.deepcopy(WHOLE)
            holder = tree
            for key in path[:-1]:
                holder = holder[key]
            if path:
                holder[path[-1]] = odd
            made = None
            with contextlib.suppress(ValidationError):
                made = from_json(tree if path else odd)
            if made is not None:
                checked, faults = check(made, world)
                assert checked is None
                assert all(fault.detail for fault in faults.all)
                understood += 1
    assert understood > 100


def parts_of(tree):
    """Every tree that stands somewhere inside, the tree itself too."""
    items = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    found = [tree] if isinstance(tree, dict) and "op" in tree else []
    return [*found, *(one for item in items for one in parts_of(item))]


# Without what nobody has saved.
SOUND = [one for one in parts_of(WHOLE) if "nobody" not in str(one)]
PIECES = [*ODD, *SOUND]
AS_JSON = {"Content-Type": "application/json"}


def mutated(chance):
    """A sound tree with one or two of its places changed: to something odd, to another tree, or to nothing."""
    tree: Any = orjson.loads(orjson.dumps({"op": "and", "items": chance.sample(SOUND, 2)}))
    for _ in range(chance.randint(1, 2)):
        path = chance.choice(list(places(tree))[1:])
        holder = tree
        for key in path[:-1]:
            holder = holder[key]
        if chance.random() < 0.1:
            del holder[path[-1]]
        elif isinstance(holder[path[-1]], dict) and "op" in holder[path[-1]]:
            holder[path[-1]] = copy.deepcopy(chance.choice(SOUND))
        else:
            holder[path[-1]] = copy.deepcopy(chance.choice(PIECES))
    return tree


def mutants(registry, world, seed, count):
    """Reads many; those that mean something, each of which became SQL."""
    chance, understood = random.Random(seed), []
    for _ in range(count):
        tree, made = mutated(chance), None
        with contextlib.suppress(ValidationError):
            made = from_json(tree)
        if made is None:
            continue
        checked, faults = check(made, world)
        assert checked is not None or all(fault.detail for fault in faults.all)
        if checked is not None:
            evaluate.matching(Question(registry, checked.tree, ANCHORS[0], ZONE)).compile(dialect=postgresql.dialect())
            understood.append(tree)
    return understood


async def answered(client, bodies):
    """Each is answered or refused, in time."""
    for body in bodies:
        with contextlib.suppress(TypeError, ValueError):
            content = orjson.dumps({**body, "sample": 0})
            answer = await client.post("/v1/segments/preview", content=content, headers=AS_JSON)
            assert answer.status_code in {200, 400, 422}, (body, answer.text)
            assert answer.elapsed.total_seconds() < 15


async def test_mutated_trees_give_an_answer_or_a_clear_error(client, house, registry, world):
    understood = mutants(registry, world, seed=1, count=2_000)
    assert 50 < len(understood) < 1_600
    await house.services.db.run(make(1, ANCHORS[0]).insert)
    chance = random.Random(2)
    await answered(client, [{"tree": tree} for tree in chance.sample(understood, 25)])
    await answered(client, [{"tree": mutated(chance)} for _ in range(50)])
    babble = Babble(registry, chance)
    await answered(client, [{"text": babble.text() or "x"} for _ in range(100)])


@pytest.mark.proof
async def test_many_mutated_trees_give_an_answer_or_a_clear_error(client, house, registry, world):
    understood = mutants(registry, world, seed=3, count=100_000)
    await house.services.db.run(make(1, ANCHORS[0]).insert)
    chance = random.Random(4)
    await answered(client, [{"tree": tree} for tree in chance.sample(understood, 2_000)])
    await answered(client, [{"tree": mutated(chance)} for _ in range(2_000)])
    babble = Babble(registry, chance)
    await answered(client, [{"text": babble.text() or "x"} for _ in range(5_000)])


def test_every_type_of_field_is_offered(registry):
    """Otherwise the random questions would never reach its operators."""
    used = {field.type for field in registry.fields.values()}
    used |= {field.type for collection in registry.collections.values() for field in collection.fields}
    assert used == set(FieldType)


def test_no_field_has_a_word_of_the_grammar_as_its_name(registry):
    heads = {name.partition(".")[0] for name in registry.names()}
    assert not heads & grammar.RESERVED
    inside = {field.name.partition(".")[0] for one in registry.collections.values() for field in one.fields}
    assert not inside & grammar.RESERVED


def test_a_world_knows_its_segments_by_name(registry):
    assert World(registry, 2).ids == {}
    assert uuid.UUID(int=0) not in World(registry, 2).segments
