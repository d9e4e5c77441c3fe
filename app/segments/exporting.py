"""Files of members as they are told of, and which of their bytes a request wants. Pure."""

import re
import zlib
from typing import Any

from app.core.errors import GONE, Problem
from app.core.types import rfc3339
from app.segments.models import EXPORT_NOT_READY, EXPORT_OVER, RANGE_BEYOND
from app.segments.queries.exports import FAILED, Export, Piece

MEDIA = {"csv": "text/csv; charset=utf-8", "ndjson": "application/x-ndjson"}
DONE = "done"
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


def export(found: Export) -> dict[str, Any]:
    """A file and how far it is."""
    path = f"/v1/segments/{found.segment_id}/exports/{found.id}"
    return {
        "id": str(found.id),
        "segment_id": str(found.segment_id),
        "version": found.segment_version,
        "format": found.format,
        "columns": found.columns,
        "as_of": found.as_of.isoformat(),
        "status": found.ended or found.status,
        "error": found.error,
        "total": found.total,
        "rows": found.rows,
        "bytes": found.size,
        "created_at": rfc3339(found.created_at),
        "finished_at": None if found.finished_at is None else rfc3339(found.finished_at),
        "expires_at": None if found.expires_at is None else rfc3339(found.expires_at),
        "job": f"/v1/jobs/{found.id}",
        "content": f"{path}/content",
    }


def refuse_unless_there(found: Export) -> None:
    """Raise Problem: the file is not whole yet, its job was given up, or it is not kept any more."""
    if found.ended not in {None, FAILED}:
        raise Problem(EXPORT_OVER, extra={"reason": found.ended})
    if found.status == FAILED:
        raise Problem(GONE, "The file could not be written.", extra={"reason": found.error})
    if found.status != DONE:
        raise Problem(EXPORT_NOT_READY, headers={"Retry-After": "2"})


def etag(found: Export) -> str:
    """The file's ETag: what is in it never changes."""
    return f'"{found.id}"'


def wanted(header: str | None, condition: str | None, found: Export) -> tuple[int, int] | None:
    """The first and last byte that a Range header wants (RFC 9110, 14.2); None: the whole file.

    What is no single range of bytes, or is of another file (`condition`: If-Range), is ignored, as the standard has it.
    Raises Problem: it lies behind the end.
    """
    asked = _RANGE.fullmatch(header.replace(" ", "")) if header is not None else None
    if asked is None or asked.groups() == ("", "") or condition not in {None, etag(found)}:
        return None
    first, last = asked.groups()
    if not first:
        start, end = max(found.size - int(last), 0), found.size - 1
    else:
        start, end = int(first), min(int(last), found.size - 1) if last else found.size - 1
    if last and first and int(last) < int(first):
        return None
    if start >= found.size or start > end:
        raise Problem(RANGE_BEYOND, headers={"Content-Range": f"bytes */{found.size}"})
    return start, end


def content(piece: Piece, first: int, last: int) -> bytes:
    """What a portion has of the bytes from `first` to `last` of the file."""
    whole = zlib.decompress(piece.data)
    return whole[max(first - piece.start, 0) : last - piece.start + 1]
