"""Wire types of the desk: how a customer is asked for, and the candidates that answer."""

import uuid
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import PydanticCustomError

from app.core.language import Asked
from app.core.pages import Page
from app.core.types import AMOUNT_MAX, Answer, Line, Name, Wire
from app.customers.schemas.belongings import Related
from app.customers.schemas.contact import Wishes
from app.customers.schemas.record import CustomerAnswer
from app.early_warning.opportunities.schemas import OpportunityAnswer
from app.early_warning.schemas import WarningAnswer
from app.engagement.schemas.records import Complaint, Interaction, Promise
from app.receipts.schemas import Figures, RecordedReceipt


class NoQuery(Wire):
    """No parameters."""


ONE = "Give exactly one of phone, email, card or external."


class StandingReason(Answer):
    """Why the till should look, or stop. `detail` is for people; money in it needs the field group `financial`."""

    code: Literal["hold", "account_suspended", "no_account", "not_enough_credit", "over_limit", "overdue"]
    detail: str | SkipJsonSchema[None] = None
    since: Annotated[datetime | date | None, Field(description="A moment, or for what is overdue a day.")]


class StandingCredit(Answer):
    """What may be sold on account; minor units of the company's currency. What is reserved is not available."""

    limit: int
    balance: int
    available: int
    currency: str


class StandingSale(Answer):
    """The sale that was asked about. `passes`: nothing stops it, as far as is known at this moment."""

    amount: int
    on_account: bool
    passes: bool


class Standing(Answer):
    """How things stand with a customer at this moment: sell, ask somebody first, or do not sell."""

    customer_id: uuid.UUID
    standing: Literal["allow", "review", "hold"]
    reasons: list[StandingReason]
    credit: Annotated[
        StandingCredit | SkipJsonSchema[None],
        Field(description="Null without an account; absent without the field group `financial`."),
    ] = None
    sale: Annotated[
        StandingSale | SkipJsonSchema[None], Field(description="If an amount was asked about; absent otherwise.")
    ] = None
    as_of: datetime


class SpokenQuery(Wire):
    """The language, if it is not the one that Accept-Language asks for."""

    language: Asked = None


class StandingQuery(SpokenQuery):
    """A sale that is about to take place, if it is asked about."""

    amount: Annotated[
        int | SkipJsonSchema[None],
        Field(ge=1, le=AMOUNT_MAX, description="What is about to be sold; minor units of the company's currency."),
    ] = None
    on_account: Annotated[bool, Field(description="Whether it is not paid at once; counts only with an amount.")] = True


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


class CustomerOnLine(CustomerAnswer):
    """A customer whom somebody is talking to."""

    figures: Annotated[
        Figures | SkipJsonSchema[None], Field(description="In the company's currency; absent without `financial`.")
    ] = None
    birthday_today: Annotated[
        bool | SkipJsonSchema[None], Field(description="In the company's time zone; absent without `personal`.")
    ] = None
    ask_next: Annotated[
        str | None,
        Field(
            description="The path of the attribute worth asking this customer for next: on the card what the "
            "completeness of the customer says; of a candidate only whether the eight that count most are known."
        ),
    ] = None


class Candidate(CustomerOnLine):
    """A customer who may be meant, with the reason."""

    match: Annotated[Match, Field(description="`primary` and `shared_...`: several customers have this number.")]


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


class CardEngagement(Answer):
    """What was said between us: open complaints and promises, the first due first, and the last interactions."""

    complaints: list[Complaint]
    promises: list[Promise]
    interactions: Annotated[list[Interaction], Field(description="The newest first.")]


