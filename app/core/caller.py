"""Who is calling: resolved once per request from the API key, and carried by value through every floor."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

FIELD_GROUPS = ("basic", "contact", "personal", "financial")


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated client. `client_id` survives a rotation of the key; `key_id` does not."""

    client_id: uuid.UUID
    key_id: uuid.UUID
    name: str
    role: str
    scopes: frozenset[str]
    field_groups: frozenset[str]
    rate_class: str = "standard"
    store: str | None = None
    partner: str | None = None
    request_id: str = field(default="", compare=False)

    def on_request(self, request_id: str) -> "Caller":
        """The same caller, on one request."""
        return Caller(
            self.client_id, self.key_id, self.name, self.role, self.scopes, self.field_groups, self.rate_class,
            self.store, self.partner, request_id,
        )  # fmt: skip

    def may(self, scope: str) -> bool:
        """Whether the caller was granted `room:action`."""
        return scope in self.scopes


# Work that no outside client asked for (worker, CLI) is audited under this name.
SYSTEM = Caller(
    client_id=uuid.UUID(int=0),
    key_id=uuid.UUID(int=0),
    name="system",
    role="system",
    scopes=frozenset(),
    field_groups=frozenset(FIELD_GROUPS),
    rate_class="bulk",
)


class Part(Protocol):
    """A part of the process with work of its own in the background."""

    async def start(self) -> None:
        """Begin; the database is open."""

    async def close(self) -> None:
        """Finish what is in hand and end."""


class ReadLog(Part, Protocol):
    """Where reads of personal data are written down: see `access.reads`."""

    async def record(self, caller: Caller, action: str, records: Sequence[uuid.UUID]) -> None:
        """Log that `caller` saw `records`. Returns after the row is safe for partners, at once for staff."""

    async def flush(self) -> None:
        """Write what is waiting now."""
