"""Wire types of the catalog.

PUT and batch are upserts by code: a field that is absent stays as it is, `null` clears it.
"""

from datetime import datetime
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

from phonenumbers import SUPPORTED_REGIONS
from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from app.catalog.paths import PATH_MAX, checked_path
from app.core.pages import PageQuery
from app.core.types import (
    Answer,
    Code,
    CurrencyCode,
    Latitude,
    Longitude,
    Name,
    PositiveAmount,
    StrictText,
    Wire,
    located,
)  # fmt: skip

StoreKind = Literal["own", "dealer", "online"]
TILLS_MAX = 500
_ZONES = frozenset(available_timezones())


def _zone(value: str) -> str:
    if value not in _ZONES:
        raise PydanticCustomError("unknown_time_zone", "The time zone must be a name such as Asia/Shanghai.")
    return value


def _phone_region(value: str) -> str:
    if value not in SUPPORTED_REGIONS:
        raise PydanticCustomError("unknown_region", "The phone region must be an ISO 3166 code such as CN.")
    return value


def _distinct(value: list[str]) -> list[str]:
    return sorted(set(value))


CategoryPath = Annotated[
    StrictText, AfterValidator(checked_path), Field(min_length=1, max_length=PATH_MAX, examples=["110/110411"])
]
ZoneName = Annotated[StrictText, AfterValidator(_zone), Field(max_length=64, examples=["Asia/Shanghai"])]
PhoneRegion = Annotated[StrictText, AfterValidator(_phone_region), Field(min_length=2, max_length=3, examples=["CN"])]
TillCodes = Annotated[list[Code], Field(max_length=TILLS_MAX), AfterValidator(_distinct)]
Days = Annotated[int, Field(strict=True, ge=1, le=36500)]


def optional() -> Any:
    """A field that may be absent but not null."""
    return Field(default_factory=lambda: None)


class StoreFields(Wire):
    """A store. A new one needs `name` and `kind`; zone, currency and phone region default to the company's.

    `tills`, when given, is the whole list.
    """

    name: Name = optional()
    kind: StoreKind = optional()
    region: Name | None = None
    city: Name | None = None
    time_zone: ZoneName = optional()
    currency: CurrencyCode = optional()
    phone_region: PhoneRegion = optional()
    tills: TillCodes = optional()
    latitude: Latitude | None = None
    longitude: Longitude | None = None

    @model_validator(mode="after")
    def _located(self) -> "StoreFields":
        located(self)
        return self


class StoreItem(StoreFields):
    """A store of a batch."""

    code: Code


class PlaceFields(Wire):
    """A place that is no store, to ask who is within so many km of it. A new one needs `latitude` and `longitude`."""

    name: Name | None = None
    latitude: Latitude = optional()
    longitude: Longitude = optional()

    @model_validator(mode="after")
    def _located(self) -> "PlaceFields":
        located(self)
        return self


class ProductFields(Wire):
    """A product. Amounts are minor units of the company's currency; `upgrade_of` is the next lower product's code."""

    name: Name | None = None
    category: CategoryPath | None = None
    brand: Name | None = None
    list_price: PositiveAmount | None = None
    cost: PositiveAmount | None = None
    replaces_after_days: Days | None = None
    upgrade_of: Code | None = None


class ProductItem(ProductFields):
    """A product of a batch."""

    code: Code


class CategoryItem(Wire):
    """A category by its path; what is above it is created with it."""

    path: CategoryPath
    name: Name | None = None


class Store(Answer):
    """A store."""

    code: str
    name: str
    kind: StoreKind
    region: str | None
    city: str | None
    time_zone: str
    currency: str
    phone_region: str
    tills: list[str]
    latitude: str | None
    longitude: str | None
    version: int
    created_at: datetime
    updated_at: datetime


class Place(Answer):
    """A place that is no store."""

    code: str
    name: str | None
    latitude: str
    longitude: str
    version: int
    created_at: datetime
    updated_at: datetime


class Product(Answer):
    """A product. One that was first seen on a receipt has no more than its code and category."""

    code: str
    name: str | None
    category: str | None
    brand: str | None
    list_price: int | None
    cost: int | None
    replaces_after_days: int | None
    upgrade_of: str | None
    version: int
    created_at: datetime
    updated_at: datetime


class Category(Answer):
    """A node of the product tree."""

    path: str
    name: str | None
    parent: str | None


class StoreQuery(PageQuery):
    """Which stores."""

    kind: StoreKind | None = None


class ProductQuery(PageQuery):
    """Which products: those of a category and of all below it."""

    category: CategoryPath | None = None


class CategoryQuery(PageQuery):
    """Which categories: one and all below it."""

    under: CategoryPath | None = None
