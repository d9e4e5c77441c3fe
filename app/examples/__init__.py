"""A request body that works for every operation that takes one: shown in the OpenAPI document, sent by the tests.

Each room's file is named after it and maps `METHOD /path` to the body. The company that the tests send them to has the
store S01, the product TEA-1, the customers CUSTOMER and SECOND and OPPORTUNITY beside what the path names.
"""

from typing import Any

from app.examples import (
    access,
    catalog,
    credit,
    customers,
    early_warning,
    engagement,
    files,
    office,
    ownership,
    privacy,
    segments,
    till,
)

# The records that bodies refer to.
STORE, PRODUCT, CUSTOMER, SECOND = catalog.STORE, catalog.PRODUCT, customers.CUSTOMER, office.SECOND
OPPORTUNITY = early_warning.OPPORTUNITY

BODIES: dict[str, Any] = {}
_ROOMS = (
    access, catalog, customers, ownership, engagement, till, credit, office, early_warning, segments, files, privacy,
)  # fmt: skip
for _room in _ROOMS:
    BODIES |= _room.BODIES
