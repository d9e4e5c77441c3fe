"""What a key that reaches only some customers may write: nothing that would lie beyond its reach.

A customer that it creates is within it: the customer of its store, or its staff member's own.
"""

import uuid
from collections.abc import Iterable

from app.core.db import Tx
from app.core.errors import FORBIDDEN, FieldError, Problem
from app.customers import queries
from app.customers.commands.assigning import take
from app.customers.intake import Item


def beyond(stores: set[str] | None, item: Item) -> Problem | None:
    """Why a caller who reaches the customers of these stores (None: it does not go by stores) may not write this."""
    if stores is None or "home_store" not in item.fields or item.fields["home_store"] in stores:
        return None
    detail = "This API key reaches the customers of its own stores only."
    return Problem(FORBIDDEN, detail, [FieldError("/home_store", "beyond_reach", detail)])


async def refuse_beyond(tx: Tx, item: Item) -> None:
    """Raises Problem: after this the caller could not know of the customer any more."""
    refusal = beyond(await queries.reached_stores(tx), item)
    if refusal is not None:
        raise refusal


def placed(tx: Tx, item: Item) -> None:
    """Say of a new customer that it is its creator's store's, where the creator reaches no others and says none."""
    if tx.caller.reach in {"store", "region"}:
        item.fields.setdefault("home_store", tx.caller.store)


async def owned(tx: Tx, new: Iterable[uuid.UUID]) -> None:
    """Make new customers the creator's own, where the creator reaches no others."""
    made, staff = list(new), tx.caller.staff
    if made and tx.caller.reach == "own" and staff is not None:
        await take(tx, made, staff)
