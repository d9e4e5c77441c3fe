"""Wire types of the office."""

import uuid
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from app.core.pages import PageQuery
from app.core.types import Answer, Line, Note, Wire

CHOICES_MAX = 200
Who = Literal["winner", "loser"]
Rule = Literal["chosen", "made_up", "newer", "cleared_later", "fuller", "set_up", "winner"]


class MergeIn(Wire):
    """Two records of one person. What is the loser's becomes the winner's."""

    winner: Annotated[uuid.UUID, Field(description="The record that remains.")]
    loser: Annotated[uuid.UUID, Field(description="The record that ends in it; its id still answers.")]
    choices: Annotated[
        dict[Line, Who],
        Field(
            default_factory=dict,
            max_length=CHOICES_MAX,
            description="Whose value counts, by the path of a conflict; the others go by rule.",
        ),
    ]
    reason: Note | SkipJsonSchema[None] = None
    dry_run: Annotated[bool, Field(description="Show what would come of it, and keep nothing.")] = False


class ConflictAnswer(Answer):
    """Two values for one thing. The values are absent without the field group that shows them.

    `rule`: `chosen` by the caller; the other is `made_up`; this one is `newer`; it was `cleared_later`; it is of the
    `fuller` record; of the account that somebody has `set_up`; or, all else alike, the `winner`'s.
    """

    path: str
    winner: Any | SkipJsonSchema[None] = None
    loser: Any | SkipJsonSchema[None] = None
    kept: Who
    rule: Rule


class MergeSummary(Answer):
    """A merge in a list."""

    id: uuid.UUID
    winner: uuid.UUID
    loser: uuid.UUID
    reason: str | None
    merged_at: datetime
    merged_by: uuid.UUID
    undone_at: datetime | None
    undone_by: uuid.UUID | None


class MergeAnswer(Answer):
    """A merge: what differed and whose value counts, and how many rows changed hands, by table."""

    id: Annotated[uuid.UUID | None, Field(description="Null in a dry run.")]
    winner: uuid.UUID
    loser: uuid.UUID
    status: Literal["dry_run", "done", "undone"]
    reason: str | None
    merged_at: datetime
    merged_by: uuid.UUID
    undone_at: datetime | None
    undone_by: uuid.UUID | None
    conflicts: list[ConflictAnswer]
    moved: dict[str, int]
    not_restored: Annotated[
        list[str] | SkipJsonSchema[None],
        Field(description="Tables of which a row could not come back, as somebody else's has its place by now."),
    ] = None


class MergeQuery(PageQuery):
    """Which merges to list."""

    customer_id: uuid.UUID | SkipJsonSchema[None] = None
