"""Every write of customers and their identifiers, with its audit rows and events."""

from app.customers.commands.change import add_identifier, create, patch, remove_identifier, upsert_external
from app.customers.commands.consenting import put_policy, record_consent
from app.customers.commands.contacting import NewContact, record_contacts, release_reservation, reserve_contact
from app.customers.commands.new import Created, NewCustomer, announced, create_many, ensure_walk_ins
from app.customers.commands.upsert import upsert_many

__all__ = [
    "Created",
    "NewContact",
    "NewCustomer",
    "add_identifier",
    "announced",
    "create",
    "create_many",
    "ensure_walk_ins",
    "patch",
    "put_policy",
    "record_consent",
    "record_contacts",
    "release_reservation",
    "remove_identifier",
    "reserve_contact",
    "upsert_external",
    "upsert_many",
]
