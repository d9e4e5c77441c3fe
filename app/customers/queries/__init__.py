"""Every SELECT of customers."""

from app.customers.queries.reading import (
    Filter,
    count_identifiers,
    current,
    document,
    editable,
    everyone,
    holders,
    known,
    locked,
    many,
    members,
    oldest,
    one,
    page,
    regions,
    visible_to,
)

__all__ = [
    "Filter",
    "count_identifiers",
    "current",
    "document",
    "editable",
    "everyone",
    "holders",
    "known",
    "locked",
    "many",
    "members",
    "oldest",
    "one",
    "page",
    "regions",
    "visible_to",
]
