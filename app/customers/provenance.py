"""Where a value came from: the channel, who collected it, when, and until when we may use it. Pure."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from app.core.caller import Caller
from app.core.types import Day, Line, Moment, Wire
from app.customers.attributes import is_fact

# What each channel is, and whether the customer himself spoke through it.
CHANNELS: dict[str, tuple[str, bool]] = {
    "customer": ("The customer himself", True),
    "survey": ("A survey", True),
    "campaign": ("A campaign", True),
    "service": ("Service", True),
    "till": ("A till", True),
    "fair": ("A fair", True),
    "website": ("The website or app", True),
    "call_centre": ("The call centre", True),
    "complaint": ("A complaint", True),
    "staff": ("Staff, from what they know", False),
    "media": ("Media", False),
    "public_register": ("A public register", False),
    "bank": ("A bank", False),
    "agency": ("An agency", False),
    "rented_list": ("A rented list", False),
    "purchased_list": ("A purchased list", False),
    "existing_customer": ("Another customer", False),
    "partner": ("A partner", False),
    "association": ("An association", False),
    "exchange": ("Exchange with a company that is no competitor", False),
}
Channel = Literal[
    "customer", "survey", "campaign", "service", "till", "fair", "website", "call_centre", "complaint", "staff",
    "media", "public_register", "bank", "agency", "rented_list", "purchased_list", "existing_customer", "partner",
    "association", "exchange",
]  # fmt: skip
# What a key of a role collects through, unless the write says otherwise.
CHANNEL_OF_ROLE = {"pos": "till", "call_center": "call_centre", "partner": "partner"}
OTHERWISE = "staff"

Fields = dict[str, Any]


class Provenance(Wire):
    """Where the values of a write come from. What is absent follows from the API key: its role, its name, now."""

    channel: Annotated[Channel, Field(default_factory=lambda: None)]
    collector: Annotated[Line, Field(default_factory=lambda: None, description="Who collected it: a staff id.")]
    collected_at: Annotated[Moment, Field(default_factory=lambda: None, description="Default: now.")]
    licence_end: Annotated[
        Day, Field(default_factory=lambda: None, description="The last day on which we may use it: rented lists.")
    ]

    @model_validator(mode="after")
    def _rented_for_a_time(self) -> "Provenance":
        if self.channel == "rented_list" and self.licence_end is None:
            raise PydanticCustomError("missing_licence_end", "What is rented has a day on which the licence ends.")
        return self


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the values of one write come from. `store` is the store of the key that brought them."""

    channel: str
    collector: str
    store: str | None
    licence_end: date | None = None


def origin(caller: Caller, given: Mapping[str, Any] | None) -> Origin:
    """The origin of what `caller` sends, with what it says of it itself."""
    said = given or {}
    return Origin(
        said.get("channel") or CHANNEL_OF_ROLE.get(caller.role, OTHERWISE),
        said.get("collector") or caller.name,
        caller.store,
        said.get("licence_end"),
    )


def fact_rows(
    customer: uuid.UUID,
    before: tuple[Mapping[str, Any], Mapping[str, str]],
    after: tuple[Mapping[str, Any], Mapping[str, str]],
    origins: Mapping[str, Origin],
) -> list[Fields]:
    """What is to be noted of a change from (fields, times) to (fields, times); `origins` are by path.

    A value that is new, one that is gone, and one that was there and has been collected again, which confirms it. A
    row holds the time as the text of `record.stamp`.
    """
    rows = []
    for path in filter(is_fact, after[1]):
        old, new = before[0].get(path), after[0].get(path)
        if (old == new and before[1].get(path) == after[1][path]) or (old is None and new is None):
            continue
        source = origins[path]
        rows.append({
            "customer_id": customer, "path": path, "channel": source.channel, "collector": source.collector,
            "store": source.store, "collected_at": after[1][path], "licence_end": source.licence_end,
            "previous": None if old == new else old, "confirms": old == new, "gone": new is None,
        })  # fmt: skip
    return rows


def state(collected: datetime, confirmed: datetime | None, fresh_days: int | None, now: datetime) -> str:
    """Whether a value that is held and licensed is `current` or `stale`: not collected or confirmed for too long."""
    latest = max(collected, confirmed or collected)
    return "stale" if fresh_days is not None and (now - latest).days >= fresh_days else "current"
