"""What the desk asks, one statement each."""

from app.desk.queries.card import SCOPES, card
from app.desk.queries.lookup import lookup, lookup_exclusive, phone_region, standing
from app.desk.queries.search import search

__all__ = ["SCOPES", "card", "lookup", "lookup_exclusive", "phone_region", "search", "standing"]
