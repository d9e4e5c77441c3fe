"""Batches: 1 to 1000 items, one result per item in order; one bad row never costs a good one."""

import uuid
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, Field, SkipValidation, TypeAdapter, ValidationError
from pydantic.json_schema import SkipJsonSchema

from app.core.errors import INVALID, FieldError, Problem
from app.core.gate import field_error, parse_batch, pointer_to, refusal
from app.core.types import Answer
from app.core.wording import meant

BATCH_MAX = 1000
T = TypeVar("T")
Status = Literal["created", "updated", "duplicate", "failed"]


class Batch(BaseModel, Generic[T]):
    """The body of every batch route."""

    items: Annotated[list[SkipValidation[T]], Field(min_length=1, max_length=BATCH_MAX)]


class ProblemBody(Answer):
    """RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str | SkipJsonSchema[None] = None
    errors: list[dict[str, str]] | SkipJsonSchema[None] = None


class BatchResult(Answer):
    """What became of one item."""

    index: int
    status: Status
    id: str | None = None
    problem: ProblemBody | SkipJsonSchema[None] = None


class BatchAnswer(Answer):
    """One result per item, in the order they were sent."""

    results: list[BatchResult]


@dataclass(slots=True)
class Checked:
    """A batch after validation: `valid` holds (index, value) pairs, `results` failures at their index, else None."""

    valid: list[tuple[int, dict[str, Any]]]
    results: list[dict[str, Any] | None] = field(default_factory=list)

    def fail(self, index: int, problem: Problem) -> None:
        """Answer item `index` with `problem`."""
        self.results[index] = failed(index, problem)

    def done(self, index: int, status: Status, record: uuid.UUID | str | None) -> None:
        """Answer item `index` with what became of it."""
        self.results[index] = {"index": index, "status": status, "id": None if record is None else str(record)}

    def answer(self) -> dict[str, Any]:
        """The body of the answer. Raises RuntimeError if an item was forgotten."""
        missing = [index for index, result in enumerate(self.results) if result is None]
        if missing:
            message = f"{len(missing)} batch items have no result"
            raise RuntimeError(message)
        return {"results": self.results}


def failed(index: int, problem: Problem) -> dict[str, Any]:
    """The result of an item that could not be done."""
    return {"index": index, "status": "failed", "id": None, "problem": problem.as_dict()}


def items_of(body: bytes) -> list[Any]:
    """The items of a batch body, unchecked; one that the gate refuses is the Problem that says why.

    Raises Problem for anything that is not a batch.
    """
    value, doubtful = parse_batch(body)
    if not isinstance(value, dict) or not isinstance(value.get("items"), list):
        raise Problem(INVALID, errors=[FieldError("/items", "missing", "Send an object with a list of items.")])
    unknown = [
        FieldError(pointer_to(key), "unknown_field", "This field is not known.") for key in value if key != "items"
    ]
    if unknown:
        raise Problem(INVALID, errors=unknown[:50])
    items = value["items"]
    if not 1 <= len(items) <= BATCH_MAX:
        raise Problem(INVALID, errors=[FieldError("/items", "length", f"A batch has 1 to {BATCH_MAX} items.")])
    return [refusal(item) or item for item in items] if doubtful else list(items)


def check_batch(body: bytes, model: type[BaseModel]) -> Checked:
    """Parse and validate a batch of `model`; valid values are plain dicts. Pure, so it may run in a helper process."""
    return check_items(items_of(body), model)


def check_items(items: list[Any], model: type[BaseModel]) -> Checked:
    """Validate each item by itself."""
    adapter = _adapter(model)
    checked = Checked(valid=[], results=[None] * len(items))
    for index, item in enumerate(items):
        if isinstance(item, Problem):
            checked.fail(index, item)
            continue
        try:
            checked.valid.append((index, adapter.validate_python(item).model_dump(exclude_unset=True)))
        except ValidationError as error:
            checked.fail(index, item_problem(error))
    return checked


def item_problem(error: ValidationError) -> Problem:
    """The problem of one item, with pointers relative to the item."""
    found = meant(error.errors(include_url=False, include_input=False))
    errors = [field_error(one) for one in found[:20]]
    return Problem(INVALID, errors[0].detail if len(errors) == 1 else f"{len(found)} values are not valid.", errors)


@lru_cache(maxsize=64)
def _adapter(model: type[BaseModel]) -> TypeAdapter[Any]:
    return TypeAdapter(model)
