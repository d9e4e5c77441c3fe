"""Chosen columns of members: which fields, their values as they go out, and the bytes of a file of them. Pure."""

import csv
import io
import uuid
from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from app.core.caller import Caller
from app.core.errors import INVALID, FieldError, Problem
from app.core.fields import Field, Registry
from app.segments.composing import refuse_unless_granted
from app.segments.outcomes import wire
from app.segments.reader import near

# A cell that a spreadsheet would take for a formula (OWASP, "CSV Injection"), in full width too.
_FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
Values = Sequence[Any]


def chosen(names: Sequence[str], registry: Registry, caller: Caller, pointer: str = "/columns") -> list[Field]:
    """The fields of these names, in their order.

    Raises Problem: there is no such field, one stands twice, or one is not granted.
    """
    errors = []
    for place, name in enumerate(names):
        where = f"{pointer}/{place}"
        if name not in registry.fields:
            meant = near(name, registry.fields)
            hint = f" Did you mean {meant}?" if meant else ""
            errors.append(FieldError(where, "unknown_field_name", f"There is no field of this name.{hint}"))
        elif name in names[:place]:
            errors.append(FieldError(where, "repeated", "This column is there already."))
    if errors:
        raise Problem(INVALID, errors=errors)
    fields = [registry.fields[name] for name in names]
    refuse_unless_granted(caller, fields)
    return fields


def shown(customer: uuid.UUID, fields: Sequence[Field], values: Values) -> dict[str, Any]:
    """A member with the values of its columns, each as in a tree; null: missing."""
    told = {field.name: wire(value, field.type) for field, value in zip(fields, values, strict=True)}
    return {"id": str(customer), "values": told}


def header(form: str, fields: Sequence[Field]) -> bytes:
    """What a file begins with."""
    return _csv([["id", *(field.name for field in fields)]]) if form == "csv" else b""


def lines(form: str, fields: Sequence[Field], members: Iterable[tuple[uuid.UUID, Values]]) -> bytes:
    """The lines of some members: of a CSV, or a JSON object each.

    Amounts are minor units, numbers decimals; what is missing is an empty cell. Text that a spreadsheet would take for
    a formula has a quote before it.
    """
    if form == "csv":
        return _csv([str(one), *map(_cell, fields, values)] for one, values in members)
    return b"".join(orjson.dumps(shown(one, fields, values)) + b"\n" for one, values in members)


def _cell(field: Field, value: Any) -> str:
    written = wire(value, field.type)
    if written is None:
        return ""
    (kind, plain), *_ = written.items()
    if kind == "boolean":
        return "true" if plain else "false"
    text = str(plain)
    return f"'{text}" if kind == "text" and text.startswith(_FORMULA) else text


def _csv(rows: Iterable[Sequence[str]]) -> bytes:
    made = io.StringIO(newline="")
    csv.writer(made).writerows(rows)
    return made.getvalue().encode()
