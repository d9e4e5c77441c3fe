"""The bad-input corpus: every class of bad value on every field, parameter and header; never a 5xx."""

import copy
import itertools
import json
import re
from typing import Any

import httpx
import orjson
import pytest

from tests.api.world import SAMPLES, filled, request

TEXTS = [
    "", " ", "\x00", "a\x00b", "\x01", "\n", "\x7f", "\x85", "\u2028", "\ufeff", "\u200b", "\u202e", "\ufffe", "\uffff",
    "\U0010ffff", "e\u0301" * 50, "ﷺ" * 100, "😀" * 300, "٣",
    "１２３", "x" * 100_000, "%00", "%", "../../etc/passwd", "*",
    "'; DROP TABLE customers; --", '"', "\\", "${jndi:ldap://x}", "{{7*7}}", "<script>", "=1+1", "null", "NaN",
    "Infinity", "-0", "1e309", "0x10", "2026-02-30", "0000-00-00", "9999-12-31", "2026-11-21T25:00:00Z",
    "2026-11-21T12:30:60Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-11-21T12:30:00",
    "00000000-0000-0000-0000-000000000000", "+" + "9" * 40, "a@b", "@", "a" * 300 + "@example.com", "ß", "İ", "ǆ",
]  # fmt: skip
OTHERS: list[Any] = [
    None, True, False, 0, -1, 1, 2**31, 2**53, 2**63 - 1, -(2**63) + 1, [], {}, [[]], [None], {"": ""}, {"a": None},
    [{}] * 1001, {"kind": "phone"}, {str(n): n for n in range(200)},
]  # fmt: skip
# What JSON can say and Python's encoder will not: put in as it is.
RAW = [
    b"NaN", b"Infinity", b"-Infinity", b"1.5", b"1e400", b"9223372036854775808", b"-9223372036854775809", b"0" * 20,
    b"9" * 5000, b'"\\ud800"', b'"\\udc00\\ud800"', b'"\\u0000"', b'"\xff"', b'"\xed\xa0\x80"', b'"\xc0\x80"', b"'a'",
    b"[" * 40 + b"]" * 40, b'{"a":1,"a":2}', b"", b"undefined", b'"\x00"', b"\xef\xbb\xbf1",
]  # fmt: skip
# Of these the JSON is valid, but its number is none that we take.
NUMBERS = [b"1.5", b"1e400", b"9223372036854775808", b"-9223372036854775809", b"9" * 5000]
# Of these the JSON can be read; only what they stand in is refused.
READABLE = [
    b"NaN", b"-Infinity", b"1.5", b"1e400", b"9223372036854775808", b"9" * 5000, b'"\\ud800"', b'"\\u0000"',
    b'{"a":1,"a":2}',
]  # fmt: skip
# The framework's own words, which tell a caller nothing.
FOREIGN = re.compile("Input should|dictionary|instance of|[Vv]alue error|(String|List) should|Field required|Unable to")
FOREIGN_CODES = re.compile("model|dict|literal|pattern|datetime|union|value_error|extra")
MARK = "@@the value@@"
WITH_BODY = [name for name, sample in SAMPLES.items() if sample.body]
BATCHES = [name for name in WITH_BODY if name.endswith("/batch")]
PATH_VALUES = [
    "%00", "%ff", "%ED%A0%80", "%C0%80", "%0A", "%2e%2e", "%2F", "a%20b", "%F0%9F%98%80", "'", "x" * 5000, "-1", "0",
    "9" * 40, "null", "%EF%BF%BF", "%E2%80%AE", "{}", "*", "%25", "%5C",
]  # fmt: skip
HEADERS = {
    "If-Match": ["", "*", '"x"', '"-1"', '"99999999999999999999"', "\xff", '"1", "2"', 'W/"1"', "1" * 5000],
    "Idempotency-Key": ["", " ", "x" * 256, "x" * 5000, "ü", "a b", "\t"],
    "X-Request-Id": ["", "x" * 5000, "\xff", "{}", "a\tb"],
    "Content-Type": ["", "application/xml", "application/json; charset=utf-16", "\xff", "x" * 5000],
    "Authorization": ["", "Bearer", "Bearer ", "Basic YTpi", "Bearer clk_", "Bearer \xff", "Bearer " + "x" * 5000],
    "X-Forwarded-For": ["", "\xff", "1.2.3.4, 127.0.0.1", "x" * 5000],
}


