"""How those who buy on account pay: most in time, some late, some no more. Pure."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Literal

from app.demo.order import Order
from app.demo.people import Shopper
from app.demo.shopping import Deal

Payer = Literal["prompt", "slow", "stretched", "over", "far_over", "overdue", "suspended"]
# Handed out in turn; the first, whom the manual asks about, owes more than the limit.
_PAYERS: tuple[Payer, ...] = (
    "over", "prompt", "prompt", "slow", "far_over", "prompt", "overdue", "stretched", "prompt", "suspended", "slow",
    "prompt", "prompt", "over", "prompt",
)  # fmt: skip
# Days of the term; days after the end of a month in which that month's purchases are paid; days before the end from
# which nothing is paid any more.
_TERM: dict[Payer, int] = {"over": 90, "far_over": 90, "stretched": 60}
_PAID_AFTER: dict[Payer, int] = {"slow": 48}
_STOPPED: dict[Payer, int] = {"over": 75, "far_over": 75, "stretched": 45, "overdue": 135}
# The limit as a share of what is owed at the end, in percent.
_LIMIT: dict[Payer, int] = {"over": 94, "far_over": 70, "stretched": 108}
_ROUND = 100_000


@dataclass(slots=True)
class Account:
    """An account: its terms, and what is paid, by the quarter (0 the first) whose purchases it pays for."""

    customer: uuid.UUID
    payer: Payer
    terms: dict[str, Any] = field(default_factory=dict)
    payments: dict[int, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))


def quarter(order: Order, day: date) -> int:
    """Which stretch of 92 days of the company's history a day lies in."""
    return (day - order.since).days // 92


def accounts(order: Order, shoppers: Iterable[Shopper], deals: Iterable[Deal]) -> list[Account]:
    """The accounts of these customers, in the order of their ids, so that a whole company is locked in one order."""
    charged: Mapping[uuid.UUID, dict[date, list[int]]] = defaultdict(lambda: defaultdict(list))
    for deal in deals:
        if deal.tender == "on_account" and deal.buyer is not None:
            day = deal.at.date()
            # A stretch of payment is a month that does not reach over the end of a quarter.
            since = order.since + timedelta(days=92 * quarter(order, day) + (day - order.since).days % 92 // 31 * 31)
            charged[deal.buyer.id][since].append(-deal.net if deal.kind == "return" else deal.net)
    made = [
        _account(order, shopper, _PAYERS[place % len(_PAYERS)], charged[shopper.id])
        for place, shopper in enumerate(shoppers)
    ]
    return sorted(made, key=lambda account: account.customer)


def _account(order: Order, shopper: Shopper, payer: Payer, charged: Mapping[date, list[int]]) -> Account:
    account, owed, back = Account(shopper.id, payer), 0, 0
    stopped = order.until - timedelta(days=_STOPPED.get(payer, 0))
    for since, bought in sorted(charged.items()):
        owed += sum(bought)
        day = since + timedelta(days=31 + _PAID_AFTER.get(payer, 20))
        # What is brought back is taken off a later payment, so that at no moment less is paid than is due.
        amount = sum(one for one in bought if one > 0) - back
        if amount > 0 and day < order.until and (payer not in _STOPPED or since < stopped):
            account.payments[quarter(order, since)] += _paid(shopper, since, day, amount)
            owed, back = owed - amount, 0
        back -= sum(one for one in bought if one < 0)
    usual = max([0, *(sum(bought) for bought in charged.values())])
    limit = max(owed, 1) * _LIMIT[payer] // 100 if payer in _LIMIT else max(2 * owed, 3 * usual)
    account.terms = {
        "limit": limit if payer in _LIMIT else -(-limit // _ROUND) * _ROUND,
        "term_days": _TERM.get(payer, 30), "currency": None,
        "status": "suspended" if payer == "suspended" else "active",
    }  # fmt: skip
    return account


def _paid(shopper: Shopper, since: date, day: date, amount: int) -> list[dict[str, Any]]:
    """A month's payment; now and then less something that we let go."""
    chance = since.toordinal() % 9
    key, rest = f"{shopper.seed}-{since:%Y%m%d}", amount
    entries: list[tuple[str, int, str | None]] = []
    if chance == 0 and amount > 50_000:
        rest -= 30_000
        entries.append(("credit_note", 30_000, "Damaged in transport"))
    elif chance == 1 and amount > 50_000:
        rest -= 60
        entries.append(("write_off", 60, "Bank charges"))
    entries.append(("payment", rest, None))
    return [
        {"external_id": f"{key}-{kind}", "kind": kind, "amount": value, "occurred_on": day.isoformat()}
        | ({"note": note} if note else {})
        for kind, value, note in entries
    ]
