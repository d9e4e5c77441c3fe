"""Checking what is sent about customers: shapes first, then identifiers in their stored form. Pure.

A phone without a country code is read with the phone region of the customer's home store, then with the deployment's.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic_core import PydanticCustomError

from app.catalog.models import UNKNOWN_STORE
from app.core.batch import Checked, check_items, items_of
from app.core.caller import MASKED
from app.core.errors import FORBIDDEN, INVALID, FieldError, Problem
from app.customers.attributes import CUSTOM, Declared, group_of
from app.customers.identifiers import Identifier, normalise
from app.customers.profile import check_custom, flatten
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
    """What an item is read with: a phone's region (the store's, else the deployment's), declared attributes.

    Knows every store there is.
    """

    default: str
    stores: Mapping[str, str]
    declared: Declared = field(default_factory=dict)

    def of(self, store: str | None) -> str:
        """The region of a home store."""
        return self.stores.get(store or "", self.default)


@dataclass(slots=True)
class Item:
    """One customer as it was sent: its values, identifiers, and what was said of where they come from.

    `needs` are the field groups that its sender must hold, each with the first field that is in it.
    """

    fields: Fields
    identifiers: list[Given] = field(default_factory=list)
    id: uuid.UUID | None = None
    collected_at: datetime | None = None
    provenance: Fields | None = None
    needs: dict[str, str] = field(default_factory=dict)
    # Values of the company's own attributes that not every kind of customer can have: the kinds that can.
    only: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def misfit(self, kind: str) -> Problem | None:
        """Why a customer of a kind cannot have these values."""
        errors = [
            FieldError("/profile/" + path.replace(".", "/"), "wrong_kind", f"Only a {kinds[0]} has this.")
            for path, kinds in self.only.items()
            if kind not in kinds
        ]
        return Problem(INVALID, errors[0].detail if len(errors) == 1 else "", errors) if errors else None

    def refused(self, held: frozenset[str]) -> Problem | None:
        """Why a caller with the field groups `held` may not write this."""
        errors = [
            FieldError("/" + path.replace(".", "/"), "field_group", f"This needs the field group {group}.")
            for group, path in self.needs.items()
            if group not in held
        ]
        if MASKED["personal"] in held and "display_name" in self.fields:
            errors.append(FieldError("/display_name", "field_group", "This needs names that are not masked."))
        return Problem(FORBIDDEN, "The API key lacks a field group.", errors) if errors else None


def item_of(value: Fields, regions: Regions) -> Item:
    """A validated body as an item. Raises Problem: an identifier that is none, a store that is not known."""
    store = value.get("home_store")
    if store is not None and store not in regions.stores:
        raise Problem(UNKNOWN_STORE, errors=[FieldError("/home_store", "unknown_store", "There is no such store.")])
    if value.get("birthday"):
        value["birthday"] = {"year": None, **value["birthday"]}
    provenance = value.pop("provenance", None)
    collected_at = value.pop("collected_at", None) or (provenance or {}).get("collected_at")
    customer, identifiers = value.pop("id", None), value.pop("identifiers", None) or ()
    unfold(value, regions.declared)
    named = (*value, "identifiers") if identifiers else value
    return Item(
        fields=value,
        identifiers=identifiers_of(identifiers, regions.of(store)),
        id=customer,
        collected_at=collected_at,
        provenance=provenance,
        needs=needs_of(named, regions.declared, "profile/"),
        only=only_of(value, regions.declared),
    )


def patch_of(given: Fields, declared: Declared) -> Item:
    """A validated merge patch as an item. Raises Problem: a custom attribute is not valid."""
    provenance = given.pop("provenance", None)
    unfold(given, declared)
    collected_at = (provenance or {}).get("collected_at")
    needs = needs_of(given, declared, "profile/")
    only = only_of(given, declared)
    return Item(given, collected_at=collected_at, provenance=provenance, needs=needs, only=only)


def unfold(value: Fields, declared: Declared) -> None:
    """Put the values of `profile` into `value` under their paths. Raises Problem: a custom one is not valid."""
    if "profile" in value:
        profile = value.pop("profile")
        if profile and profile.get(CUSTOM):
            profile[CUSTOM] = check_custom(profile[CUSTOM], declared)
        value.update(flatten(profile, declared))


def only_of(value: Fields, declared: Declared) -> dict[str, tuple[str, ...]]:
    """The declared attributes that are given a value and are for one kind of customer only."""
    return {
        path: declared[path].kinds
        for path, one in value.items()
        if one is not None and path in declared and len(declared[path].kinds) == 1
    }


def needs_of(named: Iterable[str], declared: Declared, prefix: str = "") -> dict[str, str]:
    """The field groups that writing these paths needs, each with the first path (as a pointer) that is in it."""
    needs: dict[str, str] = {}
    for path in named:
        needs.setdefault(group_of(path, declared), f"{prefix}{path}" if "." in path else path)
    return needs


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
