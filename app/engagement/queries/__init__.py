"""Every SELECT of engagement."""

from app.engagement.queries.card import card
from app.engagement.queries.costs import COSTS
from app.engagement.queries.documents import document
from app.engagement.queries.reading import Wanted, held, one, page, rules, work_list

__all__ = ["COSTS", "Wanted", "card", "document", "held", "one", "page", "rules", "work_list"]
