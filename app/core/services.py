"""What one process holds for its whole life, built in `main` and handed down."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from app.core.caller import Part, ReadLog
from app.core.clock import Clock
from app.core.db import Database
from app.core.documents import Sections
from app.core.errors import ErrorMap
from app.core.fields import Registry
from app.core.metrics import Metrics
from app.core.offload import Offload
from app.core.pages import Cursors
from app.core.person import Person
from app.core.rights import Person as Holder
from app.core.settings import Settings


class FeedSignal(Part, Protocol):
    """Wakes readers that wait for the feed to grow."""

    async def wait_beyond(self, sequence: int, seconds: float, types: frozenset[str] | None = None) -> bool:
        """True as soon as an event after `sequence` (of one of `types`) may be there, False after `seconds`.

        False at once when the process is about to stop.
        """

    def release(self) -> None:
        """The process is about to stop: let everybody go who waits."""


# Adds a few figures to what `/readyz` reports.
Probe = Callable[[Database], Awaitable[dict[str, Any]]]


@dataclass(slots=True)
class Services:
    """The parts that routes need. Rooms get it through `core.http`."""

    settings: Settings
    clock: Clock
    db: Database
    reads: ReadLog
    cursors: Cursors
    errors: ErrorMap
    metrics: Metrics
    offload: Offload
    feed: FeedSignal
    registry: Registry
    sections: Sections = field(default_factory=Sections)
    probes: tuple[Probe, ...] = ()
    # What each room does with all that it holds of one person, the lower rooms first.
    persons: tuple[Person, ...] = ()
    # The same and others, as far as a person's rights go: how what they hold is shown, and erased.
    rights: tuple[Holder, ...] = ()
    # What hot reads keep for the life of the process, such as compiled statements, under keys of their own.
    memo: dict[Any, Any] = field(default_factory=dict)
