"""A request body that works for every operation that takes one: shown in the OpenAPI document, sent by the tests.

Each room's file is named after it and maps `METHOD /path` to the body. The company that the tests send them to has the
store S01, the product TEA-1 and the customer CUSTOMER beside what the path names.
"""

from typing import Any

from app.examples import access, catalog, credit, customers, early_warning, engagement, files, ownership, segments, till

# The records that bodies refer to.
STORE, PRODUCT, CUSTOMER = catalog.STORE, catalog.PRODUCT, customers.CUSTOMER

BODIES: dict[str, Any] = {}
for _room in (access, catalog, customers, engagement, till, credit, early_warning, segments, files, ownership):
    BODIES |= _room.BODIES
