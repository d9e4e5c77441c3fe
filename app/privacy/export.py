"""The export as a document: its wire type, made from what the rooms hold, and its bytes. Pure."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from pydantic import BaseModel, Field, create_model

from app.core.rights import Person, Trace, row_schema
from app.core.types import Answer, rfc3339
from app.privacy.page import page


class Export(Answer):
    """Everything that is held on one person, by section.

    Amounts are minor units of their currency, times are UTC. `facts` tells where each value of the record came from
    and what it was before; `audit_entries` who saw and who changed it, `merged_from` which customers were merged into
    it. What is derived on demand (scores, segments that are not kept) is not stored.
    """

    customer_id: uuid.UUID
    merged_from: list[uuid.UUID]
    exported_at: datetime


def shown(persons: Sequence[Person]) -> list[Trace]:
    """The tables that are shown, in the order of their sections."""
    return [trace for person in persons for trace in person.TRACES if trace.shown]


def schema(persons: Sequence[Person]) -> type[BaseModel]:
    """The wire type of the export of these rooms."""
    fields: dict[str, Any] = {
        trace.name: (list[row_schema(trace)], Field(description=f"{trace.title}."))  # type: ignore[misc]
        for trace in shown(persons)
    }
    sections: type[BaseModel] = create_model(
        "ExportSections", __base__=Answer, __doc__="Rows as they are held, by table.", **fields
    )
    made: type[BaseModel] = create_model(
        "CustomerExport", __base__=Export, __doc__=Export.__doc__, sections=(sections, ...)
    )
    return made


def as_json(customer: uuid.UUID, ids: Sequence[uuid.UUID], at: datetime, sections: Mapping[str, str]) -> bytes:
    """The export. The lists of the sections are JSON already."""
    return orjson.dumps(
        {
            "customer_id": str(customer),
            "merged_from": [str(one) for one in ids if one != customer],
            "exported_at": rfc3339(at),
            "sections": {name: orjson.Fragment(rows) for name, rows in sections.items()},
        }
    )


def as_page(document: bytes, titles: Mapping[str, str]) -> bytes:
    """The same for a person to read."""
    return page(orjson.loads(document), titles)
