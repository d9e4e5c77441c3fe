"""Which customers a handover is about, and on whose behalf it goes on when its request is over."""

import uuid
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from app.core.caller import Caller

# A choice as it is kept: {"by": how the customers are named, and what they are named by}.
Choice = dict[str, Any]
WAYS = ("customers", "segment", "account_manager", "handover")


def choice_of(given: Mapping[str, Any]) -> Choice:
    """The choice that a request made in one of the WAYS."""
    way = next(name for name in WAYS if name in given)
    value = given[way]
    return {"by": way, **value} if isinstance(value, dict) else {"by": way, "value": value}


def source_of(choice: Choice) -> str | None:
    """What a handover shows of its choice: whose customers, which saved segment, which handover; of a question nothing.

    A question's text may name people.
    """
    if choice["by"] == "customers":
        return None
    found = choice.get("id") if choice["by"] == "segment" else choice["value"]
    return None if found is None else str(found)


def written(caller: Caller) -> dict[str, Any]:
    """A caller as a job keeps it."""
    kept = asdict(caller)
    return {name: sorted(value) if isinstance(value, frozenset) else value for name, value in kept.items()}


def read(kept: Mapping[str, Any]) -> Caller:
    """The caller that `written` wrote: with the rights that it had when it asked."""
    given = dict(kept)
    for field in fields(Caller):
        if isinstance(given.get(field.name), list):
            given[field.name] = frozenset(given[field.name])
    return Caller(**{**given, "client_id": uuid.UUID(str(kept["client_id"])), "key_id": uuid.UUID(str(kept["key_id"]))})
