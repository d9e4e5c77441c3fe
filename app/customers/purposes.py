"""What a customer can be contacted for, and by what: the registry of purposes, channels and decisions. Pure.

`service` is what a contract needs (a delivery, a recall, a debt): allowed unless the customer has said no. Everything
else needs a yes first.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, get_args

from app.core.errors import INVALID, FieldError, Problem

PurposeName = Literal["marketing", "service", "survey", "profiling", "sharing"]
ChannelName = Literal["phone", "sms", "email", "chat", "app", "letter", "visit"]
# Where a contact was made; nobody is asked to agree to a talk in a store.
LoggedChannel = Literal[ChannelName, "store", "event", "other"]
# A decision may be about every channel at once.
ANY = "any"
DecidedChannel = Literal["any", ChannelName]
ConsentState = Literal["granted", "denied", "withdrawn"]
GRANTED = "granted"


@dataclass(frozen=True, slots=True)
class Purpose:
    """A purpose, in words, and whether it needs the customer's consent."""

    name: PurposeName
    label: str
    needs_consent: bool = True


PURPOSES: dict[str, Purpose] = {
    one.name: one
    for one in (
        Purpose("marketing", "Offers, news, invitations"),
        Purpose("service", "What a contract needs: deliveries, appointments, recalls, payments", needs_consent=False),
        Purpose("survey", "Questions about satisfaction and wishes"),
        Purpose("profiling", "Working out what a customer may like from what was bought"),
        Purpose("sharing", "Passing data on to a partner"),
    )
}
CHANNELS: tuple[str, ...] = get_args(ChannelName)
LOGGED_CHANNELS: tuple[str, ...] = get_args(LoggedChannel)
DECIDED_CHANNELS: tuple[str, ...] = get_args(DecidedChannel)
STATES: tuple[str, ...] = get_args(ConsentState)

# How far the clock of a till may be ahead of ours.
AHEAD = timedelta(minutes=5)


def happened(given: datetime | None, now: datetime, pointer: str) -> datetime:
    """When something happened: as given, or now. Nothing happens in the future: a clock that is a little fast is now.

    Raises Problem if it is further ahead than a clock may be.
    """
    if given is None:
        return now
    if given > now + AHEAD:
        detail = "This lies in the future."
        raise Problem(INVALID, detail, [FieldError(pointer, "future_time", detail)])
    return min(given, now)
