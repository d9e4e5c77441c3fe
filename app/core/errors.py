"""Problems (RFC 9457): what the API answers when it cannot do what was asked, and the map from SQLSTATE to them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import orjson
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

TYPE_BASE = "https://clientele.dev/problems/"
PROBLEM_MEDIA_TYPE = "application/problem+json"
# The members that every problem may have: a clue of its own that took one's place would tell clients something untrue.
STANDARD = frozenset({"type", "title", "status", "detail", "instance", "code", "request_id", "errors"})


@dataclass(frozen=True, slots=True)
class ProblemType:
    """One kind of problem: a stable `code`, its HTTP status and a title that never changes."""

    code: str
    status: int
    title: str

    @property
    def uri(self) -> str:
        """The stable `type` URI."""
        return TYPE_BASE + self.code


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one value; `pointer` is a JSON pointer into the body, or `?name` for a query parameter."""

    pointer: str
    code: str
    detail: str

    def as_dict(self) -> dict[str, str]:
        """The wire form."""
        return {"pointer": self.pointer, "code": self.code, "detail": self.detail}


@dataclass(slots=True)
class Problem(Exception):
    """Raise it anywhere: the transaction rolls back and the caller gets it as problem+json."""

    type: ProblemType
    detail: str = ""
    errors: list[FieldError] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not STANDARD.isdisjoint(self.extra):
            raise ValueError(f"extra members are called otherwise than {', '.join(sorted(STANDARD))}")
        if not self.detail and len(self.errors) == 1:
            self.detail = self.errors[0].detail

    def __reduce__(self) -> tuple[Any, ...]:
        # Helper processes send problems back; an exception is pickled by its positional arguments alone.
        return Problem, (self.type, self.detail, self.errors, self.headers, self.extra)

    def as_dict(self, request_id: str = "") -> dict[str, Any]:
        """The wire form; without `request_id` where it stands inside a batch answer."""
        out: dict[str, Any] = {
            "type": self.type.uri,
            "title": self.type.title,
            "status": self.type.status,
            "detail": self.detail or self.type.title,
            "code": self.type.code,
        }
        if request_id:
            out["request_id"] = request_id
        if self.errors:
            out["errors"] = [error.as_dict() for error in self.errors]
        out.update(self.extra)
        return out

    def body(self, request_id: str) -> bytes:
        """The wire form as bytes."""
        return orjson.dumps(self.as_dict(request_id))


class Overtaken(Exception):
    """What the work had looked up is no longer so: somebody was faster. Nothing of it is kept, and it runs again."""


BAD_REQUEST = ProblemType("bad_request", 400, "The request cannot be read")
INVALID_JSON = ProblemType("invalid_json", 400, "The body is not valid JSON")
INVALID_CURSOR = ProblemType("invalid_cursor", 400, "The cursor is not one that we gave")
UNAUTHENTICATED = ProblemType("unauthenticated", 401, "A valid API key is needed")
FORBIDDEN = ProblemType("forbidden", 403, "The API key may not do this")
NOT_FOUND = ProblemType("not_found", 404, "There is no such record")
METHOD_NOT_ALLOWED = ProblemType("method_not_allowed", 405, "The method is not offered here")
TIMEOUT = ProblemType("request_timeout", 408, "The request took too long to arrive")
CONFLICT = ProblemType("conflict", 409, "The request contradicts what is stored")
REQUEST_RUNNING = ProblemType("request_running", 409, "A request with this Idempotency-Key is still running")
GONE = ProblemType("gone", 410, "It is no longer available")
ANSWER_ERASED = ProblemType("answer_erased", 410, "The answer spoke of a customer who was erased since")
STALE = ProblemType("stale_version", 412, "The record has changed since it was read")
TOO_LARGE = ProblemType("body_too_large", 413, "The body is too large")
MEDIA_TYPE = ProblemType("unsupported_media_type", 415, "The media type is not accepted here")
INVALID = ProblemType("invalid_input", 422, "Some values are not valid")
KEY_REUSED = ProblemType("idempotency_key_reused", 422, "The Idempotency-Key was used for another request")
VERSION_REQUIRED = ProblemType("version_required", 428, "If-Match is required")
RATE_LIMITED = ProblemType("rate_limited", 429, "Too many requests")
INTERNAL = ProblemType("internal_error", 500, "Something went wrong on our side")
UNAVAILABLE = ProblemType("unavailable", 503, "The service cannot answer right now")
BUSY = ProblemType("busy", 503, "The record is busy")
TOO_EXPENSIVE = ProblemType("too_expensive", 503, "The request took longer than it may")

