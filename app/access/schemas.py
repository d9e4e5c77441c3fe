"""Wire types of access."""

import uuid
from typing import Annotated

from pydantic import Field

from app.access.roles import SCOPES, FieldGroup, MaskedGroup, RateClass, Reach, RoleName
from app.core.pages import PageQuery
from app.core.types import Answer, Code, Moment, Name, Wire

GRACE_MAX_SECONDS = 30 * 24 * 3600

ScopeName = Annotated[
    str, Field(strict=True, max_length=64, json_schema_extra={"enum": sorted(SCOPES)}, examples=["customers:read"])
]


class NewApiKey(Wire):
    """A key to make. Scopes, field groups and rate class are those of the role unless given."""

    id: Annotated[
        uuid.UUID | None, Field(description="Your own id for the key: repeating a request with it answers 409.")
    ] = None
    name: Annotated[Name, Field(description="Who will use it.", examples=["Store S01"])]
    role: RoleName
    store: Annotated[Code | None, Field(description="The store that the key belongs to.")] = None
    partner: Annotated[
        Code | None, Field(description="The partner that the key belongs to; its reads are logged before the answer.")
    ] = None
    scopes: Annotated[list[ScopeName], Field(max_length=100)] | None = None
    field_groups: Annotated[list[FieldGroup], Field(max_length=10)] | None = None
    rate_class: RateClass | None = None
    staff: Annotated[
        Code | None, Field(description="The staff member whom the key belongs to.", examples=["emp-7"])
    ] = None
    reach: Annotated[
        Reach,
        Field(
            description="Which customers the key may know of: those whose account manager or sponsor is its `staff`,"
            " those of its `store`, those of that store's region, or all. The others are as if they were not there."
        ),
    ] = "all"
    masked: Annotated[
        list[MaskedGroup],
        Field(
            max_length=10,
            description="Field groups that are shown masked: `+86138****5678`, `z***@example.com`, `王*`. What has no"
            " such form, amounts too, is absent. Such fields cannot be changed, nor searched but by a whole number.",
        ),
    ] = []  # noqa: RUF012  (Pydantic copies it)
    expires_at: Moment | None = None


class Rotation(Wire):
    """How to rotate a key."""

    id: Annotated[
        uuid.UUID | None, Field(description="Your own id for the new key: repeating a request with it answers 409.")
    ] = None
    grace_seconds: Annotated[
        int | None,
        Field(
            strict=True, ge=0, le=GRACE_MAX_SECONDS,
            description="The old key expires after this time. Without it the old key lives until it is revoked.",
        ),
    ] = None  # fmt: skip
    expires_at: Annotated[
        Moment | None, Field(description="When the new key expires; by default it lives as long as the old one was to.")
    ] = None


class ApiKeyAnswer(Answer):
    """An API key without its secret. `last_used_at` may lag by some seconds."""

    id: uuid.UUID
    client_id: uuid.UUID
    name: str
    role: str
    store: str | None
    partner: str | None
    staff: str | None
    reach: str
    masked: list[str]
    scopes: list[str]
    field_groups: list[str]
    rate_class: str
    prefix: str
    expires_at: str | None
    revoked_at: str | None
    last_used_at: str | None
    created_at: str
    version: int


class MadeApiKeyAnswer(ApiKeyAnswer):
    """A new API key. `key` is shown this once and kept nowhere."""

    key: str


class KeyQuery(PageQuery):
    """Which keys."""

    client_id: Annotated[uuid.UUID | None, Field(description="Only the keys of this client.")] = None


class AuditQuery(PageQuery):
    """Which part of the audit trail; all given conditions must hold."""

    customer_id: Annotated[uuid.UUID | None, Field(description="Who touched or saw this customer.")] = None
    record_id: uuid.UUID | None = None
    client_id: uuid.UUID | None = None
    since: Annotated[Moment | None, Field(description="Entries of this moment and later.")] = None
    until: Annotated[Moment | None, Field(description="Entries before this moment.")] = None


class AuditEntryAnswer(Answer):
    """One entry of the audit trail. `customer_id` is null for records that belong to no customer."""

    id: uuid.UUID
    at: str
    client_id: uuid.UUID
    key_id: uuid.UUID
    request_id: str
    action: str
    record_kind: str
    record_id: uuid.UUID
    customer_id: uuid.UUID | None
    fields: list[str]
