"""Wire types of customers."""

import uuid
from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import PydanticCustomError

from app.core.pages import PageQuery
from app.core.types import Answer, Code, Moment, Name, StrictText, Wire, one_line
from app.core.wording import Written
from app.customers.birthday import Birthday, BirthdayPatch, optional
from app.customers.identifiers import VALUE_MAX
from app.customers.profile import Profile, ProfileAnswer
from app.customers.provenance import Provenance

IdentifierKind = Literal["phone", "email", "card", "external", "chat"]
WritableKind = Literal["person", "business"]
WritableStatus = Literal["target", "prospect", "active", "dormant", "lost"]
Gender = Literal["female", "male", "other"]
GIVEN_MAX = 20
READ_MAX = 1000


def _customer_id(value: uuid.UUID) -> uuid.UUID:
    if value.int == 0:
        raise PydanticCustomError("nil_id", "The nil UUID names no customer.")
    return value


CustomerId = Annotated[uuid.UUID, AfterValidator(_customer_id)]
Language = Annotated[
    StrictText,
    Field(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$", max_length=35, examples=["zh-Hans"]),
    Written("Write a language as its BCP 47 tag, such as zh-Hans, ko or en-SG."),
]
IdentifierValue = Annotated[StrictText, Field(min_length=1, max_length=VALUE_MAX), AfterValidator(one_line)]
SystemName = Annotated[StrictText, Field(min_length=1, max_length=40), AfterValidator(one_line)]


class IdentifierIn(Wire):
    """An identifier as it was typed; `system` names who gave an external or chat id."""

    kind: IdentifierKind
    value: IdentifierValue
    system: SystemName | None = None
    primary: bool = Field(default=False, strict=True)
    verified_at: Moment | None = None


class _OwnFields(Wire):
    kind: WritableKind = optional()
    status: WritableStatus = optional()
    display_name: Name | None = None
    given_name: Name | None = None
    family_name: Name | None = None
    reading: Name | None = Field(default=None, description="How the name is read: pinyin, kana, hangul.")
    gender: Gender | None = None
    language: Language | None = None
    home_store: Code | None = None
    source: Code | None = Field(default=None, description="Where the customer came from: till, website, fair, ...")
    profile: Profile | None = Field(
        default=None,
        description="A merge patch of the profile: absent stays, `null` clears a value, a section, or all of it.",
    )
    provenance: Provenance = optional("Where these values come from; what is absent follows from the API key.")


class NewIdentifier(IdentifierIn):
    """An identifier to add to a customer."""

    provenance: Provenance = optional("Where it comes from; what is absent follows from the API key.")


class CustomerFields(_OwnFields):
    """A customer in an upsert: a field that is absent stays as it is, `null` clears it; identifiers are only added."""

    birthday: Birthday | None = None
    identifiers: Annotated[list[IdentifierIn], Field(max_length=GIVEN_MAX)] = optional()
    collected_at: Moment = optional(
        "When these values were collected: one that is older than what is held changes nothing. Default: now. The same "
        "as in `provenance`; this one counts if both are given."
    )


class NewCustomer(CustomerFields):
    """A new customer. `id` may be the sender's own UUID; `kind` is person and `status` active unless said."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "display_name": "王芳",
                    "birthday": {"month": 9, "day": 21, "year": None},
                    "profile": {"life": {"hobbies": ["tea", "badminton"]}},
                    "provenance": {"channel": "survey", "collector": "emp-12"},
                    "identifiers": [{"kind": "phone", "value": "138 1234 5678"}],
                }
            ]
        }
    )

    id: CustomerId = optional()


class CustomerPatch(_OwnFields):
    """A JSON merge patch: what is absent stays, `null` clears. Identifiers have routes of their own."""

    birthday: BirthdayPatch | None = None


class ReadMany(Wire):
    """Which customers to read."""

    ids: Annotated[list[uuid.UUID], Field(min_length=1, max_length=READ_MAX)]


class CustomerQuery(PageQuery):
    """Which customers to list. Walk-ins are listed only if `kind=walk_in` asks for them."""

    kind: Literal["person", "business", "walk_in"] | None = None
    status: Literal["target", "prospect", "active", "dormant", "lost", "merged", "erased"] | None = None
    home_store: Code | None = None
    account_manager: Annotated[Code | None, Field(description="Whose customers: a staff id.")] = None
    created_since: Moment | None = None
    updated_since: Moment | None = None


class IdentifierAnswer(Answer):
    """An identifier: `value` in the form it is searched by, `typed` as it was given."""

    id: uuid.UUID
    kind: str
    system: str | None
    value: str
    typed: str
    primary: bool
    verified_at: datetime | None
    licence_end: Annotated[
        date | None, Field(description="The last day on which it may be used, if it was rented; see the provenance.")
    ]


class CustomerAnswer(Answer):
    """A customer. What the key's field groups do not show is absent: `basic`, `personal`, `contact`, `financial`."""

    id: uuid.UUID
    kind: str | SkipJsonSchema[None] = None
    status: str | SkipJsonSchema[None] = None
    display_name: str | None = None
    language: str | None = None
    home_store: str | None = None
    account_manager: str | None = None
    sponsor: str | None = None
    grade: str | None = None
    given_name: str | None = None
    family_name: str | None = None
    reading: str | None = None
    gender: str | None = None
    birthday: Birthday | None = None
    source: str | None = None
    profile: ProfileAnswer | SkipJsonSchema[None] = None
    identifiers: list[IdentifierAnswer] | SkipJsonSchema[None] = None
    version: int
    created_at: datetime | SkipJsonSchema[None] = None
    updated_at: datetime | SkipJsonSchema[None] = None


class ManyCustomers(Answer):
    """The customers that exist, in the order asked for, and the ids of those that do not."""

    data: list[CustomerAnswer]
    missing: list[uuid.UUID]