def places(value, path=()):
    """The path of every leaf and every branch of a body."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*path, key))


def with_mark(body, path):
    """The body as bytes around the value at `path`."""
    if not path:
        return b"", b""
    body = copy.deepcopy(body)
    holder = body
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = MARK
    before, after = json.dumps(body, ensure_ascii=False).encode().split(json.dumps(MARK).encode())
    return before, after


def encoded(value):
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


def check(answer, what):
    assert answer.status_code < 500, (what, answer.status_code, answer.text[:300])
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json", what
        problem = answer.json()
        assert problem["code"] and problem["detail"] and problem["request_id"], what
        assert problem["status"] == answer.status_code
        speaks_plainly(problem, what)
    elif answer.status_code != 204 and answer.headers["content-type"] == "application/json":
        assert isinstance(answer.json(), dict)


def speaks_plainly(problem, what):
    errors = problem.get("errors", [])
    for one in [problem, *errors]:
        assert not FOREIGN.search(one["detail"]), (what, one)
        assert not FOREIGN_CODES.search(one["code"]), (what, one)
    if len(errors) == 1 and problem["code"] == "invalid_input":
        assert problem["detail"] == errors[0]["detail"], what


def bodies(operation, names, values):
    """Requests' bodies that put each value in each place of the sample, with what they try."""
    for path in places(SAMPLES[operation].body):
        # The whole sample again each time, so that a value that is accepted does not spoil the next one.
        before, after = with_mark(filled(SAMPLES[operation].body, names), path)
        for value in values:
            yield before + value + after, (operation, path, value[:60])


@pytest.mark.parametrize("operation", BATCHES)
async def test_every_field_of_an_item_takes_every_bad_value_without_a_5xx(client, names, operation):
    """All values on all fields: as many items a request as a batch takes, and the good item among them is done."""
    items, sample = [], SAMPLES[operation].body["items"][0]
    for path in places(sample):
        before, after = with_mark(filled(sample, names), path)
        items += [before + encoded(value) + after for value in [*TEXTS, *OTHERS] if before]
        items += [before + value + after for value in READABLE if before]
    for start in range(0, len(items), 150):
        some = [*items[start : start + 150], encoded(filled(sample, names))]
        answer = await client.send(request(client, operation, names, raw=b'{"items":[' + b",".join(some) + b"]}"))
        assert answer.status_code == 200, answer.text[:300]
        results = answer.json()["results"]
        assert [one["index"] for one in results] == list(range(len(some)))
        assert results[-1]["status"] in {"created", "updated", "duplicate"}
        for one in results:
            assert one["status"] != "failed" or 400 <= one["problem"]["status"] < 500, one
            if one["status"] == "failed":
                speaks_plainly(one["problem"], one)


@pytest.mark.parametrize("operation", WITH_BODY)
async def test_every_field_takes_bad_values_without_a_5xx(client, names, operation):
    """Each field gets a share of the values that moves on from field to field; the full product is in the proof."""
    values = itertools.cycle([encoded(value) for value in [*TEXTS, *OTHERS]])
    for path in places(SAMPLES[operation].body):
        before, after = with_mark(filled(SAMPLES[operation].body, names), path)
        for value in itertools.islice(values, 2):
            answer = await client.send(request(client, operation, names, raw=before + value + after))
            check(answer, (operation, path, value[:60]))


@pytest.mark.parametrize("operation", WITH_BODY)
async def test_what_json_cannot_say_is_refused_in_every_operation(client, names, operation):
    deepest = max(places(SAMPLES[operation].body), key=len)
    before, after = with_mark(filled(SAMPLES[operation].body, names), deepest)
    pointer = "".join(f"/{part}" for part in (deepest[2:] if operation in BATCHES else deepest))
    for value in filter(None, RAW):
        answer = await client.send(request(client, operation, names, raw=before + value + after))
        check(answer, (operation, value[:60]))
        if operation in BATCHES and answer.status_code == 200:
            # Only its item is refused.
            problem = answer.json()["results"][0]["problem"]
        else:
            problem = answer.json()
        number = value in NUMBERS
        assert problem["status"] == (422 if number else 400), (operation, value[:60], problem)
        assert problem["code"] == ("invalid_input" if number else "invalid_json"), (operation, value[:60], problem)
        if number:
            assert [one["pointer"] for one in problem["errors"]] == [pointer], (operation, value[:60], problem)


