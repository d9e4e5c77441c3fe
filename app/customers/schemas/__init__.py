"""Wire types of customers: `record`, `belongings` of what belongs to it, `quality` of facts, `contact` of consent."""
