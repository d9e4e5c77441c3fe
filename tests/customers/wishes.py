"""Consent and contact through the API, and in plain Python: slow, and simple enough to be believed."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx

NO = ("denied", "withdrawn")


class Desk:
    """Somebody who is in touch with customers."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def call(self, method: str, path: str, body: Any = None, *, status: int | None = None, **query: Any) -> Any:
        """Call the API; the answer must be a success, or have the given status."""
        answer = await self.client.request(method, f"/v1{path}", json=body, params=query)
        assert answer.is_success if status is None else answer.status_code == status, answer.text
        return answer.json()

    async def customer(self, **fields: Any) -> str:
        return str((await self.call("POST", "/customers", {"display_name": "Wang", **fields}))["id"])

    async def decide(
        self, customer: str, state: str, channel: str = "any", purpose: str = "marketing", **more: Any
    ) -> Any:
        """Record a decision; its document."""
        body = {"purpose": purpose, "channel": channel, "state": state, "source": "till", **more}
        return await self.call("POST", f"/customers/{customer}/consents", body)

    async def in_force(self, customer: str, **query: Any) -> set[tuple[str, str, str | None, str]]:
        """(purpose, channel, partner, state) of the decisions in force."""
        found = await self.call("GET", f"/customers/{customer}/consents", **query)
        return {(one["purpose"], one["channel"], one["partner"], one["state"]) for one in found["data"]}

    async def may(self, customer: str, purpose: str = "marketing", channel: str = "phone", **query: Any) -> Any:
        """The answer whether the customer may be contacted."""
        path = f"/customers/{customer}/may-contact"
        return await self.call("GET", path, purpose=purpose, channel=channel, **query)

    async def codes(self, customer: str, purpose: str = "marketing", channel: str = "phone", **query: Any) -> list[str]:
        """The reasons why not."""
        return [one["code"] for one in (await self.may(customer, purpose, channel, **query))["reasons"]]

    async def reserve(self, customer: str, agent: str = "emp-1", minutes: int = 15, **more: Any) -> Any:
        """Reserve a customer; the document."""
        body = {"agent": agent, "minutes": minutes}
        return await self.call("POST", f"/customers/{customer}/contact-reservations", body, **more)

    async def contact(self, customer: str, at: datetime | None = None, **body: Any) -> Any:
        """Note a contact; the document."""
        body = {"channel": "phone", **body} | ({} if at is None else {"at": at.isoformat()})
        return await self.call("POST", f"/customers/{customer}/contact-log", body)


@dataclass
class Wishes:
    """What was recorded of one customer, in any order; decisions have (time, order of recording) as their key."""

    gone: bool = False
    zone: str = "Asia/Shanghai"
    decided: list[dict[str, Any]] = field(default_factory=list)
    hours: list[dict[str, Any]] = field(default_factory=list)
    cap: tuple[int, int] | None = None
    do_not_call: bool = False
    contacts: list[tuple[datetime, bool]] = field(default_factory=list)
    reserved: tuple[datetime, datetime, str] | None = None

    def state(self, purpose: str, channel: str, partner: str | None, at: datetime) -> str | None:
        """The decision that counts at a moment."""
        newest: dict[str, tuple[Any, str]] = {}
        for number, one in enumerate(self.decided):
            if (one["purpose"], one["partner"]) == (purpose, partner) and one["at"] <= at:
                entry = ((one["at"], number), one["state"])
                newest[one["channel"]] = max(newest.get(one["channel"], entry), entry)
        own, whole = newest.get(channel), newest.get("any")
        if own is None or (whole is not None and own[1] == "granted" and whole[1] in NO and whole[0] > own[0]):
            return whole[1] if whole else None
        return own[1]

    def lasting(self, purpose: str, channel: str, partner: str | None, at: datetime) -> set[str]:
        """The reasons that time does not end."""
        state = self.state(purpose, channel, partner, at)
        found = {"customer_state"} if self.gone else set()
        if state in NO:
            found.add(str(state))
        if state is None and purpose != "service":
            found.add("no_consent")
        if self.do_not_call and channel == "phone":
            found.add("do_not_contact")
        return found

    def passing(self, asked: datetime, at: datetime, agent: str | None) -> set[str]:
        """The reasons at `at` that time ends, with what is known when it is asked."""
        found = set()
        if self.hours and not open_at(self.hours, self.zone, at):
            found.add("quiet_hours")
        if self.cap is not None:
            most, days = self.cap
            counted = [when for when, real in self.contacts if real and when <= asked and when > at - timedelta(days)]
            if len(counted) >= most:
                found.add("cap_reached")
        if self.reserved is not None:
            start, end, holder = self.reserved
            if start <= asked < end and at < end and holder != agent:
                found.add("reserved_by_other")
        return found


def open_at(hours: list[dict[str, Any]], zone: str, at: datetime) -> bool:
    """Whether a clock on the wall shows a time that is in the hours."""
    wall = at.astimezone(ZoneInfo(zone))
    shown = f"{wall:%H:%M}"
    return any(wall.isoweekday() in one["days"] and one["start"] <= shown < one["end"] for one in hours)
