"""Keyset pages: an opaque signed cursor over a unique key, and the one shape of every list."""

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, Generic, TypeVar

import orjson
from itsdangerous import BadData, URLSafeSerializer
from pydantic import Field
from pydantic.json_schema import SkipJsonSchema
from sqlalchemy import Select, TextClause, func, select

from app.core.caller import Caller
from app.core.db import Database, Tx
from app.core.errors import INVALID_CURSOR, Problem
from app.core.types import Answer, Wire

T = TypeVar("T")
K = TypeVar("K")
PAGE_MAX = 200
Limit = Annotated[int, Field(ge=1, le=PAGE_MAX)]
CursorText = Annotated[str, Field(max_length=1000)]
Count = Annotated[bool, Field(description="Tell `total` as well: how many all pages have together.")]
_EVERY = 2**31 - 1


class PageQuery(Wire):
    """How much of a list, and from where."""

    limit: Limit = 50
    cursor: CursorText | SkipJsonSchema[None] = None
    count: Count = False

    def wanted(self, *but: str) -> dict[str, Any]:
        """What the list is narrowed to: all parameters but those of the page, and `but`."""
        return self.model_dump(exclude={"limit", "cursor", "count", *but})


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
    total: int | None = Field(
        default=None, description="How many all pages have together, if `count=true` asks for it."
    )


def page_of(data: Sequence[Any], next_cursor: str | None, total: int | None = None) -> dict[str, Any]:
    """A page as it is answered; `total` is there only if it is known."""
    shown = {"data": data, "next_cursor": next_cursor, "has_more": next_cursor is not None}
    return shown if total is None else {**shown, "total": total}


def page_bytes(documents: Sequence[str], next_cursor: str | None, total: int | None = None) -> bytes:
    """The same of rows that PostgreSQL has already written as JSON."""
    return orjson.dumps(page_of([orjson.Fragment(one) for one in documents], next_cursor, total))


async def paged(
    db: Database, caller: Caller, query: PageQuery, after: K | None, read: Callable[[Tx, K | None, int], Awaitable[T]]
) -> tuple[T, int | None]:
    """What `read` finds after a key, one row more than asked for; with `count` how many rows there are in all.

    `read(tx, after, limit)` asks for its page by `Tx.page`, once.
    """

    async def work(tx: Tx) -> tuple[T, int | None]:
        return await read(tx, after, query.limit + 1), await counted(tx, query, read)

    return await db.read(caller, work)


async def counted(tx: Tx, query: PageQuery, read: Callable[[Tx, Any, int], Awaitable[Any]]) -> int | None:
    """How many rows the list has of which `read` asks for a page; None unless `query` asks for it, or of no list."""
    if not query.count:
        return None
    try:
        await read(_Counting(tx.connection, tx.caller, tx.now), None, _EVERY)
    except _Counted as found:
        return found.rows
    return None


class _Counting(Tx):
    """Counts what a page's statement finds without its limit, or with that of `counted`, and goes no further."""

    async def page(self, statement: Select[*tuple[Any, ...]] | TextClause, parameters: Any = None) -> list[Any]:
        if isinstance(statement, TextClause):
            whole = statement.columns().subquery()
        else:
            whole = statement.order_by(None).limit(None).subquery()
        raise _Counted(await self.scalar(select(func.count()).select_from(whole), parameters))


class _Counted(Exception):
    def __init__(self, rows: int) -> None:
        self.rows = rows
