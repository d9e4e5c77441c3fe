"""Who is calling: resolved once per request from the API key, and carried by value through every floor."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

FIELD_GROUPS = ("basic", "contact", "personal", "financial")
REACHES = ("own", "store", "region", "all")
# Groups whose fields can be shown masked. Amounts have no shape that says nothing: masked they are absent.
MASKABLE = ("contact", "personal", "financial")
# Who has such a group masked holds this in its place. So wherever a group is asked for it is not held, and only what
# knows how to mask shows anything: see `customers.masks`.
MASKED = {group: f"masked_{group}" for group in ("contact", "personal")}
# The displayed name is a basic field, but a name. As a group: who holds it sees names as they are, which is everybody
# who has not personal data masked.
NAMES = "names"


def shown_groups(granted: Iterable[str], masked: Iterable[str]) -> frozenset[str]:
    """The field groups of a caller that was granted some of which some are to be masked."""
    hidden = frozenset(masked)
    kept = {MASKED.get(group) if group in hidden else group for group in granted}
    return frozenset(group for group in kept if group is not None)


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated client. `client_id` survives a rotation of the key; `key_id` does not.

    `reach` says which customers it may know of (`customers.queries.visible_to`): its `staff`'s own, those of its
    `store`, those of its store's region, or all.
    """

    client_id: uuid.UUID
    key_id: uuid.UUID
    name: str
    role: str
    scopes: frozenset[str]
    field_groups: frozenset[str]
    rate_class: str = "standard"
    store: str | None = None
    partner: str | None = None
    staff: str | None = None
    reach: str = "all"
    request_id: str = field(default="", compare=False)

    def on_request(self, request_id: str) -> "Caller":
        """The same caller, on one request."""
        return Caller(
            self.client_id, self.key_id, self.name, self.role, self.scopes, self.field_groups, self.rate_class,
            self.store, self.partner, self.staff, self.reach, request_id,
        )  # fmt: skip

    def sees(self, group: str) -> bool:
        """Whether the caller sees the fields of a group as they are; NAMES stands for displayed names."""
        return MASKED["personal"] not in self.field_groups if group == NAMES else group in self.field_groups

    @property
    def limited(self) -> bool:
        """Whether it may know of some customers only."""
        return self.reach != "all" or self.partner is not None

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