_ID, _RECEIPT = "01932b1c-3f60-7a10-8c52-0e4b7d6a9f01", "01932f40-1a20-7c31-9b77-2f5c8e1d3a02"
_SINCE, _LAST = "2026-03-02T04:00:00.000000Z", "2026-11-20T04:30:00.000000Z"
_CARD: dict[str, Any] = {
    "customer": {
        "id": _ID, "kind": "person", "status": "active", "display_name": "王芳", "language": "zh-Hans",
        "home_store": "S01", "given_name": "芳", "family_name": "王", "reading": "Wang Fang", "gender": "female",
        "birthday": {"month": 9, "day": 21, "year": None}, "source": "till",
        "profile": {"life": {"hobbies": ["tea"]}},
        "identifiers": [
            {"id": "01932b1c-3f60-7a10-8c52-0e4b7d6a9f03", "kind": "phone", "system": None, "value": "+8613812345678",
             "typed": "138 1234 5678", "primary": True, "verified_at": None,
             "licence_end": None},
        ],
        "figures": {"receipts": 1, "occasions": 1, "net": 3000, "margin": 255, "discount": 200, "returns": 0,
                    "first_purchase_at": _LAST, "last_purchase_at": _LAST, "usual_gap_days": None,
                    "last_store": "S01", "favourite_category": "food/tea"},
        "version": 3, "created_at": _SINCE, "updated_at": _SINCE, "birthday_today": False, "ask_next": "email",
    },
    "receipts": [
        {"id": _RECEIPT, "customer_id": _ID, "attributed": True, "source": "till", "number": "S01-20261120-0007",
         "store": "S01", "till": "3", "kind": "sale", "occurred_at": _LAST, "business_date": "2026-11-20",
         "currency": "CNY", "rate": None, "gross": 3200, "discount": 200, "net": 3000, "tax": 345, "cost": 2400,
         "seller": "emp-12", "promotions": [], "purpose": "gift", "one_off": False, "extensions": {},
         "lines": [{"line": 1, "product": "TEA-1", "category": "food/tea", "quantity": "2", "gross": 3200,
                    "discount": 200, "net": 3000, "tax": 345, "cost": 2400, "original_line": None}],
         "tenders": [{"kind": "cash", "amount": 3000}], "returns": None, "flags": [], "recorded_at": _LAST,
         "voided_at": None},
    ],
    "engagement": {
        "complaints": [], "promises": [],
        "interactions": [
            {"id": "01932f5a-6b10-7d42-8a08-5c1e9f2b4d04", "customer_id": _ID, "occurred_at": _LAST,
             "occurred_on": "2026-11-20", "by": "emp-3", "recorded_by": "01930000-0000-7000-8000-000000000001",
             "version": 1, "created_at": _LAST, "updated_at": _LAST, "follow_up_at": None, "channel": "phone",
             "direction": "inbound", "reached": True, "topic": "delivery", "note": "Asks for Friday"},
        ],
    },
    "wishes": {
        "do_not_call": False, "preferred_channel": "chat",
        "consents": [{"purpose": "marketing", "partner": None, "channel": "sms", "state": "granted",
                      "decided_at": _SINCE}],
    },
    "relationships": [
        {"id": "01932b2d-4a70-7e53-9d19-6f2a0c3e5b05", "other": "01932b1c-3f60-7a10-8c52-0e4b7d6a9f06",
         "kind": "spouse", "since": None, "note": None, "version": 1, "created_at": _SINCE, "updated_at": _SINCE,
         "other_name": "张伟"},
    ],
    "warnings": [],
    "opportunities": [],
    "standing": {"customer_id": _ID, "standing": "allow", "reasons": [], "credit": None, "as_of": _LAST},
}  # fmt: skip


class Card(Answer):
    """What the rooms know of a customer, as far as the API key may see it; what it may not see is absent."""

    model_config = ConfigDict(json_schema_extra={"examples": [_CARD]})

    customer: Annotated[CustomerOnLine, Field(description="The record, with what may be said and asked now.")]
    receipts: Annotated[
        list[RecordedReceipt] | SkipJsonSchema[None],
        Field(description="The last 5, the newest business day first; voided ones too. Needs `receipts:read`."),
    ] = None
    engagement: Annotated[
        CardEngagement | SkipJsonSchema[None], Field(description="Needs the scope `engagement:read`.")
    ] = None
    wishes: Wishes
    relationships: Annotated[list[Related], Field(description="At most 20, the oldest first.")]
    warnings: Annotated[
        list[WarningAnswer] | SkipJsonSchema[None],
        Field(description="Those that are not resolved, the worst first. Needs the scope `warnings:read`."),
    ] = None
    opportunities: Annotated[
        list[OpportunityAnswer] | SkipJsonSchema[None],
        Field(description="Open ones, at most 5, the most pressing first. Needs the scope `warnings:read`."),
    ] = None
    standing: Annotated[
        Standing | SkipJsonSchema[None], Field(description="Whether to sell; absent for a partner's key.")
    ] = None
