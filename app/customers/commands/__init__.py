"""Every write of customers and their identifiers, with its audit rows and events."""

from app.customers.commands.assigning import Wanted, assign, assign_one
from app.customers.commands.belongings import add as add_belonging
from app.customers.commands.belongings import change as change_belonging
from app.customers.commands.belongings import confirm as confirm_belonging
from app.customers.commands.belongings import remove as remove_belonging
from app.customers.commands.change import add_identifier, create, patch, remove_identifier, upsert_external
from app.customers.commands.confirming import confirm
from app.customers.commands.consenting import put_policy, record_consent
from app.customers.commands.contacting import (
    NewContact,
    correct_contact,
    record_contacts,
    release_reservation,
    reserve_contact,
)
from app.customers.commands.declaring import declare
from app.customers.commands.duplicates import dismiss_duplicate, enqueue_duplicate_sweep, reopen_duplicate
from app.customers.commands.grading import grade
from app.customers.commands.new import Created, NewCustomer, announced, create_many, ensure_walk_ins
from app.customers.commands.refusing import note_refused
from app.customers.commands.relating import change as change_relationship
from app.customers.commands.relating import part, relate
from app.customers.commands.settling import forget_duplicates, settle_duplicates, unsettle_duplicates
from app.customers.commands.terms import keep_terms
from app.customers.commands.upsert import upsert_many

__all__ = [
    "Created",
    "NewContact",
    "NewCustomer",
    "Wanted",
    "add_belonging",
    "add_identifier",
    "announced",
    "assign",
    "assign_one",
    "change_belonging",
    "change_relationship",
    "confirm",
    "confirm_belonging",
    "correct_contact",
    "create",
    "create_many",
    "declare",
    "dismiss_duplicate",
    "enqueue_duplicate_sweep",
    "ensure_walk_ins",
    "forget_duplicates",
    "grade",
    "keep_terms",
    "note_refused",
    "part",
    "patch",
    "put_policy",
    "record_consent",
    "record_contacts",
    "relate",
    "release_reservation",
    "remove_belonging",
    "remove_identifier",
    "reopen_duplicate",
    "reserve_contact",
    "settle_duplicates",
    "unsettle_duplicates",
    "upsert_external",
    "upsert_many",
]
