"""What the routes of warnings share: who may call them, and the language of what is for people."""

from typing import Annotated

from fastapi import Depends, Header

from app.core.caller import Caller
from app.core.http import ServicesOf, requires
from app.core.settings import Language
from app.early_warning import schemas
from app.early_warning.sentences import language_of

Reader = Annotated[Caller, requires("warnings:read")]
WRITER = [requires("warnings:write")]
RULE_MAKER = [requires("warnings:admin")]
_ACCEPTED = "The languages of what is for people: English, Chinese and Korean are there."
Accepted = Annotated[str | None, Header(alias="Accept-Language", description=_ACCEPTED)]


async def _language(services: ServicesOf, language: schemas.Spoken = None, accepted: Accepted = None) -> Language:
    """The language of what is for people."""
    return language_of(language, accepted, services.settings.company.language)


Spoken = Annotated[Language, Depends(_language)]
