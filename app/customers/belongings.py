"""What belongs to a customer beside its record: the fields of each kind, and the field group of each field. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from app.core.errors import FORBIDDEN, FieldError, Problem
from app.customers.attributes import BY_PATH


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """The word for one in events and in the audit trail, and the group of each field, in the order they are shown.

    `fresh_days`: for so many days it is current without being confirmed; None: it has no origin.
    """

    word: str
    groups: Mapping[str, str]
    fresh_days: int | None = None


ADDRESS = Kind(
    "address",
    {
        **dict.fromkeys(("kind", "country", "region", "city"), "basic"),
        **dict.fromkeys(("district", "street", "postcode", "recipient", "note", "latitude", "longitude"), "contact"),
    },
    BY_PATH["address"].fresh_days,
)
# What says where an address is: with another one its coordinates are those of somewhere else.
MOVES = frozenset({"country", "region", "city", "district", "street", "postcode"})
COORDINATES = ("latitude", "longitude")
CONTACT = Kind(
    "contact",
    {
        **dict.fromkeys(("role", "title", "authority", "standing"), "basic"),
        **dict.fromkeys(("name", "birthday", "likes", "note"), "personal"),
        **dict.fromkeys(("phones", "email", "address"), "contact"),
    },
    730,
)
RELATIONSHIP = Kind("relationship", {**dict.fromkeys(("other", "kind", "since"), "basic"), "note": "personal"})


def refuse_unless_granted(kind: Kind, fields: Iterable[str], held: frozenset[str]) -> None:
    """Raises Problem: some of these fields are of a group that the caller does not hold."""
    errors = [
        FieldError(f"/{name}", "field_group", f"This needs the field group {kind.groups[name]}.")
        for name in fields
        if name in kind.groups and kind.groups[name] not in held
    ]
    if errors:
        raise Problem(FORBIDDEN, "The API key lacks a field group.", errors)
