"""Wire types of customers: `record` of the record itself, `belongings` of what belongs to it, `quality` of facts."""
