"""The rules of the opportunities: their settings, and who may see what they tell. Pure.

`queries.judging` holds the same rules as SQL, which judges many customers in one statement. All days are those of the
company; amounts are minor units of its currency.
"""

from itertools import pairwise
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from app.core.types import AMOUNT_MAX, Code, Wire

Kind = Literal[
    "cumulative_spend", "birthday", "anniversary", "due_to_rebuy", "key_customer_silent", "contact_due", "welcome",
    "promise_due", "grade_about_to_change", "no_value_perceived",
]  # fmt: skip
Status = Literal["open", "taken", "dismissed", "expired"]
# What came of one that was taken, as far as somebody has said; and why one expired by itself.
Outcome = Literal["sold", "contacted", "not_reached", "not_interested", "other"]
Ending = Literal["lapsed", "cause_gone"]
Reason = Literal["not_wanted", "no_time", "not_worth_it", "wrong", "other"]
KINDS: tuple[Kind, ...] = get_args(Kind)
STATUSES: tuple[Status, ...] = get_args(Status)

# So many purchases of one product make a rhythm of the customer's own.
OWN_RHYTHM = 3
DAYS_MAX = 3650
# What grades are measured by: net spend of so many days.
YEAR = 365

Days = Annotated[int, Field(strict=True, ge=0, le=DAYS_MAX)]
Before = Annotated[int, Field(strict=True, ge=0, le=60, description="Raised so many days before.")]
Keep = Annotated[int, Field(strict=True, ge=0, le=365, description="Kept for so many days from then on.")]
Priority = Annotated[int, Field(strict=True, ge=1, le=5, description="5 comes first.")]
Amounts = Annotated[
    list[Annotated[int, Field(strict=True, ge=1, le=AMOUNT_MAX)]],
    Field(min_length=1, max_length=20, description="Amounts to be reached, from small to large."),
]
Years = Annotated[
    list[Annotated[int, Field(strict=True, ge=1, le=100)]],
    Field(min_length=1, max_length=100, description="Which anniversaries, from small to large."),
]


class Boundary(Wire):
    """What a grade asks for: net spend of the last 365 days, in minor units."""

    grade: Code
    net: Annotated[int, Field(strict=True, ge=1, le=AMOUNT_MAX)]


def _ladder(boundaries: list[Boundary]) -> list[Boundary]:
    if any(one.net >= other.net for one, other in pairwise(boundaries)):
        raise PydanticCustomError("not_in_order", "The amounts rise from grade to grade.")
    if len({one.grade for one in boundaries}) < len(boundaries):
        raise PydanticCustomError("twice", "Each grade is there once.")
    return boundaries


Boundaries = Annotated[
    list[Boundary],
    Field(max_length=20, description="What each grade asks for, from the lowest grade to the highest."),
    AfterValidator(_ladder),
]
Within = Annotated[
    int, Field(strict=True, ge=0, le=50, description="So near the next boundary, in per cent of it, is near.")
]


class _Rule(Wire):
    enabled: bool = Field(default=True, strict=True)
    priority: Priority = 2

    @model_validator(mode="after")
    def _rising(self) -> "_Rule":
        for name in ("amounts", "years"):
            listed = getattr(self, name, [])
            if any(one >= other for one, other in pairwise(listed)):
                raise PydanticCustomError("not_in_order", "Amounts and years rise, each is there once.")
        return self


class CumulativeSpend(_Rule):
    """All that the customer has bought, less returns, has reached an amount: told with the receipt that does it."""

    amounts: Amounts = Field(default=[1_000_000, 5_000_000, 10_000_000, 50_000_000])
    keep_days: Keep = 30


class Birthday(_Rule):
    """The birthday of the customer, or of a key person of it, is near. 29 February comes on the 28th in other years."""

    days_before: Before = 7


class Anniversary(_Rule):
    """The first purchase was so many years ago. 29 February comes on the 28th in other years."""

    priority: Priority = 1
    days_before: Before = 7
    years: Years = Field(default=[1, 5, 10, 15, 20, 25, 30, 40, 50])


class DueToRebuy(_Rule):
    """A product that is known to be replaced after some days (`replaces_after_days`) was bought about so long ago.

    Who has bought it on three days or more has a rhythm of his own: then the geometric mean of both counts.
    """

    days_before: Before = 7
    keep_days: Keep = 30


class KeyCustomerSilent(_Rule):
    """Nothing was heard of a key customer: no purchase, no talk, no contact of ours that reached him.

    A key customer has a sponsor, or one of these grades. It stays until something is heard.
    """

    priority: Priority = 3
    days: Annotated[int, Field(strict=True, ge=1, le=DAYS_MAX)] = 60
    grades: list[Code] = Field(default=[], max_length=20)


class ContactDue(_Rule):
    """We want to be in touch every so many days (the contact policy's `wanted_days`). It stays until we were."""

    days_before: Before = 0


class Welcome(_Rule):
    """The first purchase of a customer."""

    priority: Priority = 1
    keep_days: Keep = 14


class PromiseDue(_Rule):
    """A promise of ours falls due. It stays until it is kept or broken."""

    priority: Priority = 4
    days_before: Before = 1


class GradeAboutToChange(_Rule):
    """Net spend of the last 365 days and the customer's grade do not go together, or nearly reach the next grade.

    What a grade asks for only the company knows: without `boundaries` nothing is said. Who has no grade stands below
    the lowest; of a grade that they do not name nothing is said. It stays as long as it is so; what was taken or
    dismissed is told again in the next calendar year.
    """

    boundaries: Boundaries = Field(default=[])
    within_percent: Within = 10


class NoValuePerceived(_Rule):
    """What the customer gets does not outweigh what it costs him, by the newest survey that says so or otherwise.

    Benefits score no more than sacrifices in the mean; of a survey that lacks one of the two, every dimension was
    perceived below what was expected of it. It stays until a later survey says otherwise, or this one is too old.
    """

    priority: Priority = 3
    days: Annotated[int, Field(strict=True, ge=1, le=DAYS_MAX)] = 180


RULES: dict[Kind, type[_Rule]] = {
    "cumulative_spend": CumulativeSpend, "birthday": Birthday, "anniversary": Anniversary, "due_to_rebuy": DueToRebuy,
    "key_customer_silent": KeyCustomerSilent, "contact_due": ContactDue, "welcome": Welcome, "promise_due": PromiseDue,
    "grade_about_to_change": GradeAboutToChange, "no_value_perceived": NoValuePerceived,
}  # fmt: skip

# The field group without which a kind is not there at all: already that there is one tells what it is about.
GROUP: dict[Kind, str] = {
    "cumulative_spend": "financial", "birthday": "personal", "grade_about_to_change": "financial",
}  # fmt: skip


def shown(groups: frozenset[str]) -> tuple[Kind, ...]:
    """The kinds that a caller with these field groups knows of."""
    return tuple(kind for kind in KINDS if GROUP.get(kind, "basic") in groups)


def usual(kind: Kind) -> dict[str, Any]:
    """The settings of a rule of which nothing was set."""
    return RULES[kind]().model_dump()
