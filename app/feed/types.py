"""Every type of event there is. A new one is added here, so that readers find it in the documentation."""

EVENT_TYPES = {
    "customer.created": "A customer was created.",
    "customer.updated": "A customer's record or identifiers changed.",
    "receipt.recorded": "A receipt was recorded.",
    "receipt.voided": "A receipt was cancelled.",
    "receipt.attributed": "A receipt now belongs to another customer.",
    "store.updated": "A store was created or changed.",
    "product.updated": "A product was created or changed.",
    "segment.created": "A segment was saved.",
    "segment.updated": "A saved segment was changed.",
    "segment.deleted": "A saved segment was deleted.",
}
