"""Everything that the segment language can ask about, gathered from the rooms."""

from app.core.fields import Registry
from app.core.settings import CompletenessSettings
from app.credit import fields as credit
from app.customers import fields as customers
from app.customers.fields import belongings, contact
from app.customers.fields.completeness import completeness_field
from app.early_warning import fields as early_warning
from app.engagement import fields as engagement
from app.office import fields as office
from app.receipts import fields as receipts

_ROOMS = (customers, contact, belongings, receipts, credit, engagement, early_warning, office)


def build_registry(completeness: CompletenessSettings) -> Registry:
    """The registry of this release under these weights; `main` builds it once and hands it down."""
    return Registry(
        customers.POPULATION,
        [completeness_field(completeness), *(field for room in _ROOMS for field in getattr(room, "FIELDS", ()))],
        [collection for room in _ROOMS for collection in getattr(room, "COLLECTIONS", ())],
        contact.CONSENTS,
    )
