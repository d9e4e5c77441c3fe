"""May we contact a customer now, for this purpose, by this channel? Pure: from what is known to yes or no.

Every check counts for every purpose, a service call in the night too; only consent is not needed for service.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from app.customers.hours import EVERY_DAY, Window, is_open, minutes, next_open
from app.customers.purposes import ANY, GRANTED, PURPOSES

# As many contacts as a cap may count.
CAP_MAX = 100
_GONE = frozenset({"merged", "erased"})
_REFUSED = {
    "no_consent": "The customer has not agreed to this.",
    "denied": "The customer has said no to this.",
    "withdrawn": "The customer has withdrawn the consent.",
    "do_not_contact": "The customer does not want to be called.",
    "customer_state": "This record stands for nobody who could be contacted.",
    "quiet_hours": "It is not an hour at which the customer may be contacted.",
    "cap_reached": "The customer was contacted as often as may be.",
    "reserved_by_other": "Somebody is in touch with the customer right now.",
}


@dataclass(frozen=True, slots=True)
class Cap:
    """At most `most` real contacts within `within_days` times 24 hours."""

    most: int
    within_days: int


@dataclass(frozen=True, slots=True)
class Policy:
    """The policy that counts for a customer: the customer's own, and the company's where that says nothing."""

    zone: ZoneInfo
    windows: tuple[Window, ...] = ()
    cap: Cap | None = None
    do_not_call: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """What is known at the moment that is asked about.

    `states` is the state of the decisions in force by channel, for the purpose and partner in question; `contacts` are
    the times of real contacts, newest first, as many as a cap may count; `reserved_until` is when somebody else's
    reservation ends that is live.
    """

    kind: str
    status: str
    policy: Policy
    states: Mapping[str, str]
    contacts: Sequence[datetime]
    reserved_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Reason:
    """Why not, and until when if time alone ends it."""

    code: str
    until: datetime | None = None

    @property
    def detail(self) -> str:
        """The reason for a person."""
        return _REFUSED[self.code]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Yes without reasons. `next_allowed_at` is when it will be yes, if time alone brings that."""

    reasons: tuple[Reason, ...]
    next_allowed_at: datetime | None = None

    @property
    def allowed(self) -> bool:
        """Whether we may."""
        return not self.reasons


def windows_of(hours: Sequence[Mapping[str, Any]]) -> tuple[Window, ...]:
    """Windows from their stored form."""
    return tuple(
        Window(tuple(one.get("days") or EVERY_DAY), minutes(one["start"]), minutes(one["end"])) for one in hours
    )


def judged(known: Known, purpose: str, channel: str, at: datetime) -> Verdict:
    """Whether we may contact the customer at `at`, as far as is known then."""
    lasting = tuple(_lasting(known, purpose, channel))
    passing = tuple(_passing(known, at))
    if lasting or not passing:
        return Verdict(lasting + passing)
    # Reservation and cap only end, and stay ended; hours close again, so they are asked last.
    ends = [one.until for one in passing if one.until is not None and one.code != "quiet_hours"]
    return Verdict(passing, next_open(known.policy.windows, known.policy.zone, max([at, *ends])))


def _lasting(known: Known, purpose: str, channel: str) -> Iterator[Reason]:
    """What only the customer or we can change."""
    if known.kind == "walk_in" or known.status in _GONE:
        yield Reason("customer_state")
    state = known.states.get(channel) or known.states.get(ANY)
    if state is None and PURPOSES[purpose].needs_consent:
        yield Reason("no_consent")
    elif state is not None and state != GRANTED:
        yield Reason(state)
    if known.policy.do_not_call and channel == "phone":
        yield Reason("do_not_contact")


def _passing(known: Known, at: datetime) -> Iterator[Reason]:
    """What time alone ends."""
    policy = known.policy
    if not is_open(policy.windows, policy.zone, at):
        yield Reason("quiet_hours", next_open(policy.windows, policy.zone, at))
    if policy.cap is not None and len(known.contacts) >= policy.cap.most:
        free = known.contacts[policy.cap.most - 1] + timedelta(days=policy.cap.within_days)
        if free > at:
            yield Reason("cap_reached", free)
    if known.reserved_until is not None:
        yield Reason("reserved_by_other", known.reserved_until)
