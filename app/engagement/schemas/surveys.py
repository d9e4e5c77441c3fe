"""What a customer answered in a survey."""

from collections import Counter
from typing import Annotated

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from app.catalog.schemas import CategoryPath
from app.core.types import Code, Name, Note, Wire
from app.engagement import choices as c
from app.engagement.schemas.common import AbsentLine, NewRecord, Record, Scale, Sequels, Share


class DimensionAnswer(Wire):
    """How good something was expected to be and was perceived to be, such as `delivery` or `staff`."""

    dimension: Code
    expected: Scale | None = None
    perceived: Scale


class BenefitAnswer(Wire):
    """How much of a benefit the customer gets from us, and from the survey's alternative."""

    benefit: c.Benefit
    score: Scale
    alternative: Scale | None = None


class SacrificeAnswer(Wire):
    """How much of a sacrifice it is with us, and with the survey's alternative."""

    sacrifice: c.Sacrifice
    score: Scale
    alternative: Scale | None = None


class ShareAnswer(Wire):
    """Our share of what the customer spends in a category, from '0' to '1'."""

    category: CategoryPath
    share: Share


class SurveyAnswers(Wire):
    """The answers that come in lists. A dimension, benefit, sacrifice or category stands in a list once."""

    dimensions: list[DimensionAnswer] = Field(default_factory=list, max_length=50)
    benefits: list[BenefitAnswer] = Field(default_factory=list, max_length=8)
    sacrifices: list[SacrificeAnswer] = Field(default_factory=list, max_length=6)
    shares: list[ShareAnswer] = Field(default_factory=list, max_length=50)

    @model_validator(mode="after")
    def _once(self) -> "SurveyAnswers":
        named: list[list[str]] = [
            [one.dimension for one in self.dimensions], [one.benefit for one in self.benefits],
            [one.sacrifice for one in self.sacrifices], [one.category for one in self.shares],
        ]  # fmt: skip
        if any(count > 1 for names in named for count in Counter(names).values()):
            raise PydanticCustomError("answered_twice", "A list answers the same question twice.")
        return self


class NewSurvey(NewRecord, SurveyAnswers):
    """What a customer answered. Scales go from 1 (not at all) to 5 (very much)."""

    survey: Code = Field(description="Which questionnaire it was.")
    channel: c.Channel | None = None
    product: Code | None = Field(default=None, description="What it was about, if about one product.")
    alternative: Name | None = Field(default=None, description="Whom we are compared with.")
    recommend: Annotated[int, Field(strict=True, ge=0, le=10)] | None = None
    repurchase_intention: Scale | None = None
    willingness_to_pay: Scale | None = None
    promotion_liking: Scale | None = None
    reward_liking: Scale | None = None
    then_did: Sequels | None = Field(default=None, description="What the satisfied customer did.")
    comment: Note | None = None


class Survey(Record):
    """What a customer answered; it is never changed."""

    survey: str
    channel: c.Channel | None
    product: str | None
    alternative: str | None
    recommend: int | None
    repurchase_intention: int | None
    willingness_to_pay: int | None
    promotion_liking: int | None
    reward_liking: int | None
    then_did: list[c.Sequel] | None
    comment: AbsentLine = None
    dimensions: list[DimensionAnswer]
    benefits: list[BenefitAnswer]
    sacrifices: list[SacrificeAnswer]
    shares: list[ShareAnswer]
