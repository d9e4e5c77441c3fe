"""An upload on its way into the database: counted, hashed, compressed, and stored one mebibyte at a time.

The file goes to the database and not to a disk, so that any worker on any machine can go on with it, and so that it
is part of the same backups, limits and erasure as what it becomes.
"""

import asyncio
import hashlib
import logging
import uuid
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from starlette.requests import ClientDisconnect

from app.bulk import commands
from app.bulk.reading import BLOCK, Layout, layout
from app.core.caller import Caller
from app.core.errors import MEDIA_TYPE, TIMEOUT, TOO_LARGE, UNAVAILABLE, Problem
from app.core.services import Services

MEDIA = {
    "text/csv": "csv",
    "application/x-ndjson": "ndjson",
    "application/ndjson": "ndjson",
    "application/jsonl": "ndjson",
}
# Less than this within `limits.body_seconds` is a sender that only holds a place.
LEAST = 64 * 1024
MOST_AT_ONCE = 4
_COMPRESSION = 1
log = logging.getLogger("clientele.bulk")


@dataclass(frozen=True, slots=True)
class Received:
    """A whole upload: its SHA-256 and its size."""

    digest: bytes
    size: int


class Uploads:
    """How many uploads one process takes at a time; each holds a little memory and now and then a connection."""

    def __init__(self) -> None:
        self._running = 0

    def __enter__(self) -> None:
        if self._running >= MOST_AT_ONCE:
            raise Problem(UNAVAILABLE, "Too many files are being sent at once.", headers={"Retry-After": "5"})
        self._running += 1

    def __exit__(self, *_: object) -> None:
        self._running -= 1


def media_format(headers: Any) -> str:
    """The format, csv or ndjson, by the Content-Type. Raises Problem 415 for what is neither, or not plain UTF-8."""
    media, _, parameters = headers.get("content-type", "").partition(";")
    found = MEDIA.get(media.strip().lower())
    if found is None:
        raise Problem(MEDIA_TYPE, "Send text/csv or application/x-ndjson.")
    for parameter in parameters.lower().split(";"):
        name, _, value = parameter.strip().partition("=")
        if name == "charset" and value.strip('" ') not in {"utf-8", "utf8", "us-ascii"}:
            raise Problem(MEDIA_TYPE, "Send the file as UTF-8.")
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise Problem(MEDIA_TYPE, "Send the file without Content-Encoding.")
    return found


def check_length(headers: Any, most: int) -> None:
    """Refuse at once (Problem 413) what says that it is too large; what does not say so is counted."""
    declared = headers.get("content-length", "")
    if declared.isdigit() and int(declared) > most:
        raise _too_large(most)


async def receive(
    services: Services, caller: Caller, import_id: uuid.UUID, stream: AsyncIterator[bytes], form: Layout
) -> Received:
    """Store a stream as the chunks of an import that is not accepted yet.

    `form` says kind, format and, if given, delimiter. Raises Problem: empty, no such file, too large, too slow, gone.
    """
    limits, digest, number, size = services.settings.limits, hashlib.sha256(), 0, 0
    async for block in _blocks(stream, limits.body_seconds, limits.upload_bytes):
        if number == 0:
            found = layout(form.kind, form.format, block, form.delimiter)
            await services.db.run(partial(commands.open_upload, import_id=import_id, layout=found), caller)
        data = await asyncio.to_thread(_packed, digest, block)
        await services.db.run(partial(commands.add_chunk, import_id=import_id, number=number, data=data))
        number, size = number + 1, size + len(block)
    return Received(digest.digest(), size)


async def drop(services: Services, import_id: uuid.UUID) -> None:
    """Forget what was stored of an upload, unless it was accepted after all. What stays now is swept later."""
    try:
        await services.db.run(partial(commands.drop_upload, import_id=import_id))
    except Exception:
        log.warning("an upload is left to be swept", exc_info=True)


def _packed(digest: Any, block: bytes) -> bytes:
    digest.update(block)
    return zlib.compress(block, _COMPRESSION)


async def _blocks(stream: AsyncIterator[bytes], seconds: float, most: int) -> AsyncIterator[bytes]:
    """The stream in whole blocks; at least one, which is empty if nothing came."""
    held, size, ended, first = bytearray(), 0, False, True
    while not ended:
        try:
            async with asyncio.timeout(seconds):
                ended, size = await _some(stream, held, size, most)
        except TimeoutError:
            raise Problem(TIMEOUT, "The file arrives too slowly, or not at all.") from None
        except ClientDisconnect:
            raise Problem(TIMEOUT, "The connection closed before the file was complete.") from None
        while len(held) >= BLOCK or (ended and (held or first)):
            yield bytes(held[:BLOCK])
            del held[:BLOCK]
            first = False


async def _some(stream: AsyncIterator[bytes], held: bytearray, size: int, most: int) -> tuple[bool, int]:
    enough = size + LEAST
    while size < enough:
        piece = await anext(stream, None)
        if piece is None:
            return True, size
        size += len(piece)
        if size > most:
            raise _too_large(most)
        held += piece
    return False, size


def _too_large(most: int) -> Problem:
    return Problem(TOO_LARGE, f"A file may have at most {most} bytes.")
