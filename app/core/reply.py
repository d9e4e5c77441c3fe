"""An answer as bytes, ready to be sent, stored under an Idempotency-Key, and sent again."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Reply:
    """Status, body and headers of an answer; the body is JSON unless the headers say otherwise."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
