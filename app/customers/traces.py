"""What `customers` holds on a person, in the order in which it is erased."""

from app.core.rights import NOW, Trace
from app.customers.models import (
    Address,
    Assignment,
    Consent,
    Contact,
    ContactMade,
    ContactPolicy,
    ContactReservation,
    Customer,
    Fact,
    IdentifierRow,
    Relationship,
    SearchTerm,
)
from app.customers.models.duplicates import DuplicateCandidate
from app.customers.models.merging import Merge, MergeRow

# The retention rule for decisions about being contacted.
CONSENTS = "consents"
_PERSONAL = (
    "display_name", "given_name", "family_name", "reading", "gender", "birth_month", "birth_day", "birth_year",
    "language", "home_store", "account_manager", "sponsor", "source", "grade", "merged_into",
)  # fmt: skip

TRACES = (
    Trace(
        Customer,
        "The record, and the records that were merged into it",
        key="id",
        clear=dict.fromkeys(_PERSONAL)
        | {
            "status": "erased", "profile": {}, "collected": {}, "suspect": [],
            "version": Customer.version + 1, "updated_at": NOW,
        },
    ),
    Trace(IdentifierRow, "Numbers, addresses and ids by which you are found"),
    Trace(Fact, "Where each value of the record came from, and what it was before"),
    Trace(Address, "Addresses"),
    Trace(Contact, "Key people"),
    Trace(Relationship, "Relationships to other customers", mirror="other"),
    # What was decided may have to be shown later; the words and the proof of it are the person's own.
    Trace(Consent, "What you decided about being contacted", clear={"source": "", "proof": None}),
    Trace(Consent, "", rule=CONSENTS, shown=False),
    Trace(ContactPolicy, "How you want to be contacted"),
    Trace(ContactReservation, "Who was last about to contact you"),
    Trace(ContactMade, "When we contacted you, or tried to"),
    Trace(Assignment, "Who has looked after you"),
    Trace(DuplicateCandidate, "Records that may be yours too", mirror="other"),
    # What a merge has kept of either side, also of one that was parted again.
    Trace(MergeRow, "What was kept to undo the merges"),
    Trace(Merge, "Merges with other records", others=("loser",)),
    Trace(SearchTerm, "Words by which the search finds you"),
)  # fmt: skip
