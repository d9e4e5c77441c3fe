"""Keyset pages: an opaque signed cursor over a unique key, and the one shape of every list."""

import hashlib
from collections.abc import Sequence
from typing import Annotated, Any, Generic, TypeVar

import orjson
from itsdangerous import BadData, URLSafeSerializer
from pydantic import Field

from app.core.errors import INVALID_CURSOR, Problem
from app.core.types import Answer

T = TypeVar("T")
PAGE_MAX = 200
Limit = Annotated[int, Field(ge=1, le=PAGE_MAX)]
CursorText = Annotated[str, Field(max_length=1000)]


class Cursors:
    """Signs and reads cursors. A cursor of one list is refused by another, and so is one whose filter has changed."""

    def __init__(self, secret: str) -> None:
        self._serializer = URLSafeSerializer(
            secret, salt="cursor", serializer=_Orjson, signer_kwargs={"digest_method": hashlib.sha256}
        )

    def write(self, name: str, key: Sequence[Any]) -> str:
        """The cursor that goes on after `key` in the list `name` (the name includes its filter)."""
        return str(self._serializer.dumps([name, *key]))

    def read(self, name: str, cursor: str) -> list[Any]:
        """The key inside `cursor`. Raises Problem invalid_cursor."""
        try:
            found = self._serializer.loads(cursor)
        except (BadData, ValueError):
            found = None
        if not isinstance(found, list) or not found or found[0] != name:
            raise Problem(INVALID_CURSOR, "Send next_cursor of this list with the same filter, unchanged.")
        return found[1:]


class _Orjson:
    @staticmethod
    def dumps(value: Any, **_: Any) -> str:
        return orjson.dumps(value).decode()

    @staticmethod
    def loads(text: bytes | str) -> Any:
        return orjson.loads(text)


class Page(Answer, Generic[T]):
    """One page of a list."""

    data: list[T]
    next_cursor: str | None
    has_more: bool


def page_bytes(documents: Sequence[str], next_cursor: str | None) -> bytes:
    """The wire form of a page whose rows PostgreSQL has already written as JSON."""
    more = b"true" if next_cursor else b"false"
    return b'{"data":[%b],"next_cursor":%b,"has_more":%b}' % (
        ",".join(documents).encode(), orjson.dumps(next_cursor), more,
    )  # fmt: skip
