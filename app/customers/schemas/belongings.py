"""Wire types of what belongs to a customer: addresses, key people, relationships."""

import uuid
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator
from pydantic.json_schema import SkipJsonSchema

from app.core.pages import PageQuery
from app.core.types import Answer, Day, Latitude, Line, Longitude, Name, Note, StrictText, Wire, located
from app.core.wording import Written
from app.customers.birthday import Birthday, BirthdayPatch, optional
from app.customers.profile import Tags
from app.customers.provenance import Provenance
from app.customers.schemas.record import CustomerId

AddressKind = Literal["home", "work", "billing", "delivery", "store", "other"]
Authority = Literal["decides", "influences", "advises", "uses", "none"]
RelationshipKind = Literal[
    "household", "spouse", "parent", "child", "relative", "friend", "colleague", "employer", "employee", "referrer",
    "referred", "owner", "owned", "supplier", "supplied",
]  # fmt: skip
Country = Annotated[
    StrictText,
    Field(pattern=r"^[A-Z]{2}$", examples=["CN"], description="ISO 3166-1 alpha-2."),
    Written("Write a country as the two capital letters of ISO 3166-1, such as CN."),
]
Phones = Annotated[list[Line], Field(max_length=10)]
State = Literal["current", "stale", "retired"]
_FROM = "Where it comes from; what is absent follows from the API key."


class _Place(Wire):
    country: Country | None = None
    region: Name | None = None
    city: Name | None = None
    district: Name | None = None
    street: Line | None = Field(default=None, description="Street, number, floor.")
    postcode: Annotated[Line, Field(max_length=20)] | None = None
    recipient: Name | None = None
    note: Note | None = None
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    provenance: Provenance = optional(_FROM)

    @model_validator(mode="after")
    def _located(self) -> "_Place":
        located(self)
        return self


class NewAddress(_Place):
    """A new address. `id` may be the sender's own UUID."""

    id: CustomerId = optional()
    kind: AddressKind


class AddressPatch(_Place):
    """A JSON merge patch of an address. What says where it is clears its coordinates, unless new ones come with it."""

    kind: AddressKind = optional()


class _Origin(Answer):
    channel: str
    collector: str
    store: str | None
    collected_at: datetime
    confirmed_at: datetime | None
    confirmed_by: str | None
    licence_end: date | None
    state: Annotated[State, Field(description="`retired`: its licence has ended.")]
    previous: Annotated[dict[str, Any] | None, Field(description="What its last change replaced.")]
    version: int
    created_at: datetime
    updated_at: datetime


class AddressAnswer(_Origin):
    """An address. Without the field group `contact` no more is shown than the city."""

    id: uuid.UUID
    kind: str | SkipJsonSchema[None] = None
    country: str | None = None
    region: str | None = None
    city: str | None = None
    district: str | None = None
    street: str | None = None
    postcode: str | None = None
    recipient: str | None = None
    note: str | None = None
    latitude: str | None = None
    longitude: str | None = None


class _Person(Wire):
    title: Name | None = None
    authority: Authority | None = None
    standing: Line | None = Field(default=None, description="What the person's word counts, and with whom.")
    name: Name | None = None
    email: Line | None = None
    address: Line | None = None
    note: Note | None = None
    provenance: Provenance = optional(_FROM)


class NewContact(_Person):
    """A new key person. `id` may be the sender's own UUID. Phones and e-mail are kept as they are typed."""

    id: CustomerId = optional()
    role: Name = Field(examples=["key_person"])
    phones: Phones = optional()
    likes: Tags = optional()
    birthday: Birthday | None = None


class ContactPatch(_Person):
    """A JSON merge patch of a key person."""

    role: Name = optional()
    phones: Phones | None = None
    likes: Tags | None = None
    birthday: BirthdayPatch | None = None


class ContactAnswer(_Origin):
    """A key person of a customer. What the key's field groups do not show is absent."""

    id: uuid.UUID
    role: str | SkipJsonSchema[None] = None
    title: str | None = None
    authority: str | None = None
    standing: str | None = None
    name: str | None = None
    birthday: Birthday | None = None
    likes: list[str] | SkipJsonSchema[None] = None
    note: str | None = None
    phones: list[str] | SkipJsonSchema[None] = None
    email: str | None = None
    address: str | None = None


class StillRight(Wire):
    """Who says that it is still right."""

    provenance: Provenance = optional("Who says so, and when; what is absent follows from the API key.")


class NewRelationship(Wire):
    """`other` is `kind` of this customer: its referrer, its employer, its parent. The other side follows."""

    other: CustomerId
    kind: RelationshipKind
    since: Day | None = None
    note: Line | None = None


class RelationshipPatch(Wire):
    """A JSON merge patch of a relationship; both sides change."""

    kind: RelationshipKind = optional()
    since: Day | None = None
    note: Line | None = None


class RelationshipAnswer(Answer):
    """A relationship as seen from this customer; it has the same `id` and `version` on the other side."""

    id: uuid.UUID
    other: uuid.UUID
    kind: str
    since: date | None
    note: str | None = None
    version: int
    created_at: datetime
    updated_at: datetime


class Related(RelationshipAnswer):
    """The same with the displayed name of the other customer."""

    other_name: str | None = None


class RelationshipQuery(PageQuery):
    """Which part of the list to read."""
