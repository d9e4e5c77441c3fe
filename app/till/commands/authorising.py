"""Whether a till may sell on account now, and reserving what it is about to sell."""

import uuid
from datetime import timedelta
from typing import Any

from app.core.db import Tx
from app.core.errors import INVALID, FieldError, Problem
from app.core.settings import CreditSettings, Language
from app.credit import commands as credit
from app.credit.commands import Grant, Reservation, Reserved
from app.credit.models import CREDIT_REFUSED
from app.customers.queries.merges import absent
from app.early_warning.queries import live_holds
from app.early_warning.sentences import WORDS, hold_reason, too_much

# Who holds this field group is told amounts.
MONEY = "financial"
HELD = "Nothing is sold to this customer until a hold is released."


async def authorise(tx: Tx, given: dict[str, Any], language: Language) -> uuid.UUID:
    """Reserve `amount` of a customer's credit (the fields of `AuthorisationIn`); its id.

    Raises Problem: no such customer, or it may not be sold on account, with the reasons in `language`.
    """
    customer, amount = given["customer_id"], given["amount"]
    await _fits(tx, customer, amount, language)
    receipt = given["receipt"]
    named = None if receipt is None else (receipt["source"], receipt["number"])
    until = tx.now + timedelta(minutes=given["minutes"])
    store = tx.caller.store or given["store"]
    return await credit.reserve(tx, Reservation(customer, amount, until, store, given["till"], named))


async def allow(tx: Tx, given: dict[str, Any], rules: CreditSettings, language: Language) -> uuid.UUID:
    """Let a till sell `amount` on account while it is cut off (the fields of `AllowanceIn`); the allowance's id.

    Raises Problem as `authorise`.
    """
    customer, amount = given["customer_id"], given["amount"]
    held = await _fits(tx, customer, amount, language)
    until = tx.now + timedelta(hours=given["hours"])
    kept = until + timedelta(hours=rules.allowance_grace_hours)
    store = tx.caller.store or given["store"]
    return await credit.allow(tx, Grant(customer, amount, held.currency, until, kept, store, given["till"]))


async def _fits(tx: Tx, customer: uuid.UUID, amount: int, language: Language) -> Reserved:
    """Lock the account of who is about to be sold something. Raises Problem if that may not be."""
    held = await credit.hold_reservation(tx, customer)
    holds = await live_holds(tx, customer)
    if held is None and holds is None:
        gone = await absent(tx, customer)
        if gone is not None:
            raise gone
        detail = "There is no such customer."
        raise Problem(INVALID, detail, [FieldError("/customer_id", "unknown_customer", detail)])
    financial = MONEY in tx.caller.field_groups
    reasons = _reasons(held, holds or [], amount, language, financial=financial)
    if reasons or held is None:
        extra: dict[str, Any] = {"reasons": reasons}
        if held is not None and financial:
            extra |= {"available": max(0, held.available), "currency": held.currency}
        # A hold's reason is what people wrote: it stands with the reasons, as in the standing.
        detail = HELD if holds else reasons[0]["detail"]
        raise Problem(CREDIT_REFUSED, detail, extra=extra)
    return held


def _reasons(
    held: Reserved | None, holds: list[tuple[str | None, str]], amount: int, language: Language, *, financial: bool
) -> list[dict[str, str]]:
    """As the standing tells them for a sale on account."""
    found = [{"code": "hold", "detail": hold_reason(rule, reason, language)} for rule, reason in holds]
    if held is None:
        found.append({"code": "no_account", "detail": WORDS[language].no_account})
    elif held.status != "active":
        found.append({"code": "account_suspended", "detail": WORDS[language].suspended})
    elif amount > held.available:
        currency = held.currency if financial else None
        found.append({"code": "not_enough_credit", "detail": too_much(amount, held.available, currency, language)})
    return found