async def test_a_body_that_is_no_object_is_refused_in_every_operation(client, names):
    for operation in WITH_BODY:
        for value in (b"null", b"[]", b'""', b"0", b"true"):
            answer = await client.send(request(client, operation, names, raw=value))
            check(answer, (operation, value))
            # An action that needs nothing may be told nothing.
            assert answer.status_code >= 400 or value == b"null", (operation, value, answer.text)


@pytest.mark.proof
@pytest.mark.parametrize("operation", WITH_BODY)
async def test_every_field_takes_every_bad_value_one_by_one(client, names, operation):
    for raw, what in bodies(operation, names, [encoded(value) for value in [*TEXTS, *OTHERS]] + RAW):
        check(await client.send(request(client, operation, names, raw=raw)), what)


@pytest.mark.parametrize("operation", WITH_BODY)
async def test_an_unknown_field_is_named(client, names, operation):
    body = filled(SAMPLES[operation].body, names)
    for path in places(body):
        holder = body = filled(SAMPLES[operation].body, names)
        for key in path:
            holder = holder[key]
        # What is no field of ours: what the till adds, and the paths of conflicts.
        if not isinstance(holder, dict) or {"extensions", "choices"} & set(path):
            continue
        holder["surprise"] = 1
        answer = await client.send(request(client, operation, names, raw=orjson.dumps(body)))
        shown = answer.json()
        if answer.status_code == 200:
            shown = shown["results"][0]["problem"]
        pointers = [(error["pointer"], error["code"]) for error in shown["errors"]]
        assert any(pointer.endswith("/surprise") and code == "unknown_field" for pointer, code in pointers), pointers


@pytest.mark.parametrize("operation", sorted(SAMPLES))
async def test_every_parameter_takes_every_bad_value_without_a_5xx(client, names, operation, document):
    method, path = operation.split(" ")
    parameters = document["paths"][path][method.lower()].get("parameters", [])
    texts = itertools.cycle([text for text in TEXTS if len(text) < 5000])
    for name in [one["name"] for one in parameters if one["in"] == "query"] + ["surprise"]:
        for value in [*itertools.islice(texts, 7), "\x00", "x" * 5000]:
            query = {**SAMPLES[operation].query, name: value.encode("utf-8", "replace").decode()}
            check(await client.send(request(client, operation, names, query=query)), (operation, name, value[:40]))
    for name in [one["name"] for one in parameters if one["in"] == "path"]:
        for value in PATH_VALUES:
            given = request(client, operation, names)
            target = path.replace("{" + name + "}", value)
            given.url = given.url.copy_with(raw_path=filled(target, names).encode())
            check(await client.send(given), (operation, name, value[:40]))


@pytest.mark.parametrize(
    "operation", ["POST /v1/customers", "PATCH /v1/customers/{customer_id}", "GET /v1/customers/lookup"]
)
async def test_every_header_takes_every_bad_value_without_a_5xx(client, names, operation):
    for name, values in HEADERS.items():
        for value in values:
            given = request(client, operation, names)
            kept = [pair for pair in given.headers.raw if pair[0].lower() != name.lower().encode()]
            given.headers = httpx.Headers([*kept, (name.encode(), value.encode("latin-1"))])
            check(await client.send(given), (operation, name, value[:40]))


# When something happened; of a receipt the till has a say.
HAPPENED = ("occurred_at", "decided_at", "informed_at", "requested_at", "at")
PAST = [
    (operation, name)
    for operation in WITH_BODY
    for name in HAPPENED
    if name in SAMPLES[operation].body and not operation.startswith("POST /v1/receipts")
]


@pytest.mark.parametrize(("operation", "name"), PAST)
async def test_nothing_has_happened_in_the_future(client, names, operation, name):
    body = filled(SAMPLES[operation].body, names) | {name: "2200-01-01T00:00:00Z"}
    answer = await client.send(request(client, operation, names, body=body))
    assert answer.status_code == 422, answer.text
    assert [(one["pointer"], one["code"]) for one in answer.json()["errors"]] == [(f"/{name}", "future_time")]


async def test_a_problem_never_quotes_the_value(client, names):
    canary = "13987654321-canary"
    for operation in WITH_BODY:
        body = SAMPLES[operation].body
        for path in places(body):
            before, after = with_mark(filled(body, names), path)
            if not before:
                continue
            for value in (canary + "\u0007", {canary: canary}, [canary]):
                answer = await client.send(request(client, operation, names, raw=before + encoded(value) + after))
                if answer.status_code >= 400:
                    details = json.dumps(
                        [answer.json()["detail"], [e["detail"] for e in answer.json().get("errors", [])]]
                    )
                    assert canary not in details, (operation, path)