RETRY_SOON = {"Retry-After": "1"}

# 23xxx falls back to `conflict` or `invalid_input` when the constraint has no entry (or its name is missing).
_BY_STATE: dict[str, ProblemType] = {
    "22021": INVALID, "22P02": INVALID, "22P05": INVALID, "22003": INVALID, "22007": INVALID, "22008": INVALID,
    "22025": INVALID, "22001": INVALID, "22012": INVALID, "22023": INVALID, "23502": INVALID, "23514": INVALID,
    "23503": CONFLICT, "23505": CONFLICT, "23P01": CONFLICT, "40001": BUSY, "40P01": BUSY, "55P03": BUSY,
    "53300": UNAVAILABLE, "53400": UNAVAILABLE, "54000": INVALID, "54001": INVALID, "57014": TOO_EXPENSIVE,
    "57P01": UNAVAILABLE, "57P02": UNAVAILABLE, "57P03": UNAVAILABLE, "53100": UNAVAILABLE, "53200": UNAVAILABLE,
    "25P03": UNAVAILABLE, "25006": UNAVAILABLE,
}  # fmt: skip

RETRIED = frozenset({"40001", "40P01"})


def database_error(error: BaseException) -> tuple[str, str] | None:
    """(SQLSTATE, constraint name) of a database error from either driver path, or None if it is something else.

    A lost connection has no SQLSTATE from the server and answers class 08.
    """
    cause: BaseException | None = error
    if isinstance(error, DBAPIError):
        if error.connection_invalidated:
            return "08006", ""
        cause = error.orig.__cause__ if error.orig is not None and error.orig.__cause__ else error.orig
    if isinstance(cause, asyncpg.PostgresError):
        return str(cause.sqlstate or ""), str(getattr(cause, "constraint_name", None) or "")
    if isinstance(cause, PoolTimeout):
        return "53300", ""
    if isinstance(cause, (asyncpg.InterfaceError, asyncpg.InternalClientError, ConnectionError, OSError)):
        return "08006", ""
    # asyncpg answers a value that cannot be encoded (too large, wrong kind) with DataError, before the server sees it.
    if isinstance(cause, asyncpg.DataError):
        return "22000", ""
    return None


class ErrorMap:
    """Turns a database error into a problem, by constraint name first and SQLSTATE second."""

    def __init__(self, constraints: Iterable[Mapping[str, ProblemType]]) -> None:
        self._constraints: dict[str, ProblemType] = {}
        for entries in constraints:
            self._constraints.update(entries)

    def problem(self, error: BaseException) -> Problem | None:
        """The problem that says what went wrong without quoting a value, or None if `error` is not the database's."""
        if isinstance(error, Problem):
            return error
        if isinstance(error, Overtaken):
            return Problem(BUSY, headers=dict(RETRY_SOON))
        found = database_error(error)
        if found is None:
            return None
        state, constraint = found
        kind = self._constraints.get(constraint) or _BY_STATE.get(state)
        if kind is None:
            kind = INVALID if state.startswith("22") else CONFLICT if state.startswith("23") else None
        if kind is None:
            kind = UNAVAILABLE if state[:2] in {"08", "53", "57", "58"} else INTERNAL
        headers = dict(RETRY_SOON) if kind.status == UNAVAILABLE.status else {}
        return Problem(kind, headers=headers)


def etag(version: int) -> dict[str, str]:
    """The ETag header of a record's version."""
    return {"ETag": f'"{version}"'}


def stale(current: int) -> Problem:
    """412 that tells the version we hold."""
    return Problem(STALE, f"The record is at version {current}.", headers=etag(current), extra={"version": current})
