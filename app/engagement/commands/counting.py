"""What counts as a contact that we made: the contact log has it too, and the cap counts who was reached."""

from collections.abc import Mapping
from typing import Any

from app.core.db import Tx
from app.customers.commands import NewContact, correct_contact

# The channel of a gift of which nobody has said how it was given.
UNSAID = "other"
Fields = Mapping[str, Any]


async def count(tx: Tx, before: Fields | None, after: Fields) -> None:
    """Keep the contact log right when an interaction was made (`before` is None) or changed.

    A dialler may have logged the contact already, under the same id: it is counted once, as the interaction says.
    """
    was, is_now = _contact(before), _contact(after)
    if was != is_now:
        await correct_contact(tx, after["customer_id"], after["id"], is_now)


async def count_care(tx: Tx, care: Fields) -> None:
    """Note that a gift or greeting reached the customer, now: it is a contact as a call is, under its own id."""
    contact = NewContact(
        care["customer_id"],
        care["id"],
        care["channel"] or UNSAID,
        tx.now,
        reached=True,
        agent=care["owner"] or care["by"],
    )
    await correct_contact(tx, care["customer_id"], care["id"], contact)


def _contact(row: Fields | None) -> NewContact | None:
    """The contact that an interaction is, under its own id; None if it was the customer who came or called."""
    if row is None or row["direction"] != "outbound":
        return None
    return NewContact(
        row["customer_id"], row["id"], row["channel"], row["occurred_at"], reached=row["reached"], agent=row["by"]
    )
