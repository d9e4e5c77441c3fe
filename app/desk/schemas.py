"""Wire types of the desk: how a customer is asked for, and the candidates that answer."""

import uuid
from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field, model_validator
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import PydanticCustomError

from app.core.pages import Page
from app.core.types import Answer, Line, Name, Wire
from app.customers.schemas.record import CustomerAnswer


class NoQuery(Wire):
    """No parameters."""


ONE = "Give exactly one of phone, email, card or external."


class StandingReason(Answer):
    """Why the till should look, or stop. `detail` is for people; money in it needs the field group `financial`."""

    code: Literal["hold", "account_suspended", "over_limit", "overdue"]
    detail: str | SkipJsonSchema[None] = None
    since: Annotated[datetime | date | None, Field(description="A moment, or for what is overdue a day.")]


class StandingCredit(Answer):
    """What may be sold on account; minor units of the company's currency."""

    limit: int
    balance: int
    available: int
    currency: str


class Standing(Answer):
    """How things stand with a customer at this moment: sell, ask somebody first, or do not sell."""

    customer_id: uuid.UUID
    standing: Literal["allow", "review", "hold"]
    reasons: list[StandingReason]
    credit: Annotated[
        StandingCredit | SkipJsonSchema[None],
        Field(description="Null without an account; absent without the field group `financial`."),
    ] = None
    as_of: datetime


class LookupQuery(Wire):
    """Exactly one of them, typed in any of the ways that people type it."""

    phone: Annotated[
        Line | SkipJsonSchema[None], Field(description="With or without country code, spaces, dashes.")
    ] = None
    email: Line | SkipJsonSchema[None] = None
    card: Line | SkipJsonSchema[None] = None
    external: Annotated[Line | SkipJsonSchema[None], Field(description="system:value, such as crm:4711.")] = None

    @model_validator(mode="after")
    def _exactly_one(self) -> "LookupQuery":
        if len(self.model_fields_set) != 1:
            raise PydanticCustomError("exactly_one", ONE)
        return self

    def asked(self) -> tuple[str, str, str | None]:
        """(kind, value, system) of the identifier that is asked for."""
        kind = next(iter(self.model_fields_set))
        value = str(getattr(self, kind) or "")
        if kind == "external":
            system, _, value = value.partition(":")
            return kind, value, system
        return kind, value, None


class External(Wire):
    """An id that another system gave."""

    system: Name
    value: Line


class LookupBody(Wire):
    """The same as the query, for callers who keep numbers out of URLs and logs."""

    phone: Line | SkipJsonSchema[None] = None
    email: Line | SkipJsonSchema[None] = None
    card: Line | SkipJsonSchema[None] = None
    external: External | SkipJsonSchema[None] = None

    @model_validator(mode="after")
    def _exactly_one(self) -> "LookupBody":
        if len(self.model_fields_set) != 1:
            raise PydanticCustomError("exactly_one", ONE)
        return self

    def asked(self) -> tuple[str, str, str | None]:
        """(kind, value, system) of the identifier that is asked for."""
        kind = next(iter(self.model_fields_set))
        value = getattr(self, kind)
        if isinstance(value, External):
            return kind, value.value, value.system
        return kind, str(value or ""), None


Match = Literal["exact_phone", "exact_email", "primary", "shared_phone", "shared_email", "card", "external"]


class Candidate(CustomerAnswer):
    """A customer who may be meant, with the reason."""

    match: Annotated[Match, Field(description="`primary` and `shared_...`: several customers have this number.")]
    birthday_today: Annotated[
        bool | SkipJsonSchema[None], Field(description="In the company's time zone; absent without `personal`.")
    ] = None
    ask_next: Annotated[
        str | None,
        Field(
            description="The path of the attribute worth asking this customer for next, or null if the eight that "
            "count most are known; the completeness of the customer tells the rest."
        ),
    ] = None


class SearchQuery(Wire):
    """What somebody remembers of a customer."""

    q: Annotated[
        Line,
        Field(
            max_length=100,
            description="A name in any script, pinyin or initials; four digits or more of a number; an e-mail.",
            examples=["zhang wei"],
        ),
    ]
    limit: Annotated[int, Field(ge=1, le=50)] = 20


class SearchBody(SearchQuery):
    """The same as the query, for callers who keep names and numbers out of URLs and logs."""

    limit: Annotated[int, Field(strict=True, ge=1, le=50)] = 20


SearchMatch = Literal[
    "name", "phone", "card", "email", "pinyin", "reading", "romanised", "name_start", "name_part", "initials",
    "email_start", "email_fragment", "phone_fragment", "card_fragment", "similar_name",
]  # fmt: skip


class Found(Candidate):
    """A customer whom a search found, with the best of the reasons."""

    match: Annotated[  # type: ignore[assignment]
        SearchMatch, Field(description="Best first: exact, as read, beginning so, initials, fragments, similar.")
    ]


class SearchAnswer(Page[Found]):
    """Candidates, best first: by the reason, then by likeness, then by the last purchase. There is no next page."""


class LookupAnswer(Page[Candidate]):
    """Candidates, most likely first. A number that nobody has answers an empty list."""
