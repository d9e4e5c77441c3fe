"""Every type of event there is. A new one is added here, so that readers find it in the documentation."""

EVENT_TYPES = {
    "customer.created": "A customer was created.",
    "customer.updated": "A customer's record or identifiers changed.",
    "consent.changed": "A customer's decision about being contacted was recorded: granted, denied or withdrawn.",
    "contact_policy.updated": "How a customer wants to be contacted was set.",
    "contact.reserved": "Somebody is about to contact a customer.",
    "contact.released": "A reservation for contacting a customer was ended before its time.",
    "contact.made": "A contact with a customer was made, or tried.",
    "receipt.recorded": "A receipt was recorded.",
    "receipt.voided": "A receipt was cancelled.",
    "receipt.attributed": "A receipt now belongs to another customer.",
    "credit.updated": "The terms of a customer's account changed: limit, term or status.",
    "receivable.recorded": "An entry was added to what a customer owes.",
    "warning.opened": "A warning was raised, or raised again.",
    "warning.changed": "A warning got worse or better, or somebody has taken it on.",
    "warning.resolved": "A warning was resolved, by somebody or because its cause is gone.",
    "store.updated": "A store was created or changed.",
    "product.updated": "A product was created or changed.",
    "segment.created": "A segment was saved.",
    "segment.updated": "A saved segment was changed.",
    "segment.deleted": "A saved segment was deleted.",
}
