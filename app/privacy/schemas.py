"""Wire types of privacy."""

import uuid
from datetime import date, datetime
from typing import Literal

from app.core.pages import PageQuery
from app.core.types import Answer, Code, Moment, Wire
from app.privacy.retention import Reason

Why = Literal["request", "objection", "consent_withdrawn", "no_longer_needed", "unlawful", "legal_duty"]


class NewErasure(Wire):
    """Whom to erase, and why. It is for ever.

    `reason` as in Art. 17 (1) GDPR. `reference` is a code of the company's own, such as that of a ticket: it stands in
    the proof, so it must not speak of anybody. `requested_at` is when it was asked for; now if absent.
    """

    customer_id: uuid.UUID
    reason: Why
    requested_at: Moment | None = None
    reference: Code | None = None


class ErasureQuery(PageQuery):
    """Which part of the list of erasures, the oldest first."""


class Kept(Answer):
    """What is kept by a rule, and why; `until` is the first day without it, null while the books are kept."""

    rule: str
    what: str
    why: str
    until: date | None


class ErasureRecord(Answer):
    """What was erased, without personal data. `erased` counts rows by table, `also` are customers merged before.

    `erased_by` is a client, as in the audit.
    """

    kind: str
    id: uuid.UUID
    customer_id: uuid.UUID
    also: list[uuid.UUID]
    reason: str
    reference: str | None
    requested_at: datetime
    erased_at: datetime
    erased_by: uuid.UUID
    erased: dict[str, int]
    kept: list[Kept]


class LaterRecord(Answer):
    """What was kept and is gone since, by rule."""

    id: uuid.UUID
    at: datetime
    rules: list[str]
    erased: dict[str, int]


class SignedLater(Answer):
    """The same, signed."""

    record: LaterRecord
    signature: str
    public_key: str


class ErasureAnswer(Answer):
    """An erasure and its proof.

    `signature` (base64) is the Ed25519 signature of `record`, written as JSON with sorted keys and without spaces, by
    the owner of `public_key`. `settled_at`: since then the statistics of the database quote nobody either.
    `replayed_at`: it was done again after a restore.
    """

    id: uuid.UUID
    customer_id: uuid.UUID
    erased_at: datetime
    replayed_at: datetime | None
    settled_at: datetime | None
    kept_until: date | None
    record: ErasureRecord
    signature: str
    public_key: str
    later: list[SignedLater]


class SigningKey(Answer):
    """A public key (base64 of 32 bytes). The `current` one signs; others have signed before the secret changed."""

    algorithm: str
    public_key: str
    current: bool


class SigningKeys(Answer):
    """Every key that a record here was or would be signed with."""

    data: list[SigningKey]


class RetentionRule(Answer):
    """What is kept of an erased customer, why, and for how many days (null: for as long as the books are)."""

    rule: str
    what: str
    why: str
    days: int | None


class Refusal(Answer):
    """A reason why an erasure is refused for now."""

    code: Reason
    detail: str


class Retention(Answer):
    """The retention rules in force, and what must be settled before an erasure."""

    rules: list[RetentionRule]
    settle: list[Refusal]
