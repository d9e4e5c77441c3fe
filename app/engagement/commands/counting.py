"""Which interactions are contacts that we made: the contact log has them too, and the cap counts who was reached."""

from collections.abc import Mapping
from typing import Any

from app.core.db import Tx
from app.customers.commands import NewContact, correct_contact

Fields = Mapping[str, Any]


async def count(tx: Tx, before: Fields | None, after: Fields) -> None:
    """Keep the contact log right when an interaction was made (`before` is None) or changed.

    A dialler may have logged the contact already, under the same id: it is counted once, as the interaction says.
    """
    was, is_now = _contact(before), _contact(after)
    if was != is_now:
        await correct_contact(tx, after["customer_id"], after["id"], is_now)


def _contact(row: Fields | None) -> NewContact | None:
    """The contact that an interaction is, under its own id; None if it was the customer who came or called."""
    if row is None or row["direction"] != "outbound":
        return None
    return NewContact(
        row["customer_id"], row["id"], row["channel"], row["occurred_at"], reached=row["reached"], agent=row["by"]
    )
