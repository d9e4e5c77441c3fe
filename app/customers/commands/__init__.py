"""Every write of customers and their identifiers, with its audit rows and events."""

from app.customers.commands.change import add_identifier, create, patch, remove_identifier, upsert_external
from app.customers.commands.new import Created, NewCustomer, announced, create_many, ensure_walk_ins
from app.customers.commands.terms import keep_terms
from app.customers.commands.upsert import upsert_many

__all__ = [
    "Created",
    "NewCustomer",
    "add_identifier",
    "announced",
    "create",
    "create_many",
    "ensure_walk_ins",
    "keep_terms",
    "patch",
    "remove_identifier",
    "upsert_external",
    "upsert_many",
]
