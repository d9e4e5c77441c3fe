"""The very statements that the application's hot routes run, for the limit server to run without the rest."""

import dataclasses
import uuid
from datetime import UTC, datetime
from typing import Any

from app.access.roles import SCOPES
from app.core.caller import SYSTEM
from app.core.documents import Sections
from app.core.hot import compiled
from app.desk import queries as desk_queries
from app.feed import queries as feed_queries
from app.receipts.sections import FIGURES

# As for a key of the company that sees every field.
LOOKUPS = {
    "phone": compiled(desk_queries.lookup(SYSTEM, Sections((FIGURES,)), {})),
    "card": compiled(desk_queries.lookup_exclusive(SYSTEM, Sections((FIGURES,)), {})),
}
CARD = compiled(desk_queries.card(dataclasses.replace(SYSTEM, scopes=SCOPES), Sections((FIGURES,)), 100))
STANDING = compiled(desk_queries.standing(SYSTEM))
CHANGES = compiled(feed_queries.page(filtered=False))
# As the hot pool's connections are set up: see core.db.
SESSION = {"TimeZone": "UTC", "jit": "off", "default_transaction_read_only": "on"}


def lookup_values(kind: str, value: str) -> dict[str, Any]:
    """The statement's parameters for one identifier, in its stored form."""
    today = datetime.now(UTC)
    return {"kind": kind, "value": value, "month": today.month, "day": today.day}


def standing_values(customer: str) -> dict[str, Any]:
    """The statement's parameters for one customer."""
    now = datetime.now(UTC)
    return {"customer": uuid.UUID(customer), "now": now, "today": now.date()}


def card_values(customer: str) -> dict[str, Any]:
    """The statement's parameters for one customer."""
    now = datetime.now(UTC)
    return {"customer": uuid.UUID(customer), "now": now, "today": now.date(), "month": now.month, "day": now.day}
