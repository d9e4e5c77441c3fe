"""What is wrong with rows, as files for people and programs: place and reason, never the row's own content."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from app.bulk.rows import Row

CSV_HEADER = "line,code,detail,pointer,key\r\n"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with the row that starts at `line` of the file; `place` counts within the row."""

    line: int
    place: int
    code: str
    detail: str
    pointer: str
    record_key: str | None


def of_row(row: Row, problem: Mapping[str, Any] | None) -> list[Fault]:
    """The faults of a row that could not be read, or whose object was refused with `problem`."""
    if problem is None:
        return [Fault(row.line, n, one.code, one.detail, one.pointer, row.key) for n, one in enumerate(row.faults)]
    errors = problem.get("errors") or [{"code": problem["code"], "detail": problem["detail"], "pointer": ""}]
    found = []
    for number, error in enumerate(errors):
        line, pointer = row.place(error["pointer"]) if row.place else (row.line, error["pointer"])
        found.append(Fault(line, number, error["code"], error["detail"], pointer, row.key))
    return found


def as_csv(faults: Iterable[Any]) -> str:
    """CSV lines that a spreadsheet shows as text: a cell that would be a formula gets an apostrophe."""
    out = io.StringIO()
    csv.writer(out).writerows([_safe(cell) for cell in _cells(fault)] for fault in faults)
    return out.getvalue()


def as_ndjson(faults: Iterable[Any]) -> bytes:
    """One JSON object a line."""
    names = ("line", "code", "detail", "pointer", "key")
    return b"".join(
        orjson.dumps(dict(zip(names, _cells(fault), strict=True)), option=orjson.OPT_APPEND_NEWLINE) for fault in faults
    )


def _cells(fault: Any) -> Sequence[Any]:
    return fault.line, fault.code, fault.detail, fault.pointer, fault.record_key


def _safe(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell
