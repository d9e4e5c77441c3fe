"""The language of what is for people: the one asked for, accepted, or the company's."""

from decimal import Decimal
from typing import Annotated

from fastapi import Depends, Header
from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from app.core.http import ServicesOf
from app.core.settings import LANGUAGES, Language

Asked = Annotated[
    Language | SkipJsonSchema[None],
    Field(description="Of what is for people; default: what Accept-Language asks for, else the company's."),
]
_ACCEPTED = "The languages of what is for people: English, Chinese and Korean are there."
Accepted = Annotated[str | None, Header(alias="Accept-Language", description=_ACCEPTED)]


def language_of(asked: str | None, accepted: str | None, usual: Language) -> Language:
    """The language to answer in: the one asked for, else the first of an Accept-Language header that we have.

    Of a header (RFC 9110, 12.5.4) the tags count by their weight and then their order, by their first part: `zh-Hant`
    is answered in `zh`. What cannot be read counts for nothing, and `*` for `usual`.
    """
    for one in LANGUAGES:
        if one == asked:
            return one
    if not accepted:
        return usual
    best: tuple[Decimal, Language] | None = None
    for part in accepted.split(",")[:20]:
        tag, _, weight = part.partition(";")
        weighed = _weight(weight.strip())
        name = tag.strip().lower().partition("-")[0]
        found = next((one for one in LANGUAGES if one == name), usual if name == "*" else None)
        if found is not None and weighed > (best[0] if best else 0):
            best = (weighed, found)
    return best[1] if best else usual


def _weight(text: str) -> Decimal:
    if not text:
        return Decimal(1)
    name, _, value = text.partition("=")
    digits = value.strip()
    if name.strip() != "q" or len(digits) > 5 or not digits.replace(".", "", 1).isascii():  # noqa: PLR2004
        return Decimal(0)
    return Decimal(digits) if digits.replace(".", "", 1).isdigit() else Decimal(0)


async def _language(services: ServicesOf, language: Asked = None, accepted: Accepted = None) -> Language:
    """The language of what is for people."""
    return language_of(language, accepted, services.settings.company.language)


Spoken = Annotated[Language, Depends(_language)]
