"""Changes of credit, each with the warnings that it raises or ends, in one transaction."""

import uuid
from typing import Any

from app.core.batch import Checked
from app.core.db import Tx
from app.core.errors import INVALID, NOT_FOUND, FieldError, Problem, stale
from app.core.settings import CompanySettings
from app.credit import commands as credit
from app.credit import queries as credit_queries
from app.early_warning import commands as warnings


async def put_credit(
    tx: Tx, customer_id: uuid.UUID, given: dict[str, Any], version: int | None, company: CompanySettings
) -> tuple[str, int, bool]:
    """Set the terms of a customer's account: `limit`, `term_days`, `currency`, `status`.

    `version` is the one that was read, None to change whichever there is. Answers (JSON, version, whether it was made).
    Raises Problem: no such customer, another version, another currency than the company's.
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
    }
    today = company.today(tx.now)
    if await credit.set_terms(tx, customer_id, held, terms):
        await warnings.evaluate(tx, "credit", [customer_id], today)
    shown = await credit_queries.account(tx, customer_id, today)
    if shown is None:
        raise Problem(NOT_FOUND)
    return (*shown, held.created)


async def enter_receivables(
    tx: Tx, customer_id: uuid.UUID, checked: Checked, company: CompanySettings
) -> dict[str, Any]:
    """Enter the valid items of a batch into a customer's ledger; the batch's answer. Raises Problem not_found."""
    held = await credit.hold_account(tx, customer_id, company.currency)
    today = company.today(tx.now)
    outcomes = await credit.enter_receivables(tx, customer_id, held, checked.valid, today)
    for index, outcome in outcomes.items():
        if isinstance(outcome, Problem):
            checked.fail(index, outcome)
        else:
            checked.done(index, *outcome)
    if any(not isinstance(outcome, Problem) and outcome[0] == "created" for outcome in outcomes.values()):
        await warnings.evaluate(tx, "credit", [customer_id], today)
    elif held.created:
        await credit.drop_account(tx, customer_id)
    return checked.answer()
