"""Everything that the segment language can ask about, gathered from the rooms."""

from app.core.fields import Registry
from app.credit import fields as credit
from app.customers import fields as customers
from app.customers.fields import contact
from app.engagement import fields as engagement
from app.receipts import fields as receipts

_ROOMS = (customers, contact, receipts, credit, engagement)


def build_registry() -> Registry:
    """The registry of this release; `main` builds it once and hands it down."""
    return Registry(
        customers.POPULATION,
        [field for room in _ROOMS for field in getattr(room, "FIELDS", ())],
        [collection for room in _ROOMS for collection in getattr(room, "COLLECTIONS", ())],
        contact.CONSENTS,
    )
