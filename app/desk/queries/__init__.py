"""What the desk asks, one statement each."""

from app.desk.queries.card import SCOPES, card
from app.desk.queries.lookup import STANDING, lookup, phone_region
from app.desk.queries.search import search

__all__ = ["SCOPES", "STANDING", "card", "lookup", "phone_region", "search"]
