"""Batches: one bad row never costs a good one, and no item goes without a result."""

from typing import Any

import orjson
import pytest

from app.core.batch import BATCH_MAX, check_batch
from app.core.errors import Problem
from app.core.offload import Offload
from app.core.types import Amount, Name, Wire


class Thing(Wire):
    name: Name
    amount: Amount | None = None


def body(items) -> bytes:
    return orjson.dumps({"items": items})


def test_good_and_bad_rows_are_told_apart():
    items = [{"name": "a"}, {"name": ""}, {"name": "b", "x": 1}, 5, {"name": "c", "amount": 7}]
    checked = check_batch(body(items), Thing)
    assert checked.valid == [(0, {"name": "a"}), (4, {"name": "c", "amount": 7})]
    problems: list[Any] = [result and result["problem"] for result in checked.results]
    assert problems[0] is None and problems[4] is None
    assert problems[1]["errors"][0]["pointer"] == "/name"
    assert problems[2]["errors"] == [{"pointer": "/x", "code": "unknown_field", "detail": "This field is not known."}]
    assert problems[3]["status"] == 422


def test_an_unset_field_differs_from_null():
    checked = check_batch(body([{"name": "a"}, {"name": "a", "amount": None}]), Thing)
    assert [value for _, value in checked.valid] == [{"name": "a"}, {"name": "a", "amount": None}]


@pytest.mark.parametrize(
    "value",
    [[], {}, {"items": {}}, {"items": []}, {"items": None}, {"items": [1], "more": 2}, 5, None,
     {"items": [{}] * (BATCH_MAX + 1)}],
)  # fmt: skip
def test_what_is_not_a_batch_is_refused_whole(value):
    with pytest.raises(Problem) as caught:
        check_batch(orjson.dumps(value), Thing)
    assert caught.value.type.status == 422


def test_a_forgotten_item_is_an_error_not_a_silent_success():
    checked = check_batch(body([{"name": "a"}, {"name": "b"}]), Thing)
    checked.done(0, "created", "x")
    with pytest.raises(RuntimeError):
        checked.answer()
    checked.done(1, "duplicate", None)
    assert checked.answer()["results"][1] == {"index": 1, "status": "duplicate", "id": None}


async def test_a_big_batch_is_checked_in_another_process_with_the_same_result():
    items = [{"name": f"name {n}"} if n % 7 else {"name": ""} for n in range(BATCH_MAX)]
    offload = Offload(inline_bytes=100)
    try:
        there = await offload.run(10_000, check_batch, body(items), Thing)
        here = check_batch(body(items), Thing)
        assert (there.valid, there.results) == (here.valid, here.results)
        with pytest.raises(Problem) as caught:
            await offload.run(10_000, check_batch, b"{", Thing)
        assert caught.value.type.code == "invalid_json"
    finally:
        offload.close()
