"""Identifiers: what finds a customer, as typed and in the one form that is stored and searched.

| kind | stored value | held by |
| --- | --- | --- |
| phone | E.164 | any number of customers: families share one |
| email | lower case | any number of customers |
| card | upper case, without spaces and dashes | one customer |
| external, chat | as given (NFC); `system` names who gave it | one customer |
"""

import re
from dataclasses import dataclass

from email_validator import EmailNotValidError, validate_email
from pydantic_core import PydanticCustomError

from app.core.types import one_line
from app.customers.phone import e164, fold

WIRE_KINDS = ("phone", "email", "card", "external", "chat")
SHARED_KINDS = frozenset({"phone", "email"})
WITH_SYSTEM = frozenset({"external", "chat"})
WALK_IN = "walk_in"
VALUE_MAX = 200

_SYSTEM = re.compile(r"[a-z0-9][a-z0-9_.-]{0,39}")
_CARD = re.compile(r"(?=.*[0-9A-Z])[!-~]{1,64}")


@dataclass(frozen=True, slots=True, order=True)
class Identifier:
    """One identifier in its stored form: `kind` carries the system (`external:erp`), `typed` is what was given."""

    kind: str
    value: str
    typed: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """What it is looked up and ordered by."""
        return self.kind, self.value

    @property
    def exclusive(self) -> bool:
        """Whether only one customer can hold it."""
        return self.kind not in SHARED_KINDS


def normalise(kind: str, value: str, system: str | None, region: str) -> Identifier:
    """The stored form of an identifier; a phone without a country code is read as one of `region`.

    Raises PydanticCustomError (a ValueError) with a plain text that never quotes the value.
    """
    typed = one_line(value).strip()
    if not 1 <= len(typed) <= VALUE_MAX:
        raise PydanticCustomError("length", "An identifier has 1 to 200 characters.")
    if kind in WITH_SYSTEM:
        return Identifier(f"{kind}:{system_name(kind, system)}", typed, typed)
    if system is not None:
        raise PydanticCustomError("unexpected_system", "Only external and chat identifiers name a system.")
    if kind == "phone":
        return Identifier(kind, e164(typed, region), typed)
    if kind == "email":
        return Identifier(kind, email(typed), typed)
    if kind == "card":
        return Identifier(kind, card(typed), typed)
    raise PydanticCustomError("unknown_kind", "The kind is phone, email, card, external or chat.")


def system_name(kind: str, system: str | None) -> str:
    """The name of an outside system, in lower case. Raises PydanticCustomError if it is missing or not a name."""
    if system is None:
        raise PydanticCustomError("missing_system", "Name the system of an {kind} identifier.", {"kind": kind})
    name = system.strip().lower()
    if not _SYSTEM.fullmatch(name):
        raise PydanticCustomError("invalid_system", "A system's name has 1 to 40 letters, digits and . _ or -.")
    return name


def email(typed: str) -> str:
    """An address in the form it is compared by. Its syntax is checked, not whether anybody reads it."""
    try:
        found = validate_email(fold(typed), check_deliverability=False, strict=True)
    except EmailNotValidError:
        raise PydanticCustomError("invalid_email", "This is no valid e-mail address.") from None
    return f"{found.local_part.casefold()}@{found.domain.lower()}"


def card(typed: str) -> str:
    """A card's number or code as it is compared: upper case, without spaces and dashes; leading zeros count."""
    value = fold(typed).upper().replace(" ", "").replace("-", "")
    if not _CARD.fullmatch(value):
        raise PydanticCustomError("invalid_card", "A card has 1 to 64 letters, digits or signs, not signs alone.")
    return value


def wire_kind(kind: str) -> tuple[str, str | None]:
    """Stored kind -> (kind, system) of the wire."""
    name, _, system = kind.partition(":")
    return name, system or None
