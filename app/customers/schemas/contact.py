"""Wire types of consent and contact."""

import uuid
from datetime import date, datetime
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, model_validator
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import PydanticCustomError

from app.core.pages import PageQuery
from app.core.types import Answer, Code, Day, Moment, Name, Note, StrictText, Wire
from app.core.wording import Written
from app.customers.contact_rules import CAP_MAX
from app.customers.hours import EVERY_DAY, minutes
from app.customers.purposes import ChannelName, ConsentState, DecidedChannel, LoggedChannel, PurposeName

DAYS_MAX = 3650
WINDOWS_MAX = 14
PROOF_MAX = 2000


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise PydanticCustomError("unknown_zone", "This is no time zone of the IANA list.") from None
    return name


Zone = Annotated[StrictText, Field(min_length=1, max_length=64, examples=["Asia/Shanghai"]), AfterValidator(_zone)]
Start = Annotated[
    StrictText,
    Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", examples=["09:00"]),
    Written("Write a time of the day as hours and minutes, from 00:00 to 23:59."),
]
End = Annotated[
    StrictText,
    Field(pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$", examples=["20:00"], description="Excluded."),
    Written("Write a time of the day as hours and minutes, from 00:00 to 24:00."),
]
Weekday = Annotated[int, Field(strict=True, ge=1, le=7)]
Days = Annotated[int, Field(strict=True, ge=1, le=DAYS_MAX)]


class ConsentIn(Wire):
    """A decision of the customer's, with its proof: the words agreed to, a recording, a form's number."""

    purpose: PurposeName
    channel: Annotated[DecidedChannel, Field(description="`any` is about every channel.")]
    partner: Annotated[Code | None, Field(description="Whom it is about; null is us.")] = None
    state: ConsentState
    source: Annotated[Code, Field(description="Where it was said: till, website, call, ...")]
    proof: Annotated[Note, Field(max_length=PROOF_MAX)] | None = None
    decided_at: Annotated[Moment | None, Field(description="Default: now. Late ones take their place in time.")] = None


class ConsentAnswer(Answer):
    """A decision. `proof` needs the field group `personal`."""

    id: uuid.UUID
    customer_id: uuid.UUID
    purpose: str
    channel: str
    partner: str | None
    state: str
    source: str
    proof: str | None = None
    decided_at: datetime
    recorded_at: datetime
    recorded_by: uuid.UUID


class ConsentInForce(Answer):
    """What a customer has decided, as it stands. `partner` is null where it is about us."""

    purpose: str
    partner: str | None
    channel: str
    state: str
    decided_at: datetime


class Wishes(Answer):
    """What a customer wants of us. Whether a contact may be made now, `may-contact` says."""

    do_not_call: bool
    preferred_channel: str | None
    consents: list[ConsentInForce]


class ConsentQuery(PageQuery):
    """Which decisions to list."""

    history: Annotated[bool, Field(description="All that was ever decided, not only what is in force.")] = False
    purpose: PurposeName | SkipJsonSchema[None] = None


class MayContactQuery(Wire):
    """For what, by what, and when a contact is meant to be made."""

    purpose: PurposeName
    channel: ChannelName
    partner: Annotated[Code | SkipJsonSchema[None], Field(description="On whose behalf; by default our own.")] = None
    at: Annotated[Moment | SkipJsonSchema[None], Field(description="Default: now.")] = None
    agent: Annotated[
        Code | SkipJsonSchema[None],
        Field(description="Who asks: a reservation of this agent's does not stand against it."),
    ] = None


class ContactReason(Answer):
    """Why not; `until` where time alone ends it."""

    code: Literal[
        "no_consent", "denied", "withdrawn", "do_not_contact", "customer_state", "quiet_hours", "cap_reached",
        "reserved_by_other",
    ]  # fmt: skip
    detail: str
    until: datetime | None


class MayContact(Answer):
    """Whether a customer may be contacted. `next_allowed_at`: when, if nothing but time has to change."""

    customer_id: uuid.UUID
    purpose: str
    channel: str
    allowed: bool
    reasons: list[ContactReason]
    next_allowed_at: datetime | None
    preferred_channel: str | None
    time_zone: str
    as_of: datetime


class ContactHours(Wire):
    """Hours on some weekdays (1 is Monday), from `start` until just before `end`. Over midnight takes two of them."""

    days: Annotated[list[Weekday], Field(min_length=1, max_length=7)] = Field(default=list(EVERY_DAY))
    start: Start
    end: End

    @model_validator(mode="after")
    def _in_order(self) -> "ContactHours":
        if minutes(self.start) >= minutes(self.end):
            raise PydanticCustomError("empty_range", "The start comes before the end.")
        return self


class ContactCap(Wire):
    """At most `most` real contacts within `within_days` times 24 hours."""

    most: Annotated[int, Field(strict=True, ge=1, le=CAP_MAX)]
    within_days: Days


Hours = Annotated[list[ContactHours], Field(max_length=WINDOWS_MAX)]


class ContactPolicyIn(Wire):
    """How a customer wants to be contacted, whole: what is left out or null is as the company has it."""

    do_not_call: Annotated[bool, Field(strict=True)] = False
    preferred_channel: ChannelName | None = None
    time_zone: Annotated[Zone | None, Field(description="Null: that of the home store, else the company's.")] = None
    hours: Annotated[Hours | None, Field(description="An empty list is at any hour.")] = None
    cap: ContactCap | None = None
    wanted_days: Annotated[Days | None, Field(description="How often we want to be in touch.")] = None


class ContactInForce(Answer):
    """What counts for the customer, with the company's defaults. No hours: at any hour. No cap: as often as we like."""

    time_zone: str
    hours: list[ContactHours]
    cap: ContactCap | None


class ContactPolicyAnswer(Answer):
    """What was set for the customer, and what counts; `version` is 0 as long as nobody has set anything."""

    customer_id: uuid.UUID
    do_not_call: bool
    preferred_channel: str | None
    time_zone: str | None
    hours: list[ContactHours] | None
    cap: ContactCap | None
    wanted_days: int | None
    in_force: ContactInForce
    version: int
    updated_at: datetime | None


class ReservationIn(Wire):
    """Who is going to contact the customer, how, and for how long nobody else should."""

    agent: Code
    channel: ChannelName = "phone"
    minutes: Annotated[int, Field(strict=True, ge=1, le=240)] = 15


class Reservation(Answer):
    """A customer is somebody's until `expires_at`."""

    id: uuid.UUID
    customer_id: uuid.UUID
    agent: str
    channel: str
    reserved_at: datetime
    expires_at: datetime


class ContactIn(Wire):
    """A contact that we made or tried. An `id` of the sender's own makes it harmless to send it again."""

    id: uuid.UUID | SkipJsonSchema[None] = None
    channel: LoggedChannel
    reached: Annotated[bool, Field(strict=True, description="Whether it reached the customer: then it is real.")] = True
    at: Annotated[Moment | None, Field(description="Default: now.")] = None
    agent: Name | None = None


class Contact(Answer):
    """A contact that we made or tried."""

    id: uuid.UUID
    customer_id: uuid.UUID
    channel: str
    reached: bool
    at: datetime
    agent: str | None
    recorded_at: datetime
    recorded_by: uuid.UUID


class ContactsDueQuery(PageQuery):
    """Whose contact is due before a day: by default before tomorrow."""

    store: Annotated[Code | SkipJsonSchema[None], Field(description="Only customers whose home store this is.")] = None
    before: Day | SkipJsonSchema[None] = None


class ContactDue(Answer):
    """A customer whom we want to be in touch with every `wanted_days` days."""

    customer_id: uuid.UUID
    due_on: date
    last_at: datetime | None
    wanted_days: int
    home_store: str | None
    preferred_channel: str | None
    do_not_call: bool
