"""Changes of credit, each with the warnings that it raises or ends, in one transaction."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from app.core.batch import Checked
from app.core.db import Made, Tx
from app.core.errors import INVALID, NOT_FOUND, FieldError, Problem, etag, stale
from app.core.settings import CompanySettings, CreditSettings
from app.credit import commands as credit
from app.credit import queries as credit_queries
from app.credit.queries import changes
from app.early_warning import commands as warnings


async def put_credit(
    tx: Tx,
    customer_id: uuid.UUID,
    given: dict[str, Any],
    version: int | None,
    company: CompanySettings,
    rules: CreditSettings,
) -> Made:
    """Set the terms of a customer's account: `limit`, `term_days`, `currency`, `status`, `review_on`.

    `version` is the one that was read, None to change whichever there is. 200 or 201 with the account; 202 with the
    proposal that they are, if another client has to confirm them. Raises Problem: no such customer, another version,
    another currency than the company's.
    """
    if given["currency"] not in {None, company.currency}:
        detail = f"Accounts are kept in {company.currency}."
        raise Problem(INVALID, detail, [FieldError("/currency", "other_currency", detail)])
    held = await credit.hold_account(tx, customer_id, company.currency)
    if version is not None and (held.created or version != held.version):
        raise stale(held.version)
    terms = {
        "credit_limit": given["limit"],
        "term_days": given["term_days"],
        "currency": company.currency,
        "status": given["status"],
        "review_on": given["review_on"],
    }
    if credit.needs_second_key(held, terms, rules):
        change = await credit.propose_change(tx, customer_id, held, terms, rules)
        return Made((await changes.one(tx, change))[0], 202)
    today = company.today(tx.now)
    if await credit.set_terms(tx, customer_id, held, terms):
        await credit.replace_changes(tx, customer_id)
        await warnings.evaluate(tx, "credit", [customer_id], today)
    shown = await credit_queries.account(tx, customer_id, today)
    if shown is None:
        raise Problem(NOT_FOUND)
    return Made(shown[0], 201 if held.created else 200, etag(shown[1]))


async def confirm_change(tx: Tx, change_id: uuid.UUID, company: CompanySettings) -> str:
    """Confirm terms that another client has proposed, with the warnings that follow; the change as JSON."""
    customer_id = await credit.confirm_change(tx, change_id, company.currency)
    await warnings.evaluate(tx, "credit", [customer_id], company.today(tx.now))
    return (await changes.one(tx, change_id))[0]


async def refuse_change(tx: Tx, change_id: uuid.UUID, reason: str | None) -> str:
    """Refuse terms that were proposed, or take them back; the change as JSON."""
    await credit.refuse_change(tx, change_id, reason)
    return (await changes.one(tx, change_id))[0]


async def enter_receivables(
    tx: Tx, customer_id: uuid.UUID, checked: Checked, company: CompanySettings
) -> dict[str, Any]:
    """Enter the valid items of a batch into a customer's ledger; the batch's answer. Raises Problem not_found."""
    held = await credit.hold_account(tx, customer_id, company.currency)
    items = [(index, {**item, "customer_id": customer_id}) for index, item in checked.valid]
    return await _entered(tx, {customer_id: held}, items, checked, company)


async def import_receivables(tx: Tx, checked: Checked, company: CompanySettings) -> dict[str, Any]:
    """Enter the valid items of a batch, which name their customers, into the ledgers of these; the batch's answer."""
    held = await credit.hold_accounts(tx, {item["customer_id"] for _, item in checked.valid}, company.currency)
    return await _entered(tx, held, checked.valid, checked, company)


async def _entered(
    tx: Tx, held: Mapping[uuid.UUID, credit.Account], items: Sequence[tuple[int, Mapping[str, Any]]],
    checked: Checked, company: CompanySettings,
) -> dict[str, Any]:  # fmt: skip
    today = company.today(tx.now)
    outcomes = await credit.enter_receivables(tx, held, items, today)
    owners, changed = {index: item["customer_id"] for index, item in items}, set()
    for index, outcome in outcomes.items():
        if isinstance(outcome, Problem):
            checked.fail(index, outcome)
        else:
            checked.done(index, *outcome)
            if outcome[0] == "created":
                changed.add(owners[index])
    if changed:
        await warnings.evaluate(tx, "credit", changed, today)
    await credit.drop_accounts(tx, {one for one, account in held.items() if account.created} - changed)
    return checked.answer()
