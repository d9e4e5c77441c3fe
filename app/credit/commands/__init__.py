"""Every write of credit: the terms of an account, its ledger with the balance that it makes, and reservations."""

from app.credit.commands.authorising import (
    Receipt,
    Reservation,
    Reserved,
    capture,
    hold_reservation,
    release,
    reserve,
    settle,
)
from app.credit.commands.ledger import (
    Account,
    Sale,
    charge_sales,
    drop_account,
    enter_receivables,
    hold_account,
    lock_accounts,
    set_terms,
    take_back,
)

__all__ = [
    "Account", "Receipt", "Reservation", "Reserved", "Sale", "capture", "charge_sales", "drop_account",
    "enter_receivables", "hold_account", "hold_reservation", "lock_accounts", "release", "reserve", "set_terms",
    "settle", "take_back",
]  # fmt: skip
