"""Checking what is sent about customers: shapes first, then identifiers in their stored form. Pure.

A phone without a country code is read with the phone region of the customer's home store, then with the deployment's.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic_core import PydanticCustomError

from app.catalog.models import UNKNOWN_STORE
from app.core.batch import Checked, check_items, items_of
from app.core.errors import INVALID, FieldError, Problem
from app.customers.identifiers import Identifier, normalise
from app.customers.record import Fields
from app.customers.schemas.record import NewCustomer


@dataclass(frozen=True, slots=True)
class Given:
    """An identifier that somebody gave, and its place in what they sent."""

    identifier: Identifier
    place: int = 0
    primary: bool = False
    verified_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Regions:
    """Which region a phone number is read for: the store's, else the deployment's. Knows every store there is."""

    default: str
    stores: Mapping[str, str]

    def of(self, store: str | None) -> str:
        """The region of a home store."""
        return self.stores.get(store or "", self.default)


@dataclass(slots=True)
class Item:
    """One customer as it was sent: own fields, identifiers, and when the values were collected if that was said."""

    fields: Fields
    identifiers: list[Given] = field(default_factory=list)
    id: uuid.UUID | None = None
    collected_at: datetime | None = None


def item_of(value: Fields, regions: Regions) -> Item:
    """A validated body as an item. Raises Problem: an identifier that is none, a store that is not known."""
    store = value.get("home_store")
    if store is not None and store not in regions.stores:
        raise Problem(UNKNOWN_STORE, errors=[FieldError("/home_store", "unknown_store", "There is no such store.")])
    if value.get("birthday"):
        value["birthday"] = {"year": None, **value["birthday"]}
    return Item(
        fields=value,
        identifiers=identifiers_of(value.pop("identifiers", None) or (), regions.of(store)),
        id=value.pop("id", None),
        collected_at=value.pop("collected_at", None),
    )


def identifiers_of(sent: Sequence[Fields], region: str, pointer: str = "/identifiers/{0}/{1}") -> list[Given]:
    """Identifiers in their stored form, each once. Raises Problem with a pointer to each that is none."""
    given: dict[tuple[str, str], Given] = {}
    errors: list[FieldError] = []
    for place, one in enumerate(sent):
        try:
            found = normalise(one["kind"], one["value"], one.get("system"), region)
        except PydanticCustomError as error:
            part = "system" if error.type.endswith("_system") else "value"
            errors.append(FieldError(pointer.format(place, part), error.type, error.message()))
        else:
            given[found.key] = Given(found, place, one.get("primary", False), one.get("verified_at"))
    if errors:
        raise Problem(INVALID, errors[0].detail if len(errors) == 1 else "", errors)
    return list(given.values())


def check_customers(items: list[Any], regions: Regions) -> Checked:
    """Validate each item by itself as a `NewCustomer`; valid values are `{"item": Item}`."""
    checked = check_items(items, NewCustomer)
    valid, checked.valid = checked.valid, []
    for index, value in valid:
        try:
            checked.valid.append((index, {"item": item_of(value, regions)}))
        except Problem as problem:
            checked.fail(index, problem)
    return checked


def check_customer_batch(body: bytes, regions: Regions) -> Checked:
    """The same for the body of a batch. Raises Problem for anything that is not a batch."""
    return check_customers(items_of(body), regions)
