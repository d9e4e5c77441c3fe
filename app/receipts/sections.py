"""What this room adds to a customer's document."""

from app.core.documents import Section
from app.receipts.queries import figures_of

FIGURES = Section("figures", frozenset({"financial"}), figures_of)
