"""Wire types of customers: `record` of the record itself, `contact` of consent and contact."""
